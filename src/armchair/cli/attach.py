"""`armchair attach`: a graphical session's windows in a client of one's own, through the gateway with one's own rights."""

import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from armchair.cli import viewers
from armchair.cli.connection import connect
from armchair.cli.output import ENDED_BEFORE_READY, FAILED, Json, Reference, note, print_json
from armchair.cli.viewers import VIEWERS, Viewer
from armchair.cli.waiting import progress, wait_for
from armchair.client.errors import ApiError, DisplayAway, PortalAway
from armchair.client.models import Session

if TYPE_CHECKING:
    from armchair.cli.overssh import Forward
    from armchair.client import Client
    from armchair.client.display import Display, DisplayState
    from armchair.client.tunnel import Tunnel

_LONGEST_BASE = 60
_ANSWERS_WITHIN = 30.0
_END_SHOWS_WITHIN = 2.0
_OUTCOME_WITHIN = 15.0
_SHORT, _SHORT_TIMES = 10.0, 3
# Xpra 3 closes the door on a version that it does not like before it has said why
_SILENT_TIMES = 2
_LONGEST_PAUSE = 10.0
_STEP = 0.2


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(attach)


def attach(
    reference: Reference,
    options: Annotated[list[str] | None, typer.Argument(metavar="[-- OPTIONS]", help="Options for the client.")] = None,
    *,
    only_print: Annotated[
        bool, typer.Option("--print", help="Start no client: print the command, and serve the socket until the session ends.")
    ] = False,
    ssh: Annotated[
        bool, typer.Option("--ssh", help="Go by ssh to the node, if you may log in there, and not by the gateway.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a graphical session's windows in a client of your own: Xpra, or a VNC viewer for a desktop.

    It waits until the session is ready, and comes back after a lost connection. Close the client to leave; the session goes on.
    """
    with _leaving_well(), connect() as client:
        # imported here: no other command needs them
        from armchair.cli import overssh  # noqa: PLC0415 - see above
        from armchair.client.display import Display  # noqa: PLC0415 - see above
        from armchair.client.tunnel import Tunnel  # noqa: PLC0415 - see above

        session = _ready(client, reference, need_client=not only_print, quiet=as_json)
        display = Display(client, session.id)
        state = _answering(display)
        viewer = _viewer(state)
        if ssh and only_print:
            overssh.explain(session, state, viewer, options or (), as_json=as_json)
            return
        if ssh:
            overssh.need_ssh()
        with _private_directory() as directory:
            path = directory / "display"
            way = overssh.Forward(path, overssh.destination(session, state), state.socket) if ssh else Tunnel(display, path)
            with way:
                if only_print:
                    _offer(client, session, viewer.command(viewer.programs[0], path, options or ()), path, as_json=as_json)
                    return
                program = _installed(viewer, session)
                used = _Use(client, session, display, way)
                raise typer.Exit(used.run(viewer, viewer.command(program, path, options or ()), state))


# --- before ---


def _ready(client: "Client", reference: str, *, need_client: bool, quiet: bool) -> Session:
    """The session when it is ready. What can be said at once is not waited for."""
    session = client.session(reference)
    if not session.ended:
        try:
            client.display(session.id)
        except ApiError as error:
            if error.code != "not_ready":
                raise
        # an application that has left the catalogue has no kind there: what it is shows when it is ready
        if need_client and session.data.get("display") in VIEWERS:
            _installed(VIEWERS[session.data["display"]], session)
        session = wait_for(client, session, lambda one: one.ready or one.ended, None, quiet=quiet)
    if session.ended:
        note(f"#{session.number} {session.title} has ended. {session.outcome}")
        raise typer.Exit(ENDED_BEFORE_READY)
    return session


def _answering(display: "Display") -> "DisplayState":
    """What answers at the display; it may take a moment after the session became ready."""
    deadline = time.monotonic() + _ANSWERS_WITHIN
    while True:
        try:
            return display.state()
        except DisplayAway:
            if time.monotonic() > deadline:
                raise
        time.sleep(_STEP)


def _viewer(state: "DisplayState") -> Viewer:
    try:
        return VIEWERS[state.kind]
    except KeyError:
        note(f"armchair: This session's display is of a kind ({state.kind}) that this version does not know. Update Armchair.")
        raise typer.Exit(FAILED) from None


def _installed(viewer: Viewer, session: Session) -> str:
    program = viewer.program()
    if program is None:
        note(f"armchair: There is no {viewer.title} on this machine. Install it: {viewer.install}.")
        note(f"The browser needs none: armchair open {session.number}")
        raise typer.Exit(FAILED)
    return program


@contextmanager
def _private_directory() -> Iterator[Path]:
    """A directory that only this account can enter, with a path that is short enough for sockets; gone afterwards."""
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    bases = [base for base in (own, tempfile.gettempdir()) if base and len(base) <= _LONGEST_BASE and os.access(base, os.W_OK)]
    with tempfile.TemporaryDirectory(prefix="armchair-attach-", dir=bases[0] if bases else "/tmp") as name:  # noqa: S108 - made anew, 0700
        yield Path(name)


@contextmanager
def _leaving_well() -> Iterator[None]:
    """Ctrl-C is how one leaves; and whoever ends this command otherwise leaves no client or socket behind."""

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- with a client of one's own choice ---


def _offer(client: "Client", session: Session, command: Sequence[str], path: Path, *, as_json: bool) -> None:
    """Say how to connect, and go on until the session ends."""
    if as_json:
        print_json({"socket": str(path), "command": list(command)})
    else:
        typer.echo(shlex.join(command))
        note("It works from another terminal, as often as you like, while this command runs. Ctrl-C ends it.")
    sys.stdout.flush()
    _say_end(wait_for(client, session, lambda one: one.ended, None, quiet=True))


def _say_end(session: Session) -> int:
    """Tell how the session ended. Returns the exit code: 0 when the program ended by itself."""
    note(f"#{session.number} {session.title} has ended. {session.outcome}")
    return 0 if session.data["outcome"]["kind"] in {"finished", "cancelled"} else FAILED


# --- with the client that is there ---


class _Use:
    """Runs the client, again when the connection was lost, until the person leaves or the session ends."""

    def __init__(self, client: "Client", session: Session, display: "Display", way: "Tunnel | Forward") -> None:
        self._client, self._session, self._display, self._way = client, session, display, way
        self._short = self._silent = 0
        self._connected = False

    def run(self, viewer: Viewer, command: Sequence[str], state: "DisplayState") -> int:
        """The exit code to end with."""
        session = self._session
        note(f"#{session.number} {session.title}: close the client (or press Ctrl-C) to leave. The session goes on.")
        while True:
            code = self._once(command)
            if self._session.ended:
                return _say_end(self._session)
            if self._hopeless(code in viewer.refusals):
                return _refused(viewer, command[0], state)
            if not self._lost():
                return self._left(code)
            if self._short >= _SHORT_TIMES:
                note(f"armchair: The connection ended {_SHORT_TIMES} times in a row. What the client said of it is above.")
                return FAILED
            if self._come_back().ended:
                return _say_end(self._session)

    def _once(self, command: Sequence[str]) -> int:
        """Run the client until it or the session ends. Its exit code."""
        begun, before = time.monotonic(), self._way.accepted
        try:
            self._way.begin()
        except DisplayAway:
            if not before:
                raise
            self._connected = False
            time.sleep(_LONGEST_PAUSE)
            return FAILED
        with viewers.running(command) as process:
            self._wait(lambda one: one.ended or process.poll() is not None)
        self._connected = self._way.accepted > before
        self._short = self._short + 1 if time.monotonic() - begun < _SHORT else 0
        return process.returncode if process.returncode >= 0 else 128 - process.returncode

    def _hopeless(self, refused: bool) -> bool:
        """Whether client and display do not understand each other, as far as one can tell from outside."""
        from armchair.client.tunnel import Ending  # noqa: PLC0415 - see above

        if not self._connected or self._way.ending is Ending.REFUSED:
            return False
        silent = self._way.ending is Ending.CUT and not self._way.heard
        self._silent = self._silent + 1 if silent else 0
        return refused or self._silent >= _SILENT_TIMES

    def _wait(self, done: Callable[[Session], bool], seconds: float | None = None) -> Session:
        self._session = wait_for(self._client, self._session, done, seconds, quiet=True)
        return self._session

    def _lost(self) -> bool:
        """Whether it was not the person who ended the connection."""
        from armchair.client.tunnel import Ending  # noqa: PLC0415 - see above

        return self._way.ending in {Ending.CUT, Ending.REFUSED}

    def _left(self, code: int) -> int:
        """The client has ended by itself: because the person left, or because the program had ended and the client was told."""
        try:
            over = self._display.state().program == "ended"
        except (DisplayAway, ApiError):
            over = True
        except PortalAway:
            return code
        if over and self._wait(lambda one: one.ended, _OUTCOME_WITHIN).ended:
            return _say_end(self._session)
        return code

    def _come_back(self) -> Session:
        """The session when its display answers again, or when it has ended. Tries for as long as it takes."""
        if self._wait(lambda one: one.ended, _END_SHOWS_WITHIN).ended:
            return self._session
        pause = 1.0
        with progress(quiet=False) as show:
            while not self._there():
                show(f"#{self._session.number} {self._session.title}: the connection is lost; trying again")
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        return self._session

    def _there(self) -> bool:
        try:
            self._session = self._client.session(self._session.id)
            if self._session.ready:
                self._display.state()
        except (PortalAway, DisplayAway):
            return False
        except ApiError as error:
            if error.code not in {"not_ready", "not_joinable"}:
                raise
            return False
        return self._session.ready or self._session.ended


def _refused(viewer: Viewer, program: str, state: "DisplayState") -> int:
    """The two programs do not understand each other: say which they are."""
    note(f"armchair: The session's display does not talk to this {viewer.title}; what that said of it is above.")
    note(f"The session runs {state.server or 'an unknown version'}; here is {viewers.version(program) or program}.")
    note("A client of the same major version works. So does the browser: armchair open ID")
    return FAILED
