"""Reads the host name that a TLS client asks for from its first message. Pure and total: it never raises."""

HEADER = 5
MOST = HEADER + (1 << 14)
_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 22, 1, 0, 0


def complete(data: bytes) -> bool:
    """Whether the first record is there as a whole, or is no TLS, so that waiting for more is of no use."""
    if data[:1] != bytes([_HANDSHAKE]):
        return len(data) > 0
    return len(data) >= HEADER and len(data) >= min(MOST, HEADER + int.from_bytes(data[3:HEADER], "big"))


def server_name(data: bytes) -> str:
    """The host name (server name indication) in a ClientHello that fills one record; "" when there is none."""
    try:
        return _server_name(data)
    except (IndexError, UnicodeDecodeError):
        return ""


def _server_name(data: bytes) -> str:
    if data[0] != _HANDSHAKE or data[HEADER] != _CLIENT_HELLO:
        return ""
    at = HEADER + 4 + 2 + 32
    at += 1 + data[at]  # session id
    at += 2 + _number(data, at)  # cipher suites
    at += 1 + data[at]  # compression methods
    end = at + 2 + _number(data, at)
    at += 2
    while at + 4 <= end:
        kind, size = _number(data, at), _number(data, at + 2)
        if kind == _SERVER_NAME:
            # a list's length, then the one entry that clients send: its kind, its length, the name
            if data[at + 6] != _HOST_NAME:
                return ""
            length = _number(data, at + 7)
            name = data[at + 9 : at + 9 + length]
            return name.decode("ascii").lower() if len(name) == length else ""
        at += 4 + size
    return ""


def _number(data: bytes, at: int) -> int:
    return (data[at] << 8) | data[at + 1]
