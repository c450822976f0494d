"""Spares a controller that does not answer: those who would only wait for the same silence are told so at once."""

import random
import time

from armchair.domain.errors import SchedulerSilent

_FIRST, _LONGEST = 1.0, 20.0


class Breaker:
    """Open for a while after each silence, longer each time; closed by any answer. It never holds the reconciler back."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._until = 0.0
        self._failures = 0
        self._reason = ""

    def check(self) -> None:
        """Raises SchedulerSilent while it is open."""
        if time.monotonic() < self._until:
            raise SchedulerSilent("scheduler_silent", cluster=self._cluster, reason=self._reason)

    def open(self, reason: str) -> None:
        """There was no answer."""
        pause = min(_LONGEST, _FIRST * 2 ** min(self._failures, 10)) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        self._until, self._failures, self._reason = time.monotonic() + pause, self._failures + 1, reason

    def close(self) -> None:
        """There was one."""
        self._until, self._failures = 0.0, 0
