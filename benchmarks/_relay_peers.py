"""The relays that are measured beside each other: ours and two plain ways to write one."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable

from armchair.agent.relay import Relay

CHUNK = 256 << 10


def serve_armchair(listener: socket.socket, context: ssl.SSLContext, path: str) -> None:
    """The agent's relay."""
    Relay(listener, context, path).run()


def serve_threads(listener: socket.socket, context: ssl.SSLContext, path: str) -> None:
    """Two threads for each connection, blocking calls."""

    def copy(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                sink.sendall(data)
        for side in (source, sink):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def one(raw: socket.socket) -> None:
        far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as near, far:
            far.connect(path)
            back = threading.Thread(target=copy, args=(far, near), daemon=True)
            back.start()
            copy(near, far)
            back.join()

    while True:
        raw, _address = listener.accept()
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=one, args=(raw,), daemon=True).start()


class _Side(asyncio.Protocol):
    """One side of a pair; what it gets goes to the other, and it is paused while the other can't take more."""

    def __init__(self) -> None:
        self.other: _Side | None = None
        self.transport: asyncio.Transport | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)
        else:
            self.early.append(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class _Front(_Side):
    """The TLS side: opens its counterpart as soon as it is there."""

    def __init__(self, path: str, tasks: set[asyncio.Task[None]]) -> None:
        super().__init__()
        self.path, self.tasks = path, tasks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        task = asyncio.ensure_future(self._open())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _open(self) -> None:
        _transport, far = await asyncio.get_running_loop().create_unix_connection(_Side, self.path)
        far.other, self.other = self, far
        for data in self.early:
            self.data_received(data)
        self.early.clear()


def serve_asyncio(listener: socket.socket, context: ssl.SSLContext, path: str) -> None:
    """asyncio protocols, with pause and resume for back-pressure."""

    async def run() -> None:
        tasks: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Front(path, tasks), sock=listener, ssl=context)
        await server.serve_forever()

    asyncio.run(run())


PEERS: dict[str, Callable[[socket.socket, ssl.SSLContext, str], None]] = {
    "armchair": serve_armchair,
    "asyncio protocols": serve_asyncio,
    "two threads": serve_threads,
}
