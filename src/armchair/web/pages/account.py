"""Page: a person's own settings: theme, tokens, logins."""

from collections.abc import Collection, Mapping
from datetime import timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from armchair import words
from armchair.accounts.actor import Actor, Scope
from armchair.accounts.logins import NAME_LENGTH, Accounts
from armchair.domain.errors import Conflict, InvalidInput, Refused
from armchair.sessions import join
from armchair.sessions.join import safe_path
from armchair.sessions.portal import Portal
from armchair.web.pages.desk import sender, text, visitor
from armchair.web.problems import status_of
from armchair.web.rendering import THEME_COOKIE, THEMES, render

_LIVES = {"7": timedelta(days=7), "30": timedelta(days=30), "365": timedelta(days=365)}
# a form that nobody has filled in yet
_FRESH: Mapping[str, str | Collection[str]] = {
    "name": "",
    "scopes": {scope.value for scope in Scope if scope.value.endswith(":read")},
    "life": "30",
}


def router(portal: Portal) -> APIRouter:
    """/account and the forms on it."""
    made = APIRouter(include_in_schema=False)
    accounts = Accounts(portal.accounts, portal.clock, portal.accounts_settings)

    async def page(request: Request, actor: Actor, status: int = 200, **more: str | Collection[str]) -> Response:
        """`more`: the fresh token's `secret`; or what is wrong, by field (`problems`), and what was `sent` with it."""
        params = {
            "tokens": await accounts.tokens(actor),
            "logins": await accounts.logins(actor),
            "scopes": [scope.value for scope in Scope if scope in actor.scopes],
            "lives": list(_LIVES),
            "longest": NAME_LENGTH,
            "secret": "",
            "problems": {},
            "sent": _FRESH,
            **more,
        }
        return render(portal, request, "account.html", params, status)

    @made.get("/account")
    async def show(request: Request) -> Response:
        return await page(request, await visitor(portal, request))

    @made.post("/account/tokens")
    async def create(request: Request) -> Response:
        """The token is in this answer and nowhere else."""
        actor, form = await sender(portal, request)
        known = {scope.value for scope in Scope}
        scopes = frozenset(Scope(str(value)) for value in form.getlist("scope") if value in known)
        sent = {"name": text(form, "name"), "scopes": {scope.value for scope in scopes}, "life": text(form, "life")}
        try:
            token = await accounts.create_token(actor, text(form, "name"), scopes, _LIVES.get(text(form, "life")))
        except InvalidInput as invalid:
            problems = {one.field: words.field_error(one) for one in invalid.errors}
            return await page(request, actor, 422, problems=problems, sent=sent)
        except (Conflict, Refused) as error:
            field = "name" if isinstance(error, Conflict) else "scopes"
            problems = {field: words.error(error.code, error.params).text}
            return await page(request, actor, status_of(error), problems=problems, sent=sent)
        return await page(request, actor, secret=token.secret.reveal())

    @made.post("/account/tokens/{token}/revoke")
    async def revoke_token(request: Request, token: str) -> Response:
        actor, _ = await sender(portal, request)
        gone = await accounts.revoke_token(actor, token)
        await join.leave_if_possible(portal, actor.login, gone.id)
        return RedirectResponse("/account", 303)

    _add_theme(made, portal)
    return made


def _add_theme(made: APIRouter, portal: Portal) -> None:
    @made.post("/account/theme")
    async def theme(request: Request) -> Response:
        _, form = await sender(portal, request)
        answer = RedirectResponse(safe_path(text(form, "back") or "/account"), 303)
        chosen = text(form, "theme")
        if chosen in THEMES:
            answer.set_cookie(THEME_COOKIE, chosen, max_age=31536000, secure=True, httponly=True, samesite="lax")
        return answer
