"""What the job uses: its processes, their memory (PSS) and CPU time, read from /proc."""

import os
import resource
from typing import List, Tuple

TICK = os.sysconf("SC_CLK_TCK")
REST = 100.0


def descendants(root: int) -> List[int]:
    """All living processes below `root`, parents before children; what can't be read has gone."""
    found, queue = [], [root]
    while queue:
        for child in _children(queue.pop(0)):
            found.append(child)
            queue.append(child)
    return found


def _children(pid: int) -> List[int]:
    children = []  # type: List[int]
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task), "rb") as file:
                children.extend(int(word) for word in file.read().split())
    except OSError:
        return children
    return children


def memory(pids: List[int]) -> int:
    """The proportional share (PSS) of these processes in bytes; the resident size where the kernel refuses PSS.

    The kernel looks at each page for it: some hundredths of a second for each gigabyte.
    """
    return sum(_pss(pid) for pid in pids)


def exceeds(pids: List[int], limit: int) -> bool:
    """Whether their memory is more than `limit` bytes."""
    # the resident size costs nothing and is never the smaller one
    return sum(_resident(pid) for pid in pids) > limit and memory(pids) > limit


def _pss(pid: int) -> int:
    try:
        with open("/proc/%d/smaps_rollup" % pid, "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return _resident(pid)


def _resident(pid: int) -> int:
    try:
        with open("/proc/%d/statm" % pid, "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def cpu_seconds(pids: List[int]) -> float:
    """CPU time that these processes and everything reaped below them and us have used so far."""
    reaped = resource.getrusage(resource.RUSAGE_CHILDREN)
    return reaped.ru_utime + reaped.ru_stime + sum(_cpu(pid) for pid in pids)


def _cpu(pid: int) -> float:
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return 0.0
    return sum(int(field) for field in fields[11:15]) / TICK


def _spent() -> float:
    """CPU time of this thread so far. A busy node makes each look slow, but none dear."""
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return used.ru_utime + used.ru_stime


class Meter:
    """Turns the growth of CPU time into cores in use, and looks at memory as often as takes a hundredth of a core at most."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._before = (0.0, 0.0)
        self._memory, self._again = 0, 0.0

    def read(self, now: float) -> Tuple[float, int]:
        """(cores in use since the last reading, memory in bytes); `now` is in monotonic seconds."""
        pids = descendants(self._root)
        total = cpu_seconds(pids)
        seconds, used = self._before
        self._before = (now, total)
        cores = (total - used) / (now - seconds) if seconds and now > seconds else 0.0
        if now >= self._again:
            before = _spent()
            self._memory = memory(pids)
            self._again = now + REST * (_spent() - before)
        return max(0.0, cores), self._memory
