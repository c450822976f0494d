"""The page around a graphical program, on its session's own host: the frame, its manifest, and what it asks the portal."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from armchair import words
from armchair.domain.errors import NotFound, Refused
from armchair.domain.run import Phase
from armchair.sessions import join as use
from armchair.sessions.portal import Portal
from armchair.sessions.show import SessionView
from armchair.web.pages.applications import ICON_HEADERS
from armchair.web.pages.host import session_of, ticket_of, to_portal
from armchair.web.rendering import render

PATH = "/.armchair/screen"
# wss and ws are told by name: not every browser counts them as 'self'
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self' ws://{host} wss://{host}; {more}base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
)


def router(portal: Portal) -> APIRouter:
    """The routes under /.armchair/screen; the session is the one that the host names."""
    made = APIRouter(prefix=PATH, include_in_schema=False)
    _add_pages(made, portal)
    _add_data(made, portal)
    return made


def _add_pages(made: APIRouter, portal: Portal) -> None:
    @made.get("")
    async def page(request: Request) -> Response:
        """The page; the one to wait on while there is nothing to show."""

        def show(view: SessionView) -> Response:
            if not _is_graphical(portal, view):
                return RedirectResponse("/", 303)
            if view.phase is not Phase.READY:
                return RedirectResponse(f"/.armchair/waiting?next={PATH}", 303)
            answer = render(portal, request, "screen.html", {"view": view, "said": words.screen()})
            return _with_policy(answer, request, "frame-src 'self'; manifest-src 'self'; ", "'none'", "DENY")

        return await _with_ticket(portal, request, show)

    @made.get("/vnc")
    async def vnc(request: Request) -> Response:
        """What the page shows inside its frame when the display speaks VNC."""

        def show(_: SessionView) -> Response:
            return _with_policy(render(portal, request, "screen_vnc.html", {}), request, "", "'self'", "SAMEORIGIN")

        return await _with_ticket(portal, request, show)


def _add_data(made: APIRouter, portal: Portal) -> None:
    @made.get("/live")
    async def live(request: Request) -> Response:
        """How the session stands, in words."""
        return await _with_ticket(portal, request, lambda view: JSONResponse(_standing(view)))

    @made.get("/manifest.webmanifest")
    async def manifest(request: Request) -> Response:
        """What a browser needs to make an application window of the page."""
        media = "application/manifest+json"
        return await _with_ticket(portal, request, lambda view: JSONResponse(_manifest(view), media_type=media))

    @made.get("/icon.svg")
    async def icon(request: Request) -> Response:
        """The application's picture."""
        seen = await _seen(portal, request)
        if isinstance(seen, Response):
            return seen
        app = portal.catalogue.get(seen.record.session.app)
        try:
            picture = await asyncio.to_thread(Path(app.icon).read_bytes)
        except OSError:
            raise NotFound("not_found") from None  # the directory has changed since it was read
        return Response(picture, media_type="image/svg+xml", headers=ICON_HEADERS)


async def _with_ticket(portal: Portal, request: Request, show: Callable[[SessionView], Response]) -> Response:
    """What `show` makes of the session, for whoever may see it."""
    seen = await _seen(portal, request)
    return seen if isinstance(seen, Response) else show(seen)


async def _seen(portal: Portal, request: Request) -> SessionView | Response:
    """The session; for those without a good ticket, the way to the portal, which alone can say who they are."""
    try:
        return await use.waiting(portal, session_of(request), ticket_of(portal, request))
    except (Refused, NotFound) as error:
        return to_portal(portal, request, error, PATH)


def _is_graphical(portal: Portal, view: SessionView) -> bool:
    """Whether there is a screen. A session outlives its application's definition: what is not known is tried."""
    try:
        return portal.catalogue.get(view.record.session.app).screen is not None
    except NotFound:
        return True


def _standing(view: SessionView) -> dict[str, Any]:
    """`until` is when its time is over, null without a limit; the rest are words."""
    line = words.state(view)
    return {
        "phase": view.phase.value,
        "tone": line.tone.value,
        "title": line.title,
        "detail": line.detail,
        "until": view.ends_at.isoformat() if view.ends_at else None,
        "left": words.time_left(view.left) if view.left is not None else "",
    }


def _manifest(view: SessionView) -> dict[str, Any]:
    session = view.record.session
    return {
        "id": PATH,
        "name": session.title,
        "short_name": session.app_title or session.app,
        "start_url": PATH,
        "scope": "/",
        "display": "standalone",
        "background_color": "#141517",
        "theme_color": "#141517",
        "icons": [{"src": f"{PATH}/icon.svg", "sizes": "any", "type": "image/svg+xml"}],
    }


def _with_policy(answer: Response, request: Request, more: str, ancestors: str, frames: str) -> Response:
    """The host is one of ours: requests under other names have been turned away."""
    host = request.headers["host"]
    answer.headers["Content-Security-Policy"] = _CSP.format(host=host, more=more, ancestors=ancestors)
    answer.headers["X-Frame-Options"] = frames
    return answer
