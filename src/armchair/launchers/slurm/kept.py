"""An answer that is kept and shared: read by one at a time, refreshed in the background, and kept through silence."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

from armchair.domain.errors import SchedulerSilent

log = structlog.get_logger()

Answer = TypeVar("Answer")
FIRST_WAIT = 2.0  # seconds after which nobody waits any more for an answer that nobody has had yet
_AGAIN, _AGAIN_MAX = 10.0, 300.0


class Kept(Generic[Answer]):
    """`read` is called when somebody asks and the answer is older than `seconds`, never more often, whoever asks.

    The first askers wait, at most FIRST_WAIT. Later ones get what is there at once, while a stale answer is read again in the
    background. When `read` raises SchedulerSilent the old answer stays, and it is tried again after growing pauses.
    `news` is called for the first answer and the first after silence; with `live` for each.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], Awaitable[Answer]],
        seconds: float,
        *,
        news: Callable[[], None] | None = None,
        live: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._read, self._seconds, self._clock = name, read, seconds, clock
        self._news, self._live = news, live
        self._answer: Answer | None = None
        self._due = 0.0
        self._failures = 0
        self._silence: SchedulerSilent | None = None
        self._reading: asyncio.Task[None] | None = None
        self._began = 0.0

    async def get(self) -> Answer:
        """The answer. Raises SchedulerSilent when there has never been one."""
        reading = self._reading
        if self._clock() >= self._due and (reading is None or reading.done()):
            reading = self._begin()
        if self._answer is None and reading is not None:
            await asyncio.wait({reading}, timeout=max(0.0, self._began + FIRST_WAIT - self._clock()))
        if self._answer is None:
            raise self._silence or SchedulerSilent("scheduler_silent", reason=f"{self._name}: not answered yet")
        return self._answer

    def peek(self) -> Answer | None:
        """The answer as it is, None when there is none yet; it is read in the background if it is old."""
        if self._clock() >= self._due and (self._reading is None or self._reading.done()):
            self._begin()
        return self._answer

    async def close(self) -> None:
        """End what goes on in the background."""
        if self._reading is not None and not self._reading.done():
            self._reading.cancel()
            await asyncio.wait({self._reading})

    def refresh(self) -> None:
        """Read it at the next opportunity, although it is not old."""
        if not self._failures:
            self._due = 0.0

    def _begin(self) -> asyncio.Task[None]:
        self._began = self._clock()
        self._reading = asyncio.create_task(self._refresh())
        self._reading.add_done_callback(self._done)
        return self._reading

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("slurm.reading_failed", what=self._name, error=repr(error))
            self._due = self._clock() + _AGAIN_MAX

    async def _refresh(self) -> None:
        first = self._answer is None
        try:
            self._answer = await self._read()
        except SchedulerSilent as silence:
            self._silence = silence
            pause = min(_AGAIN_MAX, _AGAIN * 2**self._failures)
            self._failures = min(self._failures + 1, 10)
            self._due = self._clock() + _jitter(pause)
            log.info("slurm.not_answered", what=self._name, reason=silence.params.get("reason"))
            return
        worth_telling = first or self._live or self._failures > 0
        self._failures, self._silence = 0, None
        self._due = self._clock() + _jitter(self._seconds)
        if self._news is not None and worth_telling:
            self._news()


def _jitter(seconds: float) -> float:
    return seconds * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, guards nothing
