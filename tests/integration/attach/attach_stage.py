"""A portal with a graphical session, an X server that stands for somebody's own screen, and `armchair attach` between them."""

import os
import re
import shutil
import signal
import socket
import subprocess  # noqa: TID251 - the command is run from outside, as a person runs it
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from integration.portal.portal_stage import Stage, eventually

SOURCE = Path(__file__).parents[3] / "src"
# many of these tests may run beside other work
PATIENCE = 60.0


def typed(home: Path, name: str) -> str:
    """What the session's shell wrote into a file of its home."""
    path = home / name
    eventually(lambda: path.exists() and path.read_text().endswith("\n"), f"{name} is written", PATIENCE)
    return path.read_text().strip()


class Screen:
    """An X server of the person's own, without a window manager."""

    def __init__(self) -> None:
        read, write = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-noreset"],
            pass_fds=[write],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as answer:
            self.display = f":{answer.readline().strip()}"
        assert self.display != ":", "Xvfb did not start"

    def close(self) -> None:
        self._server.terminate()
        self._server.wait()

    def _ask(self, *command: str) -> str:
        done = subprocess.run(
            command, env={**os.environ, "DISPLAY": self.display}, capture_output=True, text=True, timeout=20, check=False
        )
        return done.stdout

    def windows(self, kind: str = "XTerm") -> list[str]:
        """The ids of the visible windows of this class."""
        found = re.findall(rf'^\s+(0x[0-9a-f]+) .*\("[^"]*" "{kind}"\)', self._ask("xwininfo", "-root", "-tree"), re.MULTILINE)
        return [window for window in found if "IsViewable" in self._ask("xwininfo", "-id", window)]

    def type(self, text: str, kind: str = "XTerm") -> None:
        """Click into the first window of this class and type a line."""
        [window, *_] = eventually(lambda: self.windows(kind), f"a window of {kind}", PATIENCE)
        self._ask("xdotool", "windowfocus", "--sync", window, "mousemove", "--window", window, "40", "40", "click", "1")
        self._ask("xdotool", "type", "--delay", "20", text)
        self._ask("xdotool", "key", "Return")


def typed_at_last(screen: Screen, text: str, kind: str, path: Path) -> str:
    """What a line wrote into a file; typed until it has: keys that come before the program's window are nobody's."""

    def try_it() -> bool:
        screen.type(text, kind)
        with suppress(AssertionError):
            eventually(lambda: path.exists() and path.read_text().endswith("\n"), str(path), 5)
        return path.exists()

    eventually(try_it, f"{text!r} has an effect", PATIENCE)
    return path.read_text().strip()


def as_account(account: str) -> list[str]:
    """What stands before a command that this account is to run; nothing for "", our own."""
    return ["setpriv", f"--reuid={account}", f"--regid={account}", "--init-groups", "--"] if account else []


class Attached:
    """A running `armchair attach`. `output` is all that it and its client have said so far."""

    def __init__(self, home: Path, *arguments: str, environment: dict[str, str], account: str = "") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="aa-", dir="/tmp"))
        self._file = self.directory / "output"
        (self.directory / "run").mkdir(mode=0o700)
        kept = {name: text for name, text in os.environ.items() if not name.startswith("ARMCHAIR")}
        own = {"ARMCHAIR_HOME": str(home), "PYTHONPATH": str(SOURCE), "HOME": str(self.directory)}
        own |= {"XDG_RUNTIME_DIR": str(self.directory / "run"), "PYTHONUNBUFFERED": "1"}
        if account:
            for directory in (self.directory, self.directory / "run"):
                shutil.chown(directory, account, account)
        with self._file.open("wb") as output:
            self.process = subprocess.Popen(
                [*as_account(account), sys.executable, "-m", "armchair.cli.main", "attach", *arguments],
                env={**kept, **own, **environment},
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._file.read_text("utf-8", "replace")

    def socket(self) -> Path:
        """The private socket, once it is there."""
        return eventually(lambda: next((self.directory / "run").glob("armchair-attach-*/display"), None), "a socket", PATIENCE)

    def says(self, text: str, seconds: float = PATIENCE) -> None:
        eventually(lambda: text in self.output, f"{text!r} is said; so far: {self.output[-3000:]}", seconds)

    def ended(self, seconds: float = PATIENCE) -> int:
        """The exit code, once it has ended."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end: {self.output[-3000:]}") from None

    def leave(self, order: signal.Signals = signal.SIGINT) -> int:
        """Ctrl-C (which goes to the client as well), or another order to the command alone."""
        if order is signal.SIGINT:
            os.killpg(self.process.pid, order)
        else:
            self.process.send_signal(order)
        return self.ended()

    def left_over(self) -> Sequence[Path]:
        """What lies in the runtime directory."""
        return [path for path in (self.directory / "run").iterdir() if path.name.startswith("armchair")]

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


@contextmanager
def attached(stage: Stage, *arguments: object, screen: Screen | None = None, **environment: str) -> Iterator[Attached]:
    """`armchair attach ARGUMENTS`, on this screen."""
    display = {"DISPLAY": screen.display} if screen else {}
    made = Attached(stage.home, *map(str, arguments), environment={**display, **environment})
    try:
        yield made
    finally:
        made.close()


class Line:
    """A network between a person and the gateway, which can be cut: TCP on `port`, carried to the gateway's."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._target = 0
        self._up = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def lead_to(self, port: int) -> None:
        self._target = port
        self._up.set()

    def cut(self) -> None:
        """Break what is open; from now on nothing comes through."""
        self._up.clear()
        for end in tuple(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._up.set()

    def close(self) -> None:
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in tuple(self._threads):
            thread.join()
        self._listener.close()

    def _start(self, what: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._start(self._serve, near)

    def _serve(self, near: socket.socket) -> None:
        with near, suppress(OSError):
            if not self._up.is_set():
                return
            with socket.create_connection(("127.0.0.1", self._target)) as far:
                self._open |= {near, far}
                back = threading.Thread(target=_carry, args=(far, near))
                back.start()
                _carry(near, far)
                back.join()
                self._open -= {near, far}


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
