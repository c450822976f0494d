"""Graphical sessions by way of gateway and agent while things go wrong: windows stay as they were, and ends are told.

The viewers are small clients of the displays' own protocols; they connect where a browser's client connects.
"""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from armchair.client.models import Session

from .portal_stage import Stage, eventually  # noqa: TID252 - one folder's own
from .screen_viewer import Viewer  # noqa: TID252 - likewise

APPS = {"xpra": "xterm", "vnc": "vnc-window"}
BOTH = pytest.mark.parametrize("backend", list(APPS))


@pytest.fixture
def look() -> Iterator[Callable[..., Viewer]]:
    """look(stage, session, backend) → a viewer, gone at the end."""
    viewers: list[Viewer] = []

    def make(stage: Stage, session: Session, backend: str) -> Viewer:
        viewers.append(Viewer(stage.client, session, backend))
        return viewers[-1]

    yield make
    for viewer in viewers:
        viewer.close()


def typed(stage: Stage, viewer: Viewer, name: str) -> None:
    """Make a file by typing: the keys arrive, and the shell is the one that the session began with."""
    viewer.type(f"touch {name}\n")
    eventually((stage.home / "user" / name).exists, f"{name} was typed")


def see_the_same(one: Viewer, two: Viewer) -> None:
    """Both show one picture, once all has come."""

    def same() -> bool:
        one.settle()
        two.settle()
        return one.picture == two.picture

    eventually(same, "both see the same")


@contextmanager
def ended_after(stage: Stage, session: Session) -> Iterator[None]:
    try:
        yield
    finally:
        stage.client.stop(session.id)
        stage.reach(session.id, "ended", 20)


@BOTH
def test_the_portal_is_killed_while_somebody_types(home_stage: Stage, look: Callable[..., Viewer], backend: str) -> None:
    portal = home_stage.up()
    session = home_stage.launch(APPS[backend])
    viewer = look(home_stage, session, backend)
    typed(home_stage, viewer, "before")
    portal.kill()
    typed(home_stage, viewer, "while-it-is-away")
    home_stage.up()
    home_stage.reach(session.id, "ready")
    typed(home_stage, viewer, "after")
    typed(home_stage, look(home_stage, session, backend), "from-elsewhere")


@BOTH
def test_two_people_type_and_see_the_same(lasting: Stage, look: Callable[..., Viewer], backend: str) -> None:
    session = lasting.launch(APPS[backend])
    with ended_after(lasting, session):
        one, two = look(lasting, session, backend), look(lasting, session, backend)
        empty = two.picture
        for turn in range(20):
            (one, two)[turn % 2].type("ab"[turn % 2])
        see_the_same(one, two)
        assert one.picture != empty
        one.type("\n")
        # each has a connection of their own: the second types when the first one's keys have surely arrived
        typed(lasting, one, f"one-{backend}")
        typed(lasting, two, f"two-{backend}")


@BOTH
def test_a_network_that_is_gone_without_a_word(lasting: Stage, look: Callable[..., Viewer], backend: str) -> None:
    """A laptop that sleeps takes nothing in and says nothing: others go on, and who comes back finds all as it was."""
    session = lasting.launch(APPS[backend])
    with ended_after(lasting, session):
        asleep = look(lasting, session, backend)
        typed(lasting, asleep, f"asleep-{backend}")
        # no more room for it on the way: whoever waits for it to read waits from now on
        asleep.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        awake = look(lasting, session, backend)
        # twenty pages of text, several megabytes of pictures that the sleeper does not read
        awake.type("seq 5000\n")
        awake.settle()
        typed(lasting, awake, f"awake-{backend}")
        # all that a newcomer gets anew is what the other has seen come bit by bit
        back = look(lasting, session, backend)
        see_the_same(awake, back)
        typed(lasting, back, f"back-{backend}")


def processes(session: Session, word: bytes) -> list[int]:
    """The session's processes whose command has this word."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            is_its = f"ARMCHAIR_SESSION={session.id}".encode() in (entry / "environ").read_bytes()
            if is_its and word in [part.rpartition(b"/")[2] for part in (entry / "cmdline").read_bytes().split(b"\0")[:2]]:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(("backend", "server"), [("xpra", b"xpra"), ("xpra", b"Xvfb"), ("vnc", b"Xvnc")])
def test_a_display_that_is_killed_is_told_in_words(
    lasting: Stage, look: Callable[..., Viewer], backend: str, server: bytes
) -> None:
    session = lasting.launch(APPS[backend])
    viewer = look(lasting, session, backend)
    killed = eventually(lambda: processes(session, server), "the display server runs")
    os.kill(killed[0], signal.SIGKILL)
    kind, ended = lasting.outcome(session.id, 20)
    assert kind == "failed"
    assert "What shows the program's windows has ended unexpectedly" in ended.outcome
    # the viewer is told, not left
    with pytest.raises(ConnectionError):
        viewer.look_on(10.0)


def test_a_program_that_crashes_is_told_in_words(lasting: Stage, look: Callable[..., Viewer]) -> None:
    session = lasting.launch("xterm")
    look(lasting, session, "xpra")
    [xterm] = eventually(lambda: processes(session, b"xterm"), "xterm runs")
    os.kill(xterm, signal.SIGSEGV)
    kind, ended = lasting.outcome(session.id, 20)
    assert kind == "failed"
    assert str(128 + signal.SIGSEGV) in ended.outcome, ended.outcome
