"""The store's contract for sessions, as functions: each takes a StoreUnderTest and fails by AssertionError.

A store passes when all functions in SESSION_CONTRACT and in contract_accounts.ACCOUNT_CONTRACT do.
"""

# assertions are what a contract suite is made of
# ruff: noqa: S101

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from armchair.accounts.ports import AccountStore
from armchair.domain.errors import ArmchairError, Conflict, NotFound
from armchair.domain.event import Event
from armchair.domain.run import JobRef, OutcomeKind, Phase, Record, Run
from armchair.domain.session import Grant, Role
from armchair.sessions.ports import Change, ListQuery, SessionStore
from armchair.testing.clock import START, FakeClock
from armchair.testing.samples import HOSTILE, full_session, some_outcome, some_session


class WholeStore(SessionStore, AccountStore, Protocol):
    """Sessions with their grants, and accounts."""

    async def grants(self, session: str) -> Sequence[Grant]: ...

    async def give(self, grant: Grant) -> None: ...

    async def take_back(self, session: str, subject: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUnderTest:
    """An empty store and the clock it looks at."""

    store: WholeStore
    clock: FakeClock


Rule = Callable[[StoreUnderTest], Awaitable[None]]


def told(record: Record, code: str, **params: object) -> Event:
    """An event of this session."""
    return Event(session=record.session.id, attempt=record.run.attempt, at=START, code=code, params=params)


async def added(case: StoreUnderTest, *records: Record) -> list[Record]:
    """Store these sessions and return them as stored."""
    return [(await case.store.create(record, (), {}))[0] for record in records]


async def failure(work: Awaitable[object]) -> BaseException | None:
    """What this raises."""
    try:
        await work
    except (ArmchairError, ValueError) as error:
        return error
    return None


def change_to(record: Record, *events: Event) -> Callable[[Record], Change]:
    """A step that makes the session this one, whatever it was."""
    return lambda _: Change(record=record, events=events)


def with_run(record: Record, **facts: object) -> Record:
    """The record with these facts in its last run."""
    return replace(record, runs=(*record.runs[:-1], replace(record.run, **facts)))  # type: ignore[arg-type] # fields of Run


# --- create and read ---


async def what_is_stored_comes_back_whole(case: StoreUnderTest) -> None:
    record, created = await case.store.create(full_session(), (), {})
    assert created
    expected = full_session()
    assert record == replace(expected, session=replace(expected.session, number=record.session.number))
    assert await case.store.get("full") == record
    assert await case.store.by_number(record.session.number) == record


async def unknown_sessions_are_none(case: StoreUnderTest) -> None:
    assert await case.store.get("nobody") is None
    for name in ("", "\ud800", "s1\0", "x" * 100_000):
        assert await case.store.get(name) is None
    for number in (0, -1, 1, 2**63, 10**30):
        assert await case.store.by_number(number) is None
    assert await case.store.change("nobody", change_to(some_session())) is None
    assert await case.store.events("nobody") == []
    assert await case.store.document("nobody", 1, "log") == ""


async def numbers_increase_from_one(case: StoreUnderTest) -> None:
    records = await added(case, *(some_session(f"s{n}") for n in range(5)))
    assert [record.session.number for record in records] == [1, 2, 3, 4, 5]
    assert {record.session.version for record in records} == {1}


async def a_launch_key_makes_one_session_of_each_owner(case: StoreUnderTest) -> None:
    first, made = await case.store.create(some_session("s1", launch_key="k"), (), {"log": "first"})
    again, made_again = await case.store.create(some_session("s2", launch_key="k"), (), {"log": "second"})
    other, made_other = await case.store.create(some_session("s3", launch_key="k", owner="ben"), (), {})
    assert (made, made_again, made_other) == (True, False, True)
    assert again == first
    assert other.session.id == "s3"
    assert await case.store.get("s2") is None
    assert await case.store.document("s1", 1, "log") == "first"


async def without_a_launch_key_each_is_new(case: StoreUnderTest) -> None:
    one, two = await added(case, some_session("s1"), some_session("s2"))
    assert one.session.id != two.session.id


async def of_many_launches_at_once_one_wins(case: StoreUnderTest) -> None:
    answers = await asyncio.gather(*(case.store.create(some_session(f"s{n}", launch_key="k"), (), {}) for n in range(20)))
    assert sum(created for _, created in answers) == 1
    assert len({record.session.id for record, _ in answers}) == 1


async def live_are_those_without_outcome_in_their_last_run(case: StoreUnderTest) -> None:
    _, two, three = await added(case, some_session("s1"), some_session("s2"), some_session("s3"))
    await case.store.change("s2", change_to(with_run(two, outcome=some_outcome())))
    ended = with_run(three, outcome=some_outcome(OutcomeKind.LOST))
    again = replace(ended, runs=(*ended.runs, Run(session="s3", attempt=2, intended_at=START)))
    await case.store.change("s3", change_to(again))
    assert [record.session.id for record in await case.store.live()] == ["s1", "s3"]


async def live_are_as_they_stand_now_however_often_one_asks(case: StoreUnderTest) -> None:
    one, two = await added(case, some_session("s1"), some_session("s2"))
    assert await case.store.live() == [one, two]
    later = await case.store.change("s2", change_to(with_run(two, host="n7")))
    assert await case.store.live() == [one, later]
    await case.store.change("s1", change_to(with_run(one, outcome=some_outcome())))
    three = await added(case, some_session("s3"))
    assert await case.store.live() == [later, *three]


# --- change ---


async def a_change_stores_record_and_events_and_counts(case: StoreUnderTest) -> None:
    (record,) = await added(case, some_session())
    job = JobRef(cluster="local", id="5", submitted_at=START)
    wanted = with_run(replace(record, session=replace(record.session, title="New")), job=job)
    after = await case.store.change("s1", change_to(wanted, told(record, "job.submitted", job="5")))
    assert after == replace(wanted, session=replace(wanted.session, version=2))
    assert await case.store.get("s1") == after
    (event,) = await case.store.events("s1")
    assert (event.code, event.params, event.at, event.attempt) == ("job.submitted", {"job": "5"}, START, 1)


async def a_step_without_news_stores_nothing(case: StoreUnderTest) -> None:
    (record,) = await added(case, some_session())
    assert await case.store.change("s1", lambda _: None) == record
    assert await case.store.change("s1", lambda now: Change(record=now)) == record
    assert await case.store.get("s1") == record


async def events_alone_are_news(case: StoreUnderTest) -> None:
    (record,) = await added(case, some_session())
    after = await case.store.change("s1", change_to(record, told(record, "run.found_again")))
    assert after is not None
    assert after.session.version == 2


async def a_step_that_raises_stores_nothing(case: StoreUnderTest) -> None:
    (record,) = await added(case, some_session())

    def step(_: Record) -> Change | None:
        raise Conflict("not_now")

    found = await failure(case.store.change("s1", step))
    assert isinstance(found, Conflict)
    assert await case.store.get("s1") == record
    assert (await case.store.change("s1", lambda _: None)) == record


async def changes_at_once_lose_nothing(case: StoreUnderTest) -> None:
    await added(case, some_session())

    def step(record: Record) -> Change:
        return Change(record=with_run(record, restarts=record.run.restarts + 1), events=[told(record, "x")])

    await asyncio.gather(*(case.store.change("s1", step) for _ in range(40)))
    after = await case.store.get("s1")
    assert after is not None
    assert (after.run.restarts, after.session.version) == (40, 41)
    assert len(await case.store.events("s1")) == 40


async def an_outcome_is_final(case: StoreUnderTest) -> None:
    (record,) = await added(case, some_session())
    ended = await case.store.change("s1", change_to(with_run(record, outcome=some_outcome())))
    assert ended is not None
    outcome = some_outcome()
    for other in (None, replace(outcome, kind=OutcomeKind.FAILED), replace(outcome, detail=""), replace(outcome, params={})):
        found = await failure(case.store.change("s1", change_to(with_run(ended, outcome=other, reason="x"), told(record, "x"))))
        assert isinstance(found, Conflict)
        assert (found.code, found.params) == ("outcome_is_final", {"session": "s1", "attempt": 1})
    assert await case.store.get("s1") == ended
    assert await case.store.events("s1") == []
    renamed = replace(ended, session=replace(ended.session, title="Other"))
    assert await case.store.change("s1", change_to(renamed)) is not None


async def runs_are_added_never_removed(case: StoreUnderTest) -> None:
    (record,) = await added(case, some_session())
    more = replace(record, runs=(*record.runs, Run(session="s1", attempt=2, intended_at=START)))
    after = await case.store.change("s1", change_to(more))
    assert after is not None
    assert len(after.runs) == 2
    assert isinstance(await failure(case.store.change("s1", change_to(replace(after, runs=after.runs[:1])))), ValueError)
    gap = replace(after, runs=(*after.runs, Run(session="s1", attempt=9, intended_at=START)))
    assert isinstance(await failure(case.store.change("s1", change_to(gap))), ValueError)
    assert await case.store.get("s1") == after


async def names_of_a_session_never_change(case: StoreUnderTest) -> None:
    (record,) = await added(case, some_session(launch_key="k"))
    for name, value in {"id": "x", "number": 9, "owner": "eve", "launch_key": "", "version": 7}.items():
        other = replace(record, session=replace(record.session, **{name: value}))  # type: ignore[arg-type] # fields of Session
        assert isinstance(await failure(case.store.change("s1", change_to(other))), ValueError), name
    assert await case.store.get("s1") == record


# --- documents ---


async def documents_are_kept_beside_their_run(case: StoreUnderTest) -> None:
    await case.store.create(some_session(), (), {"spec": "{}", "script": "#!/bin/sh"})
    await case.store.keep("s1", 1, "log", "one")
    await case.store.keep("s1", 1, "log", HOSTILE + "\ud800")
    assert await case.store.document("s1", 1, "spec") == "{}"
    assert await case.store.document("s1", 1, "log") == HOSTILE.replace("\x00", "\ufffd") + "?"
    assert await case.store.document("s1", 2, "log") == ""
    await case.store.keep("s1", 2, "log", "of no run")
    await case.store.keep("nobody", 1, "log", "of nobody")
    assert await case.store.document("s1", 2, "log") == ""
    record = await case.store.get("s1")
    assert record is not None
    assert record.session.version == 1


async def the_timeline_is_in_order(case: StoreUnderTest) -> None:
    (record,) = await added(case, some_session())
    await case.store.create(some_session("s2"), [told(some_session("s2"), "other")], {})
    for start in (0, 3):
        news = [told(record, f"e{start + n}") for n in range(3)]
        await case.store.change("s1", change_to(await _now(case), *news))
    events = await case.store.events("s1")
    assert [event.code for event in events] == [f"e{n}" for n in range(6)]
    assert sorted(event.id for event in events) == [event.id for event in events]


async def _now(case: StoreUnderTest) -> Record:
    record = await case.store.get("s1")
    assert record is not None
    return record


# --- grants ---


async def a_grant_shows_a_session_until_it_ends(case: StoreUnderTest) -> None:
    await added(case, some_session(), some_session("s2"))
    until = case.clock.now() + timedelta(hours=1)
    await case.store.give(Grant(session="s1", subject="ben", role=Role.USE))
    await case.store.give(Grant(session="s1", subject="ben", role=Role.VIEW, until=until))
    assert list(await case.store.grants("s1")) == [Grant(session="s1", subject="ben", role=Role.VIEW, until=until)]
    assert [r.session.id for r in (await case.store.listing(ListQuery(subject="ben"))).records] == ["s1"]
    case.clock.advance(timedelta(hours=1))
    assert (await case.store.listing(ListQuery(subject="ben"))).total == 0
    await case.store.take_back("s1", "ben")
    await case.store.take_back("s1", "ben")
    assert list(await case.store.grants("s1")) == []
    assert isinstance(await failure(case.store.give(Grant(session="no", subject="ben", role=Role.VIEW))), NotFound)


# --- listing ---


async def listed(case: StoreUnderTest, **query: object) -> list[str]:
    """Ids that ann sees for this query."""
    page = await case.store.listing(ListQuery(subject="ann", **query))  # type: ignore[arg-type] # fields of ListQuery
    return [record.session.id for record in page.records]


async def a_listing_has_the_subjects_own_sessions_only(case: StoreUnderTest) -> None:
    await added(case, some_session("s1"), some_session("s2", owner="ben"), some_session("s3", owner="ann "))
    assert await listed(case) == ["s1"]
    assert (await case.store.listing(ListQuery(subject=""))).total == 0


async def a_search_looks_in_title_application_and_number(case: StoreUnderTest) -> None:
    await added(
        case,
        some_session("s1", title="Straße nach Ankara", app="jupyter", app_title="JupyterLab"),
        some_session("s2", title="100% sure_thing", app="xterm"),
        some_session("s3", title="Terminal İ", app="terminal"),
    )
    expected = {
        "": ["s3", "s2", "s1"],
        "  ": ["s3", "s2", "s1"],
        "STRASSE": ["s1"],
        "lab strasse": ["s1"],
        "lab sure": [],
        "#2": ["s2"],
        "3": ["s3"],
        "%": ["s2"],
        "_": ["s2"],
        "\\": [],
        "TERM": ["s3", "s2"],
        "nach": ["s1"],
        "ankarajupyter": [],
        "' OR 1=1 --": [],
        "\x00": [],
        "\ud800": [],
    }
    for text, found in expected.items():
        assert await listed(case, text=text) == found, repr(text)


async def phases_are_filtered_as_they_are_derived(case: StoreUnderTest) -> None:
    one, *_ = await added(case, some_session("s1"), some_session("s2"))
    await case.store.change("s1", change_to(with_run(one, outcome=some_outcome())))
    assert await listed(case, phases=frozenset({Phase.ENDED})) == ["s1"]
    assert await listed(case, phases=frozenset({Phase.ACCEPTED, Phase.READY})) == ["s2"]
    assert await listed(case, phases=frozenset()) == []
    assert await listed(case, phases=frozenset(Phase)) == ["s2", "s1"]


async def running_stand_above_ended_in_the_order_asked_for(case: StoreUnderTest) -> None:
    records = await added(
        case,
        some_session("s1", title="beta", app_title="Z"),
        some_session("s2", title="Alpha", app_title="y"),
        some_session("s3", title="Öl", app_title="X"),
        some_session("s4", title="aaa", app_title="A"),
    )
    await case.store.change("s4", change_to(with_run(records[3], outcome=some_outcome())))
    assert await listed(case, sort="newest") == ["s3", "s2", "s1", "s4"]
    assert await listed(case, sort="title") == ["s2", "s1", "s3", "s4"]
    assert await listed(case, sort="app") == ["s3", "s2", "s1", "s4"]
    assert await listed(case, sort="no such order") == ["s3", "s2", "s1", "s4"]


async def pages_hold_each_session_once(case: StoreUnderTest) -> None:
    await added(case, *(some_session(f"s{n}", title="same") for n in range(7)))
    for sort in ("newest", "title", "app"):
        seen: list[str] = []
        for page in (1, 2, 3):
            found = await case.store.listing(ListQuery(subject="ann", sort=sort, page=page, page_size=3))
            assert (found.total, found.page, found.page_size) == (7, page, 3)
            seen += [record.session.id for record in found.records]
        assert seen == [f"s{n}" for n in reversed(range(7))]
    assert await listed(case, page=4, page_size=3) == []
    assert await listed(case, page=-5, page_size=3) == ["s6", "s5", "s4"]


SESSION_CONTRACT: tuple[Rule, ...] = (
    what_is_stored_comes_back_whole,
    unknown_sessions_are_none,
    numbers_increase_from_one,
    a_launch_key_makes_one_session_of_each_owner,
    without_a_launch_key_each_is_new,
    of_many_launches_at_once_one_wins,
    live_are_those_without_outcome_in_their_last_run,
    live_are_as_they_stand_now_however_often_one_asks,
    a_change_stores_record_and_events_and_counts,
    a_step_without_news_stores_nothing,
    events_alone_are_news,
    a_step_that_raises_stores_nothing,
    changes_at_once_lose_nothing,
    an_outcome_is_final,
    runs_are_added_never_removed,
    names_of_a_session_never_change,
    documents_are_kept_beside_their_run,
    the_timeline_is_in_order,
    a_grant_shows_a_session_until_it_ends,
    a_listing_has_the_subjects_own_sessions_only,
    a_search_looks_in_title_application_and_number,
    phases_are_filtered_as_they_are_derived,
    running_stand_above_ended_in_the_order_asked_for,
    pages_hold_each_session_once,
)
