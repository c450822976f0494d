"""Use cases that only read: one session, the list, the timeline, log and script, and what may be done now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from armchair.accounts.actor import Actor
from armchair.domain.access import Verb, may
from armchair.domain.decide import overlays
from armchair.domain.errors import NotFound
from armchair.domain.event import Event
from armchair.domain.run import Overlay, Phase, Record
from armchair.sessions.portal import Portal
from armchair.sessions.ports import ListPage, ListQuery


class Action(StrEnum):
    """What a person can do with a session now. An action is offered only when it works."""

    JOIN = "join"
    END = "end"
    RENAME = "rename"
    START_AGAIN = "start_again"
    EDIT_AND_START = "edit_and_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session with all that is derived of it at one moment.

    `silent_since`: the launcher gives no answer since then. `usual_start`: how long the application usually takes.
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


async def permitted(portal: Portal, actor: Actor, session: str, verb: Verb) -> Record:
    """The session, if the actor may do this with it. Otherwise NotFound, whether it exists or not (I8)."""
    record = await portal.store.get(session)
    if record is None or not may(actor, verb, record.session, (), portal.clock.now()):
        raise NotFound("no_such_session", reference=session)
    return record


async def show(portal: Portal, actor: Actor, reference: str) -> Record:
    """The session with this id or number ("313", "#313"). Raises NotFound("no_such_session")."""
    number = reference.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) <= 15:
        found = await portal.store.by_number(int(number))
        if found is None:
            raise NotFound("no_such_session", reference=reference)
        reference = found.session.id
    return await permitted(portal, actor, reference, Verb.VIEW)


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
    """The script as submitted, with placeholders where its secrets were."""
    record = await permitted(portal, actor, session, Verb.VIEW)
    return await portal.store.document(session, record.run.attempt, "script")


def view(portal: Portal, record: Record) -> SessionView:
    """All that is derived of a session now."""
    now = portal.clock.now()
    silent_since = portal.launcher_states[record.session.cluster].silent_since
    known, usual = _application(portal, record)
    phase = record.phase
    return SessionView(
        record=record,
        phase=phase,
        overlays=overlays(record, now, silent_since is not None, portal.policy),
        joinable=phase is Phase.READY,
        actions=_actions(phase, known),
        silent_since=silent_since,
        usual_start=usual,
        now=now,
        app_known=known,
    )


def _application(portal: Portal, record: Record) -> tuple[bool, timedelta]:
    try:
        application = portal.catalogue.get(record.session.app)
    except NotFound:
        return False, timedelta(seconds=3)
    return True, application.readiness.usual


def _actions(phase: Phase, app_known: bool) -> frozenset[Action]:
    actions = {Action.RENAME}
    if phase is Phase.READY:
        actions.add(Action.JOIN)
    if phase not in {Phase.ENDING, Phase.ENDED}:
        actions.add(Action.END)
    if app_known:
        actions.add(Action.EDIT_AND_START)
        if phase is Phase.ENDED:
            actions.add(Action.START_AGAIN)
    return frozenset(actions)
