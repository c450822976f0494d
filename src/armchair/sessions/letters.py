"""The roles that letters need filled: where wishes and letters are kept, and each way that a letter can take."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from armchair.domain.telling import Always, Letter, Wish


class Outbox(Protocol):
    """Keeps wishes and letters. All methods raise Unavailable when the store does not answer."""

    async def wishes(self, session: str, login: str) -> Sequence[Wish]:
        """What this person wants to hear of this session."""
        ...

    async def put_wish(self, wish: Wish) -> None:
        """Store a wish in place of the earlier one by the same way; one without occasions takes it back."""
        ...

    async def due_letters(self, always: Always, now: datetime, limit: int) -> tuple[Sequence[Letter], datetime | None]:
        """Make the letters of all events since the last call, in one transaction, by the rules of `domain.telling`.

        Then those that are due, of each way the `limit` oldest, and when the next one is: what hangs in one way leaves room
        for the others. However often it is called, there is one letter for
        each event, person and way.
        """
        ...

    async def settle(self, letter: int, due_at: datetime | None, *, sent: bool) -> None:
        """A letter was tried. `due_at`: when it is tried again; None: never."""
        ...


class Notifier(Protocol):
    """One way that letters can take."""

    async def check(self, login: str, target: str) -> None:
        """Return when letters could go there.

        Raises InvalidInput (target) for an address that may not be used, Refused when there is none for this person.
        """
        ...

    async def send(self, letter: Letter, link: str) -> None:
        """Hand the letter over, with a link to the session's page. Returns when the other side has taken it.

        Raises Unavailable when it may be tried again, Refused when that is of no use.
        """
        ...
