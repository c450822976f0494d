"""The picture of a session's screen: taken in on the session's own host, shown on the portal's."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from armchair.domain.errors import ArmchairError, InvalidInput
from armchair.domain.thumbnail import MOST_BYTES, version
from armchair.sessions import show, thumbnail
from armchair.sessions.portal import Portal
from armchair.web.pages.desk import visitor
from armchair.web.pictures import picture_answer
from armchair.web.problems import status_of
from armchair.web.security import check_origin


def host_router(portal: Portal) -> APIRouter:
    """PUT /.armchair/screen/thumbnail on a session's host (ByHost puts the session into the request's state)."""
    made = APIRouter(include_in_schema=False)

    @made.put("/.armchair/screen/thumbnail")
    async def put(request: Request) -> Response:
        session = str(request.state.session)
        try:
            check_origin(portal.names.session_url(session, "/").removesuffix("/"), request)
            body = await _body(request)
            if body is None:
                return JSONResponse({"error": "form_too_large"}, 413)
            await thumbnail.keep(portal, session, request.cookies.get(portal.names.ticket_cookie), body)
        except InvalidInput as invalid:
            return JSONResponse({"error": invalid.errors[0].code}, 422)
        except ArmchairError as error:
            return JSONResponse({"error": error.code}, status_of(error))
        return Response(status_code=204)

    return made


def router(portal: Portal) -> APIRouter:
    """GET /sessions/<id or number>/thumbnail on the portal's host."""
    made = APIRouter(include_in_schema=False)

    @made.get("/sessions/{reference}/thumbnail")
    async def get(request: Request, reference: str, v: str = "") -> Response:
        """`v`: the version that a page has named. Only that one may be kept by the browser."""
        actor = await visitor(portal, request)
        record = await show.show(portal, actor, reference)
        picture = await thumbnail.show(portal, actor, record.session.id)
        return picture_answer(picture, keep=v != "" and v == version(record))

    return made


async def _body(request: Request) -> bytes | None:
    """The body, never more than one piece above the limit in memory; None for a longer one."""
    pieces, length = [], 0
    async for piece in request.stream():
        length += len(piece)
        if length > MOST_BYTES:
            return None
        pieces.append(piece)
    return b"".join(pieces)
