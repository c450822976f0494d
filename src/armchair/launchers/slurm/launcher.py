"""The port `Scheduler` on Slurm's commands: a job for each request, marked in name and comment, watched with one squeue."""

import pwd
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from armchair.domain.cluster import ClusterJob, Estimate, Offer, Overview
from armchair.domain.errors import ArmchairError, JobRefused, Refused, SchedulerSilent
from armchair.domain.run import JobRef
from armchair.domain.secret import Secret
from armchair.domain.session import Placement, Resources
from armchair.launchers.command import CommandMissing, Completed
from armchair.launchers.slurm import answers, commands, facts, marks, parse, script
from armchair.launchers.slurm.answers import Verdict
from armchair.launchers.slurm.breaker import Breaker
from armchair.launchers.slurm.door import SlurmDoor
from armchair.launchers.slurm.nodes import NodeAddresses
from armchair.launchers.slurm.offers import QueueDesk
from armchair.launchers.slurm.parse import Row
from armchair.launchers.slurm.queries import Queries
from armchair.launchers.slurm.settings import SlurmSettings
from armchair.launchers.slurm.site import OwnRights, Site, SiteKnowledge
from armchair.launchers.slurm.watch import Watch
from armchair.sessions.launcherports import NO_MANDATE, JobFact, JobRequest, Listing
from armchair.sessions.pace import Allowance, Pace

log = structlog.get_logger()

# long enough for a scheduler to find out itself what an agent's sudden silence hints at
_LADDER = (0.3, 0.6, 1.2, 1.2, 1.2, 2.4, 4.8)
_FRESH = 2.0  # seconds in which no controller can crash, come back and give a number out again
_SETTLE = 20.0  # seconds in which a controller may still take in a submission whose answer was lost
_DAY = timedelta(days=1)
_CLOCKS = timedelta(hours=1)  # by which the cluster's may be behind the portal's
_SHORTEST_WARNING = timedelta(minutes=1)
MARK_LOST = (
    "The cluster's own rules removed what Armchair wrote into the job's name and comment, and without it the job is lost."
)


class SlurmLauncher:
    """Jobs of one cluster. `door` decides as whom the commands run."""

    def __init__(self, *, name: str, settings: SlurmSettings, door: SlurmDoor) -> None:
        self._name = name
        self._settings = settings
        self._door = door
        allowance = Allowance(each_minute=settings.queries_per_minute)
        self._pace = Pace(
            ladder=_LADDER,
            soon=settings.quick_seconds,
            waiting=settings.queue_seconds,
            calm=settings.calm_seconds,
            allowance=allowance,
        )
        self._queries = Queries(door, name=name, cluster=settings.cluster, timeout=settings.query_timeout, allowance=allowance)
        self._site = SiteKnowledge(self._queries, door, settings.accounting, name)
        self._own_rights = OwnRights(self._queries, door, name)
        self._watch = Watch(self._queries, self._site, NodeAddresses(self._queries, settings.node_address), allowance)
        self._breaker = Breaker(name)
        self._desk = QueueDesk(
            door,
            name=name,
            cluster=settings.cluster,
            estimates_per_minute=settings.estimates_per_minute,
            extra=settings.extra_args,
            timeout=settings.query_timeout,
        )
        self._doubtful: dict[str, float] = {}

    @property
    def name(self) -> str:
        """The cluster's name in this portal."""
        return self._name

    @property
    def pace(self) -> Pace:
        """As the site has set it. What it allows is for all looks at the queue together."""
        return self._pace

    @property
    def enforces_memory(self) -> bool:
        """As the site says: most clusters do."""
        return self._settings.enforces_memory

    async def rights(self) -> Site | None:
        """What the reader of this cluster may see of jobs, and whether there is accounting; None when it gives no answer."""
        return await self._site.get()

    @property
    def queries(self) -> Queries:
        """The questions to this cluster, for those who ask others than this launcher."""
        return self._queries

    # --- submit -------------------------------------------------------------------------------------------------------

    async def submit(self, request: JobRequest) -> JobRef:
        """Submit, and read the job back. Errors as in the port."""
        self._breaker.check()
        token = marks.encode(request.mark)
        argv = commands.submit(self._submission(request, token), self._settings.cluster)
        text = Secret(script.wrap(request.script.reveal(), self._settings.output_directory, self._name))
        try:
            done = await self._door.act(
                request.run_as, argv, stdin=text, mandate=request.mandate, timeout=self._settings.submit_timeout
            )
        except Refused as refused:
            raise JobRefused("launcher_refused", reason=_no(refused)) from refused
        except CommandMissing as missing:
            raise self._silence(str(missing)) from missing
        except ArmchairError as error:
            self._doubtful[request.mark] = time.monotonic() + _SETTLE
            raise self._silence(str(error)) from error
        job = parse.submitted(done.stdout) if done.exit_code == 0 else None
        if job is None:
            raise await self._not_submitted(request, done)
        request.handed_over()
        ref = await self._read_back(request, job)
        self._breaker.close()
        log.info("job.submitted", cluster=self._name, job=ref.id)
        return ref

    def _whole(self, resources: Resources) -> Resources:
        """The size with the site's defaults for what it leaves open."""
        settings = self._settings
        if resources.memory is None and settings.default_memory_mib:
            resources = replace(resources, memory=settings.default_memory_mib * 1024 * 1024)
        if resources.walltime is None and settings.default_walltime:
            resources = replace(resources, walltime=settings.default_walltime)
        return resources

    def _submission(self, request: JobRequest, token: str) -> commands.Submission:
        settings = self._settings
        resources = self._whole(request.resources)
        return commands.Submission(
            name=commands.job_name(request.name, token),
            token=token,
            resources=resources,
            placement=request.placement,
            warning=_warning(request.warning, resources.walltime),
            requeue=settings.requeue,
            extra=settings.extra_args,
        )

    async def _not_submitted(self, request: JobRequest, done: Completed) -> JobRefused | SchedulerSilent:
        """What a failed sbatch means. Where its words are not known, it is looked for the job that it may have made."""
        words = answers.sentence(done)
        meaning = answers.verdict(done) if done.exit_code else Verdict.DOUBTFUL
        if meaning is Verdict.DOUBTFUL:
            try:
                listing = await self.find(request.mark, run_as=request.run_as)
            except SchedulerSilent as silence:
                return silence
            meaning = Verdict.REFUSED if listing.complete and not listing.facts else Verdict.SILENT
        if meaning is Verdict.REFUSED:
            self._breaker.close()
            return JobRefused("launcher_refused", reason=words)
        self._doubtful[request.mark] = time.monotonic() + _SETTLE
        return self._silence(words)

    async def _read_back(self, request: JobRequest, job: str) -> JobRef:
        """The identity of a job that sbatch says it made, from the controller. SchedulerSilent: look for it later."""
        row = await self._row(job)
        if row is None or row.submitted is None:
            raise self._silence(f"sbatch made job {job}, and squeue does not show it")
        if not marks.carries(row.comment, row.name, request.mark):
            log.error("job.mark_lost", cluster=self._name, job=job)
            await self._door.act(request.run_as, commands.cancel(job, self._settings.cluster), mandate=request.mandate)
            raise JobRefused("launcher_refused", reason=MARK_LOST)
        return JobRef(cluster=self._name, id=job, submitted_at=row.submitted)

    def _silence(self, reason: str) -> SchedulerSilent:
        self._breaker.open(reason)
        return self._queries.silence(reason)

    # --- find and look ------------------------------------------------------------------------------------------------

    async def find(self, mark: str, *, run_as: str = "", since: datetime | None = None) -> Listing:
        """All jobs with this mark that the controller or accounting knows."""
        self._breaker.check()
        user = run_as or ("" if self._door.for_many else self._door.reader)
        if user and _uid(user) is None:
            # whose jobs are whose can't be told then, and a mark can be copied
            raise self._queries.silence(f"there is no account {user} on this machine")
        try:
            rows = await self._watch.jobs_of(user)
        except SchedulerSilent as silence:
            raise self._silence(str(silence.params.get("reason", ""))) from silence
        self._breaker.close()
        now = datetime.now(UTC)
        listed = [row for row in self._ours(rows, mark, user) if row.submitted is not None]
        found = {row.id: facts.fact(row, _ref(self._name, row), now) for row in listed}
        site = await self._site.get()
        complete = site is not None and site.trusted and self._doubtful.get(mark, 0.0) <= time.monotonic()
        if site is not None and site.accounting:
            past = await self._past(mark, user, since - _CLOCKS if since else now - _DAY)
            complete = complete and past is not None
            found = {fact.job.id: fact for fact in past or ()} | found
        if complete:
            self._doubtful.pop(mark, None)
        kept = [replace(fact, mark=mark) for fact in found.values() if not self._watch.is_forgotten(fact.job)]
        return Listing(facts=sorted(kept, key=lambda fact: fact.job.submitted_at), complete=complete)

    def _ours(self, rows: Iterable[Row], mark: str, user: str) -> list[Row]:
        """The rows that carry the mark and belong to the account; others have written it off."""
        token, uid = marks.encode(mark), _uid(user)
        # of a whole queue most rows are out at a glance
        near = (row for row in rows if token in row.comment or token in row.name)
        marked = [row for row in near if marks.carries(row.comment, row.name, mark)]
        for row in marked:
            if uid is not None and row.uid != uid:
                log.warning("job.foreign", cluster=self._name, job=row.id, uid=row.uid)
        return [row for row in marked if uid is None or row.uid == uid]

    async def _past(self, mark: str, user: str, since: datetime) -> list[JobFact] | None:
        """The ended jobs with this mark that accounting knows; None when it gives no answer."""
        try:
            rows = await self._queries.accounting(user=user, since=since)
        except SchedulerSilent as silence:
            log.info("slurm.accounting_silent", cluster=self._name, reason=silence.params.get("reason"))
            return None
        now = datetime.now(UTC)
        first = {row.id: row for row in reversed(self._ours(rows, mark, user)) if row.submitted is not None}
        ended = (
            facts.ended_fact(facts.lifetimes(rows, ref), ref, now) for row in first.values() for ref in [_ref(self._name, row)]
        )
        return [fact for fact in ended if fact is not None]

    async def look(self, jobs: Sequence[JobRef]) -> Listing:
        """The facts of these jobs. Raises SchedulerSilent."""
        try:
            listing = await self._watch.look([job for job in jobs if job.cluster == self._name])
        except SchedulerSilent as silence:
            raise self._silence(str(silence.params.get("reason", ""))) from silence
        self._breaker.close()
        return listing

    # --- change -------------------------------------------------------------------------------------------------------

    async def cancel(self, job: JobRef, *, force: bool = False, mandate: Secret = NO_MANDATE) -> None:  # noqa: ARG002 - below
        """Ask for the job's end. Slurm itself kills what is left after its KillWait; more force than that it does not have."""
        self._breaker.check()
        if not await self._is_there(job):
            return
        self._watch.cancelled.add(job)
        done = await self._order(commands.cancel(job.id, self._settings.cluster), mandate)
        if answers.is_error(done) and not (answers.is_unknown_job(done) or answers.is_over(done)):
            raise self._silence(answers.sentence(done))

    async def extend(self, job: JobRef, walltime: timedelta, mandate: Secret = NO_MANDATE) -> None:
        """Set the job's time limit. Raises JobRefused with the scheduler's words, or SchedulerSilent."""
        self._breaker.check()
        if not await self._is_there(job):
            raise JobRefused("launcher_refused", reason="The job is not there any more.")
        done = await self._order(commands.extend(job.id, walltime, self._settings.cluster), mandate)
        if not answers.is_error(done):
            return
        if answers.verdict(done) is Verdict.SILENT:
            raise self._silence(answers.sentence(done))
        raise JobRefused("launcher_refused", reason=answers.sentence(done))

    def gives_time(self) -> bool:
        """From the account's rights in accounting, once they have been read."""
        return self._own_rights.gives_time()

    # --- the queue ----------------------------------------------------------------------------------------------------

    def watch(self, news: Callable[[], None]) -> None:
        """Call `news` when an answer is there that somebody may wait for."""
        self._desk.watch(news)

    async def close(self) -> None:
        """End what goes on in the background."""
        await self._own_rights.close()
        await self._desk.close()

    async def offer(self, login: str) -> Offer:
        """What this person may use."""
        return await self._desk.offer(login)

    async def estimate(self, login: str, resources: Resources, placement: Placement) -> Estimate:
        """When a job of this shape would start, from what is known now."""
        return self._desk.estimate(login, self._whole(resources), placement)

    async def overview(self) -> Overview:
        """How busy each partition is."""
        return await self._desk.overview()

    async def jobs(self, login: str) -> Sequence[ClusterJob]:
        """All this person's jobs that are not over."""
        return await self._desk.jobs(login)

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _order(self, argv: Sequence[str], mandate: Secret) -> Completed:
        try:
            return await self._door.act("", argv, mandate=mandate, timeout=self._settings.submit_timeout)
        except Refused as refused:
            raise JobRefused("launcher_refused", reason=_no(refused)) from refused
        except ArmchairError as error:
            raise self._silence(str(error)) from error

    async def _is_there(self, job: JobRef) -> bool:
        """Whether the id still means this job: it may have been given out again after a crash of the controller.

        One that was queued again has another submit time, and so has another job with this number.
        """
        if job.cluster != self._name or not parse.is_job_id(job.id):
            return False
        row = await self._row(job.id, within=_FRESH)
        if row is None or not facts.is_same_job(row, job):
            return False
        return row.submitted == job.submitted_at or marks.is_portals(row.comment, row.name)

    async def _row(self, job: str, within: float = 0.0) -> Row | None:
        try:
            return await self._watch.row(job, within=within)
        except SchedulerSilent as silence:
            raise self._silence(str(silence.params.get("reason", ""))) from silence

    async def output(self, job: JobRef, *, run_as: str = "", mandate: Secret = NO_MANDATE) -> str:
        """The last 64 KiB of the job's output file, where it could make one."""
        if job.cluster != self._name or not parse.is_job_id(job.id):
            return ""
        user = run_as or self._door.reader
        path = script.output_path(self._settings.output_directory, user, self._name, job.id)
        try:
            return await self._door.tail(run_as, path, mandate=mandate)
        except ArmchairError as error:
            raise self._queries.silence(str(error)) from error

    async def forget(self, job: JobRef) -> None:
        """Slurm forgets by itself; what is remembered here goes. Old output files are removed by later jobs."""
        self._watch.forget(job)


def _no(refused: Refused) -> str:
    """The door's keeper's no, as a sentence beside those of the scheduler."""
    if refused.code == "extension_too_long":
        return f"the site allows at most {refused.params.get('most_hours')} hours in all"
    return str(refused)


def _ref(cluster: str, row: Row) -> JobRef:
    return JobRef(cluster=cluster, id=row.id, submitted_at=row.submitted or datetime.fromtimestamp(0, UTC))


def _uid(user: str) -> int | None:
    try:
        return pwd.getpwnam(user).pw_uid if user else None
    except KeyError:
        return None


def _warning(wanted: timedelta, walltime: timedelta | None) -> timedelta:
    """How long before the end the job is warned: never in the first three quarters of a short one, and at least a minute."""
    if walltime is None:
        return wanted
    shortened = min(wanted, walltime / 4)
    return shortened if shortened >= _SHORTEST_WARNING else timedelta(0)
