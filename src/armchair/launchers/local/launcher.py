"""The local launcher: the port's six verbs on job directories and their keepers."""

import asyncio
import errno
import math
import os
import pwd
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from pydantic import ValidationError

import armchair
from armchair.domain.errors import BadSettings, JobRefused, SchedulerSilent, StorageFull
from armchair.domain.run import JobRef, JobState
from armchair.domain.secret import Secret
from armchair.domain.session import Resources
from armchair.launchers.command import CommandError, Completed, run
from armchair.launchers.local import jobs as job_files
from armchair.launchers.local.environment import login_environment
from armchair.launchers.local.jobs import Job
from armchair.launchers.local.settings import LocalSettings, MemoryEnforcement
from armchair.launchers.local.staging import discard, stage, tidy
from armchair.launchers.registry import LauncherContext
from armchair.launchers.shepherd import files, tree
from armchair.launchers.shepherd.main import EXIT_DISK_FULL
from armchair.launchers.shepherd.output import TAIL
from armchair.sessions.launcherports import NO_MANDATE, JobFact, JobRequest, Listing

log = structlog.get_logger(__name__)

_TAKE_HOLD = timedelta(seconds=30)
_AT_ONCE = 8
_FULL = {errno.ENOSPC, errno.EDQUOT}
_ROOT = str(Path(armchair.__file__).resolve().parent.parent)
# appended, not put in front: nothing beside the package may stand in for the standard library
SHEPHERD = f"import sys; sys.path.append({_ROOT!r}); from armchair.launchers.shepherd.main import main; main()"


def create(context: LauncherContext) -> "LocalLauncher":
    """The launcher for the jobs of this portal's own user. Raises BadSettings."""
    try:
        settings = LocalSettings.model_validate(dict(context.settings))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(["launchers", context.name, *map(str, first["loc"])])
        raise BadSettings("bad_settings", key=key, origin="", problem=first["msg"]) from error
    return LocalLauncher(context.home / context.name / "jobs", settings, context.name)


class LocalLauncher:
    """Jobs as process trees on this machine; all that is known of them is in their directories.

    Several instances on one directory, also in several processes, see the same jobs.
    """

    def __init__(
        self,
        directory: Path,
        settings: LocalSettings | None = None,
        name: str = "local",
        *,
        shepherd: str = SHEPHERD,
        checkpoint: Callable[[str], None] = lambda _point: None,
    ) -> None:
        """`shepherd` is the keeper's start as Python text; `checkpoint` is called before each write (both for tests)."""
        self._directory = directory
        self._settings = settings or LocalSettings()
        self._name = name
        self._shepherd = shepherd
        self._checkpoint = checkpoint
        self._jobs: dict[str, Job] = {}
        self._ended: dict[str, JobFact] = {}
        self._starting = asyncio.Semaphore(_AT_ONCE)

    @property
    def enforces_memory(self) -> bool:
        """Its keepers do, unless the setting says otherwise: then nobody shall."""
        return True

    @property
    def name(self) -> str:
        """The cluster's name in this portal."""
        return self._name

    def machine(self) -> Resources:
        """The cores that this process may use, and the machine's memory."""
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return Resources(cores=len(os.sched_getaffinity(0)), memory=memory)

    async def submit(self, request: JobRequest) -> JobRef:
        """Start the job; returns when its keeper has taken hold. Errors as in the port, and StorageFull("disk_full")."""
        user = pwd.getpwuid(os.geteuid())
        if request.run_as != user.pw_name:
            raise JobRefused("not_this_user", run_as=request.run_as, user=user.pw_name)
        async with self._starting:
            job, lock = await asyncio.to_thread(self._stage, request)
            try:
                completed = await self._start(job, lock, request.script, user)
            finally:
                os.close(lock)
        if completed.exit_code != 0:
            await self._not_started(job, completed)
        self._jobs[job.ref.id] = job
        log.info("job.submitted", cluster=self._name, job=job.ref.id)
        return job.ref

    def _stage(self, request: JobRequest) -> tuple[Job, int]:
        wanted, enforce = request.resources, self._settings.memory is not MemoryEnforcement.OFF
        wishes: dict[str, object] = {
            "name": request.name,
            "cores": wanted.cores,
            "gpus": wanted.gpus,
            "memory": wanted.memory if enforce else None,
            "walltime": wanted.walltime.total_seconds() if wanted.walltime else None,
            "grace": self._settings.grace.total_seconds(),
            "cgroup": self._settings.cgroup,
        }
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            tidy(self._directory)
            return stage(self._directory, self._name, request.mark, wishes, self._checkpoint)
        except OSError as error:
            raise self._storage_error(error) from error

    def _storage_error(self, error: OSError) -> StorageFull | JobRefused:
        if error.errno in _FULL:
            return StorageFull("disk_full", path=str(self._directory))
        return JobRefused("launcher_refused", reason=f"{self._directory}: {error.strerror}")

    async def _start(self, job: Job, lock: int, script: Secret, user: pwd.struct_passwd) -> Completed:
        environment = login_environment(user, os.environ, self._settings.path, self._settings.environment)
        home = user.pw_dir if os.access(user.pw_dir, os.X_OK) else "/"
        self._checkpoint("start")
        memory = _memory_file(script)
        try:
            return await run(
                [sys.executable, "-I", "-S", "-c", self._shepherd, str(job.directory), str(lock), str(memory)],
                timeout=_TAKE_HOLD,
                env=environment,
                clean=True,
                cwd=home,
                pass_fds=(lock, memory),
            )
        except CommandError as error:
            return Completed(program="shepherd", exit_code=1, stdout="", stderr=str(error))
        finally:
            os.close(memory)
            self._checkpoint("started")

    async def _not_started(self, job: Job, completed: Completed) -> None:
        """Tell why a keeper did not take hold; the job is removed when it is certain that nothing runs."""
        reason = completed.stderr.strip()[-500:]
        deadline = time.monotonic() + 2.0
        while files.is_locked(job.path(files.LOCK)):
            if time.monotonic() > deadline:
                raise SchedulerSilent("scheduler_silent", cluster=self._name, reason=reason)
            await asyncio.sleep(0.01)
        if job_files.read_state(job) is not None:
            raise SchedulerSilent("scheduler_silent", cluster=self._name, reason=reason)
        discard(job.directory)
        log.warning("job.not_started", cluster=self._name, job=job.ref.id, reason=reason)
        if completed.exit_code == EXIT_DISK_FULL:
            raise StorageFull("disk_full", path=str(self._directory))
        raise JobRefused("launcher_refused", reason=reason)

    async def find(self, mark: str, *, run_as: str = "", since: datetime | None = None) -> Listing:  # noqa: ARG002 - the port's
        """All jobs with this mark, from their directories. Raises SchedulerSilent when these can't be read."""
        return await asyncio.to_thread(self._find, mark)

    def _find(self, mark: str) -> Listing:
        try:
            names = [entry.name for entry in self._directory.iterdir()]
        except FileNotFoundError:
            names = []
        except OSError as error:
            raise SchedulerSilent("scheduler_silent", cluster=self._name, reason=str(error)) from error
        found = [job for name in names if (job := self._job(name)) and job.mark == mark]
        return Listing(facts=[self._look_at(job) for job in sorted(found, key=lambda job: job.ref.id)], complete=True)

    async def look(self, jobs: Sequence[JobRef]) -> Listing:
        """The facts of these jobs in one pass. Raises SchedulerSilent when the directory can't be read."""
        return await asyncio.to_thread(self._look, [ref.id for ref in jobs if ref.cluster == self._name])

    def _look(self, ids: Sequence[str]) -> Listing:
        try:
            self._directory.stat()
        except FileNotFoundError:
            return Listing(facts=[], complete=True)
        except OSError as error:
            raise SchedulerSilent("scheduler_silent", cluster=self._name, reason=str(error)) from error
        return Listing(facts=[self._look_at(job) for identity in ids if (job := self._job(identity))], complete=True)

    def _job(self, identity: str) -> Job | None:
        if not job_files.is_id(identity):
            return None
        known = self._jobs.get(identity)
        if known is not None and known.directory.exists():
            return known
        job = job_files.read_job(self._name, self._directory / identity)
        if job is not None:
            self._jobs[identity] = job
        return job

    def _look_at(self, job: Job) -> JobFact:
        if (fact := self._ended.get(job.ref.id)) is None:
            fact = job_files.look(job)
            if fact.state is JobState.ENDED:
                self._ended[job.ref.id] = fact
        return fact

    async def cancel(self, job: JobRef, *, force: bool = False, mandate: Secret = NO_MANDATE) -> None:  # noqa: ARG002 - the port's
        """Ask for the job's end; the request is kept on file for a keeper that is still to come."""
        await asyncio.to_thread(self._cancel, job.id, "force" if force else "term")

    def _cancel(self, identity: str, word: str) -> None:
        job = self._job(identity)
        if job is None or self._look_at(job).state is JobState.ENDED:
            return
        problem: OSError | None = None
        try:
            if word == "force" or files.read_text(job.path(files.CANCEL)) is None:
                files.write(job.path(files.CANCEL), word.encode())
        except OSError as error:
            problem = error  # the signal alone does, if there is somebody to hear it
        state = job_files.read_state(job)
        number = signal.SIGUSR1 if word == "force" else signal.SIGTERM
        heard = state is not None and state.boot_id == tree.boot_id() and tree.send(*state.shepherd, number)
        if problem is not None and not heard:
            raise SchedulerSilent("scheduler_silent", cluster=self._name, reason=str(problem))

    async def extend(self, job: JobRef, walltime: timedelta, mandate: Secret = NO_MANDATE) -> None:  # noqa: ARG002 - the port's
        """Leave the new limit on file for the job's keeper. Raises JobRefused when that one won't look."""
        await asyncio.to_thread(self._extend, job.id, walltime)

    def gives_time(self) -> bool:
        """The job's keeper is the person's own."""
        return True

    def _extend(self, identity: str, walltime: timedelta) -> None:
        job = self._job(identity)
        if job is None or self._look_at(job).state is not JobState.RUNNING:
            raise JobRefused("launcher_refused", reason="the job does not run")
        state = job_files.read_state(job)
        if state is None or not state.extends:
            raise JobRefused("launcher_refused", reason="the job was started by an older Armchair")
        try:
            files.write(job.path(files.WALLTIME), str(math.ceil(walltime.total_seconds())).encode(), durable=True)
        except OSError as error:
            raise JobRefused("launcher_refused", reason=f"{self._directory}: {error.strerror}") from error
        if self._look_at(job).state is not JobState.RUNNING:
            raise JobRefused("launcher_refused", reason="its time was over before more was given")

    async def output(self, job: JobRef, *, run_as: str = "", mandate: Secret = NO_MANDATE) -> str:  # noqa: ARG002 - the port's
        """The last 64 KiB that the script and what it started wrote; "" when there is none."""
        return await asyncio.to_thread(self._output, job.id)

    def _output(self, identity: str) -> str:
        job = self._job(identity)
        if job is None:
            return ""
        try:
            with Path(job.path(files.OUTPUT)).open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
                return file.read(TAIL).decode("utf-8", "replace")
        except OSError:
            return ""

    async def forget(self, job: JobRef) -> None:
        """Remove what is kept of an ended job; nothing happens to one that has not ended."""
        await asyncio.to_thread(self._forget, job.id)

    def _forget(self, identity: str) -> None:
        job = self._job(identity)
        if job is None or self._look_at(job).state is not JobState.ENDED:
            return
        discard(job.directory)
        self._jobs.pop(identity, None)
        self._ended.pop(identity, None)


def _memory_file(script: Secret) -> int:
    """A descriptor of an anonymous file in memory that holds the script: its secret is on no disk, whoever dies when."""
    descriptor = os.memfd_create("script", os.MFD_CLOEXEC)
    view = memoryview(script.reveal().encode())
    while view:
        view = view[os.write(descriptor, view) :]
    return descriptor
