"""When a program is over: its process, the windows it left, and processes without a window."""

import struct
from pathlib import Path

import pytest

from armchair.node.screen import janitor, program, xauth, xserver
from armchair.node.screen.displays.base import Display
from armchair.node.screen.program import Program


class FakeDisplay(Display):
    """One with or without windows."""

    def __init__(self, windows: bool) -> None:
        self.windows = windows

    def has_windows(self) -> bool:
        return self.windows


class Told:
    """A janitor that nobody needs."""

    def kills(self, pid: int) -> None:
        pass


class Ended(Program):
    """A program whose launcher has ended; `left` are the processes that it left."""

    def __init__(self, code: int, left: list[int]) -> None:
        super().__init__(["x"], Told())  # type: ignore[arg-type]  # as above
        self.pid, self.code, self.left, self._last_seen = 1, code, left, 100.0

    def _left(self, spared: object) -> list[int]:
        return self.left


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(program.time, "monotonic", lambda: now[0])
    return now


def test_nothing_left_is_the_end(clock: list[float]) -> None:
    assert Ended(0, []).over(FakeDisplay(windows=True), ())


def test_a_window_keeps_it_and_the_last_one_does_for_a_while(clock: list[float]) -> None:
    left = Ended(0, [5])
    assert not left.over(FakeDisplay(windows=True), ())
    clock[0] += 1000
    assert not left.over(FakeDisplay(windows=True), ())
    clock[0] += program.WINDOWLESS_SECONDS - 1
    assert not left.over(FakeDisplay(windows=False), ())
    clock[0] += 2
    assert left.over(FakeDisplay(windows=False), ())


def test_a_daemon_without_windows_does_not_keep_it(clock: list[float]) -> None:
    left = Ended(0, [5])
    assert not left.over(FakeDisplay(windows=False), ())
    clock[0] += program.WINDOWLESS_SECONDS + 1
    assert left.over(FakeDisplay(windows=False), ())


def test_one_that_failed_is_not_waited_for(clock: list[float]) -> None:
    assert Ended(3, [5]).over(FakeDisplay(windows=False), ())
    assert not Ended(3, [5]).over(FakeDisplay(windows=True), ())


def test_what_the_janitor_hears() -> None:
    assert janitor.understand(b"kill 12\nremove /tmp/.X1-lock\nkill 13\n") == ([12, 13], ["/tmp/.X1-lock"])
    assert janitor.understand(b"kill 12\nremove /tmp/a\ndismissed\n") == ([], [])


def test_the_cookie_is_for_every_display_and_for_nobody_else_to_read(tmp_path: Path) -> None:
    path = tmp_path / "Xauthority"
    cookie = xauth.write(str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == struct.pack(">HHHH", 0xFFFF, 0, 0, 18) + b"MIT-MAGIC-COOKIE-1" + b"\0\x10" + cookie
    assert xauth.write(str(path)) != cookie


def test_files_of_another_server_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xserver, "lock_owner", lambda _: 77)
    assert xserver.left_behind(5, (77,)) == ["/tmp/.X11-unix/X5", "/tmp/.X5-lock"]
    assert xserver.left_behind(5, (78,)) == []
    monkeypatch.setattr(xserver, "lock_owner", lambda _: 0)
    assert xserver.left_behind(5, (78,)) == []
