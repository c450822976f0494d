"""The shepherd's loop: watches one job's process tree, holds it to its limits, ends it whole, and says how it ended."""

# pathlib takes longer to import than the rest of the keeper to start
# ruff: noqa: PTH118

import os
import select
import signal
import time

from armchair.launchers.shepherd import files, tree
from armchair.launchers.shepherd.group import Group
from armchair.launchers.shepherd.output import Output

CANCELLED, TIMED_OUT, OUT_OF_MEMORY = "cancelled", "timed_out", "out_of_memory"
_COUNT_MEMORY_EVERY = 1.0
_LOOK_EVERY = 10.0
_KILL_AGAIN = 0.01


class Limits:
    """What job.json asks for: seconds and bytes; None is no limit."""

    def __init__(self, job: dict[str, object]) -> None:
        self.walltime = _number(job.get("walltime"))
        self.memory = _number(job.get("memory"))
        self.grace = _number(job.get("grace")) or 0.0


class Keeper:
    """Owns the job from its leader's start to the last descendant's end.

    This process must be a subreaper: every descendant of the job, however it was daemonised, is then below it, and "no
    child is left" means that the whole tree has gone.
    """

    def __init__(self, directory: str, limits: Limits, leader: int, output: Output, group: Group | None) -> None:
        self._directory = directory
        self._limits = limits
        self._leader = leader
        self._output: Output | None = output
        self._group = group
        self._herd = tree.Herd(os.getpid())
        self._status: int | None = None
        self._reason = ""
        self._used = 0
        self._kill_at: float | None = None
        self._started = time.monotonic()
        self._deadline = None if limits.walltime is None else self._started + limits.walltime
        self._count_at = time.monotonic()
        self._asked: set[int] = set()
        self._wake, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, lambda received, _frame: self._asked.add(received))
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)

    def run(self) -> dict[str, object]:
        """Keep the job until nothing of it is left; how it ended, as in end.json."""
        while self._reap():
            self._obey()
            self._limit()
            killing = self._must_kill()
            if killing:
                self._kill()
            self._wait(killing)
        if self._output is not None:
            self._output.finish()
        return self._end()

    def _reap(self) -> bool:
        """Take in the dead. False when no child is left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self._leader:
                    self._status = status
        except ChildProcessError:
            return False

    def _obey(self) -> None:
        """Carry out a cancellation; the file counts as well as the signal, so that neither order of events loses it."""
        word = files.read_text(os.path.join(self._directory, files.CANCEL)) or ""
        if signal.SIGUSR1 in self._asked or word == "force":
            self._begin(CANCELLED, 0.0)
        elif signal.SIGTERM in self._asked or word:
            self._begin(CANCELLED, self._limits.grace)

    def _limit(self) -> None:
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline and not self._reason:
            self._deadline = self._started + self._walltime()
        if self._deadline is not None and now >= self._deadline:
            self._begin(TIMED_OUT, self._limits.grace)
        if self._limits.memory is None or now < self._count_at or (self._group and self._group.limits_memory):
            return
        self._count_at = now + _COUNT_MEMORY_EVERY
        used = tree.memory(self._herd.members(), int(self._limits.memory))
        if used > self._limits.memory:
            self._used = self._used or used
            self._begin(OUT_OF_MEMORY, 0.0)

    def _walltime(self) -> float:
        """The seconds that the job has in all: more may have been given since its start, which is looked for at its end."""
        given = files.read_text(os.path.join(self._directory, files.WALLTIME)) or ""
        asked = self._limits.walltime or 0.0
        return max(asked, float(given)) if given.isascii() and given.isdecimal() and len(given) < 10 else asked

    def _begin(self, reason: str, grace: float) -> None:
        """Begin to end the job; the first reason stays, a shorter grace counts."""
        if self._status is not None and not self._reason:
            return
        kill_at = time.monotonic() + grace
        if not self._reason:
            self._reason = reason
            self._tell(reason)
            if grace > 0:
                # the leader is not reaped yet, so its number and its group's are still its own
                os.killpg(self._leader, signal.SIGTERM)
                os.killpg(self._leader, signal.SIGCONT)
        self._kill_at = kill_at if self._kill_at is None else min(self._kill_at, kill_at)

    def _tell(self, reason: str) -> None:
        try:
            files.write(os.path.join(self._directory, files.ENDING), reason.encode())
        except OSError:
            return  # only a hint for people; the end itself has its room reserved

    def _must_kill(self) -> bool:
        """The grace is over; or the leader has ended and so has, when it was asked to, its process group."""
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            return True
        if self._status is None:
            return False
        try:
            os.killpg(self._leader, 0)
        except (ProcessLookupError, PermissionError):
            return True
        return not self._reason

    def _kill(self) -> None:
        if self._group is not None:
            self._group.kill()
        for pid in tree.descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue  # it has ended meanwhile

    def _wait(self, killing: bool) -> None:
        sources = [self._wake] + ([self._output.pipe] if self._output else [])
        readable, _, _ = select.select(sources, [], [], self._timeout(killing))
        if self._wake in readable:
            os.read(self._wake, 4096)
        if self._output is None:
            return
        if self._output.pipe in readable and not self._output.read():
            self._output.finish()
            self._output = None
        elif self._output.wait == 0.0:
            self._output.flush()

    def _timeout(self, killing: bool) -> float:
        now = time.monotonic()
        waits = [_KILL_AGAIN if killing else _LOOK_EVERY]
        moments = (None if self._reason else self._deadline, self._kill_at)
        waits += [max(0.0, moment - now) for moment in moments if moment is not None and not killing]
        if self._limits.memory is not None and not (self._group and self._group.limits_memory):
            waits.append(max(0.0, self._count_at - now))
        if self._output is not None and (flush := self._output.wait) is not None:
            waits.append(flush)
        if self._status is not None or self._reason:
            waits.append(0.05)  # the group's end makes no signal when its last member is not our own child
        return min(waits)

    def _end(self) -> dict[str, object]:
        kind, params = self._reason, {}
        status = self._status
        if not kind and self._group is not None and status != 0 and self._group.had_out_of_memory():
            kind = OUT_OF_MEMORY
        if kind == OUT_OF_MEMORY and self._limits.memory is not None:
            params = {"limit": int(self._limits.memory), "used": int(self._used or self._limits.memory)}
        end: dict[str, object] = {"at": time.time(), "kind": kind, "params": params, "exit_code": None, "signal": None}
        if status is not None:
            code = os.waitstatus_to_exitcode(status)
            end["signal" if code < 0 else "exit_code"] = abs(code)
        return end


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
