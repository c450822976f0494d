"""API: the caller, their tokens and a link to log in with."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from armchair.accounts.actor import Actor, Scope, scopes_for
from armchair.accounts.logins import Accounts
from armchair.domain.errors import FieldError, InvalidInput, Refused
from armchair.sessions import join
from armchair.sessions.portal import Portal
from armchair.web.api.access import caller
from armchair.web.api.models import ActorJson, CreateTokenJson, LinkJson, NewTokenJson, TokensJson
from armchair.web.api.present import actor_json, token_json


def add(router: APIRouter, portal: Portal) -> None:
    """Add the routes."""
    settings = portal.accounts_settings
    accounts = Accounts(portal.accounts, portal.clock, settings)
    anyone = caller(portal)

    @router.get("/whoami", tags=["account"], summary="Who the token's owner is and what it allows")
    async def whoami(actor: Annotated[Actor, Depends(anyone)]) -> ActorJson:
        return actor_json(actor)

    @router.post("/login-links", tags=["account"], summary="An address that logs a browser in, once", status_code=201)
    async def create_login_link(actor: Annotated[Actor, Depends(anyone)]) -> LinkJson:
        """A browser login may do everything, so the token must have every scope that its owner can have.

        Not where people log in with passwords: a login that nobody has vouched for would outlive the one that asks for it.
        """
        if portal.passwords is not None:
            raise Refused("login_by_password")
        for scope in sorted(scopes_for(actor.roles)):
            actor.need(scope)
        code = await accounts.login_link(actor.login)
        return LinkJson(
            url=portal.names.portal_url(f"/login?code={code.reveal()}"), expires_in=int(settings.link_lifetime.total_seconds())
        )

    _add_tokens(router, portal, accounts)


def _add_tokens(router: APIRouter, portal: Portal, accounts: Accounts) -> None:
    manage = caller(portal, Scope.TOKENS_WRITE)

    @router.get("/tokens", tags=["account"], summary="Your tokens, without their secrets")
    async def list_tokens(actor: Annotated[Actor, Depends(manage)]) -> TokensJson:
        return TokensJson(tokens=[token_json(one) for one in await accounts.tokens(actor)])

    @router.post("/tokens", tags=["account"], summary="Make a token; its secret is shown this once", status_code=201)
    async def create_token(wish: CreateTokenJson, actor: Annotated[Actor, Depends(manage)]) -> NewTokenJson:
        lifetime = timedelta(seconds=wish.lifetime) if wish.lifetime is not None else None
        made = await accounts.create_token(actor, wish.name, _scopes(wish.scopes), lifetime)
        return NewTokenJson(secret=made.secret.reveal(), token=token_json(made.token))

    @router.delete("/tokens/{id_or_name}", tags=["account"], summary="End a token and all that came from it", status_code=204)
    async def revoke_token(id_or_name: str, actor: Annotated[Actor, Depends(manage)]) -> Response:
        token = await accounts.revoke_token(actor, id_or_name)
        await join.leave(portal, actor.login, token.id)
        return Response(status_code=204)


def _scopes(names: list[str]) -> frozenset[Scope]:
    """Raises InvalidInput for a name that is no scope."""
    known = {scope.value for scope in Scope}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidInput([FieldError(field="scopes", code="field_bad_choice", params={"allowed": sorted(known)})])
    return frozenset(Scope(name) for name in names)
