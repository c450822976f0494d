"""FakeLauncher: a launcher in memory, a fake, with every oddity of real schedulers on a switch. Starts no process."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from armchair.domain.errors import JobRefused, SchedulerSilent
from armchair.domain.run import JobRef, JobState, OutcomeKind, ProcessEnd
from armchair.domain.secret import Secret
from armchair.sessions.launcherports import NO_MANDATE, JobFact, JobRequest, Listing

_TAIL = 64 * 1024


@dataclass(slots=True, kw_only=True)
class FakeJob:
    """A job of the fake: what it was asked for and what it says of itself now. `cancelled` keeps each request's `force`."""

    fact: JobFact
    request: JobRequest | None
    output: str
    cancelled: list[bool]
    hidden: bool = False


class FakeLauncher:
    """A scheduler in memory. Tests drive its jobs by id (`run`, `finish`, …) and switch its faults.

    `silent`: every query raises SchedulerSilent. `complete`: what listings claim of themselves. `start_at_once`: a
    submitted job runs at once instead of pending. `calls` counts each verb.
    """

    def __init__(self, name: str = "local", now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._name = name
        self._now = now
        self._number = 0
        self._refusals: list[str] = []
        self._lost: list[bool] = []
        self.table: dict[str, FakeJob] = {}
        self.calls: Counter[str] = Counter()
        self.silent = False
        self.complete = True
        self.start_at_once = False

    enforces_memory = True

    @property
    def name(self) -> str:
        """The cluster's name in this portal."""
        return self._name

    @property
    def jobs(self) -> dict[str, FakeJob]:
        """The jobs by id: `table`, except where a scheduler has a method of this name."""
        return self.table

    # --- the port ---

    async def submit(self, request: JobRequest) -> JobRef:
        """Queue a job, or fail as it was told to."""
        self._hear("submit")
        if self._refusals:
            raise JobRefused("launcher_refused", reason=self._refusals.pop(0))
        lost = self._lost.pop(0) if self._lost else None
        if lost is False:
            raise self._silence()
        ref = self._add(request.mark, request=request)
        if self.start_at_once:
            self.run(ref.id)
        if lost:
            raise self._silence()
        return ref

    async def find(self, mark: str, *, run_as: str = "", since: datetime | None = None) -> Listing:  # noqa: ARG002 - the port's
        """All jobs that carry this mark and are not hidden."""
        self._hear("find")
        return self._listing([job for job in self.table.values() if job.fact.mark == mark])

    async def look(self, jobs: Sequence[JobRef]) -> Listing:
        """The jobs with these ids, as a scheduler answers: whether the id still means the same job is for the asker to see."""
        self._hear("look")
        return self._listing([self.table[ref.id] for ref in jobs if ref.id in self.table])

    async def cancel(self, job: JobRef, *, force: bool = False, mandate: Secret = NO_MANDATE) -> None:  # noqa: ARG002 - the port's
        """Remember the request; a pending or forced job ends at once, a running one is ENDING until the test ends it."""
        self._hear("cancel")
        known = self.table.get(job.id)
        if known is None or known.fact.state is JobState.ENDED:
            return
        known.cancelled.append(force)
        if force or known.fact.state is JobState.PENDING:
            signal = 9 if known.fact.started_at else None
            self.end(job.id, ProcessEnd(at=self._now(), kind=OutcomeKind.CANCELLED, signal=signal))
        else:
            self.state(job.id, JobState.ENDING)

    async def output(self, job: JobRef, *, run_as: str = "", mandate: Secret = NO_MANDATE) -> str:  # noqa: ARG002 - the port's
        """The last 64 KiB of what the test wrote."""
        self._hear("output")
        known = self.table.get(job.id)
        return known.output.encode()[-_TAIL:].decode("utf-8", "replace") if known else ""

    async def forget(self, job: JobRef) -> None:
        """Drop an ended job."""
        self._hear("forget")
        known = self.table.get(job.id)
        if known is not None and known.fact.state is JobState.ENDED:
            del self.table[job.id]

    # --- driving jobs ---

    def run(self, job: str, host: str = "127.0.0.1") -> None:
        """The job starts on `host`."""
        self._change(job, state=JobState.RUNNING, host=host, started_at=self._now())

    def suspend(self, job: str) -> None:
        """The job is suspended."""
        self.state(job, JobState.SUSPENDED)

    def state(self, job: str, state: JobState, reason: str = "") -> None:
        """The job is said to be in `state`, for `reason`."""
        self._change(job, state=state, reason=reason)

    def restart(self, job: str) -> None:
        """The job is requeued: pending again, with one restart more."""
        self._change(job, state=JobState.PENDING, host=None, started_at=None, restarts=self.table[job].fact.restarts + 1)

    def finish(self, job: str, exit_code: int = 0) -> None:
        """The job's script ends with this code."""
        self.end(job, ProcessEnd(at=self._now(), exit_code=exit_code))

    def kill(self, job: str, signal: int = 9) -> None:
        """The job's script ends by this signal."""
        self.end(job, ProcessEnd(at=self._now(), signal=signal))

    def time_out(self, job: str) -> None:
        """The job reaches its walltime."""
        self.end(job, ProcessEnd(at=self._now(), kind=OutcomeKind.TIMED_OUT, signal=15))

    def out_of_memory(self, job: str) -> None:
        """The job takes more memory than it asked for."""
        self.end(job, ProcessEnd(at=self._now(), kind=OutcomeKind.OUT_OF_MEMORY, signal=9))

    def end(self, job: str, end: ProcessEnd | None) -> None:
        """The job ends like this; None: it has ended and nobody knows how yet. An end that is known stays."""
        if self.table[job].fact.end is None:
            self._change(job, state=JobState.ENDED, end=end)

    def write(self, job: str, text: str) -> None:
        """The job writes `text`."""
        self.table[job].output += text

    # --- faults ---

    def refuse_next(self, reason: str) -> None:
        """The next submit is understood and refused; no job exists."""
        self._refusals.append(reason)

    def lose_answer_next(self) -> None:
        """The next submit makes a job, and its answer is lost."""
        self._lost.append(True)

    def drop_request_next(self) -> None:
        """The next submit is lost on its way: no job, no answer."""
        self._lost.append(False)

    def hide(self, *jobs: str, hidden: bool = True) -> None:
        """These jobs are left out of listings (PrivateData, a purge, a hiccup), though they live."""
        for job in jobs:
            self.table[job].hidden = hidden

    def add_foreign(self, mark: str, *, uid: int = 4242, submitted_at: datetime | None = None) -> JobRef:
        """Somebody else's job that carries `mark`, forged."""
        return self._add(mark, uid=uid, submitted_at=submitted_at)

    # --- inside ---

    def _hear(self, verb: str) -> None:
        self.calls[verb] += 1
        if self.silent:
            raise self._silence()

    def _silence(self) -> SchedulerSilent:
        return SchedulerSilent("scheduler_silent", cluster=self._name, reason="told to be silent")

    def _add(
        self, mark: str, *, request: JobRequest | None = None, uid: int = 1000, submitted_at: datetime | None = None
    ) -> JobRef:
        self._number += 1
        ref = JobRef(cluster=self._name, id=str(self._number), submitted_at=submitted_at or self._now())
        fact = JobFact(job=ref, mark=mark, state=JobState.PENDING, uid=uid)
        self.table[ref.id] = FakeJob(fact=fact, request=request, output="", cancelled=[])
        return ref

    def _change(self, job: str, **changes: object) -> None:
        self.table[job].fact = replace(self.table[job].fact, **changes)  # type: ignore[arg-type]  # names are checked by replace

    def _listing(self, jobs: Sequence[FakeJob]) -> Listing:
        return Listing(facts=[job.fact for job in jobs if not job.hidden], complete=self.complete)
