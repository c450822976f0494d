"""The hub's two doors: outside agents come with their certificates, inside the gateway comes for a session.

It reads the host name in the gateway's first message, asks that session's agent for a connection, and copies bytes. What it
copies is TLS between gateway and agent: it can neither read nor forge it, and whoever else on this machine connects inside gets
no further than to the agent, which lets in nobody but the gateway's certificate.
"""

import asyncio
import contextlib
import resource
import socket
import ssl
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address

import structlog

from armchair.gateway.hub import clienthello
from armchair.gateway.hub.address import NETWORK
from armchair.gateway.hub.agents import Agent, Agents, who
from armchair.gateway.hub.carry import carry, prepare
from armchair.wire.hub import ALIVE_EVERY, GREETING, OPEN, OPEN_LENGTH

FIRST_WORD = 10.0
# HAProxy gives up after 3 s (its `timeout connect`), and then shows the page that waits
PATIENCE, ANSWER_TIME = 2.5, 2.5
SPARE_FILES = 64
MOST_CONNECTIONS = 20_000
SOL_BINDTODEVICE = 25

log = structlog.get_logger()
Served = Callable[[socket.socket], Awaitable[None]]


class Hub:
    """Serves until cancelled. `context` is asked for at each handshake, so that a renewed certificate is used at once."""

    def __init__(self, context: Callable[[], ssl.SSLContext]) -> None:
        self._context = context
        self._agents = Agents()
        self._tasks: set[asyncio.Task[None]] = set()
        self._most = _most_connections()
        self.carried = 0

    @property
    def agents(self) -> int:
        """How many are connected."""
        return len(self._agents)

    async def serve(self, outside: socket.socket, inside: socket.socket) -> None:
        """Never returns."""
        try:
            await asyncio.gather(self._accept(outside, self._outside), self._accept(inside, self._inside))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, listener: socket.socket, served: Served) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:
                log.warning("hub.accept_failed", error=str(error))
                await asyncio.sleep(0.2)
                continue
            if len(self._tasks) >= self._most:
                connection.close()
                continue
            task = asyncio.create_task(self._one(connection, served))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _one(self, connection: socket.socket, served: Served) -> None:
        with connection, contextlib.suppress(OSError, TimeoutError, EOFError):
            prepare(connection)
            await served(connection)

    # --- outside ------------------------------------------------------------------------------------------------------

    async def _outside(self, connection: socket.socket) -> None:
        """An agent: its own connection speaks TLS, those that it opens on demand begin with a token."""
        async with asyncio.timeout(FIRST_WORD):
            first = await _peek(connection)
        if first == OPEN[:1]:
            await self._opened(connection)
        elif first:
            await self._agent(connection)

    async def _opened(self, connection: socket.socket) -> None:
        loop, line = asyncio.get_running_loop(), b""
        async with asyncio.timeout(FIRST_WORD):
            # not a byte more than the line: what follows is the gateway's
            while len(line) < OPEN_LENGTH and (data := await loop.sock_recv(connection, OPEN_LENGTH - len(line))):
                line += data
        token = line.removeprefix(OPEN).decode("ascii", "replace").rstrip("\n")
        # whoever waits for it gets a socket of its own: this one is closed here
        with contextlib.ExitStack() as stack:
            copy = stack.enter_context(connection.dup())
            copy.setblocking(False)
            if self._agents.arrived(token, copy):
                stack.pop_all()

    async def _agent(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        own = connection.dup()  # the transport closes its socket by itself
        own.setblocking(False)
        transport, _ = await loop.connect_accepted_socket(
            lambda: asyncio.StreamReaderProtocol(reader), own, ssl=self._context(), ssl_handshake_timeout=FIRST_WORD
        )
        try:
            host, run = who(transport.get_extra_info("peercert") or {})
            async with asyncio.timeout(FIRST_WORD):
                greeting = await reader.readline()
            if not host or greeting != GREETING:
                log.warning("hub.not_understood", host=host, run=run)
                return
            agent = Agent(host, run, transport)
            with self._agents.present(agent):
                log.info("hub.agent_there", run=run)
                await self._keep(agent, reader)
            log.info("hub.agent_gone", run=run)
        finally:
            transport.abort()

    async def _keep(self, agent: Agent, reader: asyncio.StreamReader) -> None:
        """Until it goes. It has nothing more to say."""
        while True:
            try:
                async with asyncio.timeout(ALIVE_EVERY):
                    await reader.read(1024)
            except TimeoutError:
                agent.say(b"\n")
            else:
                return

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _inside(self, connection: socket.socket) -> None:
        """The gateway, or somebody else on this machine."""
        if IPv4Address(connection.getsockname()[0]) not in NETWORK:
            return
        loop, hello = asyncio.get_running_loop(), b""
        async with asyncio.timeout(FIRST_WORD):
            while not clienthello.complete(hello) and (data := await loop.sock_recv(connection, clienthello.MOST)):
                hello += data
        host = clienthello.server_name(hello)
        if not host:
            return
        node = await self._agents.connection(host, PATIENCE, ANSWER_TIME)
        if node is None:
            log.info("hub.no_agent", host=host)
            return
        with node:
            prepare(node)
            self.carried += 1
            try:
                await loop.sock_sendall(node, hello)
                await carry(connection, node)
            finally:
                self.carried -= 1


def listen(host: str, port: int, *, inside: bool) -> socket.socket:
    """A listening socket. Inside, it takes every address of NETWORK. Raises OSError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if inside:
            # older kernels keep this for root; then connections to other addresses are closed as they come
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.SOL_SOCKET, SOL_BINDTODEVICE, b"lo")
        listener.setblocking(False)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


async def _peek(connection: socket.socket) -> bytes:
    """The first byte, which stays to be read; b"" at the end."""
    loop = asyncio.get_running_loop()
    there = asyncio.Event()
    loop.add_reader(connection, there.set)
    try:
        await there.wait()
    finally:
        loop.remove_reader(connection)
    return connection.recv(1, socket.MSG_PEEK)


def _most_connections() -> int:
    """As many as the hard limit of open files allows, which becomes the limit: two files for each."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = min(hard, 2 * MOST_CONNECTIONS + SPARE_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(1, (wanted - SPARE_FILES) // 2)
