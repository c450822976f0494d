"""A real hub, real agents' halves that connect out to it, and the gateway's half; all in one network."""

import asyncio
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from armchair.agent.dial import Dialler
from armchair.agent.relay import Relay
from armchair.gateway.certificates import Authority
from armchair.gateway.hub import service
from armchair.gateway.hub.address import address
from armchair.gateway.hub.keeper import HubKeeper
from armchair.gateway.hub.places import Places
from armchair.gateway.keys import Keys
from armchair.testing.processes import eventually

DOMAIN = "apps.test"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Application:
    """Listens on a unix socket; each connection is given to `serve` in a thread of its own."""

    def __init__(self, path: Path, serve: Callable[[socket.socket], None]) -> None:
        self.path, self._serve = path, serve
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._serve(connection)
            except OSError:
                return

    def close(self) -> None:
        self._listener.close()


def echo(connection: socket.socket) -> None:
    """Say back what comes, and end when it ends."""
    while data := connection.recv(65536):
        connection.sendall(data)


@dataclass
class Stage:
    """One hub and what is around it."""

    directory: Path
    keys: Keys
    places: Places
    keeper: HubKeeper
    applications: list[Application] = field(default_factory=list)
    relays: list[Relay] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> str:
        return asyncio.run(self.keeper.start())

    def status(self) -> dict[str, object]:
        return asyncio.run(service.ask(self.places)) or {}

    def wait_agents(self, number: int, seconds: float = 30) -> None:
        eventually(lambda: self.status().get("agents") == number, f"{number} agents are connected", seconds)

    def identity_file(self, session: str, attempt: int = 1, keys: Keys | None = None) -> Path:
        """The PEM file that an agent gets."""
        made = Authority(keys or self.keys, DOMAIN).made(session, f"{session}-{attempt}")
        path = self.directory / f"{session}-{attempt}.pem"
        path.write_text(made.certificate + made.key.reveal())
        return path

    def agent(self, session: str, attempt: int = 1, serve: Callable[[socket.socket], None] = echo) -> None:
        """An agent's halves that matter here, as threads: relay and dialler."""
        path = self.identity_file(session, attempt)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.verify_mode = ssl.CERT_REQUIRED
        server.load_verify_locations(cadata=self.keys.gateway_ca.pem)
        server.load_cert_chain(path)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(cadata=self.keys.agents_ca.pem)
        client.load_cert_chain(path)
        application = Application(self.directory / f"{session}-{attempt}", serve)
        listener = socket.create_server(("127.0.0.1", 0))
        relay = Relay(listener, server, str(application.path))
        dialler = Dialler(f"127.0.0.1:{self.places.outside}", client, relay.adopt, self.over)
        threads = [threading.Thread(target=part.run, daemon=True) for part in (relay, dialler)]
        for thread in threads:
            thread.start()
        self.threads += threads
        self.applications.append(application)
        self.relays.append(relay)

    def gateway(self, session: str, attempt: int = 1, certificate: Path | None = None) -> ssl.SSLSocket:
        """A connection as HAProxy makes it, its handshake done. `certificate`: another client's."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.keys.sessions_ca.pem)
        context.load_cert_chain(certificate or self.keys.directory / "gateway-client.pem")
        raw = socket.create_connection((address(f"{session}-{attempt}"), self.places.inside), 10)
        try:
            return context.wrap_socket(raw, server_hostname=f"{session}.{DOMAIN}")
        except OSError:
            raw.close()
            raise


@pytest.fixture
def stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="hub-", dir="/tmp") as name:
        directory = Path(name)
        keys = Keys.load_or_create(directory)
        runtime = directory / "run"
        runtime.mkdir()
        places = Places(
            host="127.0.0.1", outside=free_port(), inside=free_port(), keys=str(keys.directory), runtime=str(runtime)
        )
        made = Stage(directory, keys, places, HubKeeper(places))
        made.start()
        yield made
        made.over.set()
        asyncio.run(made.keeper.down())
        for relay in made.relays:
            relay.stop()
        for thread in made.threads:
            thread.join(10)
            assert not thread.is_alive()
        for application in made.applications:
            application.close()
