"""Tells live pages and waiting agents which sessions have changed. In memory: what was missed is read from the store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

QUEUE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanged:
    """A session stands differently now. `resync` True: some changes were dropped, read everything again."""

    session: str
    number: int
    owner: str
    version: int
    resync: bool = False


RESYNC = SessionChanged(session="", number=0, owner="", version=0, resync=True)


class Changes:
    """Hands each change to every subscriber it concerns; a slow one loses changes and is told so, it never blocks others."""

    def __init__(self) -> None:
        self._subscribers: dict[asyncio.Queue[SessionChanged], str | None] = {}
        self._waiters: dict[str, asyncio.Event] = {}

    def publish(self, change: SessionChanged) -> None:
        """Tell those who watch this owner's sessions, and those who wait for this session."""
        for queue, owner in self._subscribers.items():
            if owner is None or owner == change.owner:
                _offer(queue, change)
        waiter = self._waiters.pop(change.session, None)
        if waiter is not None:
            waiter.set()

    @asynccontextmanager
    async def subscribe(self, owner: str | None) -> AsyncIterator[AsyncIterator[SessionChanged]]:
        """A stream of changes of this owner's sessions, for as long as the context lasts. None: all owners."""
        queue: asyncio.Queue[SessionChanged] = asyncio.Queue(QUEUE)
        self._subscribers[queue] = owner
        try:
            yield _drain(queue)
        finally:
            del self._subscribers[queue]

    async def wait(self, session: str, seconds: float) -> bool:
        """Wait until this session changes, at most `seconds`. True when it did."""
        event = self._waiters.setdefault(session, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        return True


async def _drain(queue: asyncio.Queue[SessionChanged]) -> AsyncIterator[SessionChanged]:
    while True:
        yield await queue.get()


def _offer(queue: asyncio.Queue[SessionChanged], change: SessionChanged) -> None:
    try:
        queue.put_nowait(change)
    except asyncio.QueueFull:
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(RESYNC)
