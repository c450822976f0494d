"""One attempt of a session on a launcher: the facts we hold of it and the phase that follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from armchair.domain.session import By, Session, Wanted


class JobState(StrEnum):
    """The scheduler's word for a job, reduced to what matters. An unknown word is no fact at all (I4)."""

    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"
    ENDING = "ending"
    ENDED = "ended"


class OutcomeKind(StrEnum):
    """How a run ended. Written once; never overwritten (I3)."""

    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    NODE_FAILURE = "node_failure"
    PREEMPTED = "preempted"
    IDLE = "idle"
    NEVER_STARTED = "never_started"
    LOST = "lost"


class Phase(StrEnum):
    """Where a session stands, always derived from facts (I2)."""

    ACCEPTED = "accepted"
    QUEUED = "queued"
    STARTING = "starting"
    READY = "ready"
    ENDING = "ending"
    ENDED = "ended"


class Overlay(StrEnum):
    """What else is to be said beside the phase."""

    UNHEARD = "unheard"
    SCHEDULER_SILENT = "scheduler_silent"
    SLOW = "slow"
    ENDS_SOON = "ends_soon"
    IDLE = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRef:
    """A job's identity on its cluster. The id alone is never enough (I5): `submitted_at` and the mark count too."""

    cluster: str
    id: str
    submitted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended: `detail` is a code with words ("no_python", "disk_full"), `params` fill them."""

    kind: OutcomeKind
    by: By
    at: datetime
    exit_code: int | None = None
    signal: int | None = None
    detail: str = ""
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEnd:
    """How the application's process ended, as the agent or the launcher saw it.

    `kind` is what the reporter knows for certain (TIMED_OUT, OUT_OF_MEMORY, CANCELLED…), None when it only saw the
    process end. Exactly one of `exit_code` and `signal` is set when the process was seen to end.
    """

    at: datetime
    kind: OutcomeKind | None = None
    exit_code: int | None = None
    signal: int | None = None
    detail: str = ""
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSample:
    """What the job uses: CPU in cores (1.0 = one core busy), memory (PSS) in bytes, the share of its GPUs (None: not known)."""

    at: datetime
    cpu: float
    memory: int
    gpu: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt on a launcher: facts only, each with the time it was learned. `attempt` counts from 1.

    A job may exist from `intended_at` on, also while `job` is None. `host` is the node's address for the gateway and `node` its
    name for people, both from the launcher; only `port` comes from the agent (I8). `reason` is the scheduler's own code for
    why the job waits, `expected_start` and `position` (jobs ahead of it) are its guesses while it does; `ends_at` is when the
    walltime will be over. `restarts` is the scheduler's restart count. `enrol_nonce`
    is the SHA-256 (hex) of the nonce the enrolled agent chose: only that agent may repeat a lost enrolment.

    `walltime` is the limit that it has now (None: the one it was asked for with), `walltime_wanted` one that is asked for
    and not answered yet, `warned_for` the end that was warned of (lasting.py). `active_at` is the last sign of life,
    `activity_at` the last time that we looked for one, `idle_ends_at` an announced end, `idle_stop_at` when it was carried out
    (idle.py).
    """

    session: str
    attempt: int = 1
    intended_at: datetime
    job: JobRef | None = None
    job_state: JobState | None = None
    job_state_at: datetime | None = None
    absent_since: datetime | None = None
    reason: str = ""
    expected_start: datetime | None = None
    position: int | None = None
    host: str | None = None
    node: str = ""
    started_at: datetime | None = None
    ends_at: datetime | None = None
    restarts: int = 0
    enrolled_at: datetime | None = None
    enrol_nonce: str = ""
    port: int | None = None
    ready_at: datetime | None = None
    heard_at: datetime | None = None
    stop_sent_at: datetime | None = None
    walltime: timedelta | None = None
    walltime_wanted: timedelta | None = None
    extensions: int = 0
    extend_refused: str = ""
    warned_for: datetime | None = None
    active_at: datetime | None = None
    activity_at: datetime | None = None
    idle_ends_at: datetime | None = None
    idle_stop_at: datetime | None = None
    agent_end: ProcessEnd | None = None
    job_end: ProcessEnd | None = None
    refused: str = ""
    usage: tuple[UsageSample, ...] = ()
    outcome: Outcome | None = None

    @property
    def id(self) -> str:
        """`<session>-<attempt>`: names the run in tokens, certificates and logs."""
        return f"{self.session}-{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A session with all its runs, oldest first; there is always at least one."""

    session: Session
    runs: tuple[Run, ...]

    @property
    def run(self) -> Run:
        """The run that counts: the last."""
        return self.runs[-1]

    @property
    def phase(self) -> Phase:
        """Derived from the facts of the last run and from what the owner wants."""
        return phase(self.session, self.run)


def phase(session: Session, run: Run) -> Phase:
    """Where a session stands. Total: every combination of facts has exactly one phase."""
    if run.outcome is not None:
        return Phase.ENDED
    if session.wanted is Wanted.STOP or run.agent_end or run.job_end or run.job_state in {JobState.ENDING, JobState.ENDED}:
        return Phase.ENDING
    if run.ready_at is not None:
        return Phase.READY
    if run.enrolled_at is not None or run.job_state in {JobState.RUNNING, JobState.SUSPENDED}:
        return Phase.STARTING
    if run.job is not None:
        return Phase.QUEUED
    return Phase.ACCEPTED
