"""Tells live pages and waiting agents which sessions and clusters have changed.

In memory: what was missed is read from the store.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from armchair.domain.telling import Letter

QUEUE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanged:
    """A session stands differently now. `resync` True: some changes were dropped, read everything again."""

    session: str
    number: int
    owner: str
    version: int
    resync: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterChanged:
    """More is known of a cluster than before: how busy it is, or when something would start there."""

    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Somebody wanted to be told this by their browser."""

    letter: Letter


News = SessionChanged | ClusterChanged | Told
RESYNC = SessionChanged(session="", number=0, owner="", version=0, resync=True)


class Changes:
    """Hands each change to every subscriber it concerns; a slow one loses changes and is told so, it never blocks others."""

    def __init__(self) -> None:
        self._subscribers: dict[asyncio.Queue[News], str | None] = {}
        self._with_clusters: set[asyncio.Queue[News]] = set()
        self._waiters: dict[str, asyncio.Event] = {}

    def publish(self, change: SessionChanged) -> None:
        """Tell those who watch this owner's sessions, and those who wait for this session."""
        for queue, owner in self._subscribers.items():
            if owner is None or owner == change.owner:
                _offer(queue, change)
        waiter = self._waiters.pop(change.session, None)
        if waiter is not None:
            waiter.set()

    def cluster(self, name: str) -> None:
        """Tell the live pages that more is known of this cluster."""
        for queue in self._with_clusters:
            _offer(queue, ClusterChanged(cluster=name))

    def notify(self, told: Told) -> None:
        """Tell the live pages of the one person whom this letter is for."""
        for queue, owner in self._subscribers.items():
            if owner == told.letter.login:
                _offer(queue, told)

    @asynccontextmanager
    async def subscribe(self, owner: str | None, *, clusters: bool = False) -> AsyncIterator[AsyncIterator[News]]:
        """A stream of changes of this owner's sessions, for as long as the context lasts. None: all owners.

        `clusters`: also of what is known of clusters.
        """
        queue: asyncio.Queue[News] = asyncio.Queue(QUEUE)
        self._subscribers[queue] = owner
        if clusters:
            self._with_clusters.add(queue)
        try:
            yield _drain(queue)
        finally:
            del self._subscribers[queue]
            self._with_clusters.discard(queue)

    async def wait(self, session: str, seconds: float) -> bool:
        """Wait until this session changes, at most `seconds`. True when it did."""
        event = self._waiters.setdefault(session, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        return True


async def _drain(queue: asyncio.Queue[News]) -> AsyncIterator[News]:
    while True:
        yield await queue.get()


def _offer(queue: asyncio.Queue[News], change: News) -> None:
    try:
        queue.put_nowait(change)
    except asyncio.QueueFull:
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(RESYNC)
