"""API: be told of a session by mail, by a webhook or by the browser."""

from typing import Annotated

from fastapi import APIRouter, Depends

from armchair.accounts.actor import Actor, Scope
from armchair.domain.telling import Channel, Wish
from armchair.sessions import show, telling
from armchair.sessions.portal import Portal
from armchair.web.api.access import caller
from armchair.web.api.models import TellJson, WishesJson, WishJson

_ROUTE = "/sessions/{reference}/tell"


def add(router: APIRouter, portal: Portal) -> None:
    """Add the routes."""
    read, write = caller(portal, Scope.SESSIONS_READ), caller(portal, Scope.SESSIONS_WRITE)

    @router.get(_ROUTE, tags=["sessions"], summary="What you are told of a session")
    async def get_wishes(reference: str, actor: Annotated[Actor, Depends(read)]) -> WishesJson:
        record = await show.show(portal, actor, reference)
        found = await telling.wishes(portal, actor, record.session.id)
        return WishesJson(wishes=[_json(portal, one) for one in found], channels=sorted(telling.channels(portal)))

    @router.put(_ROUTE, tags=["sessions"], summary="Be told when a session starts, is about to end, or ends")
    async def tell(reference: str, wish: TellJson, actor: Annotated[Actor, Depends(write)]) -> WishJson:
        """In place of what was wanted by the same way. *start* is told once; the others until the session has ended."""
        record = await show.show(portal, actor, reference)
        session, occasions = record.session.id, frozenset(wish.occasions)
        return _json(portal, await telling.tell(portal, actor, session, wish.channel, occasions, wish.target))


def _json(portal: Portal, wish: Wish) -> WishJson:
    secret = ""
    if wish.channel is Channel.WEBHOOK and wish.target:
        secret = portal.derived.webhook_secret(wish.login, wish.target).reveal()
    return WishJson(channel=wish.channel, occasions=sorted(wish.occasions), target=wish.target, secret=secret)
