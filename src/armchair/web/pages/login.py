"""Pages: logging in with a one-time link, and out again."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from armchair.accounts.logins import Accounts
from armchair.domain.errors import Refused
from armchair.sessions import join
from armchair.sessions.join import safe_path
from armchair.sessions.portal import Portal
from armchair.web.pages import passwords
from armchair.web.pages.desk import sender, text
from armchair.web.rendering import render
from armchair.web.security import CSP, actor_of, check_origin

log = structlog.get_logger()
_PLAIN = "/%?=&:@+~!$()*"  # what else of a path may stand in a cookie's value as it is


def router(portal: Portal) -> APIRouter:
    """/login and /logout."""
    made = APIRouter(include_in_schema=False)
    accounts = Accounts(portal.accounts, portal.clock, portal.accounts_settings)

    @made.get("/login")
    async def landing(request: Request, code: str = "", next: str = "") -> Response:  # noqa: A002 - the address says next
        """A link with a code shows a form that posts itself: what fetches links ahead of people must not use it up."""
        if not code and await actor_of(portal, request) is not None:
            return RedirectResponse(safe_path(next or "/"), 303)
        shown = {"code": code, "passwords": portal.passwords is not None, "login": "", "questions": (), "messages": ()}
        answer = _page(portal, request, shown)
        if next:
            target = quote(safe_path(next), safe=_PLAIN)
            answer.set_cookie(_next(portal), target, max_age=900, secure=True, httponly=True, samesite="lax")
        return answer

    @made.post("/login")
    async def exchange(request: Request) -> Response:
        check_origin(portal.names.portal_origin, request)
        form = await request.form(max_files=0, max_fields=20)
        try:
            if portal.passwords is not None and not text(form, "code"):
                login = await passwords.proceed(portal, accounts, request, form)
            else:
                login = await accounts.exchange(text(form, "code"))
        except passwords.More as more:
            return _page(portal, request, more.shown, more.status)
        except Refused as refused:
            shown = {"code": "", "refused": refused.code, "params": refused.params, "passwords": portal.passwords is not None}
            return _page(portal, request, {**shown, "login": "", "questions": (), "messages": ()}, 403)
        target = safe_path(request.cookies.get(_next(portal), "/"))
        answer = RedirectResponse(target, 303)
        life = int((login.expires_at - portal.clock.now()).total_seconds())
        name, value = portal.names.login_cookie, login.cookie.reveal()
        answer.set_cookie(name, value, max_age=life, path="/", secure=True, httponly=True, samesite="lax")
        answer.delete_cookie(_next(portal), secure=True, httponly=True)
        return answer

    _add_logouts(made, portal, accounts)
    return made


def _add_logouts(made: APIRouter, portal: Portal, accounts: Accounts) -> None:
    @made.post("/logout")
    async def logout(request: Request) -> Response:
        actor, _ = await sender(portal, request)
        await accounts.logout(actor.login_id)
        await join.leave_if_possible(portal, actor.login, actor.login_id)
        return _signed_out(portal)

    @made.post("/logout/everywhere")
    async def logout_everywhere(request: Request) -> Response:
        actor, _ = await sender(portal, request)
        for ended in await accounts.logout_everywhere(actor):
            await join.leave_if_possible(portal, actor.login, ended)
        return _signed_out(portal)


def _page(portal: Portal, request: Request, shown: Mapping[str, Any], status: int = 200) -> Response:
    answer = render(portal, request, "login.html", {"conversation": "", "problem": None, **shown}, status)
    # browsers hold a form to its redirects: whoever came from a session is led from this one to the session's host
    ours = f"form-action 'self' {portal.names.session_url('*', '')}"
    answer.headers["Content-Security-Policy"] = CSP.replace("form-action 'self'", ours)
    return answer


def _signed_out(portal: Portal) -> Response:
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(portal.names.login_cookie, path="/", secure=True, httponly=True, samesite="lax")
    return answer


def _next(portal: Portal) -> str:
    return f"{portal.names.login_cookie}-next"
