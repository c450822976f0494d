"""Errors into pages: the status for each kind, the words, and a reference for what nobody foresaw."""

import secrets
from urllib.parse import quote

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from armchair import words
from armchair.domain.errors import ArmchairError, Conflict, InvalidInput, NotFound, Refused, StorageFull, Unavailable
from armchair.sessions.portal import Portal
from armchair.web.rendering import render
from armchair.web.security import HEADERS

log = structlog.get_logger()
_STATUS: tuple[tuple[type[ArmchairError], int], ...] = (
    (InvalidInput, 422),
    (NotFound, 404),
    (Refused, 403),
    (Conflict, 409),
    (StorageFull, 507),
    (Unavailable, 503),
)
_UNAUTHORISED = frozenset({"login_over", "token_missing", "token_unknown"})
PLAIN = {404: "not_found", 405: "method_not_allowed", 413: "form_too_large"}


class LoginNeeded(Exception):
    """Nobody is logged in: the sign-in page comes first."""


def status_of(error: ArmchairError) -> int:
    """The HTTP status of an error; 500 for one that should not have reached a page."""
    if error.code in _UNAUTHORISED:
        return 401
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def install(app: FastAPI, portal: Portal) -> None:
    """Answer every error of this application with a page (or, for an event stream or a fragment, a bare status)."""

    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, ArmchairError)  # noqa: S101 - registered for this class only
        if error.code == "login_over":
            return await signed_out(request, error)
        return page(portal, request, status_of(error), error.code, error.params)

    async def signed_out(request: Request, error: Exception) -> Response:
        del error
        to_login = {"HX-Redirect": portal.names.portal_url("/login")}
        if "hx-request" in request.headers or request.url.path.endswith("/events"):
            return Response(status_code=401, headers=to_login)
        if request.method != "GET":
            # a form can't be sent again by itself: its sender has to know that nothing came of it
            answer = page(portal, request, 401, "login_over_form", {})
            answer.headers.update(to_login)
            return answer
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(target, safe='')}", 303)

    async def plain(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
        return page(portal, request, error.status_code, PLAIN.get(error.status_code, "form_malformed"), {})

    async def unforeseen(request: Request, error: Exception) -> Response:
        reference = secrets.token_hex(4)
        log.error("web.unforeseen", reference=reference, path=request.url.path, exc_info=error)
        answer = page(portal, request, 500, "unforeseen", {"reference": reference})
        # this handler runs outside the middleware that adds them
        answer.headers.update({**HEADERS, "Cache-Control": "no-store"})
        return answer

    app.add_exception_handler(ArmchairError, known)
    app.add_exception_handler(LoginNeeded, signed_out)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(Exception, unforeseen)


def page(portal: Portal, request: Request, status: int, code: str, params: dict[str, object]) -> Response:
    """An error page; JSON for a caller that asked for JSON."""
    message = words.error(code, params)
    if request.url.path.startswith("/api/"):
        body = {"code": code, "message": message.text, "params": {}, "fields": [], "reference": params.get("reference", "")}
        return JSONResponse({"error": body}, status)
    return render(portal, request, "error.html", {"message": message, "status": status}, status)
