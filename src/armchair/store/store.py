"""The store as the use cases see it: each method is one transaction in the database's threads."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from armchair.domain.event import Event
from armchair.domain.run import Record
from armchair.domain.session import Grant
from armchair.sessions.ports import Change, Clock, ListPage, ListQuery
from armchair.store import sessions
from armchair.store.account_store import StoredAccounts
from armchair.store.database import Database


class Store(StoredAccounts):
    """SessionStore and AccountStore on the database in the portal's home. Use `Store.open`; the ports state the contracts."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database)
        self._clock = clock

    @classmethod
    async def open(cls, home: Path, clock: Clock, *, on_commit: Callable[[str], None] | None = None) -> Self:
        """Bring the home's database up to date, or make it, and open it. The caller holds the home's lock.

        `on_commit` is called in the writer thread with "before:<operation>" and "after:<operation>" around each commit.
        Raises Conflict("store_is_newer", found=…, known=…), StorageFull("storage_full", path=…),
        Unavailable("store_unavailable", reason=…).
        """
        return cls(await Database.open(home, on_commit), clock)

    async def close(self) -> None:
        """Finish what was begun and let go of the file. May be called twice."""
        await self._database.close()

    # --- SessionReader ---

    async def get(self, session: str) -> Record | None:
        return await self._database.read(lambda db: sessions.get(db, session))

    async def by_number(self, number: int) -> Record | None:
        return await self._database.read(lambda db: sessions.by_number(db, number))

    async def live(self) -> Sequence[Record]:
        return await self._database.read(sessions.live)

    async def listing(self, query: ListQuery) -> ListPage:
        now = self._clock.now()
        return await self._database.read(lambda db: sessions.listing(db, query, now))

    async def events(self, session: str) -> Sequence[Event]:
        return await self._database.read(lambda db: sessions.events(db, session))

    async def document(self, session: str, attempt: int, name: str) -> str:
        return await self._database.read(lambda db: sessions.document(db, session, attempt, name))

    async def grants(self, session: str) -> Sequence[Grant]:
        """All grants on a session, by subject, also those that are over."""
        return await self._database.read(lambda db: sessions.grants(db, session))

    # --- SessionWriter ---

    async def create(self, record: Record, events: Sequence[Event], documents: Mapping[str, str]) -> tuple[Record, bool]:
        return await self._database.write("create", lambda db: sessions.create(db, record, events, documents))

    async def change(self, session: str, step: Callable[[Record], Change | None]) -> Record | None:
        return await self._database.write("change", lambda db: sessions.change(db, session, step))

    async def keep(self, session: str, attempt: int, name: str, text: str) -> None:
        await self._database.write("keep", lambda db: sessions.keep(db, session, attempt, name, text))

    async def give(self, grant: Grant) -> None:
        """Store a grant in place of the subject's earlier one. Raises NotFound("no_such_session", reference=…)."""
        await self._database.write("give", lambda db: sessions.give(db, grant))

    async def take_back(self, session: str, subject: str) -> None:
        """Remove a grant, if there is one."""
        await self._database.write("take_back", lambda db: sessions.take_back(db, session, subject))
