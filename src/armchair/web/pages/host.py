"""What the portal answers on a session's own host, under /.armchair/: enter, renew, and the page to wait on."""

from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from armchair.domain.errors import ArmchairError, NotFound, Refused
from armchair.sessions import join as use
from armchair.sessions.join import Entry, safe_path
from armchair.sessions.portal import Portal
from armchair.web.events import stream
from armchair.web.rendering import render

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_WAITING = "/.armchair/waiting"


def router(portal: Portal) -> APIRouter:
    """The routes; the session is the one that the host names (ByHost puts it into the request's state)."""
    made = APIRouter(prefix="/.armchair", include_in_schema=False)

    @made.get("/enter")
    async def enter(request: Request, code: str = "", next: str = "/") -> Response:  # noqa: A002 - the address says next
        try:
            entry = await use.enter(portal, session_of(request), code, safe_path(next))
        except Refused as error:
            return to_portal(portal, request, error, next)
        return _with_ticket(RedirectResponse(entry.location, 303), entry)

    @made.api_route("/renew", methods=_METHODS)
    async def renew(request: Request, next: str = "/") -> Response:  # noqa: A002 - the address says next
        """A fresh ticket, and the same request again (307 keeps method and body)."""
        try:
            entry = await use.renew(portal, session_of(request), ticket_of(portal, request), safe_path(next))
        except (Refused, NotFound) as error:
            return to_portal(portal, request, error, next)
        if not entry.location.startswith(_WAITING):
            return _with_ticket(RedirectResponse(entry.location, 307), entry)
        if _is_navigation(request):
            return _with_ticket(RedirectResponse(entry.location, 303), entry)
        return _with_ticket(JSONResponse({"error": "unreachable"}, 503, headers={"Retry-After": "1"}), entry)

    @made.get("/waiting")
    async def waiting(request: Request, next: str = "/") -> Response:  # noqa: A002 - the address says next
        return await _waiting_page(portal, request, next, "waiting.html")

    @made.get("/waiting/live")
    async def live(request: Request, next: str = "/") -> Response:  # noqa: A002 - the address says next
        return await _waiting_page(portal, request, next, "waiting_live.html")

    @made.get("/waiting/events")
    async def events(request: Request) -> Response:
        session, ticket = session_of(request), ticket_of(portal, request)
        view = await use.waiting(portal, session, ticket)

        async def alive() -> bool:
            try:
                await use.waiting(portal, session, ticket)
            except ArmchairError:
                return False
            return True

        return stream(portal, view.record.session.owner, alive, session)

    return made


async def _waiting_page(portal: Portal, request: Request, path: str, template: str) -> Response:
    try:
        view = await use.waiting(portal, session_of(request), ticket_of(portal, request))
    except (Refused, NotFound) as error:
        return to_portal(portal, request, error, path)
    return render(portal, request, template, {"view": view, "next": safe_path(path)})


def session_of(request: Request) -> str:
    """The session that the host names."""
    return str(request.state.session)


def ticket_of(portal: Portal, request: Request) -> str | None:
    """The ticket that came along, whatever it is worth."""
    return request.cookies.get(portal.names.ticket_cookie)


def _is_navigation(request: Request) -> bool:
    """Whether a person's browser wants a page; without Fetch metadata, by what it accepts."""
    mode = request.headers.get("sec-fetch-mode")
    wanted = mode == "navigate" if mode is not None else "text/html" in request.headers.get("accept", "")
    return wanted and request.method == "GET"


def to_portal(portal: Portal, request: Request, error: ArmchairError, path: str) -> Response:
    """Only the portal can say who this is and what they may do."""
    if _is_navigation(request):
        target = portal.names.portal_url(f"/sessions/{session_of(request)}/join?next={quote(safe_path(path), safe='')}")
        return RedirectResponse(target, 303)
    return JSONResponse({"error": error.code}, 401)


def _with_ticket(answer: Response, entry: Entry) -> Response:
    name, value, life = entry.cookie_name, entry.cookie_value, entry.max_age
    answer.set_cookie(name, value, max_age=life, path="/", secure=True, httponly=True, samesite="lax")
    return answer
