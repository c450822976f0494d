"""The tables: what migrations make is what the code expects, and the database itself guards outcomes."""

import re
from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from armchair.domain.errors import Conflict
from armchair.domain.run import JobRef, JobState, OutcomeKind, ProcessEnd, Record, Run, phase
from armchair.domain.session import Wanted
from armchair.store import migrate, rows, sessions, tables
from armchair.store.store import Store
from armchair.testing.clock import START, FakeClock
from armchair.testing.samples import full_session, some_outcome, some_session


@pytest.fixture
def db():
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        migrate.upgrade(connection)
        yield connection
    engine.dispose()


def test_migrations_make_the_tables_of_the_code(db):
    context = MigrationContext.configure(db, opts={"compare_type": True})
    assert compare_metadata(context, tables.metadata) == []


def test_migrations_make_every_index_constraint_and_counter_of_the_code(db):
    query = text("SELECT name, sql FROM sqlite_master WHERE tbl_name NOT LIKE 'alembic%' AND type IN ('table', 'index')")
    made = {name: _plain(sql) for name, sql in db.execute(query)}
    engine = create_engine("sqlite://")
    with engine.connect() as fresh:
        tables.metadata.create_all(fresh)
        assert made == {name: _plain(sql) for name, sql in fresh.execute(query)}
    engine.dispose()


def _plain(sql):
    """What a statement says, in any order: a column that was added later stands behind the constraints."""
    parts = [] if sql is None else [part.strip(" \t()") for part in re.split(r"[,\n]", sql)]
    return sorted(part for part in parts if part)


def test_the_newest_migration_is_the_one_that_start_looks_for():
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


def test_an_upgrade_twice_changes_nothing(db):
    before = db.execute(text("SELECT name, sql FROM sqlite_master")).all()
    migrate.upgrade(db)
    assert db.execute(text("SELECT name, sql FROM sqlite_master")).all() == before


async def test_a_newer_home_is_left_alone(tmp_path):
    store = await Store.open(tmp_path, FakeClock())
    await store._database.write("test", lambda db: db.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    await store.close()
    with pytest.raises(Conflict) as newer:
        await Store.open(tmp_path, FakeClock())
    assert newer.value.params == {"found": "9999", "known": migrate.HEAD}


async def test_a_migration_that_fails_leaves_an_empty_file(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("half-way")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.operations.Operations.create_index", fail)
        with pytest.raises(RuntimeError, match="half-way"):
            await Store.open(tmp_path, FakeClock())
    engine = create_engine(f"sqlite:///{tmp_path / 'armchair.db'}")
    with engine.connect() as left:
        assert left.execute(text("SELECT name FROM sqlite_master")).all() == []
    engine.dispose()
    store = await Store.open(tmp_path, FakeClock())
    assert await store.live() == []
    await store.close()


CHANGES = {
    "outcome_kind": "failed",
    "outcome_by": "site",
    "outcome_at": START.replace(year=2031),
    "outcome_exit_code": None,
    "outcome_signal": 1,
    "outcome_detail": "",
    "outcome_params": {},
}


@pytest.mark.parametrize("column", CHANGES)
def test_the_database_refuses_another_outcome(db, column):
    sessions.create(db, _ended(), (), {})
    with pytest.raises(IntegrityError, match="outcome_is_final"):
        db.execute(update(tables.run).values({column: CHANGES[column]}))


def test_the_database_refuses_to_clear_an_outcome(db):
    sessions.create(db, _ended(), (), {})
    with pytest.raises(IntegrityError, match="outcome_is_final"):
        db.execute(update(tables.run).values(dict.fromkeys(CHANGES)))


def test_the_database_refuses_half_an_outcome_and_half_a_job(db):
    sessions.create(db, some_session(), (), {})
    with pytest.raises(IntegrityError, match="run_outcome_whole"):
        db.execute(update(tables.run).values(outcome_kind="failed"))
    with pytest.raises(IntegrityError, match="run_job_whole"):
        db.execute(update(tables.run).values(job_id="5"))


def test_the_rest_of_an_ended_run_may_change(db):
    sessions.create(db, _ended(), (), {})
    db.execute(update(tables.run).values(reason="late news"))


def test_a_number_is_never_given_twice(db):
    for name in ("s1", "s2", "s3"):
        sessions.create(db, some_session(name), (), {})
    db.execute(tables.session.delete())
    record, _ = sessions.create(db, some_session("s4"), (), {})
    assert record.session.number == 4


def _ended():
    record = some_session()
    return Record(session=record.session, runs=(Run(session="s1", intended_at=START, outcome=some_outcome()),))


def test_text_that_no_database_takes_is_stored_without_it(db):
    hostile = "a\ud800b\0c"
    record = some_session(title=hostile)
    outcome = replace(some_outcome(), detail=hostile, params={"text": hostile})
    run = Run(session="s1", intended_at=START, reason=hostile, host=hostile, refused=hostile, outcome=outcome)
    sessions.create(db, Record(session=record.session, runs=(run,)), (), {hostile: hostile})
    back = sessions.get(db, "s1")
    assert {back.session.title, back.run.reason, back.run.host, back.run.refused, back.run.outcome.detail} == {"a?b\ufffdc"}
    assert back.run.outcome.params == {"text": hostile}
    assert sessions.document(db, "s1", 1, hostile) == "a?b\ufffdc"


def _maybe(value):
    return st.sampled_from([None, value])


END = ProcessEnd(at=START, exit_code=0)
RUNS = st.builds(
    Run,
    session=st.just("s1"),
    intended_at=st.just(START),
    job=_maybe(JobRef(cluster="local", id="1", submitted_at=START)),
    job_state=st.sampled_from([None, *JobState]),
    enrolled_at=_maybe(START),
    ready_at=_maybe(START),
    absent_since=_maybe(START),
    agent_end=_maybe(END),
    job_end=_maybe(END),
    outcome=st.sampled_from([None, some_outcome(), some_outcome(OutcomeKind.LOST)]),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(run=RUNS, wanted=st.sampled_from(Wanted))
def test_the_phase_in_sql_is_the_phase(db, run, wanted):
    session = some_session(wanted=wanted).session
    db.execute(tables.run.delete())
    db.execute(tables.session.delete())
    db.execute(insert(tables.session).values(rows.session_row(session, 1)))
    db.execute(insert(tables.run).values(rows.run_row(run)))
    joined = tables.session.join(tables.run, tables.run.c.session == tables.session.c.id)
    found = db.execute(select(sessions.phase_column()).select_from(joined)).scalar_one()
    assert found == phase(session, run).value


def test_rows_lose_nothing(db):
    expected = full_session()
    record, _ = sessions.create(db, expected, (), {})
    back = sessions.get(db, "full")
    assert back == record
    assert back.runs == expected.runs
    defaults = (some_session(owner="other").session, Run(session="s1", intended_at=START))
    for whole, plain in zip((expected.session, expected.runs[0]), defaults, strict=True):
        same = [name for name in whole.__slots__ if getattr(whole, name) == getattr(plain, name)]
        assert set(same) <= {"number", "version", "parent", "attempt"}, "a field that the sample does not fill is not tested"
