"""Use case: start a session. ① store it, ② hand it to the launcher, ③ store the job; a crash in between is made good."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import structlog

from armchair.accounts.actor import Actor
from armchair.domain.application import Application, Plan
from armchair.domain.errors import Refused, SchedulerSilent
from armchair.domain.event import Event
from armchair.domain.forms import custom
from armchair.domain.forms.plan import plan as make_plan
from armchair.domain.run import Record, Run
from armchair.domain.secret import Secret
from armchair.domain.session import Placement, Session
from armchair.sessions import announcements, perform, place
from armchair.sessions.portal import Portal, new_session_id
from armchair.sessions.ports import SpecContext
from armchair.wire import runspec

log = structlog.get_logger()

PATIENCE = 3.0  # seconds that a person waits for the launcher; it goes on without them
SHOWN_TOKEN = Secret("<enrolment token>")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """What a person filled in. `launch_key` is the same for each repetition of one wish (double click, lost answer).

    `cluster` "" is the first that the application may run on, and what `placement` leaves open is chosen. `resources` are the
    numbers of a size of one's own (`domain.forms.custom`), put in the place of those of `size`.
    """

    app: str
    size: str = ""
    cluster: str = ""
    placement: Placement = field(default_factory=Placement)
    resources: Mapping[str, object] = field(default_factory=dict)
    answers: Mapping[str, object]
    title: str = ""
    launch_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """The session; `created` is False when an earlier request with the same key had made it."""

    record: Record
    created: bool


async def launch(portal: Portal, actor: Actor, request: LaunchRequest) -> Launched:
    """Start a session for the actor and return when the launcher has answered, fallen silent or taken its time.

    Raises InvalidInput with all mistakes, NotFound("no_such_application"), Refused("application_unavailable", missing) and,
    where nothing new is started, Refused("cluster_drained"), StorageFull, BadDefinition; then nothing was stored or started.
    """
    application = portal.catalogue.get(request.app)
    if application.missing:
        missing = [{"what": one.what, "cure": one.cure} for one in application.missing]
        raise Refused("application_unavailable", app=application.title, missing=missing)
    plan = make_plan(application, request.size, request.answers, request.title, request.resources)
    cluster = place.choose_cluster(portal, application, request.cluster)
    announcements.refuse_if_drained(portal, cluster)
    await portal.catalogue.check(application, plan, here=portal.scheduler(cluster) is None)
    wanted = place.Wanted(placement=request.placement, resources=plan.resources, preset=not custom.is_custom(request.resources))
    record = _new_record(portal, actor, application, plan, request.launch_key)
    session = replace(record.session, cluster=cluster, placement=await place.settle(portal, cluster, actor.login, wanted))
    mark = portal.derived.mark(session.id, 1)
    mandate = await portal.mandates.mandate(actor.assertion, session.id, mark, cluster)
    record = replace(record, session=replace(session, mandate=mandate))
    documents = _documents(portal, record, portal.catalogue.spec(application, plan, _context(portal, actor, record)))
    return await _store_and_begin(portal, record, documents, application)


def _documents(portal: Portal, record: Record, spec: runspec.RunSpec) -> dict[str, str]:
    """What is kept of how it was started."""
    if portal.launcher(record.session.cluster).enforces_memory:
        spec = spec._replace(memory=None)
    return {
        "spec": json.dumps(json.loads(runspec.dump(spec)), indent=1),
        "script": portal.scripts.render(SHOWN_TOKEN, record.session.cluster).shown,
    }


async def _store_and_begin(portal: Portal, record: Record, documents: Mapping[str, str], application: Application) -> Launched:
    """Record it before anything is done, then have it submitted."""
    accepted = Event(
        session=record.session.id,
        attempt=1,
        at=record.session.created_at,
        code="session.accepted",
        params={"app": application.title},
    )
    fresh = record.session.id
    lock = portal.locks[fresh]
    await lock.acquire()
    work: asyncio.Task[Record] | None = None
    try:
        record, created = await portal.store.create(record, [accepted], documents)
        if not created:
            # the lock of the id that nobody will use; never that of the session which an earlier request is just starting
            portal.locks.pop(fresh, None)
            return Launched(record=record, created=False)
        portal.tell(record)
        log.info("session.accepted", session=record.session.id, number=record.session.number, app=application.name)
        work = _begin(portal, record, lock)
    finally:
        if work is None:
            lock.release()
    await asyncio.wait({work}, timeout=PATIENCE)
    record = work.result() if work.done() else record
    portal.look_soon(record.session.cluster)
    return Launched(record=record, created=True)


def _begin(portal: Portal, record: Record, lock: asyncio.Lock) -> asyncio.Task[Record]:
    """Submit in a task of its own, which lets go of the session's lock: a slow launcher holds up nobody's page."""
    work = asyncio.create_task(_submit(portal, record))
    portal.launching.add(work)

    def done(task: asyncio.Task[Record]) -> None:
        lock.release()
        portal.launching.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("launch.failed", session=record.session.id, error=repr(error))

    work.add_done_callback(done)
    return work


async def _submit(portal: Portal, record: Record) -> Record:
    try:
        return await perform.submit(portal, record)
    except SchedulerSilent as silence:
        log.warning("launcher.silent_at_submit", session=record.session.id, code=silence.code)
        return record


def _new_record(portal: Portal, actor: Actor, application: Application, plan: Plan, launch_key: str) -> Record:
    now = portal.clock.now()
    session = Session(
        id=new_session_id(),
        app=application.name,
        app_version=application.version,
        app_title=application.title,
        title=plan.title or application.title,
        owner=actor.login,
        run_as=actor.login,
        created_by=actor.login,
        created_at=now,
        launch_key=launch_key,
        size=plan.size,
        resources=plan.resources,
        answers=plan.answers,
        environment=plan.environment,
    )
    return Record(session=session, runs=(Run(session=session.id, intended_at=now),))


def _context(portal: Portal, actor: Actor, record: Record) -> SpecContext:
    session = record.session
    return SpecContext(
        session=session.id,
        number=session.number,
        attempt=record.run.attempt,
        user=actor.login,
        url=portal.names.session_url(session.id).rstrip("/"),
        state_directory=f"~/.local/state/armchair/sessions/{session.id}",
    )
