"""Use cases of operators: see and end everybody's sessions, close clusters, tell everybody something.

An operator joins nobody's session and reads nobody's log: that right comes from its owner only. To whoever is no operator,
nothing of this exists.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from armchair.accounts.actor import OPERATORS, Actor
from armchair.domain import absorb
from armchair.domain.announcement import Announcement, AnnouncementKind, Level, sentence
from armchair.domain.errors import FieldError, InvalidInput, NotFound
from armchair.domain.event import Event
from armchair.domain.run import Record
from armchair.domain.session import By
from armchair.sessions import announcements, show
from armchair.sessions.portal import Portal
from armchair.sessions.ports import ListPage, ListQuery, Notice
from armchair.sessions.trouble import Trouble

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRow:
    """How the portal gets on with one cluster. `problem`: why its launcher can't be used at all, "" when it can.

    `queries` counts since the portal's start, `took` is how many seconds the last answer took. `living` counts sessions.
    """

    name: str
    problem: str = ""
    silent_since: datetime | None = None
    silence: str = ""
    answered_at: datetime | None = None
    queries: int = 0
    took: float = 0.0
    living: int = 0
    drain: Announcement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Somebody who is logged in: in how many browsers, and since when at the latest. `living` counts their sessions."""

    login: str
    browsers: int
    since: datetime
    living: int = 0


def is_operator(actor: Actor | None) -> bool:
    """Whether the portal's administration exists for this person."""
    return actor is not None and bool(actor.roles & OPERATORS)


def demand_operator(actor: Actor) -> None:
    """Raises NotFound("not_found") for everybody else: no access looks like nothing there (I8)."""
    if not is_operator(actor):
        raise NotFound("not_found")


# --- sessions ---


async def listing(portal: Portal, actor: Actor, query: ListQuery) -> ListPage:
    """The sessions of everybody that match."""
    demand_operator(actor)
    return await portal.store.listing(replace(query, everybody=True))


async def find(portal: Portal, actor: Actor, reference: str) -> tuple[Record, Sequence[Event]]:
    """Anybody's session by id or number, with its timeline; neither log nor script. Raises NotFound("no_such_session")."""
    demand_operator(actor)
    record = await show.by_reference(portal, reference)
    return record, await portal.store.events(record.session.id)


async def end(portal: Portal, actor: Actor, reference: str) -> Record:
    """End anybody's session; its owner reads that an operator did. Repeating it changes nothing.

    Raises NotFound("no_such_session").
    """
    record, _ = await find(portal, actor, reference)
    return await _end(portal, actor, record)


async def living_of(portal: Portal, actor: Actor, login: str) -> Sequence[Record]:
    """The sessions of this person that have not ended."""
    demand_operator(actor)
    return [record for record in await portal.store.live() if record.session.owner == login]


async def end_all(portal: Portal, actor: Actor, login: str) -> int:
    """End all sessions of one person. Returns how many that are."""
    living = await living_of(portal, actor, login)
    for record in living:
        await _end(portal, actor, record)
    log.info("admin.ended_all", actor=actor.login, owner=login, count=len(living))
    return len(living)


async def _end(portal: Portal, actor: Actor, record: Record) -> Record:
    session = record.session
    record = await portal.apply(session.id, lambda r, now: absorb.stop_asked(r, By.OPERATOR, now))
    log.info("admin.ended", actor=actor.login, session=session.id, number=session.number, owner=session.owner)
    portal.look_soon(session.cluster)
    return record


# --- the portal ---


async def clusters(portal: Portal, actor: Actor) -> Sequence[ClusterRow]:
    """All clusters of the settings, also those whose launcher can't be used."""
    demand_operator(actor)
    living = Counter(record.session.cluster for record in await portal.store.live())
    board = announcements.board(portal)
    broken = [ClusterRow(name=name, problem=why, living=living[name]) for name, why in portal.launcher_problems.items()]
    return [*(_row(portal, board, name, living[name]) for name in portal.launchers), *broken]


def _row(portal: Portal, board: announcements.Board, name: str, living: int) -> ClusterRow:
    state = portal.launcher_states[name]
    return ClusterRow(
        name=name,
        silent_since=state.silent_since,
        silence=state.silence,
        answered_at=state.answered_at,
        queries=state.queries,
        took=state.took,
        living=living,
        drain=board.drain_of(name),
    )


def troubles(portal: Portal, actor: Actor) -> Sequence[Trouble]:
    """The portal's last warnings and errors, newest first."""
    demand_operator(actor)
    return portal.troubles.recent()


async def gateway_notices(portal: Portal, actor: Actor) -> Sequence[Notice]:
    """What an administrator should know of the gateway, such as a certificate that ends soon."""
    demand_operator(actor)
    return await portal.gateway.notices()


async def people(portal: Portal, actor: Actor) -> Sequence[Login]:
    """Who is logged in, by login."""
    demand_operator(actor)
    living = Counter(record.session.owner for record in await portal.store.live())
    found: dict[str, list[datetime]] = {}
    for row in await portal.accounts.logged_in(portal.clock.now()):
        found.setdefault(row.login, []).append(row.created_at)
    return [
        Login(login=login, browsers=len(times), since=max(times), living=living[login])
        for login, times in sorted(found.items())
    ]


# --- announcements ---


async def drain(portal: Portal, actor: Actor, cluster: str, text: str) -> Announcement:
    """Let a cluster ("": the whole portal) take no new sessions; running ones go on. `text` tells people why and how long.

    Raises InvalidInput (cluster, text).
    """
    demand_operator(actor)
    if cluster and cluster not in portal.launchers:
        allowed = sorted(portal.launchers)
        raise InvalidInput([FieldError(field="cluster", code="field_bad_choice", params={"allowed": allowed})])
    announcement = Announcement(
        kind=AnnouncementKind.DRAIN, cluster=cluster, text=sentence(text), by=actor.login, at=portal.clock.now()
    )
    await _post(portal, announcement)
    return announcement


async def put_banner(
    portal: Portal, actor: Actor, text: str, level: Level = Level.INFO, until: datetime | None = None
) -> Announcement:
    """Show a sentence on all pages, until it is taken back or its time is over. Raises InvalidInput (text, until)."""
    demand_operator(actor)
    now, clean = portal.clock.now(), sentence(text)
    errors = [] if clean else [FieldError(field="text", code="field_required")]
    if until is not None and until <= now:
        errors.append(FieldError(field="until", code="time_is_past"))
    if errors:
        raise InvalidInput(errors)
    announcement = Announcement(kind=AnnouncementKind.BANNER, text=clean, level=level, until=until, by=actor.login, at=now)
    await _post(portal, announcement)
    return announcement


async def take_back(portal: Portal, actor: Actor, kind: AnnouncementKind, cluster: str = "") -> None:
    """Remove the banner, or open a cluster again. Repeating it changes nothing."""
    demand_operator(actor)
    await portal.store.withdraw(kind, cluster)
    await announcements.read(portal)
    log.info("admin.announcement_withdrawn", actor=actor.login, kind=kind.value, cluster=cluster)


async def _post(portal: Portal, announcement: Announcement) -> None:
    await portal.store.post(announcement)
    await announcements.read(portal)
    log.info("admin.announcement_posted", actor=announcement.by, kind=announcement.kind.value, cluster=announcement.cluster)
