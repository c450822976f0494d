"""Use cases that only read: one session, the list, the timeline, log and script, and what may be done now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from armchair.accounts.actor import Actor
from armchair.domain import idle, lasting, thumbnail
from armchair.domain.access import Verb, may
from armchair.domain.application import Application, Backend, Readiness
from armchair.domain.decide import overlays
from armchair.domain.errors import NotFound
from armchair.domain.event import Event
from armchair.domain.run import Overlay, Phase, Record
from armchair.domain.usage import Used, used
from armchair.sessions import idleness, timeleft
from armchair.sessions.portal import Portal
from armchair.sessions.ports import ListPage, ListQuery


class Action(StrEnum):
    """What a person can do with a session now. An action is offered only when it works."""

    JOIN = "join"
    END = "end"
    RENAME = "rename"
    EXTEND = "extend"
    KEEP = "keep"
    END_WHEN_IDLE = "end_when_idle"
    START_AGAIN = "start_again"
    EDIT_AND_START = "edit_and_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session with all that is derived of it at one moment.

    `silent_since`: the launcher gives no answer since then. `usual_start`: how long the application usually takes.
    `has_screen`: a picture of it is shown; `display`: what brings its windows, where they can be attached. `ends_at`: when
    its time is over. `extend_by`: how much may be added now (None: nothing); `extend_operators_only`: nothing, because
    its cluster lets only operators do that. `used`: None while not known. `idle_limit`: after how long without use the site
    ends it (None: it does not); `idle_after`: the same, with what its owner has chosen.
    """

    record: Record
    phase: Phase
    overlays: frozenset[Overlay]
    joinable: bool
    actions: frozenset[Action]
    silent_since: datetime | None
    usual_start: timedelta
    now: datetime
    app_known: bool
    has_screen: bool = False
    display: Backend | None = None
    ends_at: datetime | None = None
    extend_by: timedelta | None = None
    extend_operators_only: bool = False
    used: Used | None = None
    idle_limit: timedelta | None = None
    idle_after: timedelta | None = None

    @property
    def thumbnail(self) -> str:
        """The version of the picture of its screen; "" when there is none."""
        return thumbnail.version(self.record)

    @property
    def left(self) -> timedelta | None:
        """How long it may still run; None: without limit, or not known."""
        return None if self.ends_at is None else max(timedelta(0), self.ends_at - self.now)


async def permitted(portal: Portal, actor: Actor, session: str, verb: Verb) -> Record:
    """The session, if the actor may do this with it. Otherwise NotFound, whether it exists or not (I8)."""
    record = await portal.store.get(session)
    if record is None or not may(actor, verb, record.session, (), portal.clock.now()):
        raise NotFound("no_such_session", reference=session)
    return record


async def show(portal: Portal, actor: Actor, reference: str) -> Record:
    """The session with this id or number ("313", "#313"), if the actor may see it. Raises NotFound("no_such_session")."""
    record = await by_reference(portal, reference)
    if not may(actor, Verb.VIEW, record.session, (), portal.clock.now()):
        raise NotFound("no_such_session", reference=reference)
    return record


async def by_reference(portal: Portal, reference: str) -> Record:
    """The session with this id or number, whoever asks. Raises NotFound("no_such_session")."""
    number = reference.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) <= 15:
        found = await portal.store.by_number(int(number))
    else:
        found = await portal.store.get(reference)
    if found is None:
        raise NotFound("no_such_session", reference=reference)
    return found


async def listing(portal: Portal, query: ListQuery) -> ListPage:
    """The sessions of `query.subject`."""
    return await portal.store.listing(query)


async def timeline(portal: Portal, actor: Actor, session: str) -> Sequence[Event]:
    """All transitions, oldest first."""
    await permitted(portal, actor, session, Verb.VIEW)
    return await portal.store.events(session)


async def log(portal: Portal, actor: Actor, session: str) -> str:
    """The last 64 KiB of what the last run's application wrote."""
    record = await permitted(portal, actor, session, Verb.VIEW)
    return await portal.store.document(session, record.run.attempt, "log")


async def script(portal: Portal, actor: Actor, session: str) -> str:
    """The script as submitted, with placeholders where its secrets were. A job that is started anew keeps it."""
    await permitted(portal, actor, session, Verb.VIEW)
    return await portal.store.document(session, 1, "script")


def view(portal: Portal, record: Record) -> SessionView:
    """All that is derived of a session now."""
    now = portal.clock.now()
    silent_since = portal.launcher_states[record.session.cluster].silent_since
    application = _application(portal, record)
    phase, (extend_by, operators_only) = record.phase, timeleft.room(portal, record)
    return SessionView(
        record=record,
        phase=phase,
        overlays=overlays(record, now, silent_since is not None, portal.policy),
        joinable=phase is Phase.READY,
        actions=_actions(record, application is not None, extend_by),
        silent_since=silent_since,
        usual_start=application.readiness.usual if application is not None else Readiness().usual,
        now=now,
        app_known=application is not None,
        has_screen=application.has_screen if application is not None else record.session.thumbnail_at is not None,
        display=application.screen.backend if application is not None and application.screen is not None else None,
        ends_at=lasting.ends_at(record),
        extend_by=extend_by,
        extend_operators_only=operators_only,
        used=used(record),
        idle_limit=(idle_limit := idleness.limit(portal, application)),
        idle_after=idle.earlier(record.session.idle_after, idle_limit),
    )


def _application(portal: Portal, record: Record) -> Application | None:
    try:
        return portal.catalogue.get(record.session.app)
    except NotFound:
        return None


def _actions(record: Record, app_known: bool, extend_by: timedelta | None) -> frozenset[Action]:
    phase, actions = record.phase, {Action.RENAME}
    if extend_by is not None:
        actions.add(Action.EXTEND)
    if record.run.idle_ends_at is not None and phase is Phase.READY:
        actions.add(Action.KEEP)
    if phase is Phase.READY:
        actions.add(Action.JOIN)
    if phase not in {Phase.ENDING, Phase.ENDED}:
        actions |= {Action.END, Action.END_WHEN_IDLE}
    if app_known:
        actions.add(Action.EDIT_AND_START)
        if phase is Phase.ENDED:
            actions.add(Action.START_AGAIN)
    return frozenset(actions)
