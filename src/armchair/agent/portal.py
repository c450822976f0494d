"""Calls to the portal: HTTPS with its CA pinned, one kept connection for each user of this class.

It speaks as much HTTP as the agents listener does: the standard library's client brings all of e-mail with it, whose import
takes as long as a TLS handshake, and each session's start would wait for it.
"""

import json
import socket
import ssl
from typing import Any, Callable, Dict, Optional, Tuple

from armchair.wire.messages import API

TIMEOUT = 15.0
HEAD = 64 << 10
BODY = 1 << 20
TOO_MANY = 429  # others on this node may have asked too often
_BLOCK = 64 << 10


class PortalAway(Exception):
    """The portal gave no usable answer. Ask again later."""


class Caller:
    """Speaks to the agents listener. Not for use by two threads at once."""

    def __init__(self, portal: str, context: ssl.SSLContext) -> None:
        self._host, self._port = address_of(portal)
        self._context = context
        self._connection: Optional[ssl.SSLSocket] = None

    def call(
        self,
        method: str,
        path: str,
        bearer: str,
        body: Optional[Dict[str, Any]] = None,
        timeout: float = TIMEOUT,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Tuple[int, Dict[str, Any]]:
        """One request; the answer's status and JSON object. Raises PortalAway when there is none, also for 5xx and 429.

        `meanwhile` is called when the request has been sent: there is time until the answer.
        """
        for fresh in (False, True):
            try:
                return self._once(self._request(method, path, bearer, body), timeout, meanwhile)
            except (OSError, ValueError) as error:
                self.close()
                # a kept connection may have been closed by the other side meanwhile: once more with a new one
                if fresh or isinstance(error, socket.timeout):
                    raise PortalAway(str(error) or type(error).__name__)
        raise PortalAway("no answer")

    def _request(self, method: str, path: str, bearer: str, body: Optional[Dict[str, Any]]) -> bytes:
        data = b"" if body is None else json.dumps(body).encode()
        host = "[%s]" % self._host if ":" in self._host else self._host
        lines = (
            "%s %s%s HTTP/1.1" % (method, API, path),
            "Host: %s:%d" % (host, self._port),
            "Authorization: Bearer " + bearer,
            "Content-Type: application/json",
            "Content-Length: %d" % len(data),
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + data

    def _once(self, request: bytes, timeout: float, meanwhile: Callable[[], object]) -> Tuple[int, Dict[str, Any]]:
        if self._connection is None:
            self._connection = self._connect(timeout)
        self._connection.settimeout(timeout)
        self._connection.sendall(request)
        meanwhile()
        status, text, closes = read_answer(self._connection.recv)
        if closes:
            self.close()
        if status >= 500 or status == TOO_MANY:
            raise PortalAway("status %d" % status)
        answer = json.loads(text.decode("utf-8", "replace")) if text else {}
        return status, answer if isinstance(answer, dict) else {}

    def _connect(self, timeout: float) -> ssl.SSLSocket:
        plain = socket.create_connection((self._host, self._port), timeout)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._context.wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise

    def close(self) -> None:
        """Drop the kept connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def trust(portal_ca: str) -> ssl.SSLContext:
    """A client's TLS that trusts nobody but the portal."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=portal_ca)
    return context


def address_of(portal: str) -> Tuple[str, int]:
    """Host and port of "https://HOST:PORT"; without a port it is 443. IPv6 addresses stand in brackets there."""
    place = portal.split("://", 1)[-1].split("/", 1)[0]
    host, colon, port = place.rpartition(":")
    if not colon or "]" in port:
        host, port = place, "443"
    return host.strip("[]"), int(port)


def read_answer(receive: Callable[[int], bytes]) -> Tuple[int, bytes, bool]:
    """Status, body, and whether the connection ends with it. Raises OSError when it breaks, ValueError for anything unclear."""
    data = b""
    while b"\r\n\r\n" not in data:
        if len(data) > HEAD:
            raise ValueError("the answer has too long a head")
        data += _more(receive)
    head, _, body = data.partition(b"\r\n\r\n")
    first, _, rest = head.decode("latin-1").partition("\r\n")
    words = first.split(None, 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise ValueError("the answer is not HTTP")
    fields = {}
    for line in rest.split("\r\n"):
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip().lower()
    status, closes = int(words[1]), fields.get("connection", "") == "close" or words[0] == "HTTP/1.0"
    if status == 204:
        return status, b"", closes
    length = fields.get("content-length", "")
    if not length.isdigit() or int(length) > BODY:
        raise ValueError("the answer does not say how long it is")
    while len(body) < int(length):
        body += _more(receive)
    return status, body[: int(length)], closes or len(body) > int(length)


def _more(receive: Callable[[int], bytes]) -> bytes:
    block = receive(_BLOCK)
    if not block:
        raise ConnectionError("the connection was closed")
    return block
