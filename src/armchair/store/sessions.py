"""Reads and writes sessions on an open connection. Plain functions; the caller has the transaction."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, String, and_, case, cast, func, literal, or_, select
from sqlalchemy import delete as sql_delete
from sqlalchemy import insert as sql_insert
from sqlalchemy import update as sql_update

from armchair.domain.errors import Conflict, NotFound
from armchair.domain.event import Event
from armchair.domain.run import JobState, Phase, Record
from armchair.domain.session import Grant, Session, Wanted
from armchair.sessions.ports import Change, ListPage, ListQuery
from armchair.store import rows
from armchair.store.search import words
from armchair.store.tables import document as run_document
from armchair.store.tables import event, run, session
from armchair.store.tables import grant as session_grant

_PART = 500
_LARGEST = 2**63
# what a step may not change: the names of a session, and what the store itself counts
_FIXED = ("id", "number", "owner", "launch_key", "created_by", "created_at", "version")


def get(db: Connection, session_id: str) -> Record | None:
    """The session with this id."""
    return _one(db, select(session).where(session.c.id == session_id))


def by_number(db: Connection, number: int) -> Record | None:
    """The session with this number."""
    if not 0 < number < _LARGEST:
        return None
    return _one(db, select(session).where(session.c.number == number))


def live(db: Connection, known: Mapping[str, Record]) -> list[Record]:
    """All sessions whose last run has no outcome, oldest first.

    `known`: records that were read before. Those whose version is still the same are not read again: of a thousand sessions
    only a few have changed since the last look.
    """
    source = session.join(run, _is_last_run())
    query = select(session.c.id, session.c.version).select_from(source).where(run.c.outcome_kind.is_(None))
    versions = {row.id: row.version for row in db.execute(query.order_by(session.c.number))}
    found = {
        name: known[name] for name, version in versions.items() if name in known and known[name].session.version == version
    }
    stale = [name for name in versions if name not in found]
    for start in range(0, len(stale), _PART):
        part = select(session).where(session.c.id.in_(stale[start : start + _PART]))
        found |= {record.session.id: record for record in _records(db, db.execute(part).mappings().all())}
    return [found[name] for name in versions]


def listing(db: Connection, query: ListQuery, now: datetime) -> ListPage:
    """One page of what `query.subject` owns or was given, or of everything. A page before the first is the first."""
    page, size = min(max(1, query.page), 1_000_000), max(1, query.page_size)
    source = session.join(run, _is_last_run())
    wanted = [_has_word(word, everybody=query.everybody) for word in words(query.text)]
    if not query.everybody:
        wanted.append(_visible_to(query.subject, now))
    if query.phases is not None:
        wanted.append(phase_column().in_([phase.value for phase in query.phases]))
    total = db.execute(select(func.count()).select_from(source).where(*wanted)).scalar_one()
    order = {"title": [session.c.sort_title], "app": [session.c.sort_app]}.get(query.sort, [])
    found = db.execute(
        select(session)
        .select_from(source)
        .where(*wanted)
        .order_by(run.c.outcome_kind.is_not(None), *order, session.c.number.desc())
        .limit(size)
        .offset((page - 1) * size)
    )
    return ListPage(records=_records(db, found.mappings().all()), total=total, page=page, page_size=size)


def phase_column() -> ColumnElement[str]:
    """domain.run.phase() in SQL; a property test holds the two together."""
    ending = or_(
        session.c.wanted == Wanted.STOP.value,
        run.c.agent_end.isnot(None),
        run.c.job_end.isnot(None),
        run.c.job_state.in_([JobState.ENDING.value, JobState.ENDED.value]),
    )
    started = or_(run.c.enrolled_at.isnot(None), run.c.job_state.in_([JobState.RUNNING.value, JobState.SUSPENDED.value]))
    return case(
        (run.c.outcome_kind.isnot(None), literal(Phase.ENDED.value)),
        (ending, literal(Phase.ENDING.value)),
        (run.c.ready_at.isnot(None), literal(Phase.READY.value)),
        (started, literal(Phase.STARTING.value)),
        (run.c.job_id.isnot(None), literal(Phase.QUEUED.value)),
        else_=literal(Phase.ACCEPTED.value),
    )


def events(db: Connection, session_id: str) -> list[Event]:
    """The timeline, oldest first."""
    found = db.execute(select(event).where(event.c.session == session_id).order_by(event.c.id))
    return [rows.event_of(row) for row in found.mappings()]


def document(db: Connection, session_id: str, attempt: int, name: str) -> str:
    """A text kept with a run, "" when there is none."""
    found = db.execute(select(run_document.c.body).where(*_is_document(session_id, attempt, name)))
    return found.scalar_one_or_none() or ""


def create(db: Connection, record: Record, told: Sequence[Event], documents: Mapping[str, str]) -> tuple[Record, bool]:
    """Store a new session, or find the one with its launch key."""
    fresh = record.session
    if fresh.launch_key:
        there = _one(db, select(session).where(session.c.owner == fresh.owner, session.c.launch_key == fresh.launch_key))
        if there is not None:
            return there, False
    row = rows.session_row(dataclasses.replace(fresh, version=1), record.run.attempt)
    added = db.execute(sql_insert(session).values(row).returning(session.c.number))
    stored = Record(session=dataclasses.replace(fresh, number=added.scalar_one(), version=1), runs=record.runs)
    db.execute(sql_insert(run), [rows.run_row(one) for one in stored.runs])
    _tell(db, told)
    for name, text in documents.items():
        keep(db, fresh.id, stored.run.attempt, name, text)
    return stored, True


def change(db: Connection, session_id: str, step: Callable[[Record], Change | None]) -> Record | None:
    """Read, apply `step`, store what differs."""
    before = get(db, session_id)
    made = step(before) if before is not None else None
    if before is None or made is None or (made.record == before and not made.events):
        return before
    check_step(before, made.record)
    after = with_next_version(made.record)
    db.execute(sql_update(session).where(session.c.id == session_id).values(_changed(before, after)))
    for old, new in zip(before.runs, after.runs, strict=False):
        if old != new:
            is_it = and_(run.c.session == session_id, run.c.attempt == new.attempt)
            db.execute(sql_update(run).where(is_it).values(rows.run_row(new)))
    added = after.runs[len(before.runs) :]
    if added:
        db.execute(sql_insert(run), [rows.run_row(one) for one in added])
    _tell(db, made.events)
    return after


def _changed(before: Record, after: Record) -> dict[str, object]:
    """What to store of the session. Most changes are of its run alone, and what people search by costs the most."""
    if with_next_version(before).session == after.session:
        return {"version": after.session.version, "attempt": after.run.attempt}
    return rows.session_row(after.session, after.run.attempt)


def keep(db: Connection, session_id: str, attempt: int, name: str, text: str) -> None:
    """Store a text beside a run, replacing the one with that name. Nothing happens when there is no such run."""
    is_run = and_(run.c.session == session_id, run.c.attempt == attempt)
    if db.execute(select(run.c.attempt).where(is_run)).first() is None:
        return
    db.execute(sql_delete(run_document).where(*_is_document(session_id, attempt, name)))
    db.execute(sql_insert(run_document).values(session=session_id, attempt=attempt, name=name, body=text))


def grants(db: Connection, session_id: str) -> list[Grant]:
    """All grants on a session, by subject."""
    query = select(session_grant).where(session_grant.c.session == session_id).order_by(session_grant.c.subject)
    return rows.grants_of(db.execute(query).mappings().all())


def give(db: Connection, grant: Grant) -> None:
    """Store a grant, replacing the subject's earlier one."""
    if db.execute(select(session.c.id).where(session.c.id == grant.session)).first() is None:
        raise NotFound("no_such_session", reference=grant.session)
    take_back(db, grant.session, grant.subject)
    db.execute(
        sql_insert(session_grant).values(session=grant.session, subject=grant.subject, role=grant.role.value, until=grant.until)
    )


def take_back(db: Connection, session_id: str, subject: str) -> None:
    """Remove a grant."""
    db.execute(sql_delete(session_grant).where(session_grant.c.session == session_id, session_grant.c.subject == subject))


def check_step(before: Record, after: Record) -> None:
    """The store's rules for a step. Raises Conflict("outcome_is_final") (I3), ValueError for what no step may do."""
    names = [name for name in _FIXED if getattr(before.session, name) != getattr(after.session, name)]
    if names:
        raise ValueError(f"a step may not change {', '.join(names)}")
    if [one.id for one in after.runs] != [f"{before.session.id}-{n}" for n in range(1, len(after.runs) + 1)]:
        raise ValueError("runs are numbered from 1 and belong to their session")
    if len(after.runs) < len(before.runs):
        raise ValueError("a step may not remove runs")
    for old, new in zip(before.runs, after.runs, strict=False):
        if old.outcome is not None and new.outcome != old.outcome:
            raise Conflict(rows.OUTCOME_IS_FINAL, session=before.session.id, attempt=old.attempt)


def with_next_version(record: Record) -> Record:
    """The record as it is after one more stored change."""
    fresh: Session = dataclasses.replace(record.session, version=record.session.version + 1)
    return Record(session=fresh, runs=record.runs)


def _tell(db: Connection, told: Sequence[Event]) -> None:
    if told:
        db.execute(sql_insert(event), [rows.event_row(one) for one in told])


def _one(db: Connection, query: Select[tuple[object, ...]]) -> Record | None:
    found = db.execute(query).mappings().all()
    return _records(db, found)[0] if found else None


def _records(db: Connection, found: Sequence[RowMapping]) -> list[Record]:
    runs: dict[str, list[RowMapping]] = defaultdict(list)
    ids = [row["id"] for row in found]
    for start in range(0, len(ids), _PART):
        part = select(run).where(run.c.session.in_(ids[start : start + _PART])).order_by(run.c.attempt)
        for row in db.execute(part).mappings():
            runs[row["session"]].append(row)
    return [Record(session=rows.session_of(row), runs=tuple(rows.run_of(one) for one in runs[row["id"]])) for row in found]


def _is_last_run() -> ColumnElement[bool]:
    return and_(run.c.session == session.c.id, run.c.attempt == session.c.attempt)


def _has_word(word: str, *, everybody: bool) -> ColumnElement[bool]:
    number = literal("#") + cast(session.c.number, String)
    columns = [session.c.search, number, *((session.c.owner, session.c.cluster) if everybody else ())]
    return or_(*(column.contains(word, autoescape=True) for column in columns))


def _visible_to(subject: str, now: datetime) -> ColumnElement[bool]:
    given = select(session_grant.c.session).where(
        session_grant.c.subject == subject, or_(session_grant.c.until.is_(None), session_grant.c.until > now)
    )
    return or_(session.c.owner == subject, session.c.id.in_(given))


def _is_document(session_id: str, attempt: int, name: str) -> list[ColumnElement[bool]]:
    return [run_document.c.session == session_id, run_document.c.attempt == attempt, run_document.c.name == name]
