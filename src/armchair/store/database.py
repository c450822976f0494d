"""The SQLite file: one thread that writes, one that reads, and transactions that hold or leave no trace.

What is to be written while the disk is busy with a commit shares the next one: a thousand agents report seventy times a second,
and a disk makes a hundred commits.
"""

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from armchair.domain.errors import Unavailable
from armchair.store import migrate
from armchair.store.failures import meaning
from armchair.store.filesystem import on_network

log = structlog.get_logger()

T = TypeVar("T")
NAME = "armchair.db"
_BUSY_MS = 10_000
_TOGETHER = 50


@dataclass(slots=True, kw_only=True)
class _Order:
    """Something to be written, and where its answer goes once it is on the disk."""

    operation: str
    work: Callable[[Connection], Any]
    answer: "Future[Any]" = field(default_factory=Future)
    result: Any = None
    error: BaseException | None = None


class Database:
    """Runs plain functions on a connection, in a thread of its own, each in one transaction.

    Writes go through one thread and `BEGIN IMMEDIATE`; those that wait at the same time share a commit, and each still holds,
    or leaves no trace, by itself. What a write has returned survives a kill of the process and a loss of power. On a local disk
    reads have a thread of their own and never wait for a write (WAL); on a network file system all use one connection, which
    keeps the file for itself.
    """

    def __init__(self, path: Path, *, network: bool, on_commit: Callable[[str], None] | None) -> None:
        self._path = path
        self._network = network
        self._on_commit = on_commit or (lambda _: None)
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._reading = self._writing if network else ThreadPoolExecutor(1, thread_name_prefix="store-read")
        self._orders: deque[_Order] = deque()
        self._writer: Connection | None = None
        self._reader: Connection | None = None

    @classmethod
    async def open(cls, home: Path, on_commit: Callable[[str], None] | None = None) -> "Database":
        """Make the file when there is none, bring its tables up to date, and connect.

        Raises StorageFull, Unavailable("store_unavailable", reason=…), Conflict("store_is_newer", found=…, known=…).
        """
        path = home / NAME
        database = cls(path, network=on_network(home), on_commit=on_commit)
        try:
            await database._in_thread(database._writing, database._connect)
        except BaseException:
            await database.close()
            raise
        return database

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent state of the data. Raises Unavailable."""
        return await self._in_thread(self._reading, self._read, work)

    async def write(self, operation: str, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction and commit it; when it raises, nothing is stored. Raises StorageFull, Unavailable.

        It may run again, on what is then there, when one that shares its commit broke the transaction.
        """
        order = _Order(operation=operation, work=work)
        self._orders.append(order)
        try:
            self._writing.submit(self._write_some)
        except RuntimeError:
            raise Unavailable("store_unavailable", reason="closed") from None
        return await self._explained(asyncio.wrap_future(order.answer))

    async def close(self) -> None:
        """Wait for what is under way, then let go of the file. Later calls raise Unavailable."""
        loop = asyncio.get_running_loop()
        try:
            if self._reading is not self._writing:
                await loop.run_in_executor(self._reading, self._disconnect, "_reader")
            await loop.run_in_executor(self._writing, self._disconnect, "_writer")
        except RuntimeError:
            return  # closed before
        self._reading.shutdown(wait=False)
        self._writing.shutdown(wait=False)

    async def _in_thread(self, thread: ThreadPoolExecutor, work: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        try:
            answer = loop.run_in_executor(thread, work, *arguments)
        except RuntimeError:
            raise Unavailable("store_unavailable", reason="closed") from None
        return await self._explained(answer)

    async def _explained(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except (DBAPIError, sqlite3.Error) as error:
            found = meaning(error, self._path)
            if found is None:
                raise
            log.warning("store.failed", code=found.code, **{key: str(value) for key, value in found.params.items()})
            raise found from error

    # --- in the threads ---

    def _connect(self) -> None:
        try:
            _make(self._path)
        except OSError as error:
            raise meaning(error, self._path) or error from error
        self._writer = _engine(self._path, network=self._network, read_only=False).connect()
        with self._writer.begin():
            migrate.upgrade(self._writer)

    def _read(self, work: Callable[[Connection], T]) -> T:
        if self._network:
            connection = self._open_writer()
        else:
            if self._reader is None:
                self._reader = _engine(self._path, network=False, read_only=True).connect()
            connection = self._reader
        with connection.begin():
            return work(connection)

    def _write_some(self) -> None:
        """Carry out what waits, in one transaction. Called once for each order, so most calls find none left."""
        orders = [self._orders.popleft() for _ in range(min(len(self._orders), _TOGETHER))]
        # who no longer waits for it does not want it either
        orders = [order for order in orders if order.answer.set_running_or_notify_cancel()]
        if len(orders) > 1 and not self._committed(orders):
            for order in orders:
                self._commit_alone(order)
        elif len(orders) == 1:
            self._commit_alone(orders[0])
        for order in orders:
            if order.error is not None:
                order.answer.set_exception(order.error)
            else:
                order.answer.set_result(order.result)

    def _committed(self, orders: Sequence[_Order]) -> bool:
        """Carry them out together, each within a savepoint; False when the database failed and nothing of it is stored."""
        try:
            connection = self._open_writer()
            with connection.begin():
                for order in orders:
                    self._carry_out(order, connection)
                for order in orders:
                    self._on_commit(f"before:{order.operation}")
        except (DBAPIError, sqlite3.Error, Unavailable):
            return False
        for order in orders:
            self._on_commit(f"after:{order.operation}")
        return True

    def _carry_out(self, order: _Order, connection: Connection) -> None:
        order.result = order.error = None
        try:
            with connection.begin_nested():
                order.result = order.work(connection)
        except (DBAPIError, sqlite3.Error):
            # it may have taken the whole transaction with it
            raise
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
            order.error = error

    def _commit_alone(self, order: _Order) -> None:
        order.result = order.error = None
        try:
            connection = self._open_writer()
            with connection.begin():
                order.result = order.work(connection)
                self._on_commit(f"before:{order.operation}")
            self._on_commit(f"after:{order.operation}")
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
            order.error = error

    def _open_writer(self) -> Connection:
        if self._writer is None:
            raise Unavailable("store_unavailable", reason="closed")
        return self._writer

    def _disconnect(self, name: str) -> None:
        connection: Connection | None = getattr(self, name)
        setattr(self, name, None)
        if connection is not None:
            connection.close()
            connection.engine.dispose()


def _make(path: Path) -> None:
    """An empty file for us alone when there is none, and its name on the disk: SQLite sees only to what it makes itself."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _engine(path: Path, *, network: bool, read_only: bool) -> Engine:
    """An engine whose transactions begin when we say so (the driver would begin them late, and never for reads)."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": _BUSY_MS / 1000})

    @sqlalchemy_event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        for pragma in _pragmas(network=network, read_only=read_only):
            connection.execute(f"PRAGMA {pragma}")

    @sqlalchemy_event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _pragmas(*, network: bool, read_only: bool) -> tuple[str, ...]:
    common = (f"busy_timeout={_BUSY_MS}", "foreign_keys=ON", "trusted_schema=OFF")
    if read_only:
        return (*common, "query_only=ON")
    if network:
        # EXTRA also syncs the directory that the journal leaves: a loss of power can't bring the journal back
        return (*common, "locking_mode=EXCLUSIVE", "journal_mode=DELETE", "synchronous=EXTRA")
    return (*common, "journal_mode=WAL", "synchronous=FULL", "journal_size_limit=16777216")
