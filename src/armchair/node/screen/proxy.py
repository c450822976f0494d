"""Passes requests on to the display's own HTTP server, one by one, so that the client's connection can be used again."""

import re
import socket
from typing import Optional

from armchair.node.screen.http import CHUNK, LENGTH, BadRequest, Connection, Headers, Request, parse_headers, read_head, value
from armchair.node.screen.policy import of_host
from armchair.node.screen.relay import relay

# what concerns one connection only
HOP = frozenset(("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"))
STATUS = re.compile(r"[1-9][0-9][0-9]\Z")


def pass_on(request: Request, connection: Connection, upstream: socket.socket) -> None:
    """Have this request answered by `upstream`, which serves nothing else. Raises OSError when either side breaks."""
    if request.upgrades():
        _send_head(request, upstream, [("Connection", "Upgrade"), ("Upgrade", "websocket")])
        upstream.sendall(connection.rest())
        connection.keep = False
        relay(connection.socket, upstream)
        return
    body = _has_body(request)
    extra = [("Connection", "close")]
    _send_head(request, upstream, extra + ([("Transfer-Encoding", "chunked")] if body == "chunked" else []))
    while body:
        data = connection.read()
        upstream.sendall(b"%x\r\n%s\r\n" % (len(data), data) if body == "chunked" else data)
        if not data:
            break
    _answer(request, connection, upstream)


def _has_body(request: Request) -> str:
    if request.header("transfer-encoding"):
        return "chunked"
    return "counted" if request.header("content-length") else ""


def _send_head(request: Request, upstream: socket.socket, extra: Headers) -> None:
    kept = [pair for pair in request.headers if pair[0].lower() not in HOP] + extra
    lines = ["%s %s HTTP/1.1" % (request.method, request.target)] + ["%s: %s" % pair for pair in kept]
    upstream.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


def _answer(request: Request, connection: Connection, upstream: socket.socket) -> None:
    head = read_head(lambda: upstream.recv(CHUNK))
    if head is None:
        raise ConnectionError("the display server hung up")
    text, begun = head
    first, *lines = text.split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not STATUS.match(words[1]):
        raise ConnectionError("the display server speaks no HTTP")
    try:
        headers = parse_headers(lines)
    except BadRequest as error:
        raise ConnectionError(str(error))
    left = _length(request, int(words[1]), headers)
    connection.keep = connection.keep and left is not None
    kept = [pair for pair in headers if pair[0].lower() not in HOP]
    # policies add up: what its server says itself can only forbid more
    kept.append(("Content-Security-Policy", of_host(request.header("host"))))
    kept += [] if connection.keep else [("Connection", "close")]
    reply = ["HTTP/1.1 " + " ".join(words[1:])] + ["%s: %s" % pair for pair in kept]
    connection.socket.sendall(("\r\n".join(reply) + "\r\n\r\n").encode("latin-1") + (begun if left is None else begun[:left]))
    _copy(upstream, connection, None if left is None else left - len(begun))


def _length(request: Request, status: int, headers: Headers) -> Optional[int]:
    """How long the answer's body is; None when only its end tells."""
    if request.method == "HEAD" or status in (204, 304):
        return 0
    length = value(headers, "content-length")
    return int(length) if LENGTH.match(length) else None


def _copy(upstream: socket.socket, connection: Connection, left: Optional[int]) -> None:
    while left is None or left > 0:
        data = upstream.recv(CHUNK)
        if not data:
            connection.keep = connection.keep and left is None
            return
        connection.socket.sendall(data)
        left = None if left is None else left - len(data)
