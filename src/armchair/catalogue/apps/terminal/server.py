"""The terminal's server: the page, its files and one WebSocket, on a unix socket; ends when the shell does.

Messages from the browser: text `{"rows": R, "cols": C}` (the first message, and at each change), binary: what was typed.
To the browser: binary: what the terminal shows; text `{"ended": CODE}` before the close when the shell has exited.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import sys
import termios
from collections.abc import Callable, Coroutine, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, unix_serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State

STATIC = Path(__file__).parent / "static"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
REPLAY = 512 * 1024  # bytes of output kept without tmux
HISTORY = 2000  # lines of history that a browser gets from tmux
BEHIND = 4 * 1024 * 1024  # a browser that is further behind than this is cut off; it comes back to the screen as it is
CHUNK = 64 * 1024
# xterm.js writes its measures into style elements, hence 'unsafe-inline' for styles; nothing else may be inline
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def set_size(fd: int, rows: int, cols: int) -> None:
    """Tell the terminal its size; the kernel tells the programs in it."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


class Pty:
    """A program on a pseudo-terminal, read and written without blocking."""

    def __init__(self, argv: list[str], environment: Mapping[str, str], rows: int, cols: int) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:  # pragma: no cover  the child
            set_size(0, rows, cols)
            # Python ignores these for itself; in a shell, `yes | head` would end with complaints
            for one in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(one, signal.SIG_DFL)
            with contextlib.suppress(OSError):
                os.execvpe(argv[0], argv, dict(environment))  # noqa: S606  this program's one purpose is to start a shell
            os._exit(127)
        os.set_blocking(self.fd, False)
        set_size(self.fd, rows, cols)

    async def read(self) -> bytes:
        """What it wrote; b"" when it has ended."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                return os.read(self.fd, CHUNK)
            except BlockingIOError:
                await self._until_ready(loop.add_reader, loop.remove_reader)
            except OSError:  # EIO: nobody has the terminal open any more
                return b""

    async def write(self, data: bytes) -> None:
        """Type this; waits while the program does not read. Nothing happens when it has ended."""
        loop = asyncio.get_running_loop()
        while data:
            try:
                data = data[os.write(self.fd, data) :]
            except BlockingIOError:
                await self._until_ready(loop.add_writer, loop.remove_writer)
            except OSError:
                return

    async def _until_ready(self, add: Callable[..., None], remove: Callable[[int], object]) -> None:
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        add(self.fd, lambda: None if ready.done() else ready.set_result(None))
        try:
            await ready
        finally:
            remove(self.fd)

    def resize(self, rows: int, cols: int) -> None:
        with contextlib.suppress(OSError):
            set_size(self.fd, rows, cols)

    async def close(self, hang_up: int = signal.SIGHUP) -> int:
        """End it if it has not ended; its exit code."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, hang_up)
        os.close(self.fd)
        _, status = await asyncio.to_thread(os.waitpid, self.pid, 0)
        return os.waitstatus_to_exitcode(status)


class Shell(Protocol):
    """The one shell of the session, whatever keeps its screen."""

    async def start(self) -> None:
        """Start the shell."""

    async def ended(self) -> int:
        """Wait for the end of the shell; its exit code."""

    async def serve(self, browser: ServerConnection, rows: int, cols: int) -> None:
        """Connect one browser until it or the shell is gone."""

    async def stop(self) -> None:
        """End the shell."""


def read_size(message: str) -> tuple[int, int]:
    """Rows and columns in a browser's message, within reason. Raises ValueError."""
    try:
        data = json.loads(message)
        return min(max(int(data["rows"]), 2), 1000), min(max(int(data["cols"]), 2), 1000)
    except (TypeError, KeyError, OverflowError, RecursionError) as error:
        raise ValueError("not a size") from error


async def _typed(browser: ServerConnection, terminal: Pty) -> None:
    """Hand what the browser sends to the terminal."""
    async for message in browser:
        if isinstance(message, bytes):
            await terminal.write(message)
        else:
            terminal.resize(*read_size(message))


async def _until_first(*coroutines: Coroutine[None, None, None]) -> None:
    """Run them until one is over and end the others. A browser that goes away is no error."""
    steps = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(steps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for step in steps:
            step.cancel()
        results = await asyncio.gather(*steps, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, ConnectionClosed | ValueError | UnicodeDecodeError):
            raise result


class TmuxShell:
    """The shell in a tmux server of its own; each browser is a client of it."""

    def __init__(self, private: Path, argv: list[str]) -> None:
        self._private = private
        self._argv = argv
        self._status = private / "exit-status"

    async def start(self) -> None:
        configuration = Path(__file__).parent / "tmux.conf"
        # the exit code comes through a file: tmux tells nobody
        line = '"$@"; echo $? >"$ARMCHAIR_DIR/exit-status"'
        process = await self._tmux(
            "-f", str(configuration), "new-session", "-d", "-s", "main", "-x", "120", "-y", "32",
            "/bin/sh", "-c", line, "sh", *self._argv,
        )  # fmt: skip
        if await process.wait() != 0:
            raise OSError("tmux did not start")

    async def ended(self) -> int:
        # nobody ever sends this signal: the wait ends with the tmux server, and that with its last shell
        await (await self._tmux("wait-for", "the-end")).wait()
        with contextlib.suppress(OSError, ValueError):
            return int(self._status.read_text())
        return 1

    async def serve(self, browser: ServerConnection, rows: int, cols: int) -> None:
        await browser.send(await self._history(rows))
        argv = ["tmux", "-u", "-S", str(self._private / "tmux"), "attach-session", "-t", "main"]
        terminal = Pty(argv, {**os.environ, "TERM": "xterm-256color"}, rows, cols)
        try:
            await _until_first(_typed(browser, terminal), self._shown(browser, terminal))
        finally:
            await terminal.close()

    async def stop(self) -> None:
        await (await self._tmux("kill-server")).wait()

    async def _shown(self, browser: ServerConnection, terminal: Pty) -> None:
        # a slow browser makes the send wait, that the reading, and tmux then skips what nobody could see anyway
        while data := await terminal.read():
            await browser.send(data)

    async def _history(self, rows: int) -> bytes:
        """The lines above the screen, then enough empty ones to push them there."""
        process = await self._tmux("display-message", "-p", "-t", "main", "#{history_size}", output=True)
        size, _ = await process.communicate()
        if not size.strip().isdigit() or int(size) == 0:
            return b""
        process = await self._tmux("capture-pane", "-p", "-e", "-t", "main", "-S", f"-{HISTORY}", "-E", "-1", output=True)
        lines, _ = await process.communicate()
        return lines.replace(b"\n", b"\r\n") + b"\x1b[m" + b"\r\n" * rows

    async def _tmux(self, *arguments: str, output: bool = False) -> asyncio.subprocess.Process:
        stdout = asyncio.subprocess.PIPE if output else asyncio.subprocess.DEVNULL
        return await asyncio.create_subprocess_exec(
            "tmux", "-S", str(self._private / "tmux"), *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=stdout
        )


class PlainShell:
    """The shell on a pseudo-terminal of ours; the last output is kept and played again to a browser that comes."""

    def __init__(self, argv: list[str]) -> None:
        self._argv = argv
        self._kept = bytearray()
        self._cut = False
        self._browsers: dict[ServerConnection, asyncio.Queue[bytes]] = {}
        self._behind: dict[ServerConnection, int] = {}
        self._terminal: Pty  # from start() on

    async def start(self) -> None:
        self._terminal = Pty(self._argv, {**os.environ, "TERM": "xterm-256color"}, 32, 120)

    async def ended(self) -> int:
        while data := await self._terminal.read():
            self._keep(data)
            for browser, queue in list(self._browsers.items()):
                self._behind[browser] += len(data)
                if self._behind[browser] > BEHIND:
                    self._browsers.pop(browser)
                    queue.put_nowait(b"")
                else:
                    queue.put_nowait(data)
        return await self._terminal.close()

    async def serve(self, browser: ServerConnection, rows: int, cols: int) -> None:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._behind[browser], self._browsers[browser] = 0, queue
        queue.put_nowait(self._replay())
        self._terminal.resize(rows, cols)
        try:
            await _until_first(_typed(browser, self._terminal), self._shown(browser, queue))
        finally:
            self._browsers.pop(browser, None)
            self._behind.pop(browser, None)

    async def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._terminal.pid, signal.SIGHUP)

    def _keep(self, data: bytes) -> None:
        self._kept += data
        if len(self._kept) > REPLAY:
            del self._kept[: len(self._kept) - REPLAY]
            self._cut = True

    def _replay(self) -> bytes:
        """What is kept, from the first whole line on: a cut escape sequence or character would show as rubbish."""
        start = self._kept.find(b"\n") + 1 if self._cut else 0
        return b"\x1bc" + bytes(self._kept[start:])

    async def _shown(self, browser: ServerConnection, queue: "asyncio.Queue[bytes]") -> None:
        while data := await queue.get():
            await browser.send(data)
            self._behind[browser] = max(0, self._behind[browser] - len(data))


class Site:
    """Page, files and WebSocket of one shell."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._code: int | None = None
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._browsers: set[ServerConnection] = set()

    def answer(self, _: ServerConnection, request: Request) -> Response | None:
        """What is not the WebSocket; None lets that through. Only pages of our own origin may open it."""
        path = urlsplit(request.path).path
        if path == "/ws":
            origin = request.headers.get("Origin", "")
            if origin and urlsplit(origin).netloc == request.headers.get("Host", ""):
                return None
            return _response(403, "Forbidden", b"The page that opens the terminal must be its own.\n")
        if path == "/ready":
            return _response(200, "OK", b"ready\n")
        return self._file(path, request)

    async def browser(self, connection: ServerConnection) -> None:
        """One browser's terminal. It says its size first, so that nothing is drawn for another one."""
        self._browsers.add(connection)
        try:
            async with asyncio.timeout(30):
                message = await connection.recv()
            rows, cols = read_size(message if isinstance(message, str) else "")
            await self._shell.serve(connection, rows, cols)
            # the screen ends a moment before the exit code is known; a browser that went away hears nothing anyway
            await asyncio.wait([self._over], timeout=2 if connection.state is State.OPEN else 0)
        except (ValueError, TimeoutError):
            await connection.close(1007, "The first message must be the size.")
        except ConnectionClosed:
            pass
        finally:
            self._browsers.discard(connection)
            await self._tell(connection)

    async def end(self, code: int) -> None:
        """The shell has exited: tell all browsers."""
        self._code = code
        self._over.set_result(None)
        async with asyncio.timeout(3):
            await asyncio.gather(*(self._tell(browser) for browser in self._browsers))

    async def _tell(self, browser: ServerConnection) -> None:
        if self._code is None:
            return
        with contextlib.suppress(ConnectionClosed):
            await browser.send(json.dumps({"ended": self._code}))
            await browser.close(1000, "The shell has exited.")

    def _file(self, path: str, request: Request) -> Response:
        name = path[1:] or "index.html"
        kind = KINDS.get(Path(name).suffix, "")
        if not kind or "/" in name or name.startswith("."):
            return _response(404, "Not Found", b"There is nothing here.\n")
        headers = {"Content-Type": kind, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        packed = STATIC / f"{name}.gz"
        try:
            if "gzip" in request.headers.get("Accept-Encoding", "") and packed.is_file():
                return _response(200, "OK", packed.read_bytes(), {**headers, "Content-Encoding": "gzip"})
            return _response(200, "OK", (STATIC / name).read_bytes(), headers)
        except OSError:
            return _response(404, "Not Found", b"There is nothing here.\n")


def _response(status: int, reason: str, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    common = {
        "Date": formatdate(usegmt=True),
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(body)),
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Connection": "close",
    }
    return Response(status, reason, Headers({**common, **(headers or {})}), body)


async def serve(socket: Path, shell: Shell) -> int:
    """Serve until the shell ends or SIGTERM comes; the exit code."""
    site = Site(shell)
    await shell.start()
    watch = asyncio.create_task(shell.ended())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: stopping.append(loop.create_task(shell.stop())))
    stopping: list[asyncio.Task[None]] = []  # the loop itself holds its tasks only weakly
    before = os.umask(0o077)  # its directory is private, and it is too
    server: Server = await unix_serve(
        site.browser, str(socket), process_request=site.answer, compression=None, max_size=1024 * 1024, write_limit=CHUNK
    )
    os.umask(before)
    async with server:
        code = await watch
        with contextlib.suppress(TimeoutError):
            await site.end(code)
    return code


def shell_argv() -> list[str]:
    """The person's login shell."""
    shell = os.environ.get("SHELL", "")
    return [shell if os.access(shell, os.X_OK) else "/bin/sh", "-l"]


def main() -> int:
    private = Path(os.environ["ARMCHAIR_DIR"])
    keeps_screens = shutil.which("tmux") is not None and os.environ.get("ARMCHAIR_TERMINAL_TMUX") != "no"
    shell: Shell = TmuxShell(private, shell_argv()) if keeps_screens else PlainShell(shell_argv())
    code = asyncio.run(serve(Path(os.environ["ARMCHAIR_SOCKET"]), shell))
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
