"""Portals for tests of faults: real ones, forked from a process that has all imported, killed with -9 where a test says.

`python -m armchair.testing.crash` reads lines of JSON `{"home": …, "listen": …}` and answers each with `{"pid": …}` of a
portal on that home, which starts in a fraction of the time that its imports take.

The file `<home>/walk/kill-at` arms a portal: from then on each point that it passes (before and after each commit and each
order to a launcher) is a line in `<home>/walk/points`, and at the K-th one called NAME (`NAME K` in the file) it kills itself.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from armchair.bootstrap import Probes, running
from armchair.cli.greeting import greet
from armchair.cli.logs import to_home
from armchair.domain.cluster import ClusterJob, Estimate, Offer, Overview
from armchair.domain.run import JobRef
from armchair.domain.secret import Secret
from armchair.domain.session import Placement, Resources
from armchair.sessions.launcherports import NO_MANDATE, Extender, JobRequest, Launcher, Listing, Scheduler
from armchair.settings import ServeOptions

WALK, KILL_AT, POINTS, GREETING = "walk", "kill-at", "points", "greeting"
_PDEATHSIG = 1


class Walk:
    """Counts the points passed since it was armed, and kills the process at the chosen one."""

    def __init__(self, home: Path) -> None:
        self._directory = home / WALK

    def point(self, name: str) -> None:
        """A point where the process may die."""
        try:
            wanted, _, number = (self._directory / KILL_AT).read_text("ascii").partition(" ")
        except OSError:
            return
        points = self._directory / POINTS
        with points.open("a") as file:
            file.write(f"{name}\n")
        if name == wanted and points.read_text().split().count(name) == int(number):
            os.kill(os.getpid(), signal.SIGKILL)


class WalkedLauncher:
    """A launcher with a point before and after each order it is given."""

    def __init__(self, inner: Launcher, walk: Walk) -> None:
        self._inner = inner
        self._walk = walk

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def enforces_memory(self) -> bool:
        return self._inner.enforces_memory

    async def submit(self, request: JobRequest) -> JobRef:
        self._walk.point("before:submit")
        job = await self._inner.submit(request)
        self._walk.point("after:submit")
        return job

    async def find(self, mark: str, *, run_as: str = "", since: datetime | None = None) -> Listing:
        return await self._inner.find(mark, run_as=run_as, since=since)

    async def look(self, jobs: Sequence[JobRef]) -> Listing:
        return await self._inner.look(jobs)

    async def cancel(self, job: JobRef, *, force: bool = False, mandate: Secret = NO_MANDATE) -> None:
        self._walk.point("before:cancel")
        await self._inner.cancel(job, force=force, mandate=mandate)
        self._walk.point("after:cancel")

    async def output(self, job: JobRef, *, run_as: str = "", mandate: Secret = NO_MANDATE) -> str:
        return await self._inner.output(job, run_as=run_as, mandate=mandate)

    async def forget(self, job: JobRef) -> None:
        self._walk.point("before:forget")
        await self._inner.forget(job)
        self._walk.point("after:forget")


class WalkedExtender(WalkedLauncher):
    """The same for a launcher that can give more time."""

    def __init__(self, inner: Extender, walk: Walk) -> None:
        super().__init__(inner, walk)
        self._extender = inner

    async def extend(self, job: JobRef, walltime: timedelta, mandate: Secret = NO_MANDATE) -> None:
        self._walk.point("before:extend")
        await self._extender.extend(job, walltime, mandate)
        self._walk.point("after:extend")

    def gives_time(self) -> bool:
        return self._extender.gives_time()


class WalkedScheduler(WalkedExtender):
    """The same for a launcher with a queue."""

    def __init__(self, inner: Scheduler, walk: Walk) -> None:
        super().__init__(inner, walk)
        self._scheduler = inner

    async def offer(self, login: str) -> Offer:
        return await self._scheduler.offer(login)

    async def estimate(self, login: str, resources: Resources, placement: Placement) -> Estimate:
        return await self._scheduler.estimate(login, resources, placement)

    async def overview(self) -> Overview:
        return await self._scheduler.overview()

    async def jobs(self, login: str) -> Sequence[ClusterJob]:
        return await self._scheduler.jobs(login)


def walked(launcher: Launcher, walk: Walk) -> WalkedLauncher:
    """The launcher with points, and still able to do all that it could."""
    if isinstance(launcher, Scheduler):
        return WalkedScheduler(launcher, walk)
    return WalkedExtender(launcher, walk) if isinstance(launcher, Extender) else WalkedLauncher(launcher, walk)


async def _serve(home: Path, listen: str) -> None:
    walk = Walk(home)
    settings = ServeOptions(home=home, listen=listen).load().settings
    probes = Probes(on_commit=walk.point, launcher=lambda launcher: walked(launcher, walk))
    async with running(settings, home, probes) as portal:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, portal.stopped.set)
        lines = await greet(portal, home, settings)
        (home / GREETING).write_text("\n".join(lines))
        await portal.stopped.wait()


def _child(home: Path, listen: str) -> None:
    # a test run that is interrupted leaves no portal behind
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    said = os.open(home / "portal.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor, target in ((null, 0), (said, 1), (said, 2)):
        os.dup2(descriptor, target)
    to_home(home, calm=False)
    asyncio.run(_serve(home, listen))


def main() -> None:
    """Fork a portal for each line of standard input, until that ends."""
    # ended portals are nobody's business here: the tests hold pidfds
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        wish = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                _child(Path(wish["home"]), wish["listen"])
                code = 0
            finally:
                sys.stderr.flush()
                _leave(code)
        print(json.dumps({"pid": pid}), flush=True)  # noqa: T201 - the answer


def _leave(code: int) -> None:
    """End the child; an exception on its way has been logged by the interpreter's hook first."""
    if (error := sys.exc_info()[1]) is not None:
        sys.excepthook(type(error), error, error.__traceback__)
    os._exit(code)


if __name__ == "__main__":
    main()
