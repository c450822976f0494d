"""Real processes for tests of faults: starting portals, finding all processes of a home, and waiting for conditions."""

import json
import os
import select
import signal
import subprocess  # noqa: TID251 - a test's own process, not the portal's; it must outlive each event loop
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

T = TypeVar("T")
STEP = 0.02


def eventually(look: Callable[[], T], what: str, seconds: float = 10.0) -> T:
    """The first true answer of `look`. Raises AssertionError, naming `what`, when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(STEP)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A process and its command line."""

    pid: int
    command: str


def processes_of(home: Path) -> list[Found]:
    """All living processes that name this home in their arguments or environment, and all that descend from these.

    Jobs name it because the tests have the launcher put it into each job's environment.
    """
    parents: dict[int, int] = {}
    found: dict[int, Found] = {}
    word = os.fsencode(home)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError, IndexError, ValueError):
            state, parent = (entry / "stat").read_text("latin-1").rpartition(")")[2].split()[:2]
            if state in "ZX":
                continue
            pid = int(entry.name)
            parents[pid] = int(parent)
            command = (entry / "cmdline").read_bytes()
            if word in command or word in _environment(entry):
                found[pid] = Found(pid=pid, command=command.replace(b"\0", b" ").decode("utf-8", "replace")[:300])
    for pid in parents:
        if pid not in found and any(above in found for above in _ancestors(pid, parents)):
            found[pid] = Found(pid=pid, command="(descendant)")
    return sorted(found.values(), key=lambda one: one.pid)


def _environment(entry: Path) -> bytes:
    try:
        return (entry / "environ").read_bytes()
    except OSError:
        return b""  # another account's, or one that hides its memory: then its ancestors tell


def _ancestors(pid: int, parents: Mapping[int, int]) -> list[int]:
    line: list[int] = []
    while (pid := parents.get(pid, 0)) > 1 and pid not in line:
        line.append(pid)
    return line


def kill_all(home: Path) -> None:
    """End whatever a failed test left behind."""
    for one in processes_of(home):
        with suppress(OSError):
            os.kill(one.pid, signal.SIGKILL)


class PortalProcess:
    """A portal, held by a pidfd: it can't be mistaken for a later process of the same number."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = os.pidfd_open(pid)

    @property
    def alive(self) -> bool:
        return not select.select([self._fd], [], [], 0)[0]

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, number)

    def wait(self, seconds: float = 10.0) -> None:
        """Until it has ended. Raises AssertionError when it does not in time."""
        ended, _, _ = select.select([self._fd], [], [], seconds)
        if not ended:
            raise AssertionError(f"the portal {self.pid} did not end within {seconds} s")

    def kill(self) -> None:
        """Kill it with -9, and wait for the end."""
        self.send(signal.SIGKILL)
        self.wait()


class Nursery:
    """The process that portals are forked from (armchair.testing.crash)."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "armchair.testing.crash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def start(self, home: Path, listen: str) -> PortalProcess:
        """A portal on this home; it listens a little later."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise AssertionError("the nursery was started with pipes")
        stdin.write(json.dumps({"home": str(home), "listen": listen}) + "\n")
        stdin.flush()
        return PortalProcess(json.loads(stdout.readline())["pid"])
