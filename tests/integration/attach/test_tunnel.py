"""The tunnel alone, before a WebSocket server of the test's own: bytes, back-pressure, endings."""

import asyncio
import hashlib
import os
import socket
import stat
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Self

import httpx
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from armchair.client import Client, ClientSettings
from armchair.client.display import Display
from armchair.client.errors import DisplayAway, PortalAway
from armchair.client.tunnel import Ending, Tunnel
from armchair.testing.processes import eventually

Handler = Callable[[ServerConnection], Awaitable[None]]
SESSION = "s" * 26
COOKIE = "armchair-test-cli"


class Far:
    """The gateway with a display behind it. `requests` are the upgrades that came, `tickets` how many were asked for."""

    def __init__(self, handler: Handler) -> None:
        self.handler, self.status = handler, HTTPStatus.SWITCHING_PROTOCOLS
        self.requests: list[Request] = []
        self.tickets = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        async with self._server() as server:
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._over.wait()

    @asynccontextmanager
    async def _server(self) -> AsyncIterator[Server]:
        async with serve(
            lambda connection: self.handler(connection),  # noqa: PLW0108 - a test changes it
            "127.0.0.1",
            0,
            subprotocols=["binary"],  # type: ignore[list-item]  # a name
            process_request=self._look,
            compression=None,
            close_timeout=1,
        ) as server:
            yield server

    def _look(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        if self.status is not HTTPStatus.SWITCHING_PROTOCOLS:
            return connection.respond(self.status, "no\n")
        return None

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def portal(self, request: httpx.Request) -> httpx.Response:
        """The API: a ticket with a number."""
        assert request.url.path == f"/api/v1/sessions/{SESSION}/display"
        self.tickets += 1
        host = f"{SESSION}.apps.localhost"
        cookie = {"name": COOKIE, "value": f"ticket{self.tickets}", "host": host, "expires": datetime.now(UTC).isoformat()}
        return httpx.Response(200, json={"url": f"http://{host}:{self.port}/-/display", "cookie": cookie})


@contextmanager
def tunnel_to(far: Far, directory: Path) -> Iterator[Tunnel]:
    client = Client(ClientSettings(url="http://portal.test", token="arm_x"), httpx.MockTransport(far.portal))
    with client, Tunnel(Display(client, SESSION), directory / "t") as tunnel:
        yield tunnel


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Short, because a socket's path has at most 107 bytes."""
    return tmp_path if len(str(tmp_path)) < 90 else Path("/tmp")


def near(directory: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(10)
    made.connect(str(directory / "t"))
    return made


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


def read(source: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        data = source.recv(1 << 20)
        assert data, f"the end after {len(found)} bytes"
        found += data
    return bytes(found)


def test_bytes_go_both_ways_unchanged_and_in_order(directory: Path) -> None:
    sent = os.urandom(24 << 20)
    with Far(echo) as far, tunnel_to(far, directory) as tunnel, near(directory) as connection:
        writing = threading.Thread(target=connection.sendall, args=(sent,))
        writing.start()
        back = read(connection, len(sent))
        writing.join()
        assert hashlib.sha256(back).digest() == hashlib.sha256(sent).digest()
        assert tunnel.ending is Ending.NONE


def test_only_this_account_can_connect_and_nothing_stays(directory: Path) -> None:
    with Far(echo) as far:
        with tunnel_to(far, directory):
            assert stat.S_IMODE((directory / "t").stat().st_mode) == 0o600
        assert not (directory / "t").exists()


def test_a_tunnel_does_not_take_the_place_of_something_else(directory: Path) -> None:
    (directory / "t").touch()
    with Far(echo) as far, pytest.raises(OSError, match="in use"), tunnel_to(far, directory):
        pass


def test_each_connection_has_a_ticket_of_its_own_and_looks_like_no_browser(directory: Path) -> None:
    with Far(echo) as far, tunnel_to(far, directory):
        for _ in range(2):
            with near(directory) as connection:
                connection.sendall(b"x")
                assert read(connection, 1) == b"x"
        assert [one.headers["Cookie"] for one in far.requests] == [f"{COOKIE}=ticket1", f"{COOKIE}=ticket2"]
        for request in far.requests:
            assert request.path == "/-/display"
            assert request.headers["Host"] == f"{SESSION}.apps.localhost:{far.port}"
            assert request.headers["Sec-WebSocket-Protocol"] == "binary"
            # the gateway takes this cookie from programs only, and the portal's token is not for the session's host
            assert not [name for name in ("Origin", "Sec-Fetch-Site", "Authorization") if name in request.headers]


def test_a_slow_reader_holds_up_the_far_side_and_not_the_memory(directory: Path) -> None:
    sent = 0

    async def flood(connection: ServerConnection) -> None:
        nonlocal sent
        while True:
            await connection.send(bytes(1 << 20))
            sent += 1 << 20

    with Far(flood) as far, tunnel_to(far, directory), near(directory) as connection:
        connection.recv(1)
        # what is under way stands in the buffers of sockets and in a few messages: far from all that it could send
        eventually(lambda: sent > 0 and _stands(lambda: sent), "it stands still", 20)
        assert sent < 64 << 20


def _stands(count: Callable[[], int]) -> bool:
    """Whether a number has not changed for a while."""
    before = count()
    threading.Event().wait(0.3)
    return count() == before


def test_who_ended_a_connection_is_told(directory: Path) -> None:
    async def once(connection: ServerConnection) -> None:
        await connection.send(await connection.recv())

    with Far(once) as far, tunnel_to(far, directory) as tunnel:
        with near(directory) as connection:
            connection.sendall(b"x")
            assert read(connection, 1) == b"x"
            assert connection.recv(1) == b""
            assert tunnel.ending is Ending.CUT
            assert tunnel.heard
        far.handler = echo
        with near(directory) as connection:
            connection.sendall(b"x")
            assert read(connection, 1) == b"x"
        eventually(lambda: tunnel.ending is Ending.LEFT, "the near side left")
        assert tunnel.accepted == 2


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE])
def test_a_refusal_of_the_gateway_is_kept(directory: Path, status: HTTPStatus) -> None:
    with Far(echo) as far, tunnel_to(far, directory) as tunnel:
        far.status = status
        with near(directory) as connection:
            assert connection.recv(1) == b""
        assert tunnel.ending is Ending.REFUSED
        assert isinstance(tunnel.trouble, DisplayAway)
        assert str(int(status)) in str(tunnel.trouble)
        # the next one may be let in
        far.status = HTTPStatus.SWITCHING_PROTOCOLS
        with near(directory) as connection:
            connection.sendall(b"x")
            assert read(connection, 1) == b"x"


def test_a_portal_that_is_away_is_kept_too(directory: Path) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    client = Client(ClientSettings(url="http://portal.test", token="arm_x"), httpx.MockTransport(away))
    with client, Tunnel(Display(client, SESSION), directory / "t") as tunnel:
        with near(directory) as connection:
            assert connection.recv(1) == b""
        assert isinstance(tunnel.trouble, PortalAway)


def test_the_end_of_the_tunnel_cuts_what_is_open(directory: Path) -> None:
    with Far(echo) as far:
        with tunnel_to(far, directory):
            connection = near(directory)
            connection.sendall(b"x")
            assert read(connection, 1) == b"x"
        assert connection.recv(1) == b""
        connection.close()
