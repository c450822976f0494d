"""Slows down whoever guesses passwords: after some failures each next try waits longer, never for ever.

Counted are a login from one address, a login from anywhere, and an address for all logins: a person who mistypes is slowed
down after three tries; it takes more of them to slow somebody else down, from elsewhere or behind the same address.

Failures are forgotten little by little, as many in an hour as are free: else the mistakes of all who are behind one address
would add up, day after day, until nobody there gets in at once. Guessing gets no quicker by that than what is free.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST = 300.0
FORGET_AFTER = 3600.0
_MOST = 20_000


@dataclass(slots=True)
class _Failures:
    count: float
    last: float


class Brakes:
    """Counts tries that have not come to a good end, by key. Times are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._failures: dict[str, _Failures] = {}

    def wait(self, keys: Mapping[str, int], now: float) -> float:
        """How many seconds these must still wait before a try counts; 0: none."""
        return max((self._wait(key, free, now) for key, free in keys.items()), default=0.0)

    def tried(self, keys: Mapping[str, int], now: float) -> None:
        """A try begins: it counts as a failure until it succeeds, or many tries at once would all be free."""
        if len(self._failures) > _MOST:
            self._forget(now)
        for key, free in keys.items():
            one = self._failures.get(key)
            if one is None or now - one.last >= FORGET_AFTER:
                self._failures[key] = _Failures(1, now)
            else:
                left = max(0.0, one.count - free * (now - one.last) / FORGET_AFTER)
                self._failures[key] = _Failures(left + 1, now)

    def failed(self, keys: Mapping[str, int], now: float) -> None:
        """A try has come to nothing: the wait begins here, since the try itself may have taken long."""
        for one in (self._failures[key] for key in keys if key in self._failures):
            one.last = max(one.last, now)

    def succeeded(self, login: Mapping[str, int], address: str) -> None:
        """The right person came: their login's failures are forgotten, and of the address's this try alone."""
        for key in login:
            self._failures.pop(key, None)
        one = self._failures.get(address)
        if one is not None:
            one.count -= 1

    def _forget(self, now: float) -> None:
        """Make room: whoever sends ever new names must neither fill our memory nor keep us busy with looking for room."""
        recent = sorted((one.last, key) for key, one in self._failures.items() if now - one.last < FORGET_AFTER)
        self._failures = {key: self._failures[key] for _, key in recent[-_MOST // 2 :]}

    def _wait(self, key: str, free: int, now: float) -> float:
        one = self._failures.get(key)
        count = 0 if one is None else math.ceil(one.count)
        if one is None or count < free:
            return 0.0
        pause = min(LONGEST, 2.0 ** min(count - free + 2, 20))
        return max(0.0, one.last + pause - now)
