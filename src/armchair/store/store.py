"""The store as the use cases see it: each method is one transaction in the database's threads."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from armchair.domain.announcement import Announcement, AnnouncementKind
from armchair.domain.event import Event
from armchair.domain.run import Record
from armchair.domain.session import Grant
from armchair.domain.telling import Always, Letter, Wish
from armchair.domain.thumbnail import Thumbnail
from armchair.sessions.ports import Change, Clock, ListPage, ListQuery
from armchair.store import announcements, outbox, sessions, thumbnails
from armchair.store.account_store import StoredAccounts
from armchair.store.database import Database


class Store(StoredAccounts):
    """SessionStore and AccountStore on the database in the portal's home. Use `Store.open`; the ports state the contracts."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database)
        self._clock = clock
        self._live: dict[str, Record] = {}

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
        found = await self._database.read(lambda db: sessions.live(db, self._live))
        self._live = {record.session.id: record for record in found}
        return found

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

    # --- Thumbnails ---

    async def thumbnail(self, session: str) -> Thumbnail | None:
        return await self._database.read(lambda db: thumbnails.get(db, session))

    async def keep_thumbnail(self, picture: Thumbnail) -> None:
        await self._database.write("keep_thumbnail", lambda db: thumbnails.keep(db, picture))

    # --- Outbox ---

    async def wishes(self, session: str, login: str) -> Sequence[Wish]:
        return await self._database.read(lambda db: outbox.wishes(db, session, login))

    async def put_wish(self, wish: Wish) -> None:
        await self._database.write("put_wish", lambda db: outbox.put_wish(db, wish))

    async def due_letters(self, always: Always, now: datetime, limit: int) -> tuple[Sequence[Letter], datetime | None]:
        while await self._database.read(outbox.unread):
            await self._database.write("letters", lambda db: outbox.gather(db, always, now))
        return await self._database.read(lambda db: outbox.due(db, now, limit))

    async def settle(self, letter: int, due_at: datetime | None, *, sent: bool) -> None:
        await self._database.write("settle", lambda db: outbox.settle(db, letter, due_at, sent=sent))

    # --- Announcements ---

    async def announcements(self) -> Sequence[Announcement]:
        return await self._database.read(announcements.all_of)

    async def post(self, announcement: Announcement) -> None:
        await self._database.write("post", lambda db: announcements.post(db, announcement))

    async def withdraw(self, kind: AnnouncementKind, cluster: str = "") -> None:
        await self._database.write("withdraw", lambda db: announcements.withdraw(db, kind, cluster))
