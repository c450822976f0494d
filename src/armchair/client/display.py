"""A session's display as a program reaches it: the ticket, what answers there, and a stream of its own protocol."""

import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from armchair.client.api import Client, LocalTransport
from armchair.client.errors import DisplayAway
from armchair.client.models import Entry

SUBPROTOCOL = Subprotocol("binary")
_STATE_PATH = "/-/state"
_LONGEST_MESSAGE = 64 << 20
# what the screen program calls things, and what they are called here
_TOLD = {"display": "kind", "server": "server", "program": "program", "user": "user", "socket": "socket"}
# An account: no option, and nothing that a shell would read, because people's ssh configurations hand it on to commands (%r).
# A socket: a path without the colon that would make a port of it.
_LOOKS = {
    "kind": re.compile(r"[a-z0-9]{0,20}"),
    "server": re.compile(r".{0,80}"),
    "program": re.compile(r"[a-z]{0,20}"),
    "user": re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,99}\$?)?"),
    "socket": re.compile(r"(?:/[^:]{1,200})?"),
}
_LONGEST_STATE = 64 << 10
_ASK = httpx.Timeout(10, connect=5)
_OPEN_SECONDS, _CLOSE_SECONDS = 10.0, 2.0
# so that no proxy on the way takes a still picture for a dead line
_PING_EVERY = 20.0
# A network that is gone says nothing. The kernel asks for it, and not the WebSocket: a client that stands still for a minute (a
# menu is open, say) reads no answers either, and is not to be cut off for it.
_GONE_AFTER = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayState:
    """What a session's screen program says of itself.

    `kind` is "xpra" or "vnc"; `server` names program and version ("xpra 3.1.3"); `program` is waiting, running or ended;
    `user` is the account that it runs as; `socket` is the path, on the node, of the socket on which the display server speaks
    its own protocol. What is not told is "".
    """

    kind: str
    server: str = ""
    program: str = ""
    user: str = ""
    socket: str = ""


class Display:
    """The display of one session. Each question and each stream is asked for with a ticket of its own, valid for minutes."""

    def __init__(self, client: Client, session: str, transport: Callable[[], httpx.BaseTransport] | None = None) -> None:
        self._client, self._session = client, session
        self._transport = transport or (lambda: LocalTransport(uds=client.settings.socket or None))

    def entry(self) -> Entry:
        """A fresh ticket. Raises PortalAway; ApiError with the codes not_graphical, not_ready, not_joinable and others."""
        return self._client.display(self._session)

    def state(self) -> DisplayState:
        """What answers there. Raises DisplayAway when nothing does, and as `entry`."""
        entry = self.entry()
        url = f"{entry.url.rpartition('/-/')[0]}{_STATE_PATH}"
        # a client of its own: the portal's token is not for the session's host
        with httpx.Client(transport=self._transport(), timeout=_ASK, trust_env=False) as http:
            try:
                with http.stream("GET", url, headers={**_headers(entry), "Accept-Encoding": "identity"}) as answer:
                    return _state(answer)
            except httpx.TransportError as error:
                raise DisplayAway(str(error) or type(error).__name__) from error

    @asynccontextmanager
    async def stream(self, entry: Entry) -> AsyncIterator[ClientConnection]:
        """An open WebSocket to the display. Raises DisplayAway."""
        parts = urlsplit(entry.url)
        secure = parts.scheme == "https"
        options: dict[str, Any] = {
            "subprotocols": [SUBPROTOCOL],
            "additional_headers": _headers(entry),
            "compression": None,  # pictures are compressed already
            "max_size": _LONGEST_MESSAGE,
            "open_timeout": _OPEN_SECONDS,
            "close_timeout": _CLOSE_SECONDS,
            "ping_interval": _PING_EVERY,
            "ping_timeout": None,
        }
        if secure:
            # as for the API: the same authorities are trusted
            options["ssl"] = httpx.create_ssl_context(trust_env=False)
        url = parts._replace(scheme="wss" if secure else "ws").geturl()
        try:
            made = await self._connect(url, parts.hostname or "", options)
        except InvalidStatus as error:
            raise DisplayAway(f"the gateway answered {error.response.status_code}") from error
        except (InvalidHandshake, OSError, TimeoutError, EOFError) as error:
            raise DisplayAway(str(error) or type(error).__name__) from error
        _notice_silence(made.transport.get_extra_info("socket"))
        try:
            async with made:
                yield made
        finally:
            # for when the leave-taking was interrupted
            made.transport.abort()

    async def _connect(self, url: str, host: str, options: dict[str, Any]) -> ClientConnection:
        if self._client.settings.socket:
            return await unix_connect(self._client.settings.socket, url, **options)
        if host == "localhost" or host.endswith(".localhost"):
            # which not every resolver knows
            options["host"] = "127.0.0.1"
        return await connect(url, proxy=None, **options)


def _notice_silence(line: socket.socket) -> None:
    """Have the kernel end a connection whose other side has been gone for half a minute; options that it lacks are left out."""
    if line.family == socket.AF_UNIX:
        return
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    third = _GONE_AFTER // 3
    # TCP_KEEPALIVE is macOS's name
    options = {"TCP_KEEPIDLE": third, "TCP_KEEPALIVE": third, "TCP_KEEPINTVL": third // 2, "TCP_KEEPCNT": 4}
    for name, value in {**options, "TCP_USER_TIMEOUT": _GONE_AFTER * 1000}.items():
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _headers(entry: Entry) -> dict[str, str]:
    return {"Cookie": f"{entry.name}={entry.value}"}


def _state(answer: httpx.Response) -> DisplayState:
    if answer.status_code == httpx.codes.NOT_FOUND:
        # a session from before there was a screen program: Xpra answers itself
        return DisplayState(kind="xpra")
    if answer.is_error or answer.is_redirect:
        raise DisplayAway(f"the gateway answered {answer.status_code}")
    try:
        said = json.loads(_body(answer))
        return DisplayState(**{_TOLD[name]: _fitting(_TOLD[name], said.get(name)) for name in _TOLD})
    except (ValueError, RecursionError, AttributeError, httpx.DecodingError) as error:
        raise DisplayAway("what answers there is no screen program") from error


def _body(answer: httpx.Response) -> bytes:
    """The body, read no further than a little above the limit. Raises ValueError for a longer one."""
    pieces: list[bytes] = []
    for piece in answer.iter_bytes():
        pieces.append(piece)
        if sum(map(len, pieces)) > _LONGEST_STATE:
            raise ValueError("it is too long")
    return b"".join(pieces)


def _fitting(name: str, said: object) -> str:
    """The text if it can be what it is to be, else "": it is the session's word, and goes to a terminal and to ssh."""
    text = said if isinstance(said, str) else ""
    return text if _LOOKS[name].fullmatch(text) and text.isprintable() else ""
