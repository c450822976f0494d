"""The program: started when its screen is there, watched, and ended with everything that it started."""

import os
import signal
import threading
import time
from typing import Dict, Iterable, List, Optional, Sequence

from armchair.node.screen import processes
from armchair.node.screen.displays.base import Display
from armchair.node.screen.janitor import Janitor
from armchair.wire import umask
from armchair.wire.trouble import Trouble

WAITING, RUNNING, ENDED = "waiting", "running", "ended"
# a launcher that forks may exit long before its first window shows, and between two windows there may be none for a while
WINDOWLESS_SECONDS = 20.0


class Program:
    """One program. It is over when its process has ended, or, where that was a launcher, when its last window has gone.

    A process that is left without a window does not keep the session: desktop libraries start daemons that never end.
    """

    def __init__(self, argv: Sequence[str], janitor: Janitor) -> None:
        self._argv, self._janitor = list(argv), janitor
        self._lock = threading.Lock()
        self._stopping = False
        self.pid = 0
        self.code: Optional[int] = None
        self.trouble: Optional[Trouble] = None
        self._last_seen = 0.0

    @property
    def state(self) -> str:
        """How far it is: "waiting", "running" or "ended"."""
        if not self.pid:
            return WAITING
        return RUNNING if self.code is None else ENDED

    def start(self, environment: Dict[str, str]) -> None:
        """Start it, unless it is to end already. What went wrong is in `trouble` then. For any thread."""
        with self._lock:
            if self._stopping:
                return
            try:
                # what is made here meanwhile, by another thread, lies in a directory that only this account can enter
                before = os.umask(umask.of(os.environ))
                try:
                    self.pid = processes.spawn(self._argv, {**os.environ, **environment})
                finally:
                    os.umask(before)
            except OSError as error:
                self.trouble = Trouble("not_executable", "%s can't be started: %s." % (self._argv[0], error.strerror))
                return
            self._janitor.kills(self.pid)

    def note(self, pid: int, status: int) -> None:
        """A child of ours has ended: if it is the program, its exit code is known now."""
        with self._lock:
            if pid == self.pid:
                self.code = processes.exit_code(status)
                self._last_seen = time.monotonic()

    def over(self, display: Display, spared: Iterable[int]) -> bool:
        """Whether it has ended with all its windows. `spared` are our other children."""
        if self.code is None:
            return False
        if not self._left(spared):
            return True
        if display.has_windows():
            self._last_seen = time.monotonic()
            return False
        # one that failed will show nothing more
        return self.code != 0 or time.monotonic() - self._last_seen > WINDOWLESS_SECONDS

    def warn(self, number: int) -> None:
        """Pass a warning on to its process group."""
        if self.pid and self.code is None:
            processes.send_group(self.pid, number)

    def stop(self, spared: Iterable[int], seconds: float, number: int = signal.SIGTERM) -> None:
        """Ask it and all below it to end with this signal; kill what is left after this time. For the main thread."""
        with self._lock:
            self._stopping = True
        spared = list(spared)
        left = self._left(spared)
        processes.send(left, number)
        processes.await_end(left, seconds)
        # whatever it started meanwhile
        while True:
            left = self._left(spared)
            if not left:
                return
            processes.send(left, signal.SIGKILL)
            if not processes.await_end(left, 1.0):
                return

    def _left(self, spared: Iterable[int]) -> List[int]:
        # orphans become the supervisor's children: all that is not the display's is the program's
        return processes.below(os.getpid(), without=spared)
