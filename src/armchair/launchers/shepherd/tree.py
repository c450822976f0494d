"""Processes as /proc shows them: identity, descendants, memory. Every reader is total: a vanished process is no error."""

# pathlib takes longer to import than the rest of the keeper to start
# ruff: noqa: PTH110, PTH116, PTH123, PTH208

import os
import signal

PAGE = os.sysconf("SC_PAGE_SIZE")
_FULL_SCAN_EVERY = 30


def boot_id() -> str:
    """The kernel's name for this boot; "" where there is none."""
    return _text("/proc/sys/kernel/random/boot_id").strip()


def stat(pid: int) -> tuple[int, int, str, int] | None:
    """(parent, session, state, start time in clock ticks since boot) of a process; None when there is none."""
    text = _text(f"/proc/{pid}/stat")
    try:
        # the command's name may hold blanks and parentheses: what follows the last one is numbers
        fields = text[text.rindex(")") + 2 :].split()
        return int(fields[1]), int(fields[3]), fields[0], int(fields[19])
    except (ValueError, IndexError):
        return None


def is_alive(pid: int, start: int) -> bool:
    """Whether exactly this process, not another with its number, lives (a zombie does not)."""
    found = stat(pid)
    return found is not None and found[3] == start and found[2] not in "ZX"


def pids() -> list[int]:
    """All processes that we can see."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def send(pid: int, start: int, number: int) -> bool:
    """Signal exactly this process; False when it is gone. The descriptor pins it between the check and the signal."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not is_alive(pid, start):
            return False
        signal.pidfd_send_signal(descriptor, number)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def descendants(root: int) -> list[int]:
    """Everything below `root`, zombies included, children after their parents."""
    children: dict[int, list[int]] = {}
    for pid in pids():
        if found := stat(pid):
            children.setdefault(found[0], []).append(pid)
    result: list[int] = []
    todo = [root]
    while todo:
        below = children.get(todo.pop(), [])
        result += below
        todo += below
    return result


class Herd:
    """The processes below `root`, found again cheaply: a stranger never becomes a descendant, so only new numbers are read.

    Numbers are reused, so now and then everything is read afresh.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._strangers: set[int] = set()
        self._scans = 0

    def members(self) -> list[int]:
        """The living members now."""
        if self._scans % _FULL_SCAN_EVERY == 0:
            self._strangers.clear()
        self._scans += 1
        seen = set(pids())
        self._strangers &= seen
        parents: dict[int, int] = {}
        for pid in seen - self._strangers:
            if found := stat(pid):
                parents[pid] = found[0]
        ours = [pid for pid in parents if self._is_below(pid, parents)]
        self._strangers |= parents.keys() - set(ours)
        return ours

    def _is_below(self, pid: int, parents: dict[int, int]) -> bool:
        steps = 0
        while pid in parents and steps <= len(parents):
            pid = parents[pid]
            if pid == self._root:
                return True
            steps += 1
        return False


def memory(members: list[int], limit: int) -> int:
    """What these processes hold together, in bytes: PSS, which counts a shared page once, not RSS.

    PSS is dear to ask for and never above RSS, so it is only asked for when the RSS together is above `limit`.
    """
    resident = {pid: _rss(pid) for pid in members}
    total = sum(resident.values())
    if total <= limit:
        return total
    return sum(_pss(pid, rss) for pid, rss in resident.items())


def _rss(pid: int) -> int:
    fields = _text(f"/proc/{pid}/statm").split()
    return int(fields[1]) * PAGE if len(fields) > 1 else 0


def _pss(pid: int, otherwise: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except ProcessLookupError:
        return 0
    except (OSError, ValueError):
        # a process that made itself undumpable, or another user's: its RSS is the best there is
        return otherwise
    return otherwise if os.path.exists(f"/proc/{pid}") else 0


def marked(marker: bytes, session: int, since: int) -> list[tuple[int, int]]:
    """(pid, start) of processes of this user proven to belong to a job, and of everything below them.

    Proof is `marker` ("NAME=value") in the environment a process was started with. One that hides its environment
    counts when it is in the job's `session`, is not older than it (`since`), and no later process leads that session.
    """
    uid = os.geteuid()
    parents: dict[int, int] = {}
    starts: dict[int, int] = {}
    proven: set[int] = set()
    leader = stat(session)
    reused = leader is not None and leader[3] != since
    for pid in pids():
        found = stat(pid)
        if found is None or found[2] in "ZX":
            continue
        parents[pid], starts[pid] = found[0], found[3]
        try:
            if os.stat(f"/proc/{pid}/task/{pid}").st_uid not in {uid, 0}:
                continue
            with open(f"/proc/{pid}/environ", "rb") as file:
                if marker in file.read().split(b"\0"):
                    proven.add(pid)
        except PermissionError:
            if found[1] == session and found[3] >= since and not reused and session > 1:
                proven.add(pid)
        except OSError:
            continue
    grew = True
    while grew:
        below = {pid for pid, parent in parents.items() if parent in proven and pid not in proven}
        proven |= below
        grew = bool(below)
    return [(pid, starts[pid]) for pid in sorted(proven) if pid != os.getpid()]


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
