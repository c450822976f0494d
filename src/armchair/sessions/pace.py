"""How often a cluster is asked: quickly while something is about to change, slowly when all is calm (I6)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from armchair.domain.run import Phase, Record

RESTLESS = frozenset({Phase.ACCEPTED, Phase.ENDING})
UNSETTLED = frozenset({Phase.QUEUED, Phase.STARTING})
PEACE = 5.0  # seconds
LONG = 100  # queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds between two queries of one cluster, for all its sessions together.

    `ladder`: the first pauses after news (a launch, a stop, an agent's word or its sudden silence); then `soon` while a session
    is about to change, `waiting` while one is queued or starts, `calm` when all are ready: agents tell what happens in between.
    A session that has been queued for long is looked at each five seconds: its agent calls when it starts, whatever the pause.
    `each_minute`: how many queries there are in a minute at most, however much news there is; 0: any number. `burst`: how many
    of these may follow each other at once.
    """

    ladder: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.8)
    soon: float = 1.0
    waiting: float = 1.0
    calm: float = 1.0
    each_minute: int = 0
    burst: int = 8

    def pause(self, records: Sequence[Record], step: int) -> float:
        """How long to wait before the next query; `step` counts the queries since the last news."""
        phases = {record.phase for record in records}
        restless = phases & RESTLESS or any(record.run.absent_since is not None for record in records)
        waiting = self.waiting if step < LONG else max(self.waiting, PEACE)
        pause = self.soon if restless else waiting if phases & UNSETTLED else self.calm
        return min(pause, self.ladder[step]) if step < len(self.ladder) else pause

    @property
    def refill(self) -> float:
        """Seconds after which one more query is allowed, so that in any minute there are at most `each_minute`."""
        return 60 / max(1, self.each_minute - self.burst)


@dataclass(slots=True, kw_only=True)
class Beat:
    """Where one cluster's rhythm stands. Times are those of the event loop's clock.

    `full_at`: when the whole burst will be allowed again.
    """

    step: int = 0
    wanted: float = 0.0
    full_at: float = 0.0
    pace: Pace = field(default_factory=Pace)

    @property
    def due(self) -> float:
        """When to ask next: when that is wanted, or later if there were many queries."""
        allowed = self.full_at - (self.pace.burst - 1) * self.pace.refill if self.pace.each_minute else 0.0
        return max(self.wanted, allowed)

    @due.setter
    def due(self, at: float) -> None:
        self.wanted = at

    def hurry(self) -> None:
        """There is news: ask as soon as may be and begin the ladder anew."""
        self.step, self.wanted = 0, 0.0

    def asked(self, records: Sequence[Record], now: float, took: float = 0.0) -> None:
        """An answer came at `now`, after `took` seconds: set the next time. A slow controller is left in peace for as long."""
        self.wanted = now + max(self.pace.pause(records, self.step), min(took, PEACE))
        self.full_at = max(self.full_at, now) + self.pace.refill
        self.step += 1
