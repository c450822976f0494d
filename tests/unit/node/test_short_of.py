"""What takes connections on a node goes on taking them, whatever the node is short of for a while."""

import errno
import socket
import threading
from collections.abc import Callable

import pytest

from armchair.agent import forward
from armchair.agent.dial import Dialler
from armchair.node.screen import front as room
from armchair.node.screen.front import Front

FULL = OSError(errno.EMFILE, "Too many open files")


class Over(Exception):
    """The test has seen enough."""


class Listener:
    """Gives what stands in `comes`, one for each call."""

    def __init__(self, comes: list[object], at_end: Callable[[], BaseException]) -> None:
        self._comes, self._at_end, self.closed = comes, at_end, False

    def accept(self) -> tuple[object, str]:
        if not self._comes:
            self.closed = True
            raise self._at_end()
        one = self._comes.pop(0)
        if isinstance(one, Exception):
            raise one
        return one, ""

    def fileno(self) -> int:
        return -1 if self.closed else 7


def no_threads(*_: object, **__: object) -> None:
    raise RuntimeError("can't start new thread")


def test_a_screen_whose_descriptors_run_out_is_reached_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PAUSE", 0.0)
    served: list[object] = []
    one = Front.__new__(Front)
    one._listener = Listener([FULL, FULL, "browser"], lambda: OSError(errno.EBADF, "closed"))  # type: ignore[assignment]  # as a socket
    seen = threading.Event()
    one._serve = lambda connected: (served.append(connected), seen.set())  # type: ignore[method-assign,assignment,func-returns-value]  # notes it
    one._accept()
    assert seen.wait(5)
    assert served == ["browser"]


def test_the_forwarder_outlives_a_node_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "PAUSE", 0.0)
    monkeypatch.setattr(threading.Thread, "start", no_threads)
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(Over):
        forward.serve(Listener([FULL, ours], Over), 1)  # type: ignore[arg-type]  # as a socket
    assert ours.fileno() == -1


def test_the_way_to_the_hub_outlives_a_node_without_threads(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_threads)
    dialler = Dialler("127.0.0.1:1", None, lambda _: None, threading.Event())  # type: ignore[arg-type]  # it calls nobody
    for _ in range(100):
        assert dialler._room.acquire(blocking=False), "each gives its place back"
        dialler._begin(b"open x\n")
    assert capfd.readouterr().err.count("can't start new thread") == 1
