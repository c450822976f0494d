"""Who acts: a person as this portal knows them, with what their login or token allows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from armchair.domain.errors import Refused
from armchair.domain.secret import Secret


class PortalRole(StrEnum):
    """What somebody is to the portal as a whole. Rights on sessions come from owner and grants only."""

    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"


OPERATORS = frozenset({PortalRole.OPERATOR, PortalRole.ADMIN})


class Scope(StrEnum):
    """What a token may be used for. A browser login has all of them, ADMIN only for administrators and OPERATE only for
    them and for operators.
    """

    SESSIONS_READ = "sessions:read"
    SESSIONS_WRITE = "sessions:write"
    APPS_READ = "apps:read"
    TOKENS_WRITE = "tokens:write"
    OPERATE = "operate"
    ADMIN = "admin"


def scopes_for(roles: frozenset[PortalRole]) -> frozenset[Scope]:
    """All that somebody with these roles can have."""
    missing: set[Scope] = set() if PortalRole.ADMIN in roles else {Scope.ADMIN}
    if not roles & OPERATORS:
        missing.add(Scope.OPERATE)
    return frozenset(Scope) - missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may log in. `login` is their Unix account name, `name` is for people to read."""

    login: str
    name: str
    roles: frozenset[PortalRole] = frozenset({PortalRole.USER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person acting through one login or token.

    `login_id` names that login or token (no secret): what is derived from it, such as tickets, ends with it.
    `expires_at` is when it ends by itself; None for a token without end. `assertion` is a site's helper's word for who this
    is, None where the portal acts as itself.
    """

    login: str
    name: str
    roles: frozenset[PortalRole]
    scopes: frozenset[Scope]
    login_id: str
    expires_at: datetime | None = None
    assertion: Secret | None = None

    def need(self, scope: Scope) -> None:
        """Return when this actor has the scope. Raises Refused("scope_missing", scope=…)."""
        if scope not in self.scopes:
            raise Refused("scope_missing", scope=scope.value)
