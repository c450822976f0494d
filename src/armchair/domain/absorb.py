"""Facts in, record and events out: how each thing that is learned changes what we hold of a session.

Every function is pure and total. A fact that says nothing new gives the same record back and no event; a run with an
outcome takes no further fact (I3), but a job that turns out to be alive after its run was given up begins a new run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from armchair.domain import idle, lasting
from armchair.domain.event import Event
from armchair.domain.run import (
    JobRef,
    JobState,
    Outcome,
    OutcomeKind,
    Phase,
    ProcessEnd,
    Record,
    Run,
    UsageSample,
    phase,
)
from armchair.domain.session import By, Wanted

USAGE_SAMPLES = 40
ALIVE = frozenset({JobState.PENDING, JobState.RUNNING, JobState.SUSPENDED})
GIVEN_UP = frozenset({OutcomeKind.LOST, OutcomeKind.NEVER_STARTED})
# why a scheduler queued a job again, where it says so
_REQUEUED: Mapping[OutcomeKind | None, str] = {
    OutcomeKind.NODE_FAILURE: "requeued_after_failure",
    OutcomeKind.PREEMPTED: "requeued_after_preemption",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSeen:
    """The launcher lists the job. The fields mean what those of `Run` mean."""

    job: JobRef
    state: JobState
    host: str | None = None
    node: str = ""
    started_at: datetime | None = None
    ends_at: datetime | None = None
    walltime: timedelta | None = None
    restarts: int = 0
    reason: str = ""
    expected_start: datetime | None = None
    position: int | None = None
    previous: ProcessEnd | None = None
    end: ProcessEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """An agent showed a good token: where it listens and what it calls itself."""

    port: int
    node: str
    nonce_hash: str
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentNews:
    """What an agent reports. `active`: whether a window of its activity showed a sign of life; None: no window came."""

    ready: bool
    sample: UsageSample | None = None
    active: bool | None = None
    end: ProcessEnd | None = None


@dataclass(slots=True)
class _Draft:
    """A record under change, with the events that tell of it."""

    record: Record
    now: datetime
    events: list[Event]

    @property
    def run(self) -> Run:
        return self.record.run

    def put(self, run: Run) -> None:
        self.record = replace(self.record, runs=(*self.record.runs[:-1], run))

    def add(self, run: Run) -> None:
        self.record = replace(self.record, runs=(*self.record.runs, run))

    def tell(self, code: str, **params: object) -> None:
        self.events.append(
            Event(session=self.record.session.id, attempt=self.run.attempt, at=self.now, code=code, params=params)
        )


Absorbed = tuple[Record, list[Event]]


def job_submitted(record: Record, job: JobRef, now: datetime, *, adopted: bool = False) -> Absorbed:
    """The launcher has taken the job (or it was found by its mark). A run that knows its job already keeps it."""
    draft = _Draft(record, now, [])
    if draft.run.job is None and draft.run.outcome is None:
        draft.put(replace(draft.run, job=job, job_state=JobState.PENDING, job_state_at=now))
        draft.tell("job.adopted" if adopted else "job.submitted", job=job.id)
    return draft.record, draft.events


def job_refused(record: Record, reason: str, now: datetime) -> Absorbed:
    """The launcher said no: certainly no job exists."""
    draft = _Draft(record, now, [])
    if draft.run.job is None and not draft.run.refused and draft.run.outcome is None:
        draft.put(replace(draft.run, refused=reason or "no reason given"))
        draft.tell("job.refused", reason=reason)
    return draft.record, draft.events


def job_seen(record: Record, fact: JobSeen, now: datetime) -> Absorbed:
    """The launcher's listing has the job. Facts of another job than the run's are ignored."""
    draft = _Draft(record, now, [])
    run = draft.run
    if run.job != fact.job:
        return record, []
    if run.outcome is not None:
        if run.outcome.kind in GIVEN_UP and fact.state in ALIVE:
            _found_again(draft, fact)
        return draft.record, draft.events
    if fact.restarts > run.restarts and run.enrolled_at is not None:
        _requeued(draft, fact)
        run = draft.run
    elif fact.restarts > run.restarts:
        # started anew before its agent had called: where it was says nothing of where it is
        run = replace(run, host=None, node="", started_at=None, ends_at=None)
    changed = replace(
        run,
        absent_since=None,
        host=fact.host or run.host,
        node=fact.node or run.node,
        started_at=fact.started_at or run.started_at,
        ends_at=fact.ends_at or run.ends_at,
        walltime=lasting.limit_said(draft.record, fact.walltime),
        reason=fact.reason,
        expected_start=fact.expected_start,
        position=fact.position,
        restarts=max(run.restarts, fact.restarts),
        job_end=run.job_end or fact.end,
    )
    if fact.state is not run.job_state and run.job_state is not JobState.ENDED:
        changed = replace(changed, job_state=fact.state, job_state_at=now)
        _tell_state(draft, fact)
    draft.put(changed)
    return draft.record, draft.events


def _tell_state(draft: _Draft, fact: JobSeen) -> None:
    if fact.state is JobState.RUNNING:
        draft.tell("job.running", host=fact.host or "")
    elif fact.state is JobState.ENDED:
        draft.tell("job.ended")


def _found_again(draft: _Draft, fact: JobSeen) -> None:
    """Nothing is killed: the job that we gave up becomes the session's next run, with what is known of its agent, unless the
    scheduler has started it anew since.
    """
    old = draft.run
    if fact.restarts > old.restarts:
        draft.add(_anew(old, fact, draft.now))
        draft.tell("run.found_again")
        return
    draft.add(
        replace(
            old,
            attempt=old.attempt + 1,
            outcome=None,
            refused="",
            job=fact.job,
            job_state=fact.state,
            job_state_at=draft.now,
            absent_since=None,
            host=fact.host or old.host,
            node=fact.node or old.node,
            ends_at=fact.ends_at or old.ends_at,
            restarts=fact.restarts,
        )
    )
    draft.tell("run.found_again")


def _requeued(draft: _Draft, fact: JobSeen) -> None:
    """The scheduler started the job anew: the old run is over, a new one begins with the same job."""
    old, why = draft.run, fact.previous.kind if fact.previous is not None else None
    outcome = Outcome(
        kind=OutcomeKind.NODE_FAILURE if why is OutcomeKind.NODE_FAILURE else OutcomeKind.PREEMPTED,
        by=By.SITE,
        at=draft.now,
        detail=_REQUEUED.get(why, "requeued"),
        params={"node": old.node} if why is OutcomeKind.NODE_FAILURE and old.node else {},
    )
    draft.put(replace(old, outcome=outcome))
    _tell_end(draft, outcome)
    draft.add(_anew(old, fact, draft.now))
    draft.tell("run.started", attempt=draft.run.attempt)


def _anew(old: Run, fact: JobSeen, now: datetime) -> Run:
    """The next run of the same job, elsewhere and with another agent. More time that it was given stays given."""
    return Run(
        session=old.session,
        attempt=old.attempt + 1,
        intended_at=old.intended_at,
        job=old.job,
        job_state=fact.state,
        job_state_at=now,
        restarts=fact.restarts,
        walltime=old.walltime,
        walltime_wanted=old.walltime_wanted,
        extensions=old.extensions,
    )


def _tell_end(draft: _Draft, outcome: Outcome) -> None:
    """With what its words name: a letter about it has nothing else."""
    named = {"reason": outcome.params["reason"]} if "reason" in outcome.params else {}
    if outcome.exit_code is not None:
        named["exit_code"] = outcome.exit_code
    if node := outcome.params.get("node") or draft.run.node:
        named["node"] = node
    draft.tell("run.ended", kind=outcome.kind.value, by=outcome.by.value, detail=outcome.detail, **named)


def job_absent(record: Record, now: datetime) -> Absorbed:
    """A query that can be trusted to show the job did not show it. No conclusion is drawn here (I4)."""
    run = record.run
    if run.job is None or run.outcome is not None or run.absent_since is not None:
        return record, []
    draft = _Draft(record, now, [])
    draft.put(replace(run, absent_since=now))
    return draft.record, draft.events


def enrolled(record: Record, fact: Enrolment, now: datetime) -> Absorbed:
    """The run's agent has enrolled. Whether it may is decided by `may_enrol`, before; a repeated enrolment changes nothing."""
    if record.run.outcome is not None or (record.run.enrol_nonce == fact.nonce_hash and record.run.port == fact.port):
        return record, []
    draft = _Draft(record, now, [])
    draft.put(
        replace(
            draft.run,
            enrolled_at=now,
            enrol_nonce=fact.nonce_hash,
            port=fact.port,
            heard_at=now,
            restarts=max(fact.restarts, draft.run.restarts),
        )
    )
    draft.tell("agent.enrolled", node=fact.node)
    return draft.record, draft.events


def may_enrol(run: Run, nonce_hash: str, restarts: int) -> bool:
    """A token is good once for each restart; the agent that used it may repeat it until it was first heard afterwards."""
    if run.enrolled_at is None:
        return True
    if restarts > run.restarts:
        return True
    return run.enrol_nonce == nonce_hash and run.ready_at is None and run.agent_end is None


def agent_heard(record: Record, news: AgentNews, now: datetime) -> Absorbed:
    """The run's agent reported."""
    draft = _Draft(record, now, [])
    run = draft.run
    if run.outcome is not None or run.enrolled_at is None:
        return record, []
    changed = replace(run, heard_at=now)
    if news.sample is not None:
        changed = replace(changed, usage=(*run.usage, news.sample)[-USAGE_SAMPLES:])
    if news.active is not None:
        changed = idle.seen(changed, news.active, now)
    if news.ready and run.ready_at is None and run.agent_end is None:
        changed = replace(changed, ready_at=now)
        # what is ending anyway waits for nobody any more
        if phase(record.session, changed) is Phase.READY:
            draft.tell("session.ready", seconds=round((now - run.intended_at).total_seconds(), 1))
    if news.end is not None and run.agent_end is None:
        changed = replace(changed, agent_end=news.end)
        draft.tell("agent.ended", exit_code=news.end.exit_code, signal=news.end.signal, detail=news.end.detail)
    draft.put(changed)
    return draft.record, draft.events


def stop_asked(record: Record, by: By, now: datetime) -> Absorbed:
    """Somebody who may wants the session to end. Remembered until it has (also while a scheduler is silent)."""
    if record.session.wanted is Wanted.STOP or record.run.outcome is not None:
        return record, []
    draft = _Draft(record, now, [])
    draft.record = replace(record, session=replace(record.session, wanted=Wanted.STOP, wanted_by=by, wanted_at=now))
    draft.tell("stop.asked", by=by.value)
    return draft.record, draft.events


def stop_sent(record: Record, now: datetime) -> Absorbed:
    """The launcher took the request to end the job."""
    draft = _Draft(record, now, [])
    if draft.run.outcome is None:
        first = draft.run.stop_sent_at is None
        draft.put(replace(draft.run, stop_sent_at=now))
        if first:
            draft.tell("stop.sent")
    return draft.record, draft.events


def ended(record: Record, outcome: Outcome, now: datetime) -> Absorbed:
    """The run's outcome is known. One that stands already is kept (I3)."""
    draft = _Draft(record, now, [])
    if draft.run.outcome is None:
        draft.put(replace(draft.run, outcome=outcome))
        _tell_end(draft, outcome)
    return draft.record, draft.events


def renamed(record: Record, title: str, now: datetime) -> Absorbed:
    """The session's title as its owner wants it."""
    if record.session.title == title:
        return record, []
    draft = _Draft(record, now, [])
    draft.record = replace(record, session=replace(record.session, title=title))
    draft.tell("session.renamed", title=title)
    return draft.record, draft.events
