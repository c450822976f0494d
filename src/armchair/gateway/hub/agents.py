"""The agents that are connected now: which sessions' they are, by their certificates, and how to ask one for a connection."""

import asyncio
import contextlib
import re
import secrets
import socket
from collections import defaultdict
from collections.abc import Iterator, Mapping

from armchair.wire.hub import OPEN, TOKEN_DIGITS

# more than one for the same run are connections that broke without the hub having noticed yet
MOST_PER_SESSION = 8
MOST_WAITING = 256
_WRITE_LIMIT = 64 * 1024
_ATTEMPT = re.compile(r"-(\d{1,9})$", re.ASCII)


class Agent:
    """One agent's connection. `attempt` is that of its run: the newest is the one that counts."""

    def __init__(self, host: str, run: str, transport: asyncio.WriteTransport) -> None:
        self.host, self.run = host, run
        found = _ATTEMPT.search(run)
        self.attempt = int(found[1]) if found else 0
        self._transport = transport

    def say(self, line: bytes) -> None:
        """Send a line. One that reads nothing is cut off."""
        if self._transport.get_write_buffer_size() > _WRITE_LIMIT:
            self._transport.abort()
        else:
            self._transport.write(line)

    def close(self) -> None:
        """Let go of it."""
        self._transport.abort()


class Agents:
    """All that are connected, by the host name of their session."""

    def __init__(self) -> None:
        self._by_host: dict[str, list[Agent]] = defaultdict(list)
        self._waiting: dict[str, asyncio.Future[socket.socket]] = {}
        self._arrived: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def __len__(self) -> int:
        return sum(map(len, self._by_host.values()))

    @contextlib.contextmanager
    def present(self, agent: Agent) -> Iterator[None]:
        """Have it known for as long as the context lasts."""
        known = self._by_host[agent.host]
        known.append(agent)
        if len(known) > MOST_PER_SESSION:
            min(known, key=lambda one: one.attempt).close()
        if agent.host in self._arrived:
            self._arrived.pop(agent.host).set()
        try:
            yield
        finally:
            known.remove(agent)
            if not known:
                self._by_host.pop(agent.host, None)

    async def connection(self, host: str, patience: float, answer_time: float) -> socket.socket | None:
        """A new connection to the agent of this host's session; None when there is none in time.

        `patience` is for an agent that is not connected: after a restart of the hub all come back within seconds.
        """
        agent = await self._agent(host, patience)
        if agent is None or len(self._waiting) >= MOST_WAITING:
            return None
        token = secrets.token_hex(TOKEN_DIGITS // 2)
        future: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        agent.say(OPEN + token.encode() + b"\n")
        try:
            async with asyncio.timeout(answer_time):
                return await future
        except TimeoutError:
            return None
        finally:
            del self._waiting[token]

    def arrived(self, token: str, connection: socket.socket) -> bool:
        """A connection with this token has come. False when nobody waits for it (any more)."""
        future = self._waiting.get(token)
        if future is None or future.done():
            return False
        future.set_result(connection)
        return True

    async def _agent(self, host: str, patience: float) -> Agent | None:
        if not self._by_host.get(host) and patience > 0 and len(self._arrived) < MOST_WAITING:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._arrived[host].wait()
            self._arrived.pop(host, None)
        # the last of the newest run: an earlier connection of the same agent may be dead already
        return max(reversed(self._by_host.get(host, [])), key=lambda one: one.attempt, default=None)


def who(certificate: Mapping[str, object]) -> tuple[str, str]:
    """(host name of the session, run) that a run's certificate names, as `ssl` decodes it; ("", "") for any other."""
    names = [value for kind, value in _pairs(certificate.get("subjectAltName")) if kind == "DNS"]
    subject = certificate.get("subject")
    parts = [pair for part in subject if isinstance(part, tuple) for pair in _pairs(part)] if isinstance(subject, tuple) else []
    runs = [value for kind, value in parts if kind == "commonName"]
    return (names[0].lower(), runs[0]) if len(names) == 1 and len(runs) == 1 else ("", "")


def _pairs(value: object) -> list[tuple[str, str]]:
    if not isinstance(value, tuple):
        return []
    return [(str(one[0]), str(one[1])) for one in value if isinstance(one, tuple) and len(one) == 2]
