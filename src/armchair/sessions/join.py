"""Use cases: let a browser (or a command-line client) into a session's own origin.

A single-use code carries the portal's consent to the session's host; there it becomes the ticket cookie, which the gateway
checks by itself from then on. Rights are checked when the code is made, when it is used and at each renewal.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

import structlog

from armchair.accounts.actor import Actor
from armchair.accounts.ports import JoinCode
from armchair.domain.access import Verb, may
from armchair.domain.errors import Conflict, NotFound, Refused, Unavailable
from armchair.domain.run import Phase, Record
from armchair.domain.session import Role
from armchair.sessions.portal import Portal
from armchair.sessions.ports import TicketClaims
from armchair.sessions.show import SessionView, permitted, view

log = structlog.get_logger()

CODE_LIFE = timedelta(seconds=30)
# long enough for a client to connect; each connection gets a ticket of its own
DISPLAY_LIFE = timedelta(minutes=5)
DISPLAY_PATH = "/-/display"
# how the id begins of a ticket that ends when it ends: it is renewed for nobody, or its minutes would be its login's days
_BRIEF = "brief-"


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
    return await _entry(portal, session, _login_of(portal, session, ticket), path)


async def admitted(portal: Portal, session: str, ticket: str | None) -> Record:
    """The session of this host, for the bearer of a ticket who may still join it. Raises as `renew`, and NotFound."""
    _, record, _ = await _still_permitted(portal, session, _login_of(portal, session, ticket))
    return record


def _login_of(portal: Portal, session: str, ticket: str | None) -> str:
    """The login that a ticket for this session came from. Raises Refused("login_over") for one that stands for no login."""
    claims = portal.tickets.read(ticket) if ticket else None
    if claims is None or claims.session != session or claims.id.startswith(_BRIEF):
        raise Refused("login_over", session=session)
    return claims.login


async def waiting(portal: Portal, session: str, ticket: str | None) -> SessionView:
    """What to show on the session's host while its application can't be reached. Raises as `admitted`."""
    return view(portal, await admitted(portal, session, ticket))


async def direct(portal: Portal, actor: Actor, session: str) -> DirectEntry:
    """A ticket for a client that is no browser.

    Raises NotFound, Conflict("not_joinable") when the session has ended, Conflict("not_ready") until it is ready.
    """
    record = await permitted(portal, actor, session, Verb.JOIN)
    return await _direct(portal, actor, record, _start(portal, record, "/"))


async def display(portal: Portal, actor: Actor, session: str) -> DirectEntry:
    """A ticket of minutes for a native client (Xpra, VNC), and the address of the WebSocket that speaks its protocol.

    A connection that is open when the ticket ends stays open; `leave` cuts it. Raises as `direct`, and
    Conflict("not_graphical") for an application that draws no windows.
    """
    record = await permitted(portal, actor, session, Verb.JOIN)
    if not _may_be_graphical(portal, record):
        raise Conflict("not_graphical", number=record.session.number, app=record.session.app_title)
    return await _direct(portal, actor, record, DISPLAY_PATH, DISPLAY_LIFE)


async def leave(portal: Portal, login: str, login_id: str) -> None:
    """Refuse all tickets that came from this login or token, then cut the open streams to its person's sessions.

    The gateway can't tell whose ticket opened a stream, so those of the person's other logins are cut too; these come back
    by themselves. Raises Unavailable as the gateway's `revoke` does.
    """
    records = [record for record in await portal.store.live() if record.session.owner == login]
    streams = {address for record in records if (address := portal.address(record)) is not None}
    await portal.gateway.revoke(login_id, sorted(streams))


async def leave_if_possible(portal: Portal, login: str, login_id: str) -> None:
    """As `leave`. A gateway that is down has it on file and refuses when it is back."""
    try:
        await leave(portal, login, login_id)
    except Unavailable as silent:
        log.warning("gateway.revoke_later", code=silent.code)


def _may_be_graphical(portal: Portal, record: Record) -> bool:
    try:
        return portal.catalogue.get(record.session.app).has_screen
    except NotFound:
        return True  # it has left the catalogue while its sessions run on: the client will see


async def _direct(portal: Portal, actor: Actor, record: Record, path: str, longest: timedelta | None = None) -> DirectEntry:
    session, now = record.session, portal.clock.now()
    if record.phase is not Phase.READY:
        code = "not_joinable" if record.phase is Phase.ENDED else "not_ready"
        raise Conflict(code, number=session.number, phase=record.phase.value)
    expires = await portal.accounts.login_expires(actor.login_id, now)
    if expires is None:
        raise Refused("login_over", session=session.id)
    kind = ""
    if longest is not None:
        expires, kind = min(expires, now + longest), _BRIEF
    return DirectEntry(
        url=portal.names.session_url(session.id, path),
        host=portal.names.session_host(session.id),
        cookie_name=portal.names.cli_cookie,
        cookie_value=await _ticket(portal, record, actor, actor.login_id, expires, kind),
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
        cookie_value=await _ticket(portal, record, actor, login_id, expires),
        max_age=max(0, int((expires - portal.clock.now()).total_seconds())),
        location=target if ready else f"/.armchair/waiting?next={quote(target, safe='')}",
    )


async def _ticket(portal: Portal, record: Record, actor: Actor, login_id: str, expires: datetime, kind: str = "") -> str:
    """A ticket names an address only when there is one to go to; without, the gateway sends its bearer to be renewed.

    `kind` is how its id begins.
    """
    run = record.run
    address, port = (portal.address(record) if record.phase is Phase.READY else None) or ("", 0)
    return await portal.tickets.sign(
        TicketClaims(
            session=record.session.id,
            run=run.id,
            subject=actor.login,
            role=Role.MANAGE.value,
            address=address,
            port=port,
            login=login_id,
            id=kind + secrets.token_hex(16),
            issued_at=int(portal.clock.now().timestamp()),
            expires_at=int(expires.timestamp()),
        ),
        actor.assertion,
        record.session.mandate,
    )
