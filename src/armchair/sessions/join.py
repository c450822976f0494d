"""Use cases: let a browser (or a command-line client) into a session's own origin.

A single-use code carries the portal's consent to the session's host; there it becomes the ticket cookie, which the gateway
checks by itself from then on. Rights are checked when the code is made, when it is used and at each renewal.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from armchair.accounts.actor import Actor
from armchair.accounts.ports import JoinCode
from armchair.domain.access import Verb, may
from armchair.domain.errors import Conflict, NotFound, Refused
from armchair.domain.run import Phase, Record
from armchair.domain.session import Role
from armchair.sessions.portal import Portal
from armchair.sessions.ports import TicketClaims
from armchair.sessions.show import SessionView, permitted, view

CODE_LIFE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A ticket cookie to set on the session's host, and where to go then. `max_age` is in seconds."""

    cookie_name: str
    cookie_value: str
    max_age: int
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectEntry:
    """What a command-line client needs to reach the application: address, cookie and its end."""

    url: str
    host: str
    cookie_name: str
    cookie_value: str
    expires: datetime


def safe_path(path: str) -> str:
    """A path on the same origin, or "/" for anything that could lead elsewhere."""
    good = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and len(path) <= 4096
    return path if good else "/"


async def begin(portal: Portal, actor: Actor, session: str, path: str = "/") -> str:
    """The address on the session's host that turns the portal's consent into a ticket; good once, for 30 seconds.

    Raises NotFound("no_such_session"), Conflict("not_joinable") when it has ended.
    """
    record = await permitted(portal, actor, session, Verb.JOIN)
    if record.phase is Phase.ENDED:
        raise Conflict("not_joinable", number=record.session.number, phase=record.phase.value)
    code = secrets.token_urlsafe(32)
    expires = portal.clock.now() + CODE_LIFE
    await portal.accounts.add_join_code(
        code, JoinCode(session=session, login=actor.login, login_id=actor.login_id, expires_at=expires)
    )
    target = quote(_start(portal, record, path), safe="")
    return portal.names.session_url(session, f"/.armchair/enter?code={code}&next={target}")


def _start(portal: Portal, record: Record, path: str) -> str:
    if path != "/":
        return safe_path(path)
    try:
        return portal.catalogue.get(record.session.app).start_path
    except NotFound:
        return "/"


async def enter(portal: Portal, session: str, code: str, path: str) -> Entry:
    """Use a code on the session's host. Raises NotFound("join_code_spent") for a used, old, foreign or invented one."""
    grant = await portal.accounts.take_join_code(code, portal.clock.now())
    if grant is None or grant.session != session:
        raise NotFound("join_code_spent", session=session)
    return await _entry(portal, session, grant.login_id, path)


async def renew(portal: Portal, session: str, ticket: str | None, path: str) -> Entry:
    """A fresh ticket for a stale one. Raises Refused("login_over") when only the portal can say who this is."""
    claims = portal.tickets.read(ticket) if ticket else None
    if claims is None or claims.session != session:
        raise Refused("login_over", session=session)
    return await _entry(portal, session, claims.login, path)


async def waiting(portal: Portal, session: str, ticket: str | None) -> SessionView:
    """What to show on the session's host while its application can't be reached. Raises as `renew`."""
    claims = portal.tickets.read(ticket) if ticket else None
    if claims is None or claims.session != session:
        raise Refused("login_over", session=session)
    _, record, _ = await _still_permitted(portal, session, claims.login)
    return view(portal, record)


async def direct(portal: Portal, actor: Actor, session: str) -> DirectEntry:
    """A ticket for a client that is no browser. Raises NotFound, Conflict("not_joinable") unless the session is ready."""
    record = await permitted(portal, actor, session, Verb.JOIN)
    if record.phase is not Phase.READY:
        raise Conflict("not_joinable", number=record.session.number, phase=record.phase.value)
    expires = await portal.accounts.login_expires(actor.login_id, portal.clock.now())
    if expires is None:
        raise Refused("login_over", session=session)
    return DirectEntry(
        url=portal.names.session_url(session, _start(portal, record, "/")),
        host=portal.names.session_host(session),
        cookie_name=portal.names.cli_cookie,
        cookie_value=_ticket(portal, record, actor, actor.login_id, expires),
        expires=expires,
    )


async def _still_permitted(portal: Portal, session: str, login_id: str) -> tuple[Actor, Record, datetime]:
    now = portal.clock.now()
    actor = await portal.accounts.actor_of_login(login_id, now)
    expires = await portal.accounts.login_expires(login_id, now)
    if actor is None or expires is None:
        raise Refused("login_over", session=session)
    record = await portal.store.get(session)
    if record is None or not may(actor, Verb.JOIN, record.session, (), now):
        raise NotFound("no_such_session", reference=session)
    return actor, record, expires


async def _entry(portal: Portal, session: str, login_id: str, path: str) -> Entry:
    actor, record, expires = await _still_permitted(portal, session, login_id)
    ready = record.phase is Phase.READY
    target = safe_path(path)
    return Entry(
        cookie_name=portal.names.ticket_cookie,
        cookie_value=_ticket(portal, record, actor, login_id, expires),
        max_age=max(0, int((expires - portal.clock.now()).total_seconds())),
        location=target if ready else f"/.armchair/waiting?next={quote(target, safe='')}",
    )


def _ticket(portal: Portal, record: Record, actor: Actor, login_id: str, expires: datetime) -> str:
    """A ticket names an address only when there is one to go to; without, the gateway sends its bearer to be renewed."""
    run = record.run
    there = record.phase is Phase.READY and run.host is not None and run.port is not None
    return portal.tickets.sign(
        TicketClaims(
            session=record.session.id,
            run=run.id,
            subject=actor.login,
            role=Role.MANAGE.value,
            address=(run.host or "") if there else "",
            port=(run.port or 0) if there else 0,
            login=login_id,
            id=secrets.token_hex(16),
            issued_at=int(portal.clock.now().timestamp()),
            expires_at=int(expires.timestamp()),
        )
    )
