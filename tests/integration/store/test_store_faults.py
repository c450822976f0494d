"""What the store does when it is killed, when the disk is full, when the file is damaged: nothing half done, nothing lost."""

import asyncio
import os
import sqlite3
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from armchair.domain.errors import StorageFull, Unavailable
from armchair.domain.event import Event
from armchair.sessions.ports import Change
from armchair.store.store import Store
from armchair.testing.clock import START, FakeClock
from armchair.testing.samples import some_session

WRITER = Path(__file__).with_name("store_writer.py")


@asynccontextmanager
async def writer(home, *what):
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WRITER), str(home), *what, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def check_whole(home):
    connection = sqlite3.connect(home / "armchair.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        connection.close()


async def state(home):
    """For each session how often it was changed, after a look at whether what belongs together is there together."""
    check_whole(home)
    store = await Store.open(home, FakeClock())
    counts = {}
    for record in await store.live():
        session = record.session
        events = await store.events(session.id)
        assert session.version == record.run.restarts + 1
        assert [event.params["count"] for event in events] == list(range(1, record.run.restarts + 1))
        assert await store.document(session.id, 1, "spec") == "{}"
        counts[session.id] = record.run.restarts
    await store.close()
    return counts


async def test_a_kill_in_the_midst_of_changes_loses_nothing_that_was_acknowledged(tmp_path):
    acknowledged = {}
    async with writer(tmp_path, "changes") as process, asyncio.timeout(60):
        for _ in range(205):
            line = (await process.stdout.readline()).split()
            acknowledged[line[1].decode()] = int(line[2]) if line[0] == b"changed" else 0
        process.kill()
        rest, _ = await process.communicate()
    for line in rest.splitlines():
        words = line.split()
        if words[0] == b"changed" and len(words) == 3:
            acknowledged[words[1].decode()] = int(words[2])
    found = await state(tmp_path)
    assert found.keys() == acknowledged.keys()
    assert sum(acknowledged.values()) >= 200
    for session, count in acknowledged.items():
        assert count <= found[session] <= count + 1, session


@pytest.mark.parametrize("operation", ["create", "change"])
@pytest.mark.parametrize("times", [1, 4])
async def test_a_kill_before_a_commit_stores_nothing_and_after_it_all(tmp_path, operation, times):
    totals = {}
    for point in ("before", "after"):
        home = tmp_path / point
        home.mkdir()
        async with writer(home, "die", f"{point}:{operation}", str(times)) as process, asyncio.timeout(60):
            assert await process.wait() == 9
        counts = await state(home)
        totals[point] = len(counts) if operation == "create" else sum(counts.values())
    assert totals == {"before": times - 1, "after": times}


async def test_a_failure_before_the_commit_is_no_commit(tmp_path):
    at = []

    def on_commit(point):
        at.append(point)
        if point == "before:change":
            raise Unavailable("planted")

    store = await Store.open(tmp_path, FakeClock(), on_commit=on_commit)
    record, _ = await store.create(some_session(), (), {})
    with pytest.raises(Unavailable, match="planted"):
        await store.change("s1", changed)
    assert await store.get("s1") == record
    assert await store.events("s1") == []
    await store.keep("s1", 1, "log", "the next write is as good as ever")
    assert at == ["before:create", "after:create", "before:change", "before:keep", "after:keep"]
    await store.close()


def changed(record):
    told = Event(session=record.session.id, attempt=1, at=START, code="x", params={"text": "y" * 2000})
    return Change(record=record, events=[told])


@pytest.fixture
async def small_disk(tmp_path):
    """A file system of 1 MiB of our own."""
    if os.geteuid() != 0:
        pytest.fail("this test mounts a small file system and needs root")
    place = tmp_path / "small"
    place.mkdir()
    await _run("mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(place))
    yield place
    # lazily: a test that failed may have left files open, and a mount that stays would break later runs
    await _run("umount", "--lazy", str(place))


async def _run(*command):
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0, command


async def test_a_full_disk_takes_all_or_nothing_and_what_is_there_stays(small_disk):
    store = await Store.open(small_disk, FakeClock())
    await store.create(some_session(), (), {"spec": "{}"})
    with pytest.raises(OSError, match="No space"):
        (small_disk / "filler").write_bytes(b"x" * (2 << 20))
    stored = 0
    with pytest.raises(StorageFull) as full:  # noqa: PT012 - some changes may still fit
        for _ in range(3000):
            await store.change("s1", changed)
            stored += 1
    assert full.value.params["path"].startswith(str(small_disk))
    with pytest.raises(StorageFull):
        await store.create(some_session("s2", title="x" * 100_000), (), {"log": "y" * 100_000})
    record = await store.get("s1")
    assert record.session.version == stored + 1
    assert len(await store.events("s1")) == stored
    assert await store.get("s2") is None
    (small_disk / "filler").unlink()
    assert (await store.create(some_session("s3"), (), {}))[1]
    await store.change("s1", changed)
    await store.close()
    check_whole(small_disk)
    again = await Store.open(small_disk, FakeClock())
    assert len(await again.events("s1")) == stored + 1
    assert [record.session.id for record in await again.live()] == ["s1", "s3"]
    await again.close()


async def test_a_home_on_a_full_disk_is_told(small_disk):
    with pytest.raises(OSError, match="No space"):
        (small_disk / "filler").write_bytes(b"x" * (2 << 20))
    with pytest.raises(StorageFull):
        await Store.open(small_disk, FakeClock())


async def test_a_damaged_file_is_told_and_left(tmp_path):
    text = b"this is no database, and much longer than a header of one hundred bytes would have to be " * 20
    (tmp_path / "armchair.db").write_bytes(text)
    with pytest.raises(Unavailable) as told:
        await Store.open(tmp_path, FakeClock())
    assert told.value.params == {"reason": "damaged"}
    assert (tmp_path / "armchair.db").read_bytes() == text


async def test_a_directory_that_is_none_is_told(tmp_path):
    with pytest.raises(Unavailable) as told:
        await Store.open(tmp_path / "nowhere", FakeClock())
    assert told.value.code == "store_unavailable"


async def test_a_closed_store_says_so(tmp_path):
    store = await Store.open(tmp_path, FakeClock())
    await store.close()
    for work in (store.live(), store.create(some_session(), (), {})):
        with pytest.raises(Unavailable) as told:
            await work
        assert told.value.params == {"reason": "closed"}


async def test_what_is_acknowledged_is_on_the_disk(tmp_path, monkeypatch):
    """WAL with FULL syncs at each commit; without WAL, EXTRA also syncs the directory."""
    pragmas = {}
    for network in (False, True):
        home = tmp_path / str(network)
        home.mkdir()
        monkeypatch.setattr("armchair.store.database.on_network", lambda _, network=network: network)
        store = await Store.open(home, FakeClock())
        pragmas[network] = await store._database.write(
            "test", lambda db: [db.exec_driver_sql(f"PRAGMA {name}").scalar() for name in PRAGMAS]
        )
        await store.create(some_session(), (), {})
        assert (home / "armchair.db-shm").exists() is not network
        await store.close()
    assert pragmas == {False: ["wal", 2, 1], True: ["delete", 3, 1]}


PRAGMAS = ("journal_mode", "synchronous", "foreign_keys")


async def test_the_file_is_for_its_owner_only_and_holds_no_secret(tmp_path):
    from armchair.accounts.actor import Person, PortalRole, Scope  # noqa: PLC0415 - this test's alone
    from armchair.accounts.logins import Accounts  # noqa: PLC0415
    from armchair.accounts.ports import JoinCode  # noqa: PLC0415

    store = await Store.open(tmp_path, FakeClock())
    accounts = Accounts(store, FakeClock())
    await accounts.remember(Person(login="ann", name="Ann", roles=frozenset(PortalRole)))
    code = await accounts.login_link("ann")
    login = await accounts.exchange(code.reveal())
    unused = await accounts.login_link("ann")
    token = await accounts.create_token(login.actor, "ci", frozenset(Scope))
    await store.add_join_code("join-secret", JoinCode(session="s", login="ann", login_id="i", expires_at=START))
    files = list(tmp_path.iterdir())
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    content = b"".join(file.read_bytes() for file in files)
    assert b"ann" in content
    for secret in (code.reveal(), unused.reveal(), login.cookie.reveal(), token.secret.reveal(), "join-secret"):
        assert secret.encode() not in content
    await store.close()


async def test_reads_do_not_wait_for_a_write(tmp_path):
    store = await Store.open(tmp_path, FakeClock())
    await store.create(some_session(), (), {})
    loop, entered, go_on = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def slow(record):
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(30)
        return changed(record)

    async with asyncio.timeout(30):
        change = asyncio.create_task(store.change("s1", slow))
        await entered.wait()
        record = await store.get("s1")
        assert record.session.version == 1
        go_on.set()
        assert (await change).session.version == 2
    await store.close()
