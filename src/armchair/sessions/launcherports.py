"""The role of launchers: what they are told, what they say of jobs, and what those with a queue can say besides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from armchair.domain.cluster import ClusterJob, Estimate, Offer, Overview
from armchair.domain.run import JobRef, JobState, ProcessEnd
from armchair.domain.secret import Secret
from armchair.domain.session import Placement, Resources
from armchair.sessions.pace import Pace

NO_MANDATE = Secret("")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """All that a launcher is told. `script` holds a secret and goes to standard input or a 0600 file, never to argv.

    `mark` names the job as ours and this run's: it is kept with the job by the launcher and can be looked for. `mandate` lets a
    site's helper act for `run_as`. `warning` is how long before the end of the walltime the job gets SIGUSR1.
    `handed_over` may be called once the job is with the scheduler and only its word is waited for: others may.
    """

    mark: str
    name: str
    script: Secret
    run_as: str
    resources: Resources
    placement: Placement = field(default_factory=Placement)
    mandate: Secret = field(default=Secret(""))
    warning: timedelta = timedelta(0)
    handed_over: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFact:
    """What a launcher says of one job at one moment.

    `host` is the node's address for the gateway, `node` its name. `reason` is the scheduler's own code for why the job waits;
    `expected_start` and `position` (jobs ahead) are its guesses, None when it has none. `ends_at` is when the walltime of a
    started job will be over, `walltime` how long it may run in all (None: without limit, or not said). `previous` is how the
    attempt before the last restart ended, when the scheduler says so. `end` is set when `state` is ENDED and the launcher knows
    how; without it the outcome is still being found out.
    """

    job: JobRef
    mark: str
    state: JobState
    uid: int | None = None
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
class Listing:
    """The answer to one query for many jobs. `complete` is True when an absent job is really unknown to the launcher."""

    facts: Sequence[JobFact]
    complete: bool


class Launcher(Protocol):
    """Turns a job request into a job and says what became of it. Knows nothing of sessions or applications."""

    @property
    def name(self) -> str:
        """The cluster's name in this portal ("local")."""
        ...

    @property
    def enforces_memory(self) -> bool:
        """Whether the launcher itself ends a job that takes more memory than it asked for. If not, the agent does."""
        ...

    async def submit(self, request: JobRequest) -> JobRef:
        """Start or queue a job and return its identity: from then on it exists, marked.

        Raises JobRefused when certainly no job exists, SchedulerSilent when it is not known whether one does.
        """
        ...

    async def find(self, mark: str, *, run_as: str = "", since: datetime | None = None) -> Listing:
        """All jobs, living or ended, that carry exactly this mark. Raises SchedulerSilent when that can't be said.

        `run_as` is the account they belong to and `since` when the first was asked for, where that is known: a large cluster
        is then asked for less.
        """
        ...

    async def look(self, jobs: Sequence[JobRef]) -> Listing:
        """One query for all the jobs given; unknown ones are absent from the answer. Raises SchedulerSilent.

        A fact carries the very JobRef that was asked for, also when the scheduler has since given the job (same id, same mark)
        a later submit time, as Slurm does when it queues a job again.
        """
        ...

    async def cancel(self, job: JobRef, *, force: bool = False, mandate: Secret = NO_MANDATE) -> None:
        """Ask for the end of a job's whole process tree: TERM, then KILL after the launcher's grace (`force`: KILL now).

        Returns when the request was taken, not when the job is gone; an ended or unknown job is no error.
        Raises SchedulerSilent when the request may not have been heard.
        """
        ...

    async def output(self, job: JobRef, *, run_as: str = "", mandate: Secret = NO_MANDATE) -> str:
        """The last 64 KiB of what the job script itself wrote, decoded with replacement; "" when there is none.

        It is read as `run_as`, the job's account.
        """
        ...

    async def forget(self, job: JobRef) -> None:
        """The outcome of this ended job is stored: what the launcher keeps of it may be removed."""
        ...


@runtime_checkable
class OneMachine(Launcher, Protocol):
    """A launcher without a queue, whose jobs all run on one machine: they start at once, whatever it has left."""

    def machine(self) -> Resources:
        """The cores and the memory that this machine has."""
        ...


@runtime_checkable
class Extender(Launcher, Protocol):
    """A launcher that can give a running job more time."""

    async def extend(self, job: JobRef, walltime: timedelta, mandate: Secret = NO_MANDATE) -> None:
        """Let the job run for `walltime` in all, counted from its start.

        Raises JobRefused(reason=…) when the scheduler or the site says no, SchedulerSilent when it may not have heard.
        """
        ...

    def gives_time(self) -> bool:
        """False when it is known that only the scheduler's operators may do this. Asked for each row of a list: never waits."""
        ...


@runtime_checkable
class Scheduler(Extender, Protocol):
    """A launcher with a queue: it can say what may be asked for, when it would start, and how busy it is.

    All answers are cached by the implementation: none of these methods costs the scheduler work per viewer. They raise
    SchedulerSilent when nothing is known, not even an older answer.
    """

    def watch(self, news: Callable[[], None]) -> None:
        """Call `news` whenever an answer that somebody was told to wait for is there."""
        ...

    async def offer(self, login: str) -> Offer:
        """What this person may use."""
        ...

    async def estimate(self, login: str, resources: Resources, placement: Placement) -> Estimate:
        """When a job of this shape would start, from what is known now. Never waits for the scheduler: a shape that was not
        asked for yet is UNKNOWN with `asking`, and known soon after.
        """
        ...

    async def overview(self) -> Overview:
        """Free and used cores, memory and GPUs of each partition."""
        ...

    async def jobs(self, login: str) -> Sequence[ClusterJob]:
        """All this person's jobs, also those that were not started here."""
        ...


@runtime_checkable
class Paced(Protocol):
    """A launcher that says how often it wants to be asked."""

    @property
    def pace(self) -> Pace:
        """The same at each time."""
        ...


@runtime_checkable
class Closing(Protocol):
    """A launcher that does something in the background."""

    async def close(self) -> None:
        """End that: the portal ends. Jobs go on."""
        ...
