"""The way by ssh, for people who may log in to the node: ssh carries the connection instead of the gateway."""

import os
import secrets
import shlex
import shutil
import subprocess  # noqa: TID251 - the person's own ssh, which may ask them for a password
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import typer

from armchair.cli.output import FAILED, note, print_json
from armchair.cli.viewers import Viewer
from armchair.client.display import DisplayState
from armchair.client.errors import DisplayAway
from armchair.client.models import Session
from armchair.client.tunnel import Ending

LONGEST_BASE = 60  # bytes of a directory in which a socket's path still fits
_STEP = 0.05
# no shell and no terminal, only the socket; a network that is gone is noticed within half a minute
_OPTIONS = (
    "-nNT",
    "-o", "ExitOnForwardFailure=yes",
    "-o", "StreamLocalBindUnlink=yes",
    "-o", "ServerAliveInterval=10",
    "-o", "ServerAliveCountMax=3",
)  # fmt: skip


def destination(session: Session, state: DisplayState) -> str:
    """Whom to ask for at which node, in ssh's words. Raises DisplayAway when the session does not tell."""
    node = session.data["node"] or session.data["host"]
    if not node or not state.socket:
        raise DisplayAway("it does not tell where it is: it was started before this was possible")
    return f"{state.user}@{node}" if state.user else str(node)


def command(path: Path | str, there: str, socket: str) -> list[str]:
    """The ssh that makes the display's socket on the node reachable at `path` here."""
    # the dashes: the account is the job's word, and no option
    return ["ssh", *_OPTIONS, "-L", f"{path}:{socket}", "--", there]


class Forward:
    """Stands where a Tunnel does (see there), while ssh runs. `begin` raises DisplayAway when ssh does not get through."""

    def __init__(self, path: Path, there: str, socket: str) -> None:
        self._path, self._command = path, command(path, there, socket)
        self._ssh: subprocess.Popen[bytes] | None = None
        # ssh tells nothing of single connections: each run of the client counts as one that was heard
        self.accepted, self.heard = 0, True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._ssh is not None:
            self._ssh.terminate()
            self._ssh.wait()

    @property
    def ending(self) -> Ending:
        return Ending.CUT if self._ended() else Ending.NONE

    def begin(self) -> None:
        """Have ssh run and the socket be there; it may take as long as a person needs for a password."""
        if self._ended():
            self._start()
        self.accepted += 1

    def _start(self) -> None:
        self._path.unlink(missing_ok=True)
        self._ssh = subprocess.Popen(self._command)  # noqa: S603 - what the person asked for
        while not self._path.exists():
            if self._ended():
                raise DisplayAway(f"ssh ended with code {self._ssh.returncode}; its own words are above")
            time.sleep(_STEP)

    def _ended(self) -> bool:
        return self._ssh is None or self._ssh.poll() is not None


def explain(session: Session, state: DisplayState, viewer: Viewer, options: Sequence[str], *, as_json: bool) -> None:
    """Print the commands, and run none."""
    there = destination(session, state)
    path = _own_place(f"armchair-{session.number}-{session.id[:8]}")
    ssh, client = command(path, there, state.socket), viewer.command(viewer.programs[0], path, options)
    direct = viewer.direct(there, state.socket, options)
    if as_json:
        print_json({"node": there, "socket": state.socket, "ssh": ssh, "client": client, "direct": direct})
        return
    note("In one terminal, and the second line in another:")
    typer.echo(shlex.join(ssh))
    typer.echo(shlex.join(client))
    if direct:
        note("Or, where the node has Xpra too, in one:")
        typer.echo(shlex.join(direct))


def _own_place(name: str) -> Path:
    """Where ssh is to make its socket: where nobody else can have made one, or at least under a name that nobody guesses."""
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    fits = own.startswith("/") and len(own) <= LONGEST_BASE and os.access(own, os.W_OK)
    return Path(own, name) if fits else Path("/tmp", f"{name}-{secrets.token_hex(8)}")  # noqa: S108 - ssh makes it, 0600


def need_ssh() -> None:
    """Say so when there is no ssh here."""
    if shutil.which("ssh") is None:
        note("armchair: There is no ssh on this machine. Install it: sudo apt install openssh-client.")
        raise typer.Exit(FAILED)
