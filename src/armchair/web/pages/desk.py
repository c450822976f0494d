"""What every page route does first: who is it, and is this form the portal's own."""

from starlette.datastructures import FormData
from starlette.requests import Request

from armchair.accounts.actor import Actor
from armchair.sessions.portal import Portal
from armchair.web.problems import LoginNeeded
from armchair.web.security import actor_of, check_origin, check_token


async def visitor(portal: Portal, request: Request) -> Actor:
    """The person logged in. Raises LoginNeeded."""
    actor = await actor_of(portal, request)
    if actor is None:
        raise LoginNeeded
    request.state.actor = actor
    return actor


async def sender(portal: Portal, request: Request) -> tuple[Actor, FormData]:
    """The person and the form they sent from one of this portal's pages. Raises LoginNeeded, Refused("form_not_yours")."""
    check_origin(portal.names.portal_origin, request)
    actor = await visitor(portal, request)
    form = await request.form(max_files=0, max_fields=500)
    token = request.headers.get("x-csrf-token") or text(form, "csrf")
    check_token(request.cookies.get(portal.names.login_cookie, ""), token)
    return actor, form


def text(form: FormData, name: str) -> str:
    """The last value of a form's field, as text; "" when it is absent."""
    values = form.getlist(name)
    return str(values[-1]) if values else ""
