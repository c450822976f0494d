"""One query for all who ask at the same time: while one is under way, those who come join the next."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


@dataclass(slots=True, kw_only=True)
class _Batch(Generic[Answer]):
    wanted: set[str] = field(default_factory=set)
    task: "asyncio.Task[Answer] | None" = None


class Gathered(Generic[Answer]):
    """Asks `query` about all that is wanted. An answer always comes from a query that began after it was asked for.

    `turn` is waited for before each query; those who come meanwhile join it.
    """

    def __init__(self, query: Callable[[frozenset[str]], Awaitable[Answer]], turn: Callable[[], Awaitable[None]]) -> None:
        self._query = query
        self._turn = turn
        self._lock = asyncio.Lock()
        self._next: _Batch[Answer] | None = None

    async def ask(self, wanted: Iterable[str]) -> Answer:
        """The answer to one query about these and what others want. Raises what the query raises."""
        batch = self._next
        if batch is None:
            batch = self._next = _Batch()
            batch.task = asyncio.create_task(self._run(batch))
            # those who asked may all have gone away by then
            batch.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        batch.wanted.update(wanted)
        if batch.task is None:
            raise RuntimeError("a batch has its task from the start")
        return await asyncio.shield(batch.task)

    async def _run(self, batch: _Batch[Answer]) -> Answer:
        async with self._lock:
            await self._turn()
            self._next = None
            return await self._query(frozenset(batch.wanted))
