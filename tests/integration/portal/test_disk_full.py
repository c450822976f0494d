"""No room on the portal's disk: said in words, nothing half done, and all well again when there is room."""

import os
import subprocess  # noqa: TID251 - mounting is no work of the portal
from collections.abc import Iterator
from pathlib import Path

import pytest

from armchair.client.errors import ApiError
from armchair.testing.processes import Nursery

from .portal_stage import Stage, eventually, new_home, stage_on, typed  # noqa: TID252 - one folder's own


class SmallDisk:
    """A file system that can be filled to the last byte, and emptied again."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filler = place / "filler"

    def fill(self) -> None:
        with self._filler.open("ab", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                try:
                    while file.write(bytes(size)):
                        continue
                except OSError:
                    continue

    def empty(self) -> None:
        self._filler.unlink()


def mount(place: Path, size: str) -> SmallDisk:
    if os.geteuid() != 0:
        pytest.fail("this test mounts a small file system and needs root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(place)], check=True)
    return SmallDisk(place)


def unmount(place: Path) -> None:
    # lazily: a test that failed may have left files open, and a mount that stays would break later runs
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def small_home(nursery: Nursery) -> Iterator[tuple[Stage, SmallDisk]]:
    """A portal whose whole home is on a small disk."""
    with new_home() as home:
        disk = mount(home, "16m")
        try:
            with stage_on(nursery, home) as stage:
                stage.up()
                yield stage, disk
        finally:
            unmount(home)


@pytest.fixture
def small_jobs(home_stage: Stage) -> Iterator[tuple[Stage, SmallDisk]]:
    """A portal whose launcher alone keeps its jobs on a small disk."""
    place = home_stage.home / "local" / "jobs"
    place.mkdir(parents=True)
    disk = mount(place, "256k")
    try:
        home_stage.up()
        yield home_stage, disk
        home_stage.end()
    finally:
        unmount(place)


def test_nothing_is_stored_on_a_full_disk_and_what_runs_goes_on(small_home: tuple[Stage, SmallDisk]) -> None:
    stage, disk = small_home
    session = stage.launch()
    with stage.stream(session.id) as connection:
        disk.fill()
        with pytest.raises(ApiError) as refused:
            _launch_until_refused(stage)
        assert refused.value.status == 507, refused.value.code
        assert "full" in str(refused.value)
        total = stage.client.sessions().total
        typed(connection, b"undisturbed\n")
        assert stage.get(session.id) == (200, "hello")
        assert stage.client.session(session.id).phase == "ready"
        disk.empty()
        again = stage.client.launch("hello", key="afterwards")
        assert again.number == total + 1, "no number is lost"
        stage.reach(again.id, "ready")
        typed(connection, b"and on\n")
    eventually(lambda: len(stage.live()) == 2, "what did fit has ended")
    for one in (session, again):
        stage.client.stop(one.id)
        assert stage.outcome(one.id)[0] == "cancelled"


def _launch_until_refused(stage: Stage) -> None:
    """A little may fit into the pages that the store has already."""
    for attempt in range(200):
        stage.client.launch("exits-at-once", key=f"fits {attempt}", title="x" * 100)


def test_an_end_that_can_t_be_stored_is_told_and_can_be_repeated(small_home: tuple[Stage, SmallDisk]) -> None:
    stage, disk = small_home
    session = stage.launch()
    disk.fill()
    try:
        stage.client.stop(session.id)
    except ApiError as refused:
        assert refused.status == 507  # noqa: PT017 - it may also have fitted
    disk.empty()
    stage.client.stop(session.id)
    assert stage.outcome(session.id)[0] == "cancelled"


def test_an_outcome_that_can_t_be_stored_is_stored_when_there_is_room(small_home: tuple[Stage, SmallDisk]) -> None:
    stage, disk = small_home
    session = stage.launch()
    entry = stage.client.entry(session.id)
    disk.fill()
    stage.get(session.id, "/exit/3", entry=entry)
    eventually(lambda: stage.get(session.id, entry=entry)[0] in {0, 502, 503}, "the application has gone")
    assert not stage.client.session(session.id).ended
    disk.empty()
    kind, ended = stage.outcome(session.id)
    assert (kind, ended.data["outcome"]["exit_code"]) == ("failed", 3)


def test_a_job_that_finds_no_room_is_told_as_refused_and_leaves_nothing(small_jobs: tuple[Stage, SmallDisk]) -> None:
    stage, disk = small_jobs
    disk.fill()
    kind, ended = stage.outcome(stage.client.launch("hello").id)
    assert kind == "rejected"
    assert "full" in ended.outcome + ended.detail, ended.data
    assert str(disk.place) in ended.outcome + ended.detail
    assert stage.jobs() == []
    assert [entry.name for entry in disk.place.iterdir()] == ["filler"], "nothing is left half staged"
    disk.empty()
    stage.launch()
    assert len(stage.jobs()) == 1
    assert stage.client.sessions().total == 2


def test_a_portal_can_t_start_on_a_full_disk_and_says_so(small_home: tuple[Stage, SmallDisk]) -> None:
    stage, disk = small_home
    session = stage.launch()
    assert stage.portal is not None
    stage.portal.kill()
    disk.fill()
    portal = stage.begin()
    try:
        portal.wait(10)
    except AssertionError:
        stage.client.healthy()  # it got by with what room there was: also right
    disk.empty()
    if not portal.alive:
        assert "disk" in stage.said() or "full" in stage.said() or "space" in stage.said()
        stage.up()
    assert stage.reach(session.id, "ready")
