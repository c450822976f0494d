"""Sockets and locks of dead displays go, and of all others none."""

import os
import socket
from pathlib import Path

import pytest

from armchair.node.screen import leftovers, xserver

DEAD = 4_194_305  # one more than the largest process number there is
LONG_AGO = 1_000_000_000


class Place:
    """A /tmp with displays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / ".X11-unix").mkdir()

    def files(self, number: int) -> tuple[Path, Path]:
        return self.path / ".X11-unix" / f"X{number}", self.path / f".X{number}-lock"

    def display(self, number: int, owner: int | None = DEAD, *, old: bool = True) -> socket.socket:
        """Files of a display; it listens as long as the socket is open."""
        path, lock = self.files(number)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        listener.listen(1)
        if owner is not None:
            lock.write_text(f"{owner:>10}\n")
        for one in (path, lock):
            if old and one.exists():
                os.utime(one, (LONG_AGO, LONG_AGO))
        return listener

    def left(self) -> set[int]:
        """Numbers of which something is there."""
        leftovers.sweep()
        names = [path.name for path in (*self.path.glob(".X*-lock"), *(self.path / ".X11-unix").iterdir())]
        return {int(name.strip(".X").removesuffix("-lock")) for name in names}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for room in (leftovers, xserver):
        monkeypatch.setattr(room, "SOCKETS", str(tmp_path / ".X11-unix"))
    monkeypatch.setattr(xserver, "_lock", lambda number: str(tmp_path / f".X{number}-lock"))
    return Place(tmp_path)


def test_a_dead_display_goes_with_socket_and_lock(place: Place) -> None:
    place.display(117).close()
    place.display(118, None).close()
    socketless = place.files(119)[1]
    socketless.write_text(f"{DEAD}\n")
    os.utime(socketless, (LONG_AGO, LONG_AGO))
    assert place.left() == set()


def test_one_that_listens_stays_whatever_its_lock_says(place: Place) -> None:
    with place.display(117):
        assert place.left() == {117}


def test_one_whose_process_lives_stays(place: Place) -> None:
    place.display(117, os.getpid()).close()
    assert place.left() == {117}


def test_a_young_one_stays(place: Place) -> None:
    place.display(117, old=False).close()
    assert place.left() == {117}


def test_one_of_somebody_else_and_a_machines_own_stay(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.display(7).close()
    assert place.left() == {7}
    place.display(117).close()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert place.left() == {7, 117}


def test_what_is_no_display_stays(place: Place) -> None:
    place.files(117)[1].symlink_to("/etc/passwd")
    place.files(118)[1].mkdir()
    assert place.left() == {117, 118}
    (place.path / ".X11-unix").rename(place.path / "gone")
    leftovers.sweep()
