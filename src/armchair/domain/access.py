"""Who may do what with a session: reads its owner and its grants, nothing else."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from armchair.domain.errors import NotFound, Refused
from armchair.domain.session import Grant, Role, Session


class Subject(Protocol):
    """Somebody who wants something: only the login counts here. Roles on the portal give no rights on sessions."""

    @property
    def login(self) -> str:
        """The Unix account name; "" is nobody."""
        ...


class Verb(StrEnum):
    """What somebody wants to do with a session."""

    VIEW = "view"
    JOIN = "join"
    STOP = "stop"
    RENAME = "rename"
    EXTEND = "extend"
    KEEP = "keep"
    MANAGE = "manage"


_ORDER = (Role.VIEW, Role.USE, Role.MANAGE)
_NEEDED = {
    Verb.VIEW: Role.VIEW,
    Verb.JOIN: Role.USE,
    Verb.STOP: Role.MANAGE,
    Verb.RENAME: Role.MANAGE,
    Verb.EXTEND: Role.MANAGE,
    Verb.KEEP: Role.USE,
    Verb.MANAGE: Role.MANAGE,
}


def role_of(actor: Subject, session: Session, grants: Sequence[Grant], now: datetime) -> Role | None:
    """The highest role that the actor holds: MANAGE for the owner, None for a stranger. A grant ends at its `until`."""
    if not actor.login:
        return None
    if actor.login == session.owner:
        return Role.MANAGE
    held = [
        grant.role
        for grant in grants
        if grant.session == session.id and grant.subject == actor.login and (grant.until is None or now < grant.until)
    ]
    return max(held, key=_ORDER.index, default=None)


def may(actor: Subject, verb: Verb, session: Session, grants: Sequence[Grant], now: datetime) -> bool:
    """Whether the actor may do this. Total, and False for whatever is not plainly allowed."""
    role = role_of(actor, session, grants, now)
    return role is not None and _ORDER.index(role) >= _ORDER.index(_NEEDED[verb])


def demand(actor: Subject, verb: Verb, session: Session, grants: Sequence[Grant], now: datetime) -> None:
    """Return when they may; else raise.

    NotFound("no_such_session") when they may not even know that it exists (I8), Refused("not_allowed", verb=…) when they
    see it but may not do this.
    """
    if may(actor, verb, session, grants, now):
        return
    if may(actor, Verb.VIEW, session, grants, now):
        raise Refused("not_allowed", verb=verb.value)
    raise NotFound("no_such_session", reference=session.id)
