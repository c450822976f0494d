"""The WebSocket (RFC 6455, server's side) as a plain stream of bytes: the pump between a browser and a display server.

The displays' protocols are streams, so the borders of messages mean nothing here: what arrives of a frame goes on at once, and
a frame of any size costs no memory. Extensions are not offered.
"""

import base64
import binascii
import hashlib
import struct
from typing import Callable, List, Optional, Tuple

PROTOCOL = "binary"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of the RFC
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NORMAL, GOING_AWAY, PROTOCOL_ERROR, NOT_TEXT, NOT_UTF8 = 1000, 1001, 1002, 1003, 1007
LONGEST_CONTROL = 125


class NotWebSocket(Exception):
    """The request does not open a WebSocket that is spoken here."""


class Violation(Exception):
    """The browser broke the protocol. `code` is what its close frame is to say."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def answer(header: Callable[[str], str]) -> bytes:
    """The head that accepts a request with these headers ("" for absent ones). Raises NotWebSocket."""
    if header("upgrade").strip().lower() != "websocket" or "upgrade" not in _words(header("connection")):
        raise NotWebSocket("no upgrade to a WebSocket is asked for")
    if header("sec-websocket-version").strip() != "13":
        raise NotWebSocket("of WebSocket only version 13 is spoken here")
    key = header("sec-websocket-key").strip()
    try:
        if len(base64.b64decode(key.encode("ascii"), validate=True)) != 16:
            raise NotWebSocket("the key has not 16 bytes")
    except (ValueError, binascii.Error):
        raise NotWebSocket("the key is not base64")
    proof = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest())  # noqa: S324 - the RFC asks for it; it protects nothing
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
    lines.append(b"Sec-WebSocket-Accept: " + proof)
    if PROTOCOL in _words(header("sec-websocket-protocol")):
        lines.append(b"Sec-WebSocket-Protocol: " + PROTOCOL.encode())
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _words(text: str) -> List[str]:
    return [word.strip().lower() for word in text.split(",")]


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole frame from the server, which never masks."""
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 127, size)
    return head + payload


def closing(code: int) -> bytes:
    """The close frame that says `code`."""
    return frame(CLOSE, struct.pack(">H", code))


def unmask(payload: bytes, key: bytes) -> bytes:
    """XOR with the repeated key. One operation on two long integers: a loop over bytes would be a hundred times slower."""
    size = len(payload)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")


class Decoder:
    """Turns what a browser sends into the stream's bytes and control frames, whatever pieces it comes in.

    It keeps no more than a frame's head or a control frame (125 bytes).
    """

    def __init__(self) -> None:
        self._head = bytearray()  # of a frame whose head is not whole yet
        self._control = bytearray()  # the payload so far of a control frame
        self._opcode = 0
        self._left = 0  # bytes of the present frame's payload that are still to come
        self._key = b""
        self._fragmented = False
        self.pong: Optional[bytes] = None  # what the last ping that is not answered yet carried
        self.closed: Optional[int] = None  # the code of the browser's close frame; 1000 when it gave none

    def feed(self, data: bytes) -> bytes:
        """The stream's bytes that these bytes of the wire bring. Raises Violation; what comes after a close is dropped."""
        stream: List[bytes] = []
        view, at = memoryview(data), 0
        while at < len(data) and self.closed is None:
            if not self._left:
                at = self._read_head(view, at)
                continue
            piece = bytes(view[at : at + self._left])
            at += len(piece)
            self._left -= len(piece)
            clear = unmask(piece, self._key)
            shift = len(piece) % 4
            self._key = self._key[shift:] + self._key[:shift]
            if self._opcode < CLOSE:
                stream.append(clear)
                continue
            self._control += clear
            if not self._left:
                self._obey()
        return b"".join(stream)

    def _read_head(self, view: memoryview, at: int) -> int:
        """Take bytes until the head is whole, then begin its frame. The place behind what was taken."""
        while len(self._head) < _head_size(self._head):
            if at == len(view):
                return at
            taken = view[at : at + _head_size(self._head) - len(self._head)]
            self._head += taken
            at += len(taken)
        self._begin()
        return at

    def _begin(self) -> None:
        """A head is whole: see what it announces."""
        final, self._opcode = _checked(self._head[0])
        size = self._head[1] & 0x7F
        if not self._head[1] & 0x80:
            raise Violation(PROTOCOL_ERROR, "a frame of the browser is not masked")
        if size > LONGEST_CONTROL:
            size = _long(self._head, size)
        if self._opcode >= CLOSE:
            if not final or size > LONGEST_CONTROL:
                raise Violation(PROTOCOL_ERROR, "a control frame is too long or in pieces")
        else:
            if (self._opcode == CONTINUATION) != self._fragmented:
                raise Violation(PROTOCOL_ERROR, "a message's pieces are out of order")
            self._fragmented = not final
        self._left, self._key = size, bytes(self._head[-4:])
        self._head.clear()
        if not size and self._opcode >= CLOSE:
            self._obey()

    def _obey(self) -> None:
        """A control frame is whole."""
        payload = bytes(self._control)
        self._control.clear()
        if self._opcode == PING:
            # RFC 6455, 5.5.3: of several pings, the last may be answered alone, so nobody can pile them up here
            self.pong = payload
        elif self._opcode == CLOSE:
            self.closed = _close_code(payload)


def _head_size(head: bytearray) -> int:
    """How long the head is that begins like this; 2 until its length is known."""
    if len(head) < 2:
        return 2
    more = {126: 2, 127: 8}.get(head[1] & 0x7F, 0)
    return 2 + more + 4


def _checked(first: int) -> Tuple[bool, int]:
    opcode = first & 0x0F
    if first & 0x70 or opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
        raise Violation(PROTOCOL_ERROR, "a frame uses an extension that was not agreed")
    if opcode == TEXT:
        raise Violation(NOT_TEXT, "a display takes bytes, not text")
    return bool(first & 0x80), opcode


def _long(head: bytearray, announced: int) -> int:
    size = int.from_bytes(head[2:-4], "big")
    if size < (126 if announced == 126 else 1 << 16) or size >= 1 << 63:
        raise Violation(PROTOCOL_ERROR, "a frame's length is not written as it must be")
    return size


def _close_code(payload: bytes) -> int:
    if not payload:
        return NORMAL
    if len(payload) < 2:
        raise Violation(PROTOCOL_ERROR, "a close frame has half a code")
    code = int(struct.unpack(">H", payload[:2])[0])
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise Violation(PROTOCOL_ERROR, "a close frame has a code that nobody may send")
    try:
        payload[2:].decode("utf-8")
    except UnicodeDecodeError:
        raise Violation(NOT_UTF8, "a close frame's reason is not UTF-8")
    return code
