"""A stream of bytes to a display: over a plain socket, or in the binary messages of a WebSocket. It blocks."""

import socket
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from armchair.client.models import Entry

_CHUNK = 256 << 10


class StreamEnded(ConnectionError):
    """The other side has hung up."""


class Stream(Protocol):
    """What a viewer reads from and writes to. All methods raise OSError when the connection is broken."""

    def write(self, data: bytes) -> None:
        """Send all of it."""

    def read(self, size: int) -> bytes:
        """Exactly so many bytes. Raises StreamEnded, and TimeoutError after the time set by `patience`."""

    def patience(self, seconds: float) -> None:
        """How long a read may wait for its next bytes."""

    def close(self) -> None:
        """Hang up."""


class SocketStream:
    """The bytes of a socket as they are."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._buffer = bytearray()

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = self.socket.recv(_CHUNK)
            if not data:
                raise StreamEnded("the other side has hung up")
            self._take(data)
        found = bytes(self._buffer[:size])
        del self._buffer[:size]
        return found

    def _take(self, data: bytes) -> None:
        self._buffer += data

    def patience(self, seconds: float) -> None:
        self.socket.settimeout(seconds)

    def close(self) -> None:
        self.socket.close()


class WebSocketStream(SocketStream):
    """The bytes of a WebSocket's binary messages. `connected` leads to the server of `url`, or to whoever passes it on."""

    def __init__(self, connected: socket.socket, url: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(connected)
        self._protocol = ClientProtocol(parse_uri(url), subprotocols=[Subprotocol("binary")], max_size=None)
        request = self._protocol.connect()
        request.headers.update(headers or {})
        self._protocol.send_request(request)
        self._flush()
        while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
            data = connected.recv(_CHUNK)
            if not data:
                raise StreamEnded("no answer to the request for a WebSocket")
            self._take(data)
        if self._protocol.handshake_exc is not None:
            raise ConnectionRefusedError(str(self._protocol.handshake_exc))

    def write(self, data: bytes) -> None:
        self._protocol.send_binary(data)
        self._flush()

    def _take(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if not isinstance(event, Frame):
                continue
            if event.opcode is Opcode.CLOSE:
                raise StreamEnded(f"the other side has closed the WebSocket: {self._protocol.close_rcvd}")
            if event.opcode in (Opcode.BINARY, Opcode.CONT):
                self._buffer += event.data
        self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.socket.sendall(data)


def to_path(path: str, seconds: float = 10.0) -> socket.socket:
    """A connection to a unix socket."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(seconds)
    made.connect(path)
    return made


def to_port(port: int, seconds: float = 10.0) -> socket.socket:
    """A connection to a port of the loopback, without waiting for more to send."""
    made = socket.create_connection(("127.0.0.1", port), timeout=seconds)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def through_front(path: str, address: str) -> WebSocketStream:
    """A stream to a WebSocket of the front that listens on this unix socket."""
    return WebSocketStream(to_path(path), f"ws://localhost{address}")


def through_gateway(entry: Entry, address: str) -> WebSocketStream:
    """A stream to a WebSocket of a session by way of the gateway on this machine, as a program opens it."""
    parts = urlsplit(entry.url)
    url = f"ws://{parts.netloc}{address}"
    return WebSocketStream(to_port(parts.port or 80), url, {"Cookie": f"{entry.name}={entry.value}"})
