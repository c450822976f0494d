"""Starts, finds and ends processes. The supervisor adopts every orphan below it, so that nothing gets away.

Ended children are taken in by the supervisor's main thread and by nobody else.
"""

import ctypes
import os
import signal
import subprocess  # noqa: TID251 - there is no other door on the node
import time
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

PR_SET_CHILD_SUBREAPER = 36
PAUSE = 0.01


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, so that daemons stay ours."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def spawn(argv: Sequence[str], environment: Dict[str, str], output: Optional[Any] = None) -> int:
    """Start a program in a session of its own, without input; its pid. `output` takes both its outputs. Raises OSError."""
    process = subprocess.Popen(  # noqa: S603 - argv of the RunSpec
        list(argv), env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
    )
    # the main thread takes it in; without this the module would wait for it too, and take the exit code away
    process.returncode = 0
    return process.pid


def reap(block: bool = False) -> Optional[Tuple[int, int]]:
    """One ended child and its status; None when there is none (now). For the main thread."""
    try:
        pid, status = os.waitpid(-1, 0 if block else os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def exit_code(status: int) -> int:
    """What a shell makes of a status: the exit code, or 128 and the signal's number."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def alive(pid: int) -> bool:
    """Whether the process runs; a child that has ended and was not taken in does not."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return False


def parents() -> Dict[int, int]:
    """Of each process that runs: its parent."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name, "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if len(fields) > 1 and fields[0] not in (b"Z", b"X"):
            found[int(name)] = int(fields[1])
    return found


def below(*roots: int, without: Iterable[int] = ()) -> List[int]:
    """All that run below these processes, except `without` and what is below those."""
    children: Dict[int, List[int]] = {}
    for pid, parent in parents().items():
        children.setdefault(parent, []).append(pid)
    spared, found, waiting = set(without), [], list(roots)
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            if pid not in spared:
                found.append(pid)
                waiting.append(pid)
    return found


def send(pids: Iterable[int], number: int) -> None:
    """A signal to each of them."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass


def send_group(leader: int, number: int) -> None:
    """A signal to a process group that we made."""
    try:
        os.killpg(leader, number)
    except OSError:
        pass


def number_of(name: str) -> int:
    """The number of "TERM", "INT"…; TERM for a name that this system lacks."""
    return int(getattr(signal, "SIG" + name, signal.SIGTERM))


def await_end(pids: Iterable[int], seconds: float) -> bool:
    """Wait until none of them runs, at most so long; whether that came. For the main thread, which takes in all that end."""
    deadline = time.monotonic() + seconds
    left = set(pids)
    while left:
        while reap():
            pass
        left = {pid for pid in left if alive(pid)}
        if left and time.monotonic() >= deadline:
            return False
        if left:
            time.sleep(PAUSE)
    return True


def end(pids: Iterable[int], seconds: float) -> None:
    """Ask them to end, and kill what still runs after this time. For the main thread."""
    pids = list(pids)
    send(pids, signal.SIGTERM)
    # a stopped process hears nothing until it goes on
    send(pids, signal.SIGCONT)
    if not await_end(pids, seconds):
        send(pids, signal.SIGKILL)
        await_end(pids, seconds)
