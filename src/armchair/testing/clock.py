"""A clock that stands still until it is told to move."""

from datetime import UTC, datetime, timedelta

START = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


class FakeClock:
    """Answers with one moment, in UTC, until `advance` moves it."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        """The moment it stands at."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move on and return the new moment."""
        self._now += by
        return self._now
