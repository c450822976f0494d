"""The hub as a process: opens its doors, reads its keys, tells how it is, until it is told to end."""

import asyncio
import contextlib
import grp
import json
import os
import signal
import socket
import ssl
from pathlib import Path

import structlog

from armchair.domain.errors import Unavailable
from armchair.gateway import files
from armchair.gateway.hub.places import Places
from armchair.gateway.hub.server import Hub, listen
from armchair.gateway.keyfiles import AGENTS_SERVER
from armchair.gateway.ports import listener as who_listens

SESSIONS_CA = "sessions-ca.crt"
# every address of this machine's loopback network: the kernel leads all of it here
INSIDE = "0.0.0.0"  # noqa: S104 - bound to the loopback device, and connections to other addresses are closed

log = structlog.get_logger()


class Contexts:
    """TLS for agents, made anew when a file has changed."""

    def __init__(self, keys: Path) -> None:
        self._server, self._sessions = keys / AGENTS_SERVER, keys / SESSIONS_CA
        self._seen: tuple[object, ...] = ()
        self._context: ssl.SSLContext | None = None

    def __call__(self) -> ssl.SSLContext:
        """Lets in the certificates of runs, and shows that of the agents listener. Raises OSError when there is none yet."""
        seen = (files.stamp(self._server), files.stamp(self._sessions))
        if self._context is None or seen != self._seen:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self._sessions)
            context.load_cert_chain(self._server)
            self._context, self._seen = context, seen
        return self._context


async def run(places: Places) -> None:
    """Carry until SIGTERM or SIGINT. Raises Unavailable("port_in_use", address=, by=)."""
    contexts = Contexts(Path(places.keys))
    hub = Hub(contexts)
    outside = _listen(places.host, places.outside, inside=False)
    inside = _listen(INSIDE, places.inside, inside=True)
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    serving = asyncio.create_task(hub.serve(outside, inside))
    async with await _tell(hub, places):
        log.info("hub.up", listen=f"{places.host}:{places.outside}", inside=places.inside)
        await told.wait()
    serving.cancel()
    await asyncio.wait([serving], timeout=5)
    places.status.unlink(missing_ok=True)
    log.info("hub.down")


async def ask(places: Places) -> dict[str, object] | None:
    """What the running hub says of itself: fingerprint, pid, agents, carried; None when none answers."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_unix_connection(places.status)
            try:
                answer = json.loads(await reader.read(4096))
            finally:
                writer.close()
    except (OSError, ValueError, TimeoutError):
        return None
    return answer if isinstance(answer, dict) else None


def _listen(host: str, port: int, *, inside: bool) -> socket.socket:
    try:
        return listen(host, port, inside=inside)
    except OSError as error:
        raise Unavailable("port_in_use", address=f"{host}:{port}", by=who_listens(port) or str(error)) from error


async def _tell(hub: Hub, places: Places) -> asyncio.Server:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = {"fingerprint": places.fingerprint, "pid": os.getpid(), "agents": hub.agents, "carried": hub.carried}
        writer.write(json.dumps(said).encode())
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    new = places.status.with_name(f".{places.status.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    previous = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(answer, new)
    finally:
        os.umask(previous)
    if places.group:
        os.chown(new, -1, grp.getgrnam(places.group).gr_gid)
        new.chmod(0o660)
    new.rename(places.status)
    return server
