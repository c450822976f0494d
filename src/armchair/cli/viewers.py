"""Clients that show a session's windows outside of the browser: which there are, and how they are called."""

import shutil
import subprocess  # noqa: TID251 - the person's own program in the person's own terminal: nothing of it is read, and it has no time-out
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 3.0
_VERSION_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A kind of client. `before` and `after` stand around the socket's path in its command.

    `ssh` is how it writes an address that it reaches by ssh of its own, "" when it can't. `refusals` are the exit codes after
    which another try would end the same way.
    """

    title: str
    programs: tuple[str, ...]
    before: tuple[str, ...] = ()
    prefix: str = ""
    after: tuple[str, ...] = ()
    ssh: str = ""
    refusals: frozenset[int] = frozenset()
    install: str

    def program(self) -> str | None:
        """Where it is on this machine; None when it is not installed."""
        return next((found for name in self.programs if (found := shutil.which(name))), None)

    def command(self, program: str, path: Path, options: Sequence[str] = ()) -> list[str]:
        """How it is called. The person's own options come last, so that they count."""
        return [program, *self.before, f"{self.prefix}{path}", *self.after, *options]

    def direct(self, there: str, socket: str, options: Sequence[str] = ()) -> list[str]:
        """How it is called to go by ssh itself to a socket on the node; empty when it can't."""
        if not self.ssh:
            return []
        return [self.programs[0], *self.before, self.ssh.format(there=there, socket=socket), *self.after, *options]


# whatever runs in the session could otherwise bring files and addresses to this machine, or print; our own server never does
_KEPT_OUT = (
    "--file-transfer=no",
    "--open-files=no",
    "--open-url=no",
    "--printing=no",
    "--webcam=no",
    "--microphone=disabled",
    "--remote-logging=no",
)
VIEWERS = {
    "xpra": Viewer(
        title="Xpra client",
        programs=("xpra", "/Applications/Xpra.app/Contents/MacOS/Xpra"),
        before=("attach",),
        prefix="socket:",
        ssh="ssh:{there}:{socket}",
        # the browser's page stays connected beside it; shared memory would need the node's
        after=("--sharing=yes", "--mmap=no", "--title=@title@", *_KEPT_OUT),
        # Xpra's: password, version, encryption, refused, protocol, authentication, not supported, refused early
        refusals=frozenset({3, 5, 6, 7, 9, 11, 12, 18}),
        install="sudo apt install xpra python3-gi-cairo (Debian, Ubuntu) or brew install --cask xpra (macOS)",
    ),
    "vnc": Viewer(
        title="TigerVNC viewer",
        programs=("xtigervncviewer", "vncviewer"),
        install="sudo apt install tigervnc-viewer (Debian, Ubuntu) or brew install tiger-vnc (macOS)",
    ),
}


def version(program: str) -> str:
    """What the program says of its version, on one line; "" when it says nothing."""
    try:
        said = subprocess.run(  # noqa: S603 - a program that was found in PATH
            [program, "--version"], capture_output=True, text=True, timeout=_VERSION_SECONDS, check=False, errors="replace"
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return " ".join(said.stdout.split())[:80]


@contextmanager
def running(command: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """The program while it runs. At the end it is given a little time, then ended. Raises OSError when it can't be started."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:  # noqa: S603 - what the person asked for
        try:
            yield process
        finally:
            for end in (process.terminate, process.kill):
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_PATIENCE)
                    break
                end()
