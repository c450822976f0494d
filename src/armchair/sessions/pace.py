"""How often a cluster is asked: quickly while something is about to change, slowly when all is calm (I6)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from armchair.domain.run import Phase, Record

RESERVE = 4
RESTLESS = frozenset({Phase.ACCEPTED, Phase.ENDING})
UNSETTLED = frozenset({Phase.QUEUED, Phase.STARTING})
PEACE = 5.0  # seconds
LONG = 100  # queries


@dataclass(slots=True, kw_only=True)
class Allowance:
    """How many queries a cluster is asked in any minute at most, whoever has them asked; `burst` of these at once.

    `full_at`: when the whole burst will be allowed again. Times are those of the event loop's clock.
    """

    each_minute: int
    burst: int = 8
    full_at: float = 0.0

    @property
    def refill(self) -> float:
        """Seconds after which one more query is allowed."""
        return 60 / max(1, self.each_minute - self.burst)

    def due(self, keep: int = 0) -> float:
        """When the next query is allowed that leaves so many more to others."""
        return self.full_at - (self.burst - keep - 1) * self.refill

    def take(self, now: float) -> None:
        """There is a query."""
        self.full_at = max(self.full_at, now) + self.refill


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds between two queries of one cluster, for all its sessions together.

    `ladder`: the first pauses after news (a launch, a stop, an agent's word or its sudden silence); then `soon` while a session
    is about to change, `waiting` while one is queued or starts, `calm` when all are ready: agents tell what happens in between.
    A session that has been queued for long is looked at each five seconds: its agent calls when it starts, whatever the pause.
    `allowance`: what bounds all queries, those that somebody waits for first; None: nothing does.
    """

    ladder: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.8)
    soon: float = 1.0
    waiting: float = 1.0
    calm: float = 1.0
    allowance: Allowance | None = None

    def pause(self, records: Sequence[Record], step: int) -> float:
        """How long to wait before the next query; `step` counts the queries since the last news."""
        phases = {record.phase for record in records}
        restless = phases & RESTLESS or any(record.run.absent_since is not None for record in records)
        waiting = self.waiting if step < LONG else max(self.waiting, PEACE)
        pause = self.soon if restless else waiting if phases & UNSETTLED else self.calm
        return min(pause, self.ladder[step]) if step < len(self.ladder) else pause


@dataclass(slots=True, kw_only=True)
class Beat:
    """Where one cluster's rhythm stands. Times are those of the event loop's clock."""

    step: int = 0
    wanted: float = 0.0
    pace: Pace = field(default_factory=Pace)

    @property
    def due(self) -> float:
        """When to ask next: when that is wanted, or later if there were many queries. Some are left to who waits for one."""
        allowance = self.pace.allowance
        return max(self.wanted, allowance.due(RESERVE) if allowance is not None else 0.0)

    @due.setter
    def due(self, at: float) -> None:
        self.wanted = at

    def hurry(self) -> None:
        """There is news: ask as soon as may be and begin the ladder anew."""
        self.step, self.wanted = 0, 0.0

    def asked(self, records: Sequence[Record], now: float, took: float = 0.0) -> None:
        """An answer came at `now`, after `took` seconds: set the next time. A slow controller is left in peace for as long."""
        self.wanted = now + max(self.pace.pause(records, self.step), min(took, PEACE))
        self.step += 1
