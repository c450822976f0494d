"""A door to a Slurm that was recorded: it answers from files and counts what it is asked."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from armchair.domain.errors import Unavailable
from armchair.domain.secret import Secret
from armchair.launchers.command import Completed
from armchair.sessions.launcherports import NO_MANDATE

RECORDED = Path(__file__).parents[2] / "fixtures" / "slurm" / "offers"


def recorded(name: str) -> str:
    return (RECORDED / f"{name}.txt").read_text()


def done(stdout: str = "", stderr: str = "", exit_code: int = 0) -> Completed:
    return Completed(program="slurm", exit_code=exit_code, stdout=stdout, stderr=stderr)


class RecordedDoor:
    """`silent`: nothing answers. `test_only` is what the next `sbatch --test-only` say, in turn; the last one stays."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.acted: list[tuple[str, list[str]]] = []
        self.silent = False
        self.answers = {
            name: recorded(name) for name in ("partitions", "reservations", "nodes", "qos", "associations", "users")
        }
        self.answers["config"] = recorded("config")
        self.test_only = [done(stderr="sbatch: Job 1 to start at 1795634800 using 2 processors on nodes n1 in partition short")]
        self.under_way = 0
        self.most_at_once = 0

    async def read(self, argv: Sequence[str], *, timeout: timedelta = timedelta(), limit: int = 0) -> Completed:  # noqa: ASYNC109 - the door's
        what = self._what(list(argv))
        self.calls[what] += 1
        await self._pause()
        if self.silent:
            raise Unavailable("command_timed_out", program=argv[0], seconds=30)
        if what == "queue":
            separator = argv[-1].rpartition(":")[2]
            lines = recorded("queue").splitlines()
            return done("".join(line.replace("|", separator) + "\n" for line in lines))
        return done(self.answers[what])

    async def act(
        self,
        run_as: str,
        argv: Sequence[str],
        *,
        stdin: Secret | None = None,
        mandate: Secret = NO_MANDATE,
        timeout: timedelta = timedelta(),  # noqa: ASYNC109 - the door's
    ) -> Completed:
        self.calls["test_only"] += 1
        self.acted.append((run_as, list(argv)))
        await self._pause()
        if self.silent:
            raise Unavailable("command_timed_out", program=argv[0], seconds=30)
        return self.test_only.pop(0) if len(self.test_only) > 1 else self.test_only[0]

    async def tail(self, run_as: str, path: str, *, mandate: Secret = NO_MANDATE, limit: int = 0) -> str:
        return ""

    async def _pause(self) -> None:
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        await asyncio.sleep(0)  # lets those who ask at the same time come in between, as a real process would
        self.under_way -= 1

    def _what(self, argv: list[str]) -> str:
        if argv[0] == "squeue":
            return "queue"
        if argv[0] == "sinfo":
            return "nodes"
        if argv[0] == "sacctmgr":
            return {"qos": "qos", "user": "users", "association": "associations"}[argv[5]]
        return {"config": "config", "partition": "partitions", "reservation": "reservations"}[argv[-1]]


class Hands:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time
