"""HTTP/2 as no decent client would speak it: headers go out exactly as given, whatever rules they break."""

import socket
from dataclasses import dataclass, field

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
EXTENDED_CONNECT = 8
# RFC 7541, appendix A: the entries that carry a status
STATUSES = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
Headers = list[tuple[bytes, bytes]]


@dataclass
class Answer:
    """`status` 0: the stream (or connection) was ended without one."""

    status: int = 0
    body: bytes = b""
    settings: dict[int, int] = field(default_factory=dict)


def integer(value: int, bits: int) -> bytes:
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    out, value = [most], value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def packed(headers: Headers) -> bytes:
    """Each header as a literal that enters no table."""
    return b"".join(b"\0" + integer(len(name), 7) + name + integer(len(value), 7) + value for name, value in headers)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def status_of(block: bytes) -> int:
    """The status at the head of a header block. HAProxy writes it first, and its encoder compresses no strings."""
    if block[0] & 0x80:
        return STATUSES.get(block[0] & 0x7F, -1)
    # a literal with the name from the table: one byte, then length and text
    return int(block[2 : 2 + block[1]])


def ask(connection: socket.socket, headers: Headers, body: bytes | None = None) -> Answer:
    """One request on a fresh connection, and what came back until the stream ended."""
    end = END_HEADERS | (END_STREAM if body is None else 0)
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") + frame(HEADERS, end, 1, packed(headers)))
    if body is not None:
        connection.sendall(frame(DATA, END_STREAM, 1, body))
    answer = Answer()
    try:
        while read_one(connection, answer):
            pass
    except (ConnectionError, TimeoutError):
        pass
    return answer


def read_one(connection: socket.socket, answer: Answer) -> bool:
    """Read one frame; False when nothing more comes for the stream."""
    head = exactly(connection, 9)
    if len(head) < 9:
        return False
    payload = exactly(connection, int.from_bytes(head[:3], "big"))
    kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big")
    if kind == SETTINGS and not flags & ACK:
        pairs = [payload[at : at + 6] for at in range(0, len(payload), 6)]
        answer.settings.update({int.from_bytes(one[:2], "big"): int.from_bytes(one[2:], "big") for one in pairs})
        connection.sendall(frame(SETTINGS, ACK, 0, b""))
    elif kind == HEADERS and stream == 1 and not answer.status:
        answer.status = status_of(payload)
    elif kind == DATA and stream == 1:
        answer.body += payload
    return kind not in {RST_STREAM, GOAWAY} and not (stream == 1 and kind in {DATA, HEADERS} and flags & END_STREAM)


def exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data
