"""A private socket on this machine that leads to a session's display: each connection becomes a WebSocket of its own.

Copies bytes both ways and knows neither Xpra nor VNC. Runs in a thread, so that commands stay plain.
"""

import asyncio
import socket
import threading
from contextlib import suppress
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from armchair.client.display import Display
from armchair.client.errors import ClientError

_CHUNK = 64 << 10
_BACKLOG = 16


class Ending(Enum):
    """How the last connection ended."""

    NONE = "none"  # there was none, or it is open
    LEFT = "left"  # the program on this machine closed it
    CUT = "cut"  # the far side did, or the network is gone
    REFUSED = "refused"  # it never came about: `Tunnel.trouble` says why


class Tunnel:
    """Listens at `path` from `with` to its end; then all its connections are cut and the socket is gone.

    Only this account can connect: the socket has mode 0600, and its directory is the caller's to keep to itself. `with` raises
    OSError when it can't listen.
    """

    def __init__(self, display: Display, path: Path) -> None:
        self._display, self._path = display, path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._tasks: set[asyncio.Task[None]] = set()
        self.ending = Ending.NONE
        self.trouble: ClientError | None = None
        self.accepted = 0  # how many connections there have been
        self.heard = False  # whether the far side has said anything on the last of them

    def __enter__(self) -> Self:
        try:
            self._listener.bind(str(self._path))
            self._path.chmod(0o600)
            self._listener.listen(_BACKLOG)
        except OSError:
            self._listener.close()
            self._loop.close()
            raise
        self._listener.setblocking(False)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._path.unlink(missing_ok=True)

    def begin(self) -> None:
        """Nothing: each connection is made when it is needed."""

    # --- in the thread ---

    def _run(self) -> None:
        accepting = self._loop.create_task(self._accept())
        self._loop.run_forever()
        everything = {accepting, *self._tasks}
        for task in everything:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*everything, return_exceptions=True))
        self._listener.close()
        # also lets transports that were just aborted end
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _accept(self) -> None:
        while True:
            connection, _ = await self._loop.sock_accept(self._listener)
            task = self._loop.create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        self.accepted += 1
        self.ending, self.trouble, self.heard = Ending.NONE, None, False
        reader, writer = await asyncio.open_unix_connection(sock=connection)
        try:
            entry = await asyncio.to_thread(self._display.entry)
            async with self._display.stream(entry) as far:
                self.ending = await self._copy(reader, writer, far)
                # at once: taking leave of a far side that is gone takes a while
                writer.close()
        except ClientError as error:
            self.ending, self.trouble = Ending.REFUSED, error
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, far: ClientConnection) -> Ending:
        """Both ways at once, until either side has ended."""
        ways = {self._loop.create_task(way) for way in (_up(reader, far), self._down(far, writer))}
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            endings = {task.result() for task in done}
            return Ending.CUT if Ending.CUT in endings else Ending.LEFT
        finally:
            for task in ways:
                task.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _down(self, far: ClientConnection, writer: asyncio.StreamWriter) -> Ending:
        try:
            async for message in far:
                self.heard = True
                writer.write(message if isinstance(message, bytes) else message.encode())
                await writer.drain()
        except ConnectionClosed:
            return Ending.CUT
        except OSError:
            return Ending.LEFT
        return Ending.CUT


async def _up(reader: asyncio.StreamReader, far: ClientConnection) -> Ending:
    try:
        while data := await reader.read(_CHUNK):
            await far.send(data)
    except ConnectionClosed:
        return Ending.CUT
    except OSError:
        return Ending.LEFT
    return Ending.LEFT
