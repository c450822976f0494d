"""Ends the application: its stop signal, time to tidy up, then an end to everything below the agent."""

import os
import signal
import time
from typing import Callable

from armchair.agent import usage


def signal_named(name: str) -> int:
    """The number of "TERM", "INT"…; TERM for a name that this system lacks."""
    return int(getattr(signal, "SIG" + name, signal.SIGTERM))


def ask(pid: int, name: str) -> None:
    """Send the application's process group the signal that it ends on."""
    try:
        os.killpg(pid, signal_named(name))
    except OSError:
        pass


def kill_all(reap: Callable[[], None], seconds: float = 10.0) -> None:
    """KILL every descendant, also those that forked meanwhile, until none is left or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        living = usage.descendants(os.getpid())
        if not living:
            return
        for pid in living:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.01)
        reap()
