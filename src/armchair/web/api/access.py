"""Who calls the API: a bearer token becomes an actor, and each route names the scope it needs.

Cookies are not looked at here: a page of another origin can't make a browser send a bearer token, so the API needs no
protection against forged requests.
"""

from collections.abc import Awaitable, Callable

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from armchair.accounts.actor import Actor, Scope
from armchair.accounts.logins import Accounts
from armchair.domain.errors import Refused
from armchair.sessions.portal import Portal

_bearer = HTTPBearer(auto_error=False, description="A token: `armchair token create NAME`.")

Caller = Callable[..., Awaitable[Actor]]


def caller(portal: Portal, scope: Scope | None = None) -> Caller:
    """A dependency that yields the actor of the request's token.

    It raises Refused("token_missing"), Refused("token_unknown") and Refused("scope_missing", scope).
    """
    accounts = Accounts(portal.accounts, portal.clock, portal.accounts_settings)

    async def identify(credentials: HTTPAuthorizationCredentials | None = Security(_bearer)) -> Actor:  # noqa: B008 - FastAPI's way
        if credentials is None:
            raise Refused("token_missing")
        actor = await accounts.actor_of_token(credentials.credentials)
        if actor is None:
            raise Refused("token_unknown")
        if scope is not None:
            actor.need(scope)
        return actor

    return identify
