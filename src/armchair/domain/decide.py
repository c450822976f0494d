"""What is to be done now about a session, from its facts alone: pure, so that it can be tried on every state.

The reconciler asks `decide` for each live session on each tick and performs what it says; performing is idempotent, so
a portal that was killed half-way simply asks again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from armchair.domain import idle, lasting
from armchair.domain.absorb import ALIVE
from armchair.domain.idle import IdleRules
from armchair.domain.lasting import ExtendPolicy
from armchair.domain.run import JobRef, JobState, Outcome, OutcomeKind, Overlay, Phase, ProcessEnd, Record, Run
from armchair.domain.session import By, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How patient the portal is. `explain`: for the scheduler to say how an ended job ended, before what is known has to do."""

    adopt_window: timedelta = timedelta(seconds=60)
    absent_grace: timedelta = timedelta(seconds=30)
    unheard_after: timedelta = timedelta(seconds=40)
    explain: timedelta = timedelta(seconds=60)
    repeat_stop: timedelta = timedelta(seconds=30)
    force_stop: timedelta = timedelta(minutes=3)
    slow_after: timedelta = timedelta(seconds=60)
    warning: timedelta = timedelta(minutes=10)
    extend: ExtendPolicy = field(default_factory=ExtendPolicy)
    idle: IdleRules = field(default_factory=IdleRules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclude:
    """Write the outcome."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveIntent:
    """The run has no job on record: look for one by its mark, then see `resolve_intent`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Ask the launcher to end the job."""

    job: JobRef
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WarnOfEnd:
    """Tell of the near end of its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extend:
    """Ask the launcher for this limit in all, or, when it shows it already, take note."""

    job: JobRef
    walltime: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WarnOfIdleness:
    """Announce that it ends if nobody uses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndIdle:
    """Nobody has used it, and that was announced: store the wish that it ends."""


Lasts = WarnOfEnd | Extend | WarnOfIdleness | EndIdle
Action = Conclude | ResolveIntent | Cancel | Lasts


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A job that carries the run's mark and belongs to the expected account."""

    job: JobRef
    state: JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What to do about a run without a job: at most one of the first three, and jobs that are certainly surplus."""

    adopt: JobRef | None = None
    submit: bool = False
    outcome: Outcome | None = None
    cancel: tuple[JobRef, ...] = field(default=())


def decide(record: Record, now: datetime, policy: Policy, shown_at: datetime | None = None) -> Sequence[Action]:
    """All that is to be done now. Empty when nothing is. `shown_at`: when the launcher last showed all its jobs; None: now."""
    run = record.run
    if run.outcome is not None:
        return ()
    outcome = conclusion(record, now, policy, shown_at)
    if outcome is not None:
        return (Conclude(outcome=outcome),)
    if run.job is None:
        return (ResolveIntent(),)
    if record.session.wanted is Wanted.STOP and run.job_state is not JobState.ENDED:
        return _cancel(record, run.job, now, policy)
    return _lasts(record, run.job, now, policy)


def _lasts(record: Record, job: JobRef, now: datetime, policy: Policy) -> Sequence[Action]:
    """What time alone brings about."""
    found: list[Action] = []
    walltime = lasting.extension_due(record)
    if walltime is not None:
        found.append(Extend(job=job, walltime=walltime))
    if lasting.warning_due(record, now, policy.warning):
        found.append(WarnOfEnd())
    if idle.warning_due(record, now, policy.idle):
        found.append(WarnOfIdleness())
    if idle.end_due(record, now, policy.idle):
        found.append(EndIdle())
    return tuple(found)


def _cancel(record: Record, job: JobRef, now: datetime, policy: Policy) -> Sequence[Action]:
    run = record.run
    if run.stop_sent_at is None:
        return (Cancel(job=job),)
    asked = record.session.wanted_at or run.stop_sent_at
    if now - run.stop_sent_at < policy.repeat_stop:
        return ()
    return (Cancel(job=job, force=now - asked >= policy.force_stop),)


def conclusion(record: Record, now: datetime, policy: Policy, shown_at: datetime | None = None) -> Outcome | None:
    """How the run ended, or None while that can't be said. Silence never ends a run (I4): that a job was missed once, before
    its launcher fell silent or the portal was down, says nothing until it has been missed again.
    """
    run = record.run
    if run.refused:
        return Outcome(kind=OutcomeKind.REJECTED, by=By.SITE, at=now, detail="launcher_refused", params={"reason": run.refused})
    if run.job_state is JobState.ENDED:
        return _ended(record, now, policy)
    if run.absent_since is not None and (shown_at or now) - run.absent_since >= policy.absent_grace:
        return _absent(record, now, policy)
    return None


def _ended(record: Record, now: datetime, policy: Policy) -> Outcome | None:
    run = record.run
    ends = [end for end in (run.job_end, run.agent_end) if end is not None]
    if not ends:
        seen_at = run.job_state_at or now
        return None if now - seen_at < policy.explain else _unexplained(record, seen_at)
    if run.job_end is None and _might_be_explained(record, now, policy):
        return None
    return _by_ends(record, ends)


def _unexplained(record: Record, seen_at: datetime) -> Outcome:
    """It has ended and nobody says how: what was asked for before is then the likeliest reason."""
    end = ProcessEnd(at=seen_at, detail="unexplained")
    return _as_asked(record, seen_at) if _stop_came_first(record, end) else _by_process(record, end)


def _by_ends(record: Record, ends: Sequence[ProcessEnd]) -> Outcome:
    """How it ended by the word of the launcher, of the agent, or of both: the launcher's is the first."""
    for end in ends:
        if end.kind is None or end.kind is OutcomeKind.CANCELLED:
            continue
        if not (end.kind is OutcomeKind.TIMED_OUT and _stop_came_first(record, end)):
            return _by_kind(end, end.kind)
    # the agent's second hand settles what a scheduler that counts whole seconds leaves open
    if any(_stop_came_first(record, end) for end in ends):
        return _as_asked(record, ends[0].at)
    if any(end.kind is OutcomeKind.CANCELLED for end in ends):
        owner = any(end.params.get("by_owner") for end in ends)
        by, detail = (By.OWNER, "cancelled_by_owner") if owner else (By.OPERATOR, "cancelled_elsewhere")
        return Outcome(kind=OutcomeKind.CANCELLED, by=by, at=ends[0].at, detail=detail)
    return _by_process(record, ends[-1])


def _might_be_explained(record: Record, now: datetime, policy: Policy) -> bool:
    """The agent saw a process end, or was told to end it, and not by us: what was behind it (memory, time, a node, or who
    cancelled it) the scheduler may still say.
    """
    run, end = record.run, record.run.agent_end
    if end is None or end.kind not in {None, OutcomeKind.CANCELLED} or _stop_came_first(record, end):
        return False
    return now - (run.job_state_at or now) < policy.explain


def _stop_came_first(record: Record, end: ProcessEnd) -> bool:
    """Whether the end followed from the wish. A scheduler's clock is another one and shows whole seconds; what it says was
    cancelled after we had asked for that was cancelled by us.
    """
    session = record.session
    if session.wanted is not Wanted.STOP:
        return False
    asked = end.kind is OutcomeKind.CANCELLED and record.run.stop_sent_at is not None
    return asked or session.wanted_at is None or session.wanted_at <= end.at


def _as_asked(record: Record, at: datetime) -> Outcome:
    """It ended because somebody wanted that: a person, or the site, or either of them because nobody used it."""
    run = record.run
    if run.idle_stop_at is not None and run.active_at is not None:
        since = run.active_at.isoformat(timespec="seconds")
        return Outcome(kind=OutcomeKind.IDLE, by=record.session.wanted_by, at=at, params={"since": since})
    return Outcome(kind=OutcomeKind.CANCELLED, by=record.session.wanted_by, at=at)


def _by_kind(end: ProcessEnd, kind: OutcomeKind) -> Outcome:
    return Outcome(
        kind=kind,
        by=By.SYSTEM if kind is OutcomeKind.OUT_OF_MEMORY else By.SITE,
        at=end.at,
        exit_code=end.exit_code,
        signal=end.signal,
        detail=end.detail,
        params=end.params,
    )


def _by_process(record: Record, end: ProcessEnd) -> Outcome:
    """Exit code 0 is an end of its own accord, all else an error."""
    run = record.run
    return Outcome(
        kind=OutcomeKind.FINISHED if end.exit_code == 0 and not end.detail else OutcomeKind.FAILED,
        by=By.SYSTEM,
        at=end.at,
        exit_code=end.exit_code,
        signal=end.signal,
        detail=end.detail or ("" if run.ready_at is not None else "before_ready"),
        params=end.params,
    )


def _absent(record: Record, now: datetime, policy: Policy) -> Outcome | None:
    """The launcher no longer knows the job and had time to think again; the agent is the second source."""
    run = record.run
    if run.agent_end is not None:
        return _by_ends(record, [run.agent_end])
    if not _unheard(run, now, policy):
        return None
    if record.session.wanted is Wanted.STOP:
        return _as_asked(record, now)
    return Outcome(kind=OutcomeKind.LOST, by=By.SYSTEM, at=run.absent_since or now)


def _unheard(run: Run, now: datetime, policy: Policy) -> bool:
    return run.heard_at is None or now - run.heard_at >= policy.unheard_after


def resolve_intent(
    record: Record, candidates: Sequence[Candidate], complete: bool, now: datetime, policy: Policy, *, kept: bool = False
) -> Resolution:
    """What to do about a run without a job, given all jobs that carry its mark.

    `complete`: the launcher would show such a job if there were one. `kept`: the portal has tried ever since the wish was
    fresh, and only the launcher's silence held it up. Nobody could know the mark before this run was intended, so each of them
    is of this run, whatever the cluster's clock says of when it was submitted.
    """
    run = record.run
    mine = sorted(
        candidates,
        key=lambda c: (c.state is not JobState.RUNNING, c.state not in ALIVE, c.job.submitted_at, c.job.id),
    )
    if mine:
        return Resolution(adopt=mine[0].job, cancel=tuple(c.job for c in mine[1:] if c.state in ALIVE))
    if not complete:
        return Resolution()
    if record.session.wanted is Wanted.STOP:
        return Resolution(outcome=Outcome(kind=OutcomeKind.CANCELLED, by=record.session.wanted_by, at=now))
    if kept or now - run.intended_at < policy.adopt_window:
        return Resolution(submit=True)
    return Resolution(outcome=Outcome(kind=OutcomeKind.NEVER_STARTED, by=By.SYSTEM, at=now, detail="portal_was_down"))


def overlays(record: Record, now: datetime, silent: bool, policy: Policy) -> frozenset[Overlay]:
    """What is to be said beside the phase. `silent`: the session's launcher does not answer at present."""
    run, phase = record.run, record.phase
    found: set[Overlay] = set()
    if phase is Phase.ENDED:
        return frozenset()
    if silent:
        found.add(Overlay.SCHEDULER_SILENT)
    if run.enrolled_at is not None and phase in {Phase.STARTING, Phase.READY} and _unheard(run, now, policy):
        found.add(Overlay.UNHEARD)
    if lasting.ends_soon(record, now, policy.warning):
        found.add(Overlay.ENDS_SOON)
    if run.idle_ends_at is not None and phase is Phase.READY:
        found.add(Overlay.IDLE)
    began = run.started_at or run.enrolled_at or run.job_state_at
    if phase is Phase.STARTING and began is not None and now - began >= policy.slow_after:
        found.add(Overlay.SLOW)
    return frozenset(found)
