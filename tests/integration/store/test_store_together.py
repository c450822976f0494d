"""Writes that wait at the same time share a commit, and each of them still holds, or leaves no trace, by itself."""

import asyncio
import threading
from dataclasses import replace

import pytest
from sqlalchemy import delete as sql_delete
from sqlalchemy import update as sql_update

from armchair.domain.errors import Conflict, NotFound
from armchair.domain.run import Outcome, OutcomeKind
from armchair.domain.session import By
from armchair.sessions.ports import Change
from armchair.store.rows import OUTCOME_IS_FINAL
from armchair.store.store import Store
from armchair.store.tables import run, session
from armchair.testing.clock import START, FakeClock
from armchair.testing.samples import some_session


class Gate:
    """Holds up the first commit until it is opened, and notes what happens around all of them."""

    def __init__(self):
        self.open = threading.Event()
        self.at = []

    def __call__(self, point):
        self.at.append(point)
        assert self.open.wait(30)


@pytest.fixture
async def gate():
    return Gate()


@pytest.fixture
async def store(tmp_path, gate):
    gate.open.set()
    store = await Store.open(tmp_path, FakeClock(), on_commit=gate)
    for name in ("s1", "s2", "s3"):
        await store.create(some_session(name), (), {})
    gate.at.clear()
    yield store
    gate.open.set()
    await store.close()


def ended(kind):
    def step(record):
        outcome = Outcome(kind=kind, by=By.OWNER, at=START)
        return Change(record=replace(record, runs=(replace(record.run, outcome=outcome),)))

    return step


def titled(title):
    return lambda record: Change(record=replace(record, session=replace(record.session, title=title)))


async def held_up(gate, write):
    """A write that has come as far as its commit."""
    gate.open.clear()
    task = asyncio.ensure_future(write)
    while not gate.at:  # noqa: ASYNC110 - another thread's list
        await asyncio.sleep(0.001)
    return task


async def together(store, gate, *writes):
    """Their answers; they all wait while another write is held up in its commit."""
    first = await held_up(gate, store.keep("s1", 1, "log", "x"))
    tasks = [asyncio.ensure_future(write) for write in writes]
    await asyncio.sleep(0)
    gate.open.set()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_waits_for_a_commit_shares_the_next(store, gate):
    names = ("s1", "s2", "s3")
    found = await together(store, gate, *(store.change(name, titled(f"of {name}")) for name in names))
    assert [record.session.title for record in found] == ["of s1", "of s2", "of s3"]
    assert gate.at == ["before:keep", "after:keep", *["before:change"] * 3, *["after:change"] * 3]
    assert [record.session.title for record in await store.live()] == ["of s1", "of s2", "of s3"]


async def test_one_that_raises_leaves_no_trace_and_spoils_no_other(store, gate):
    def half(db):
        db.execute(sql_delete(session).where(session.c.id == "s2"))
        raise NotFound("planted")

    database = store._database
    found = await together(
        store, gate, store.change("s1", titled("a")), database.write("planted", half), store.change("s3", titled("c"))
    )
    assert isinstance(found[1], NotFound)
    assert [record.session.title for record in await store.live()] == ["a", "Terminal", "c"]


async def test_one_that_the_database_refuses_spoils_no_other(store, gate):
    await store.change("s2", ended(OutcomeKind.FINISHED))
    gate.at.clear()
    others = (store.change("s1", titled("a")), store.change("s3", titled("c")))

    def anew(db):
        db.execute(sql_update(run).where(run.c.session == "s2").values(outcome_kind="lost"))

    found = await together(store, gate, others[0], store._database.write("planted", anew), others[1])
    assert isinstance(found[1], Conflict)
    assert found[1].code == OUTCOME_IS_FINAL
    assert [record.session.title for record in await store.live()] == ["a", "c"]
    assert (await store.get("s2")).run.outcome.kind is OutcomeKind.FINISHED


async def test_what_nobody_waits_for_any_more_is_not_written(store, gate):
    first = await held_up(gate, store.keep("s1", 1, "log", "x"))
    unwanted = asyncio.ensure_future(store.change("s2", titled("unwanted")))
    await asyncio.sleep(0)
    unwanted.cancel()
    await asyncio.wait({unwanted})
    gate.open.set()
    await first
    assert (await store.get("s2")).session.title == "Terminal"
