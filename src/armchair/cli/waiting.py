"""Waits for a session to become ready or to end, and shows how it goes."""

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from armchair.cli.output import note, one_line
from armchair.domain.tail import added

if TYPE_CHECKING:
    from armchair.client import Client
    from armchair.client.models import Session

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_STEP = 0.1
_RETRY = 0.5
_TAIL = 64 * 1024  # as much of a log as the portal keeps


def wait_for(
    client: "Client", session: "Session", done: Callable[["Session"], bool], seconds: float | None, *, quiet: bool
) -> "Session":
    """The session once `done` says so, or as it stands when `seconds` are over. A portal that is away is waited for."""
    deadline = None if seconds is None else time.monotonic() + seconds
    stop = threading.Event()
    arrivals: queue.SimpleQueue[Session | Exception] = queue.SimpleQueue()
    threading.Thread(target=_follow, args=(client, session.id, arrivals, stop), daemon=True).start()
    try:
        with progress(quiet=quiet) as show:
            while not done(session):
                show(f"#{session.number} {session.title}: {session.state}")
                left = _STEP if deadline is None else min(_STEP, deadline - time.monotonic())
                if left <= 0:
                    return session
                try:
                    news = arrivals.get(timeout=left)
                except queue.Empty:
                    continue
                if isinstance(news, Exception):
                    raise news
                session = news
    finally:
        stop.set()
    return session


def follow_log(client: "Client", reference: str) -> Iterator[str]:
    """What the application writes, piece by piece, until the session has ended. A portal that goes away is waited for."""
    # imported here for the same reason as in connection.py
    from armchair.client import PortalAway  # noqa: PLC0415

    known, ended, reached = "", False, False
    while not ended:
        first = True
        try:
            for event in client.follow(reference, log=True):
                reached = True
                if event.name == "session":
                    ended = event.data["phase"] == "ended"
                elif event.name == "log":
                    # each stream begins with all that there is
                    text = added(known, event.data["text"]) if first else event.data["text"]
                    known, first = (known + text)[-_TAIL:], False
                    if text:
                        yield text
        except PortalAway:
            if not reached:
                raise
        if not ended:
            time.sleep(_RETRY)


def _follow(
    client: "Client", reference: str, arrivals: "queue.SimpleQueue[Session | Exception]", stop: threading.Event
) -> None:
    """Hand on each new state of the session; when the stream breaks, begin it again."""
    # imported here for the same reason as in connection.py
    from armchair.client import ClientError, PortalAway  # noqa: PLC0415
    from armchair.client.models import Session  # noqa: PLC0415

    while not stop.is_set():
        try:
            for event in client.follow(reference):
                if event.name == "session":
                    arrivals.put(Session.of(event.data))
                if stop.is_set():
                    return
        except PortalAway:
            pass  # it may be on its way back: sessions go on without it
        except ClientError as error:
            arrivals.put(error)
            return
        stop.wait(_RETRY)


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A turning line with the seconds on a terminal; one line for each change elsewhere; nothing when `quiet`."""
    begun, last = time.monotonic(), ""
    turning = sys.stderr.isatty() and not quiet

    def show(text: str) -> None:
        nonlocal last
        if turning:
            passed = time.monotonic() - begun
            frame = _FRAMES[int(passed / _STEP) % len(_FRAMES)]
            sys.stderr.write(f"\r\x1b[2K{frame} {one_line(text)} ({passed:.0f} s)")
            sys.stderr.flush()
        elif not quiet and text != last:
            note(text)
        last = text

    try:
        yield show
    finally:
        if turning:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
