"""API: the picture of a session's screen."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from armchair.accounts.actor import Actor, Scope
from armchair.domain.thumbnail import Format, version
from armchair.sessions import show, thumbnail
from armchair.sessions.portal import Portal
from armchair.web.api.access import caller
from armchair.web.pictures import picture_answer


def add(router: APIRouter, portal: Portal) -> None:
    """Add the route."""
    read = caller(portal, Scope.SESSIONS_READ)

    @router.get(
        "/sessions/{reference}/thumbnail",
        tags=["sessions"],
        summary="A small picture of a session's screen",
        response_class=Response,
        responses={200: {"content": {one.value: {} for one in Format}}},
    )
    async def get_thumbnail(
        reference: str,
        actor: Annotated[Actor, Depends(read)],
        v: Annotated[str, Query(max_length=100, description="As in the session's JSON: then it may be kept.")] = "",
    ) -> Response:
        record = await show.show(portal, actor, reference)
        return picture_answer(await thumbnail.show(portal, actor, record.session.id), keep=v != "" and v == version(record))
