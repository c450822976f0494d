"""HTTP/1.1 on a plain socket, as much as a front needs: heads, bodies, answers, keep-alive. It blocks."""

import re
import socket
import time
from typing import Callable, Dict, Iterable, List, Optional, Tuple

LONGEST_HEAD = 64 << 10
CHUNK = 64 << 10
IDLE_SECONDS = 300.0
MOST_DRAINED = 256 << 10
PARTING_SECONDS = 20.0
REASONS: Dict[int, str] = {
    100: "Continue", 101: "Switching Protocols", 200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content",
    304: "Not Modified",
    400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 426: "Upgrade Required",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 507: "Insufficient Storage",
}  # fmt: skip
# Python would also take a sign, an underscore and the digits of other scripts for a number
LENGTH = re.compile(r"[0-9]{1,18}\Z")
CHUNK_LENGTH = re.compile(rb"[0-9A-Fa-f]{1,15}\Z")
Headers = List[Tuple[str, str]]


class BadRequest(Exception):
    """What came is not HTTP as we understand it."""


class Request:
    """One request's head. `target` is as it came; `path` its part before the query, still quoted."""

    def __init__(self, method: str, target: str, version: str, headers: Headers) -> None:
        self.method, self.target, self.version, self.headers = method, target, version, headers
        self.path = target.partition("?")[0]

    def header(self, name: str) -> str:
        """The value of a header, several joined by commas; "" without one."""
        return value(self.headers, name)

    def upgrades(self) -> bool:
        """Whether it asks for a WebSocket."""
        return self.header("upgrade").lower() == "websocket"


class Connection:
    """One client's connection: `next` request, `read` its body, `answer` it, and again while `keep`."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.keep = True
        self._buffer = b""
        self._left = 0
        self._chunked = False
        self._expects = False
        self.head_only = False  # whether the present request wants no body

    def next(self) -> Optional[Request]:
        """The next request; None when the client is done. Raises BadRequest, and OSError when the connection breaks."""
        self.socket.settimeout(IDLE_SECONDS)
        if not self._drain():
            return None
        head = read_head(self._more, self._buffer)
        if head is None:
            return None
        text, self._buffer = head
        method, target, version, headers = _request(text)
        request = Request(method, target, version, headers)
        self._set_body(request)
        self.head_only = method == "HEAD"
        self.keep = version != "HTTP/1.0" and "close" not in request.header("connection").lower()
        return request

    def _more(self) -> bytes:
        return self.socket.recv(CHUNK)

    def _set_body(self, request: Request) -> None:
        coding = request.header("transfer-encoding").lower()
        self._chunked = coding == "chunked"
        length = request.header("content-length") or "0"
        # two different lengths, or a length beside chunks, are how requests are smuggled past whoever looked at them before
        if not LENGTH.match(length) or (coding and not self._chunked) or (self._chunked and request.header("content-length")):
            raise BadRequest("a body of unclear length")
        self._left = 0 if self._chunked else int(length)
        self._expects = "100-continue" in request.header("expect").lower()

    def read(self, size: int = CHUNK) -> bytes:
        """The next bytes of the body, at most so many; empty at its end. Raises OSError when it breaks off."""
        if self._expects:
            self._expects = False
            self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._chunked and not self._left:
            self._next_chunk()
        if not self._left:
            return b""
        data = self._take(min(size, self._left))
        self._left -= len(data)
        if self._chunked and not self._left and self._line():
            raise BadRequest("a chunk longer than it says")
        return data

    def _next_chunk(self) -> None:
        size = self._line().partition(b";")[0].strip()
        if not CHUNK_LENGTH.match(size):
            raise BadRequest("a chunk without a length")
        self._left = int(size, 16)
        if not self._left:
            self._chunked = False
            while self._line():
                pass  # trailers

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if len(self._buffer) > LONGEST_HEAD:
                raise BadRequest("a line too long")
            self._fill()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _take(self, size: int) -> bytes:
        if not self._buffer:
            self._fill()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _fill(self) -> None:
        data = self._more()
        if not data:
            raise ConnectionError("the client hung up in the middle of a request")
        self._buffer += data

    def _drain(self) -> bool:
        """Pass over what is left of the last body; False when that is so much that hanging up is cheaper."""
        passed = 0
        while self._left or self._chunked:
            if self._expects or passed > MOST_DRAINED:
                self._part()
                return False
            passed += len(self.read())
        return True

    def _part(self) -> None:
        """Let the client find the answer while it still sends: hanging up on unread bytes would take the answer away."""
        self.socket.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + PARTING_SECONDS
        self.socket.settimeout(PARTING_SECONDS)
        while time.monotonic() < deadline and self._more():
            pass

    def rest(self) -> bytes:
        """What has already come beyond the head, for whoever takes the connection over."""
        data, self._buffer = self._buffer, b""
        return data

    def answer(self, status: int, body: bytes = b"", kind: str = "", headers: Iterable[Tuple[str, str]] = ()) -> None:
        """A whole answer. `kind` is its media type."""
        self.begin(status, len(body), kind, headers)
        if not self.head_only:
            self.socket.sendall(body)

    def begin(self, status: int, length: Optional[int], kind: str = "", headers: Iterable[Tuple[str, str]] = ()) -> None:
        """The head of an answer whose body the caller sends; without a length it lasts until the connection is closed.

        Nobody keeps it unless `headers` have a Cache-Control.
        """
        headers = list(headers)
        self.keep = self.keep and length is not None
        lines = ["HTTP/1.1 %d %s" % (status, REASONS.get(status, "-"))]
        lines += ["Content-Type: " + kind] if kind else []
        lines += ["Content-Length: %d" % length] if length is not None and status not in (101, 204, 304) else []
        # what is said here is true at this moment only, and is nobody's to guess the type of
        lines += ["%s: %s" % pair for pair in headers]
        lines += [] if value(headers, "cache-control") else ["Cache-Control: no-store"]
        lines += ["X-Content-Type-Options: nosniff"]
        lines += [] if self.keep or status == 101 else ["Connection: close"]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))


def value(headers: Headers, name: str) -> str:
    """The value of a header, several joined by commas; "" without one."""
    return ", ".join(text for key, text in headers if key.lower() == name)


def read_head(more: Callable[[], bytes], begun: bytes = b"") -> Optional[Tuple[str, bytes]]:
    """A head up to its empty line, and what came after it; None when nothing comes at all. Raises BadRequest."""
    data = begun
    while b"\r\n\r\n" not in data:
        if len(data) > LONGEST_HEAD:
            raise BadRequest("a head too long")
        got = more()
        if not got:
            if data.strip():
                raise BadRequest("half a head")
            return None
        data += got
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def parse_headers(lines: List[str]) -> Headers:
    """Header lines as pairs. Raises BadRequest."""
    pairs = []
    for line in lines:
        name, colon, text = line.partition(":")
        if not colon or not name or name != name.strip() or "\n" in line or "\0" in line:
            raise BadRequest("a header that is none")
        pairs.append((name, text.strip()))
    return pairs


def _request(head: str) -> Tuple[str, str, str, Headers]:
    first, *lines = head.split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        raise BadRequest("a first line that is none")
    return words[0], words[1], words[2], parse_headers(lines)
