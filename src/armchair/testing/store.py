"""A store in memory that behaves as the real one; the contract suite holds the two together."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from armchair.domain import telling
from armchair.domain.access import Verb, may
from armchair.domain.announcement import Announcement, AnnouncementKind
from armchair.domain.errors import NotFound
from armchair.domain.event import Event
from armchair.domain.run import Phase, Record
from armchair.domain.session import Grant
from armchair.domain.telling import Always, Letter, Wish
from armchair.domain.thumbnail import Thumbnail
from armchair.sessions.ports import Change, Clock, ListPage, ListQuery
from armchair.store.search import fold, search_text, words
from armchair.store.sessions import check_step, with_next_version
from armchair.store.types import storable
from armchair.testing.accounts import MemoryAccounts
from armchair.testing.clock import FakeClock


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Somebody:
    login: str


class MemoryStore(MemoryAccounts):
    """SessionStore and AccountStore. While `fail` is set, each write raises it and stores nothing."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self._clock = clock or FakeClock()
        self._records: dict[str, Record] = {}
        self._events: list[Event] = []
        self._documents: dict[tuple[str, int, str], str] = {}
        self._wishes: dict[tuple[str, str, telling.Channel], Wish] = {}
        self._letters: list[Letter] = []
        self._read_events = 0
        self._grants: dict[tuple[str, str], Grant] = {}
        self._thumbnails: dict[str, Thumbnail] = {}
        self._announcements: dict[tuple[str, str], Announcement] = {}

    async def close(self) -> None:
        """Nothing to close."""

    async def get(self, session: str) -> Record | None:
        return self._records.get(session)

    async def by_number(self, number: int) -> Record | None:
        return next((record for record in self._records.values() if record.session.number == number), None)

    async def live(self) -> Sequence[Record]:
        return [record for record in self._records.values() if record.run.outcome is None]

    async def listing(self, query: ListQuery) -> ListPage:
        page, size = max(1, query.page), max(1, query.page_size)
        found = [record for record in self._records.values() if await self._matches(record, query)]
        found.sort(key=lambda record: record.session.number, reverse=True)
        if query.sort == "title":
            found.sort(key=lambda record: fold(record.session.title))
        if query.sort == "app":
            found.sort(key=lambda record: fold(record.session.app_title or record.session.app))
        found.sort(key=lambda record: record.phase is Phase.ENDED)
        start = (page - 1) * size
        return ListPage(records=found[start : start + size], total=len(found), page=page, page_size=size)

    async def events(self, session: str) -> Sequence[Event]:
        return [event for event in self._events if event.session == session]

    async def document(self, session: str, attempt: int, name: str) -> str:
        return self._documents.get((session, attempt, name), "")

    async def grants(self, session: str) -> Sequence[Grant]:
        """All grants on a session, by subject, also those that are over."""
        return sorted((one for one in self._grants.values() if one.session == session), key=lambda one: one.subject)

    async def create(self, record: Record, events: Sequence[Event], documents: Mapping[str, str]) -> tuple[Record, bool]:
        self._write()
        key = (record.session.owner, record.session.launch_key)
        for there in self._records.values():
            if key[1] and key == (there.session.owner, there.session.launch_key):
                return there, False
        fresh = dataclasses.replace(record.session, number=len(self._records) + 1, version=1)
        self._records[fresh.id] = Record(session=fresh, runs=record.runs)
        self._tell(events)
        for name, text in documents.items():
            await self.keep(fresh.id, record.run.attempt, name, text)
        return self._records[fresh.id], True

    async def change(self, session: str, step: Callable[[Record], Change | None]) -> Record | None:
        self._write()
        before = self._records.get(session)
        made = step(before) if before is not None else None
        if before is None or made is None or (made.record == before and not made.events):
            return before
        check_step(before, made.record)
        self._records[session] = with_next_version(made.record)
        self._tell(made.events)
        return self._records[session]

    async def keep(self, session: str, attempt: int, name: str, text: str) -> None:
        self._write()
        record = self._records.get(session)
        if record is not None and 1 <= attempt <= len(record.runs):
            self._documents[session, attempt, name] = storable(text)

    async def give(self, grant: Grant) -> None:
        """Store a grant in place of the subject's earlier one. Raises NotFound("no_such_session", reference=…)."""
        self._write()
        if grant.session not in self._records:
            raise NotFound("no_such_session", reference=grant.session)
        self._grants[grant.session, grant.subject] = grant

    async def take_back(self, session: str, subject: str) -> None:
        """Remove a grant, if there is one."""
        self._write()
        self._grants.pop((session, subject), None)

    async def thumbnail(self, session: str) -> Thumbnail | None:
        return self._thumbnails.get(session)

    async def keep_thumbnail(self, picture: Thumbnail) -> None:
        self._write()
        if picture.session in self._records:
            self._thumbnails[picture.session] = picture

    async def wishes(self, session: str, login: str) -> Sequence[Wish]:
        found = [wish for wish in self._wishes.values() if (wish.session, wish.login) == (session, login)]
        return sorted(found, key=lambda wish: wish.channel.value)

    async def put_wish(self, wish: Wish) -> None:
        self._write()
        self._wishes.pop((wish.session, wish.login, wish.channel), None)
        if wish.occasions:
            self._wishes[wish.session, wish.login, wish.channel] = wish

    async def due_letters(self, always: Always, now: datetime, limit: int) -> tuple[Sequence[Letter], datetime | None]:
        for event in self._events[self._read_events :]:
            asked = [wish for wish in self._wishes.values() if wish.session == event.session]
            for letter in telling.letters(event, self._records[event.session].session, asked, always, now):
                self._letters.append(dataclasses.replace(letter, id=len(self._letters) + 1))
            for wish in asked:
                await self.put_wish(telling.left_of(wish, event))
        self._read_events = len(self._events)
        waiting = [letter for letter in self._letters if letter.due_at is not None]
        waiting.sort(key=lambda letter: (letter.due_at, letter.id))
        later = [letter.due_at for letter in waiting if letter.due_at is not None and letter.due_at > now]
        due = [one for one in waiting if one.due_at is not None and one.due_at <= now]
        ways = [[one for one in due if one.channel is channel][:limit] for channel in telling.Channel]
        return [letter for way in ways for letter in way], min(later, default=None)

    async def settle(self, letter: int, due_at: datetime | None, *, sent: bool) -> None:  # noqa: ARG002 - only the real one keeps it
        self._write()
        old = self._letters[letter - 1]
        self._letters[letter - 1] = dataclasses.replace(old, due_at=due_at, tries=old.tries + 1)

    async def announcements(self) -> Sequence[Announcement]:
        return [announcement for _, announcement in sorted(self._announcements.items())]

    async def post(self, announcement: Announcement) -> None:
        self._write()
        self._announcements[announcement.kind.value, announcement.cluster] = announcement

    async def withdraw(self, kind: AnnouncementKind, cluster: str = "") -> None:
        self._write()
        self._announcements.pop((kind.value, cluster), None)

    async def _matches(self, record: Record, query: ListQuery) -> bool:
        session, now = record.session, self._clock.now()
        texts = [search_text(session), f"#{session.number}"]
        if query.everybody:
            texts += [session.owner.lower(), session.cluster.lower()]
        return (
            (query.everybody or may(_Somebody(login=query.subject), Verb.VIEW, session, await self.grants(session.id), now))
            and all(any(word in text for text in texts) for word in words(query.text))
            and (query.phases is None or record.phase in query.phases)
        )

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self._events.append(dataclasses.replace(event, id=len(self._events) + 1))
