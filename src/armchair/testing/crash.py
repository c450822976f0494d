"""A portal that is killed with -9 at a chosen point: before or after its n-th write or order to a launcher.

`python -m armchair.testing.crash HOME PORT COUNT_FILE [N]` runs a portal on HOME; each point that it passes is appended to
COUNT_FILE as a line, and at the N-th the process kills itself. Walking N from 1 to the number of lines tries them all.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from armchair.accounts.logins import Accounts
from armchair.accounts.providers.single_user import SingleUser
from armchair.bootstrap import Probes, Running, running
from armchair.domain.run import JobRef
from armchair.sessions.ports import JobRequest, Launcher, Listing
from armchair.settings import ServeOptions

READY = "up"


class Walk:
    """Counts the points passed, from `arm` on, and kills the process at the chosen one."""

    def __init__(self, count_file: Path, kill_at: int) -> None:
        self._file = count_file.open("a")
        self._kill_at = kill_at
        self._passed = 0
        self.armed = False

    def point(self, name: str) -> None:
        """A point where the process may die."""
        if not self.armed:
            return
        self._passed += 1
        self._file.write(f"{name}\n")
        self._file.flush()
        if self._passed == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


class WalkedLauncher:
    """A launcher with a point before and after each order it is given."""

    def __init__(self, inner: Launcher, walk: Walk) -> None:
        self._inner = inner
        self._walk = walk

    @property
    def name(self) -> str:
        return self._inner.name

    async def submit(self, request: JobRequest) -> JobRef:
        self._walk.point("before:submit")
        job = await self._inner.submit(request)
        self._walk.point("after:submit")
        return job

    async def find(self, mark: str) -> Listing:
        return await self._inner.find(mark)

    async def look(self, jobs: Sequence[JobRef]) -> Listing:
        return await self._inner.look(jobs)

    async def cancel(self, job: JobRef, *, force: bool = False) -> None:
        self._walk.point("before:cancel")
        await self._inner.cancel(job, force=force)
        self._walk.point("after:cancel")

    async def output(self, job: JobRef) -> str:
        return await self._inner.output(job)

    async def forget(self, job: JobRef) -> None:
        self._walk.point("before:forget")
        await self._inner.forget(job)
        self._walk.point("after:forget")


async def _serve(home: Path, port: int, count_file: Path, kill_at: int) -> None:
    walk = Walk(count_file, kill_at)
    settings = ServeOptions(home=home, listen=f"127.0.0.1:{port}").load().settings
    probes = Probes(on_commit=walk.point, launcher=lambda launcher: WalkedLauncher(launcher, walk))
    async with running(settings, home, probes) as portal:
        await _tell(portal, home)
        walk.armed = True
        await portal.stopped.wait()


async def _tell(portal: Running, home: Path) -> None:
    """Leave a token for the test beside the home, then the word that the portal is up."""
    accounts = Accounts(portal.portal.accounts, portal.portal.clock)
    me = SingleUser().me
    await accounts.remember(me)
    token = await accounts.client_token(me.login)
    (home / "test-token").write_text(token.reveal())
    print(READY, flush=True)  # noqa: T201 - the test waits for this line


def main() -> None:
    """Entry of the module."""
    home, port, count_file, *rest = sys.argv[1:]
    asyncio.run(_serve(Path(home), int(port), Path(count_file), int(rest[0]) if rest else 0))


if __name__ == "__main__":
    main()
