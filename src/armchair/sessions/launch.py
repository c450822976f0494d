"""Use case: start a session. ① store it, ② hand it to the launcher, ③ store the job; a crash in between is made good."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from armchair.accounts.actor import Actor
from armchair.domain.application import Application, Plan
from armchair.domain.errors import Refused, SchedulerSilent
from armchair.domain.event import Event
from armchair.domain.forms.plan import plan as make_plan
from armchair.domain.run import Record, Run
from armchair.domain.secret import Secret
from armchair.domain.session import Session
from armchair.sessions import perform
from armchair.sessions.portal import Portal, new_session_id
from armchair.sessions.ports import SpecContext
from armchair.wire import runspec

log = structlog.get_logger()

SHOWN_TOKEN = Secret("<enrolment token>")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """What a person filled in. `launch_key` is the same for each repetition of one wish (double click, lost answer)."""

    app: str
    size: str = ""
    answers: Mapping[str, object]
    title: str = ""
    launch_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """The session; `created` is False when an earlier request with the same key had made it."""

    record: Record
    created: bool


async def launch(portal: Portal, actor: Actor, request: LaunchRequest) -> Launched:
    """Start a session for the actor and return as soon as the launcher has answered or fallen silent.

    Raises InvalidInput with all mistakes, NotFound("no_such_application"), Refused("application_unavailable", missing),
    StorageFull, BadDefinition; in each case nothing was stored or started.
    """
    application = portal.catalogue.get(request.app)
    if application.missing:
        missing = [{"what": one.what, "cure": one.cure} for one in application.missing]
        raise Refused("application_unavailable", app=application.title, missing=missing)
    plan = make_plan(application, request.size, request.answers, request.title)
    record = _new_record(portal, actor, application, plan, request.launch_key)
    spec = portal.catalogue.spec(application, plan, _context(portal, actor, record))
    if portal.launcher(record.session.cluster).enforces_memory:
        spec = spec._replace(memory=None)
    documents = {
        "spec": json.dumps(json.loads(runspec.dump(spec)), indent=1),
        "script": portal.scripts.render(SHOWN_TOKEN).shown,
    }
    accepted = Event(
        session=record.session.id,
        attempt=1,
        at=record.session.created_at,
        code="session.accepted",
        params={"app": application.title},
    )
    fresh = record.session.id
    async with portal.locks[fresh]:
        record, created = await portal.store.create(record, [accepted], documents)
        if not created:
            # the lock of the id that nobody will use; never that of the session which an earlier request is just starting
            portal.locks.pop(fresh, None)
            return Launched(record=record, created=False)
        portal.tell(record)
        log.info("session.accepted", session=record.session.id, number=record.session.number, app=application.name)
        record = await _submit(portal, record)
    portal.nudge.set()
    return Launched(record=record, created=True)


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
        cluster=next(iter(portal.launchers), "local"),
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
