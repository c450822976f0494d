"""When jobs of some shape would start: few questions to the scheduler, shared by all who want to know."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from armchair.domain.cluster import Estimate, Starts
from armchair.domain.errors import ArmchairError
from armchair.domain.secret import Secret
from armchair.domain.session import Placement, Resources
from armchair.launchers.slurm import guesses, questions
from armchair.launchers.slurm.door import SlurmDoor

log = structlog.get_logger()

SCRIPT = Secret("#!/bin/sh\n")
MINUTE = 60.0
FRESH, FRESH_MAX, FRESH_NEVER = 60.0, 300.0, 600.0
STALE = 1800.0  # an older guess is none
AFTER_SILENCE = 60.0
KEPT, WAITING = 2000, 40
_UNKNOWN = Estimate(starts=Starts.UNKNOWN)
_ASKING = Estimate(starts=Starts.UNKNOWN, asking=True)

Shape = tuple[Resources, Placement]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    estimate: Estimate
    asked: float
    until: float
    steady: int = 0


class Budget:
    """At most so many in any minute."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._spent: deque[float] = deque(maxlen=max(1, per_minute))

    def wait(self) -> float:
        """How many seconds until the next one is free; 0: now."""
        if len(self._spent) < self._per_minute:
            return 0.0
        return max(0.0, self._spent[0] + MINUTE - self._clock())

    def spend(self) -> None:
        """One was used."""
        self._spent.append(self._clock())


class Estimates:
    """The guesses of one cluster, by shape: cores, memory, GPUs, walltime, partition, account, QOS, reservation.

    They are asked for as the person who wanted to know first, and hold for all who may use the same account.
    """

    def __init__(
        self,
        door: SlurmDoor,
        *,
        per_minute: int,
        news: Callable[[], None],
        cluster: str = "",
        extra: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._door, self._news, self._cluster, self._extra = door, news, cluster, extra
        self._clock, self._now = clock, now
        self._off = per_minute == 0
        self._budget = Budget(per_minute, clock)
        self._known: OrderedDict[Shape, _Known] = OrderedDict()
        self._waiting: OrderedDict[Shape, str] = OrderedDict()
        self._worker: asyncio.Task[None] | None = None

    def get(self, login: str, resources: Resources, placement: Placement) -> Estimate:
        """What is known of this shape. What is not, or no longer, is asked for in the background."""
        if self._off:
            return _UNKNOWN
        shape, moment = (resources, placement), self._clock()
        known = self._known.get(shape)
        if known is not None and moment < known.until:
            return known.estimate
        self._want(shape, login)
        if known is None or moment - known.asked > STALE or known.estimate.starts is Starts.UNKNOWN:
            return _ASKING
        return replace(known.estimate, asking=True)

    async def close(self) -> None:
        """End what goes on in the background."""
        if self._worker is not None and not self._worker.done():
            self._worker.cancel()
            await asyncio.wait({self._worker})

    def _want(self, shape: Shape, login: str) -> None:
        self._waiting.setdefault(shape, login)
        while len(self._waiting) > WAITING:
            # the oldest is of a page that has most likely been closed; an open one asks again
            self._waiting.popitem(last=False)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
            self._worker.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("slurm.estimates_failed", error=repr(error))
            self._waiting.clear()

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._budget.wait())
            shape, login = self._waiting.popitem(last=False)
            self._budget.spend()
            self._keep(shape, await self._ask(login, shape))
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            self._news()

    def _keep(self, shape: Shape, found: Estimate | None) -> None:
        """Remember the answer. What is said again and again is asked for less often."""
        before, asked = self._known.get(shape), self._clock()
        same = before is not None and found is not None and before.estimate.starts is found.starts
        steady = before.steady + 1 if same and before is not None else 0
        lasts = self._lasts(found, steady)
        self._known[shape] = _Known(estimate=found or _UNKNOWN, asked=asked, until=asked + lasts, steady=steady)
        self._known.move_to_end(shape)
        # pages that still show it then ask again; when there is none, nobody does
        asyncio.get_running_loop().call_later(lasts + 1, self._news)

    async def _ask(self, login: str, shape: Shape) -> Estimate | None:
        argv = questions.would_start(*shape, extra=self._extra, cluster=self._cluster)
        try:
            done = await self._door.act(login, argv, stdin=SCRIPT)
        except ArmchairError as error:
            log.info("slurm.no_estimate", code=error.code)
            return None
        found = guesses.estimate(done, self._now())
        if found is None:
            log.info("slurm.no_estimate", exit_code=done.exit_code, stderr=done.stderr[-300:])
        return found

    def _lasts(self, found: Estimate | None, steady: int) -> float:
        """How long the guess is good for: the farther the start, the less a minute matters."""
        if found is None:
            return AFTER_SILENCE
        steady = min(steady, 8)
        if found.starts is Starts.NEVER:
            return FRESH_NEVER
        if found.starts is Starts.LATER and found.at is not None:
            quarter = (found.at - self._now()) / 4 / timedelta(seconds=1)
            return min(FRESH_MAX, max(FRESH * (1 << steady), quarter))
        return min(FRESH_MAX, FRESH * (1 << steady))
