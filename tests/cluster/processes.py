"""Processes by pid file and by namespace: found, signalled, seen to end."""

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

from cluster.shell import wait_until

NAMESPACES = ("net", "mnt", "uts")


def read_pid(file: Path) -> int | None:
    """The pid in the file if such a process lives (zombies do not)."""
    try:
        pid = int(file.read_text())
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, ValueError, IndexError):
        return None
    return None if state in "ZX" else pid


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    if state == "Z":
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return state not in "ZX"


def send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def end(file: Path, number: signal.Signals = signal.SIGTERM, timeout: float = 15) -> None:
    """Signal the daemon of a pid file and wait until it is gone; nothing when it is gone already."""
    if (pid := read_pid(file)) is not None:
        send(pid, number)
        wait_until(lambda: not alive(pid), f"{file.name} ends", timeout, 0.02)
    file.unlink(missing_ok=True)


def namespaces(pid: int) -> set[str]:
    """Those of the process's namespaces that tell nodes apart; empty when it is gone."""
    found = set()
    for kind in NAMESPACES:
        with contextlib.suppress(OSError):
            found.add(str(Path(f"/proc/{pid}/ns/{kind}").readlink()))
    return found


def in_namespaces(wanted: set[str]) -> Iterator[int]:
    """Every process that lives in one of the namespaces, whatever its parent and session are."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and namespaces(int(entry.name)) & wanted:
            yield int(entry.name)


def kill_all(pids: Iterable[int]) -> int:
    """Kill them; how many there were. Once is not enough: while one looks, they fork."""
    count = 0
    for pid in pids:
        send(pid, signal.SIGKILL)
        count += 1
    return count
