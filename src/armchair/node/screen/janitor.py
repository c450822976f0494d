"""Tidies up when the supervisor itself was killed: a process of its own that does nothing but wait for that.

An X server that is killed leaves its socket and its lock file in /tmp, where nobody else may remove them.
"""

import os
import signal
from typing import List, Tuple

LONGEST = 65536


class Janitor:
    """Told by the supervisor what it leaves behind. Make it before any thread exists: it forks."""

    def __init__(self) -> None:
        hear, self._tell = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self._tell)
                _wait(hear)
            finally:
                os._exit(0)
        os.close(hear)

    def kills(self, pid: int) -> None:
        """The process and its group are to end with the supervisor."""
        self._say("kill %d" % pid)

    def removes(self, path: str) -> None:
        """The file is to go with the supervisor."""
        self._say("remove %s" % path)

    def dismiss(self) -> None:
        """All is tidy: nothing is left to do."""
        self._say("dismissed")
        os.close(self._tell)

    def _say(self, line: str) -> None:
        try:
            os.write(self._tell, os.fsencode(line + "\n"))
        except OSError:
            pass  # somebody killed it: then nobody tidies up after a kill, and all else goes on


def _wait(hear: int) -> None:
    # signals to the session's group are for others
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    heard = b""
    while len(heard) < LONGEST:
        data = os.read(hear, 4096)
        if not data:
            break
        heard += data
    tidy(*understand(heard))


def understand(heard: bytes) -> Tuple[List[int], List[str]]:
    """The processes to kill and the files to remove; nothing once dismissed."""
    pids, paths = [], []
    for line in os.fsdecode(heard).splitlines():
        verb, _, rest = line.partition(" ")
        if verb == "dismissed":
            return [], []
        if verb == "kill":
            pids.append(int(rest))
        if verb == "remove":
            paths.append(rest)
    return pids, paths


def tidy(pids: List[int], paths: List[str]) -> None:
    """Files first: whoever killed the supervisor kills this process next."""
    for path in paths:
        try:
            os.unlink(path)
        except OSError:
            pass
    for pid in pids:
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass
