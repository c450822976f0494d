"""FakeScheduler: a FakeLauncher with a queue. What it offers, guesses and counts is what a test wrote into it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from armchair.domain.cluster import (
    Account,
    ClusterJob,
    Estimate,
    Limits,
    Offer,
    Overview,
    Partition,
    PartitionLoad,
    Qos,
    Reservation,
    Starts,
    Usage,
)
from armchair.domain.errors import JobRefused
from armchair.domain.run import JobRef, JobState
from armchair.domain.secret import Secret
from armchair.domain.session import Placement, Resources
from armchair.sessions.launcherports import NO_MANDATE
from armchair.testing.launcher import FakeJob, FakeLauncher

GB = 2**30


class FakeScheduler(FakeLauncher):
    """A cluster in memory. Jobs wait until a test runs them.

    `offers` and `people_jobs` are by login; who is not in `offers` gets `some_offer`. `guesses` maps (cores, partition) to an
    estimate; what is not in it starts now. `shapes` does so by (cores, walltime, partition), and `asked` are all shapes of
    which an estimate was wanted. `load` is the overview. `refuse_extensions`: the reason for which `extend` refuses;
    `operators_only`: it is known beforehand that it would.
    While `silent`, everything raises SchedulerSilent, also what is read.
    """

    def __init__(self, name: str = "slurm", now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(name, now)
        self.offers: dict[str, Offer] = {}
        self.guesses: dict[tuple[int, str], Estimate] = {}
        self.shapes: dict[tuple[int, timedelta | None, str], Estimate] = {}
        self.asked: list[tuple[Resources, Placement]] = []
        self.news: Callable[[], None] = lambda: None
        self.people_jobs: dict[str, list[ClusterJob]] = {}
        self.load = some_overview(name, now())
        self.refuse_extensions = ""
        self.operators_only = False
        self.extended: list[tuple[str, timedelta]] = []

    # --- the port ---

    def watch(self, news: Callable[[], None]) -> None:
        """Kept in `news`, for the test to call."""
        self.news = news

    async def offer(self, login: str) -> Offer:
        """What the test offers this person."""
        self._hear("offer")
        return self.offers.get(login) or some_offer(self.name, login, self._now())

    async def estimate(self, login: str, resources: Resources, placement: Placement) -> Estimate:  # noqa: ARG002 - the port's
        """The guess for this many cores in this partition; "" is any."""
        self._hear("estimate")
        self.asked.append((resources, placement))
        if (shape := (resources.cores, resources.walltime, placement.partition)) in self.shapes:
            return self.shapes[shape]
        any_partition = self.guesses.get((resources.cores, ""), Estimate(starts=Starts.NOW, as_of=self._now()))
        return self.guesses.get((resources.cores, placement.partition), any_partition)

    async def overview(self) -> Overview:
        """What the test wrote into `load`."""
        self._hear("overview")
        return self.load

    async def jobs(self, login: str) -> Sequence[ClusterJob]:  # type: ignore[override]  # `jobs` of the fake launcher is its table
        """What the test wrote into `people_jobs`, and this person's jobs that were submitted here."""
        self._hear("jobs")
        return [*self.people_jobs.get(login, []), *self._submitted_by(login)]

    async def extend(self, job: JobRef, walltime: timedelta, mandate: Secret = NO_MANDATE) -> None:  # noqa: ARG002 - the port's
        """Move the end, or refuse as told."""
        self._hear("extend")
        if job.id not in self.table:
            raise JobRefused("launcher_refused", reason="The job is not there any more.")
        if self.refuse_extensions:
            raise JobRefused("launcher_refused", reason=self.refuse_extensions)
        self.extended.append((job.id, walltime))
        self.give(job.id, walltime)

    def gives_time(self) -> bool:
        """As the test says."""
        return not self.operators_only

    # --- driving it ---

    def give(self, job: str, walltime: timedelta) -> None:
        """The job may run for so long in all, as the scheduler or an operator has it."""
        fact = self.table[job].fact
        before = fact.walltime if fact.walltime is not None else walltime
        ends_at = fact.ends_at + (walltime - before) if fact.ends_at is not None else None
        self._change(job, walltime=walltime, ends_at=ends_at)

    def wait(self, job: str, reason: str, expected_start: datetime | None = None, position: int | None = None) -> None:
        """The job waits, and the scheduler says why."""
        self._change(job, state=JobState.PENDING, reason=reason, expected_start=expected_start, position=position)

    def run_on(self, job: str, node: str, host: str = "127.0.0.1") -> None:
        """The job starts on this node; its walltime counts from now."""
        request = self.table[job].request
        walltime = request.resources.walltime if request is not None else None
        now = self._now()
        ends_at = now + walltime if walltime is not None else None
        state = JobState.RUNNING
        self._change(job, state=state, host=host, node=node, started_at=now, ends_at=ends_at, walltime=walltime, reason="")

    # --- inside ---

    def _submitted_by(self, login: str) -> list[ClusterJob]:
        mine = [job for job in self.table.values() if job.request is not None and job.request.run_as == login]
        return [_cluster_job(job) for job in mine if job.fact.state is not JobState.ENDED]


def _cluster_job(job: FakeJob) -> ClusterJob:
    fact, request = job.fact, job.request
    asked = request.resources if request is not None else Resources()
    return ClusterJob(
        id=fact.job.id,
        name=request.name if request is not None else "",
        state=fact.state.value.upper(),
        reason=fact.reason,
        partition=request.placement.partition if request is not None else "",
        node=fact.node,
        cores=asked.cores,
        memory=asked.memory or 0,
        gpus=asked.gpus,
        submitted_at=fact.job.submitted_at,
        started_at=fact.started_at,
        ends_at=fact.ends_at,
        mark=fact.mark,
    )


def some_offer(cluster: str, login: str, now: datetime) -> Offer:
    """A small cluster: *short* for everybody, *gpu* for the group genomics, and a reservation for a class."""
    short = Partition(
        name="short",
        default=True,
        max_walltime=timedelta(hours=4),
        default_walltime=timedelta(hours=1),
        nodes=12,
        cores=32,
        memory=128 * GB,
    )
    gpu = Partition(
        name="gpu",
        max_walltime=timedelta(days=1),
        nodes=2,
        cores=64,
        memory=512 * GB,
        gpus={"a100": 4},
        accounts=frozenset({"genomics"}),
    )
    limits = Limits(cores=256, jobs=20)
    genomics = Account(name="genomics", default=True, qos=("normal", "urgent"), default_qos="normal", limits=limits)
    teaching = Account(name="teaching", partitions=frozenset({"short"}), qos=("normal",), default_qos="normal")
    return Offer(
        cluster=cluster,
        login=login,
        partitions=(short, gpu),
        accounts=(genomics, teaching),
        qos=(Qos(name="normal"), Qos(name="urgent", limits=Limits(walltime=timedelta(hours=1)))),
        reservations=(Reservation(name="class", start=now, end=now + timedelta(hours=2), partition="short"),),
        as_of=now,
    )


def rich_offer(now: datetime) -> Offer:
    """Partitions short (default), long and gpu; accounts genomics (not on gpu) and physics; QOS normal and small."""
    short = Partition(
        name="short",
        default=True,
        max_walltime=timedelta(hours=4),
        default_walltime=timedelta(minutes=30),
        nodes=3,
        cores=64,
        memory=64 * GB,
    )
    gpus = {"": 4, "a100": 2, "t4": 2}
    return Offer(
        cluster="hpc",
        login="ada",
        partitions=(
            short,
            replace(short, name="long", default=False, max_walltime=timedelta(days=2)),
            Partition(
                name="gpu", nodes=1, cores=64, memory=64 * GB, gpus=gpus, accounts=frozenset({"physics"}), max_walltime=None
            ),
        ),
        accounts=(
            Account(name="genomics", default=True, qos=("normal", "small"), default_qos="normal", limits=Limits(cores=256)),
            Account(name="physics", qos=("normal",), default_qos="normal"),
        ),
        qos=(Qos(name="normal"), Qos(name="small", limits=Limits(cores=8, walltime=timedelta(hours=1)))),
        reservations=(Reservation(name="class", start=now, end=now + timedelta(hours=1), partition="short"),),
        as_of=now,
    )


def some_overview(cluster: str, now: datetime) -> Overview:
    """The same cluster: *short* is half full, *gpu* is full, and *long* is closed."""
    short = PartitionLoad(
        name="short",
        nodes=Usage(total=12, used=7, down=1),
        cores=Usage(total=384, used=192, down=32),
        memory=Usage(total=12 * 128 * GB, used=700 * GB, down=128 * GB),
        running=31,
        waiting=4,
    )
    gpu = PartitionLoad(
        name="gpu",
        nodes=Usage(total=2, used=2),
        cores=Usage(total=128, used=96),
        memory=Usage(total=1024 * GB, used=512 * GB),
        gpus=Usage(total=8, used=8),
        running=8,
        waiting=17,
    )
    long = PartitionLoad(name="long", up=False, nodes=Usage(total=4, down=4), cores=Usage(total=128, down=128))
    return Overview(cluster=cluster, partitions=(short, gpu, long), as_of=now)


def some_foreign_job(now: datetime, **facts: object) -> ClusterJob:
    """A job that was submitted with the scheduler's own commands."""
    job = ClusterJob(
        id="4711",
        name="align.sh",
        state="PENDING",
        reason="Resources",
        partition="short",
        cores=16,
        memory=64 * GB,
        submitted_at=now - timedelta(minutes=9),
    )
    return replace(job, **facts)  # type: ignore[arg-type]  # callers name fields of ClusterJob
