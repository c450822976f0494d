"""Reads and writes wishes and letters. Plain functions; the caller has the transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, select, update

from armchair.domain.telling import CODES, Always, Channel, Letter, Occasion, Wish, left_of, letters
from armchair.store import rows, sessions
from armchair.store.tables import event, outbox, outbox_read, wish

_AT_ONCE = 500


def wishes(db: Connection, session: str, login: str | None = None) -> list[Wish]:
    """All wishes of a session, or those of one person."""
    query = select(wish).where(wish.c.session == session).order_by(wish.c.login, wish.c.channel)
    found = db.execute(query if login is None else query.where(wish.c.login == login)).mappings()
    return [_wish(row) for row in found]


def put_wish(db: Connection, fresh: Wish) -> None:
    """Store a wish in place of the earlier one by the same way; without occasions it is removed."""
    same = (wish.c.session == fresh.session, wish.c.login == fresh.login, wish.c.channel == fresh.channel.value)
    db.execute(delete(wish).where(*same))
    if fresh.occasions:
        occasions = sorted(occasion.value for occasion in fresh.occasions)
        values = {"session": fresh.session, "login": fresh.login, "channel": fresh.channel.value, "target": fresh.target}
        db.execute(insert(wish).values(**values, occasions=occasions))


def unread(db: Connection) -> bool:
    """Whether there are events that people may want to hear of and of which no letters were made yet.

    Most events are none: they cost no write, and are passed over with the next that is one.
    """
    return db.execute(select(event.c.id).where(*_is_unread(db)).limit(1)).first() is not None


def gather(db: Connection, always: Always, now: datetime) -> None:
    """Make the letters of the next events since the last time, and use up wishes that want to hear once."""
    found = db.execute(select(event).where(*_is_unread(db)).order_by(event.c.id).limit(_AT_ONCE)).mappings().all()
    for one in map(rows.event_of, found):
        record, asked = sessions.get(db, one.session), wishes(db, one.session)
        if record is None:
            continue
        for letter in letters(one, record.session, asked, always, now):
            db.execute(insert(outbox).values(**_letter_row(letter), sent=0))
        for before in asked:
            after = left_of(before, one)
            if after != before:
                put_wish(db, after)
    if found:
        db.execute(update(outbox_read).values(event=found[-1]["id"]))


def due(db: Connection, now: datetime, limit: int) -> tuple[list[Letter], datetime | None]:
    """Letters whose time has come, of each way the `limit` oldest, and when the next one is due."""
    query = select(outbox).where(outbox.c.due_at <= now).order_by(outbox.c.due_at, outbox.c.id).limit(limit)
    ways = [db.execute(query.where(outbox.c.channel == channel.value)).mappings().all() for channel in Channel]
    return [_letter(row) for rows_of_way in ways for row in rows_of_way], _next_due(db, now)


def _next_due(db: Connection, now: datetime) -> datetime | None:
    return db.execute(select(outbox.c.due_at).where(outbox.c.due_at > now).order_by(outbox.c.due_at).limit(1)).scalar()


def settle(db: Connection, letter: int, due_at: datetime | None, *, sent: bool) -> None:
    """A letter was tried: sent, to be tried again, or given up."""
    changes = {"due_at": due_at, "sent": int(sent), "tries": outbox.c.tries + 1}
    db.execute(update(outbox).where(outbox.c.id == letter).values(changes))


def _is_unread(db: Connection) -> tuple[ColumnElement[bool], ...]:
    last = int(db.execute(select(outbox_read.c.event)).scalar_one())
    return event.c.id > last, event.c.code.in_(sorted(CODES))


def _wish(row: RowMapping) -> Wish:
    known: Sequence[str] = row["occasions"]
    return Wish(
        session=row["session"],
        login=row["login"],
        channel=Channel(row["channel"]),
        occasions=frozenset(occasion for occasion in Occasion if occasion.value in known),
        target=row["target"],
    )


def _letter_row(letter: Letter) -> dict[str, object]:
    return {
        "event": letter.event,
        "session": letter.session,
        "login": letter.login,
        "channel": letter.channel.value,
        "target": letter.target,
        "occasion": letter.occasion.value,
        "params": dict(letter.params),
        "created_at": letter.created_at,
        "due_at": letter.due_at,
        "tries": letter.tries,
    }


def _letter(row: RowMapping) -> Letter:
    values = {
        name: row[name] for name in ("id", "event", "session", "login", "target", "params", "created_at", "due_at", "tries")
    }
    return Letter(**values, channel=Channel(row["channel"]), occasion=Occasion(row["occasion"]))
