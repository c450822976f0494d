"""One portal per home: by flock between processes, by a lease on network file systems."""

import asyncio
import json
import os
import signal
import socket
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from armchair.domain.errors import Conflict, Unavailable
from armchair.store import lock
from armchair.store.lock import LEASE_SECONDS, HomeLock, Lease, holder
from armchair.testing.clock import START, FakeClock

WRITER = Path(__file__).with_name("store_writer.py")


async def start(home):
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WRITER), str(home), "lock", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        return process, (await process.stdout.readline()).decode().split()


async def end(process):
    if process.returncode is None:
        process.kill()
    await process.communicate()


async def test_a_second_portal_is_told_of_the_first(tmp_path):
    first, said = await start(tmp_path)
    assert said == ["locked"]
    second, said = await start(tmp_path)
    assert said == ["home_in_use", str(first.pid), socket.gethostname()]
    with pytest.raises(Conflict) as taken, HomeLock(tmp_path, FakeClock()):
        pass
    assert taken.value.params["pid"] == first.pid
    found = holder(tmp_path)
    assert (found.pid, found.host) == (first.pid, socket.gethostname())
    await end(second)
    first.send_signal(signal.SIGKILL)
    await end(first)
    assert holder(tmp_path) is None
    with HomeLock(tmp_path, FakeClock()):
        mine = holder(tmp_path)
        assert (mine.pid, mine.since) == (os.getpid(), START.isoformat())
    assert holder(tmp_path) is None


async def test_of_many_portals_at_once_one_gets_the_home(tmp_path):
    started = await asyncio.gather(*(start(tmp_path) for _ in range(4)))
    assert sorted(said[0] for _, said in started) == ["home_in_use"] * 3 + ["locked"]
    for process, _ in started:
        await end(process)


def test_a_child_does_not_keep_the_home(tmp_path):
    with HomeLock(tmp_path, FakeClock()) as held:
        assert not os.get_inheritable(held._hold._fd)


def test_a_new_home_is_for_its_owner_only(tmp_path):
    home = tmp_path / "deep" / "home"
    with HomeLock(home, FakeClock()):
        assert home.stat().st_mode & 0o777 == 0o700
        assert (home / "lock").stat().st_mode & 0o777 == 0o600


def test_a_home_that_can_not_be_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(Unavailable) as told, HomeLock(tmp_path / "file" / "home", FakeClock()):
        pass
    assert (told.value.code, told.value.params["path"]) == ("home_unusable", str(tmp_path / "file" / "home"))


def test_nobody_has_an_empty_or_broken_home(tmp_path):
    assert holder(tmp_path) is None
    for text in ("", "{", "[]", '{"pid": "x"}', "\x00" * 512):
        (tmp_path / "lock").write_text(text)
        assert holder(tmp_path) is None
    with HomeLock(tmp_path, FakeClock()):
        assert holder(tmp_path).pid == os.getpid()


# --- the lease ---


@pytest.fixture
def age(tmp_path):
    """Makes the lease as old as wanted, as the file server sees it."""

    def make_old(by):
        now = (tmp_path / "lock").stat().st_mtime
        os.utime(tmp_path / "lock", (now - by.total_seconds(), now - by.total_seconds()))

    return make_old


def elsewhere(monkeypatch):
    """From here on, this process is on another machine."""
    monkeypatch.setattr(lock.socket, "gethostname", lambda: "other")
    monkeypatch.setattr(lock, "_boot", lambda: "other boot")


def test_a_network_home_is_kept_by_a_lease(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "on_network", lambda _: True)
    with HomeLock(tmp_path, FakeClock()):
        assert holder(tmp_path).pid == os.getpid()
        elsewhere(monkeypatch)
        with pytest.raises(Conflict) as taken, HomeLock(tmp_path, FakeClock()):
            pass
        assert taken.value.params["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_lease_is_taken_over_when_it_is_old(tmp_path, monkeypatch, age):
    lost = []
    first = Lease(tmp_path, START, beat=False, on_lost=lambda: lost.append(1))
    elsewhere(monkeypatch)
    age(timedelta(seconds=LEASE_SECONDS - 5))
    with pytest.raises(Conflict):
        Lease(tmp_path, START, beat=False)
    assert first.renew()
    age(timedelta(seconds=LEASE_SECONDS - 5))
    with pytest.raises(Conflict):
        Lease(tmp_path, START, beat=False)
    age(timedelta(seconds=10))
    second = Lease(tmp_path, START, beat=False)
    assert not first.renew()
    assert lost == [1]
    first.release()
    assert second.renew()
    assert holder(tmp_path).host == "other"
    second.release()
    assert list(tmp_path.iterdir()) == []


def test_the_lease_of_a_dead_process_of_this_machine_is_free_at_once(tmp_path):
    first = Lease(tmp_path, START, beat=False)
    text = json.loads((tmp_path / "lock").read_text())
    (tmp_path / "lock").write_text(json.dumps(text | {"pid": 2**22 + 1, "token": "another"}))
    assert holder(tmp_path) is None
    second = Lease(tmp_path, START, beat=False, on_lost=lambda: None)
    assert first._me.token != second._me.token
    second.release()


async def test_a_lease_beats_by_itself(tmp_path, monkeypatch, age):
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    lease = Lease(tmp_path, START)
    age(timedelta(hours=1))
    old = (tmp_path / "lock").stat().st_mtime
    await _until(lambda: (tmp_path / "lock").stat().st_mtime > old + 1000)
    lease.release()
    assert not lease._thread.is_alive()


async def _until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a file's time has no event
            await asyncio.sleep(0.01)


async def test_of_many_machines_at_once_one_takes_an_old_lease(tmp_path, monkeypatch, age):
    Lease(tmp_path, START, beat=False)
    elsewhere(monkeypatch)
    age(timedelta(hours=1))

    def take():
        try:
            return Lease(tmp_path, START, beat=False)
        except Conflict:
            return None

    taken = [lease for lease in await asyncio.gather(*(asyncio.to_thread(take) for _ in range(8))) if lease]
    holding = json.loads((tmp_path / "lock").read_text())["token"]
    assert holding in {lease._me.token for lease in taken}
    assert len(taken) == 1


def test_a_lease_that_was_taken_meanwhile_is_left_alone(tmp_path, monkeypatch, age):
    """Two see the same old lease; the slower one finds the quicker one's fresh lease in its place."""
    Lease(tmp_path, START, beat=False)
    elsewhere(monkeypatch)
    age(timedelta(hours=1))
    quicker = []
    really_take_over = Lease._take_over

    def slowly(self):
        if not quicker:
            quicker.append(self)
            quicker.append(Lease(tmp_path, START, beat=False, on_lost=lambda: None))
        return really_take_over(self)

    monkeypatch.setattr(Lease, "_take_over", slowly)
    with pytest.raises(Conflict) as taken:
        Lease(tmp_path, START, beat=False)
    assert taken.value.params["host"] == "other"
    assert quicker[1].renew()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_who_died_while_taking_over_stands_in_nobodys_way_for_long(tmp_path, monkeypatch, age):
    Lease(tmp_path, START, beat=False)
    died = json.loads((tmp_path / "lock").read_text()) | {"pid": 2**22 + 1}
    (tmp_path / "lock.taking").write_text(json.dumps(died))
    age(timedelta(hours=1))
    elsewhere(monkeypatch)
    with pytest.raises(Conflict):
        Lease(tmp_path, START, beat=False)
    assert (tmp_path / "lock.taking").exists()
    os.utime(tmp_path / "lock.taking", (0, 0))
    Lease(tmp_path, START, beat=False).release()
    assert list(tmp_path.iterdir()) == []
