"""A real gateway with two sessions behind it: mutual-TLS upstreams and a stub of the web process, in a thread of their own."""

import asyncio
import base64
import hashlib
import http.client
import json
import shutil
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from armchair.gateway import pki
from armchair.gateway.certificates import Authority
from armchair.gateway.haproxy import HaproxyGateway
from armchair.gateway.keys import Keys
from armchair.gateway.names import Names
from armchair.gateway.settings import GatewaySettings
from armchair.gateway.tickets import Es256Tickets
from armchair.sessions.ports import TicketClaims

A = "a" * 26
B = "b" * 26
HANDSHAKE = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PLANTS = (
    "{ticket}=evil; Path=/; Secure",
    "={ticket}=evil",
    "{cli}=evil; Path=/",
    "app=1",
    "tossed=1; Domain={apps}; Path=/",
    "twice=1; domain=x.test; HttpOnly; DOMAIN={apps}",
)


Echo = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Stage:
    """Everything that a test needs; `run` runs a coroutine of the gateway."""

    home: Path
    runtime: Path
    port: int
    keys: Keys
    names: Names
    gateway: HaproxyGateway
    loop: asyncio.AbstractEventLoop
    certificates: Path
    trust: Path
    servers: list[asyncio.Server] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def claims(self, sid: str = A, **other: Any) -> TicketClaims:
        now = int(time.time())
        facts: dict[str, Any] = {
            "session": sid,
            "run": f"{sid}-1",
            "subject": "alice",
            "role": "use",
            "address": "127.0.0.2",
            "port": self.ports[sid],
            "login": "login1",
            "id": f"t{time.monotonic_ns()}",
            "issued_at": now,
            "expires_at": now + 600,
        }
        return TicketClaims(**{**facts, **other})

    def ticket(self, sid: str = A, **other: Any) -> str:
        return Es256Tickets(self.keys.tickets).signed(self.claims(sid, **other))

    def host(self, sid: str = A) -> str:
        return f"{self.names.session_host(sid)}:{self.port}"

    def origin(self, sid: str = A) -> str:
        return f"{self.names.scheme}://{self.host(sid)}"

    def connect(self, sid: str = A, alpn: tuple[str, ...] = ("http/1.1",)) -> socket.socket:
        """A connection to the front, with TLS when it speaks TLS."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=8)
        if not self.trust.exists():
            return plain
        context = ssl.create_default_context(cafile=str(self.trust))
        context.set_alpn_protocols(list(alpn))
        return context.wrap_socket(plain, server_hostname=self.names.session_host(sid))

    def exchange(self, raw: bytes) -> bytes:
        """Everything that comes back for these bytes, until the other side closes."""
        with self.connect() as connection:
            connection.sendall(raw)
            answer = b""
            try:
                while data := connection.recv(65536):
                    answer += data
            except (ConnectionError, TimeoutError):
                pass
        return answer

    def cookie(self, ticket: str) -> str:
        return f"theme=dark; {self.names.ticket_cookie}={ticket}; z=1"

    def ask(
        self,
        path: str = "/x?q=1",
        *,
        sid: str = A,
        ticket: str | None = None,
        method: str = "GET",
        body: bytes | None = None,
        **headers: str,
    ) -> Reply:
        sent = {"Host": self.host(sid), **{name.replace("_", "-"): value for name, value in headers.items()}}
        if ticket is not None:
            sent["Cookie"] = self.cookie(ticket)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=8)
        connection.sock = self.connect(sid)
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def open_stream(
        self, ticket: str | None, *, sid: str = A, origin: str | None = "", cookie: str = ""
    ) -> tuple[int, socket.socket]:
        """The status of an upgrade, and its connection. `origin` "": the host's own; None: no such header."""
        lines = ["GET /ws HTTP/1.1", f"Host: {self.host(sid)}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        lines += [f"Cookie: {cookie or self.cookie(ticket or '')}"] if ticket or cookie else []
        lines += [f"Origin: {origin or self.origin(sid)}"] if origin is not None else []
        connection = self.connect(sid)
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head and (data := connection.recv(4096)):
            head += data
        return int(head.split()[1]), connection

    def echoes(self, connection: socket.socket) -> bool:
        try:
            connection.sendall(b"ping")
            return connection.recv(16) == b"ping"
        except OSError:
            return False


def eventually(holds: Callable[[], bool], seconds: float = 30.0) -> float:
    """How long it took until the condition held; fails when it does not in time."""
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < seconds, "not in time"
        time.sleep(0.02)
    return time.monotonic() - begin


def certificate(directory: Path, names: tuple[str, ...], *, now: datetime | None = None) -> bytes:
    """Certificate and key for these names, of an authority that lies in `directory` (made with the first one)."""
    path, at = directory / "authority.pem", now or datetime.now(UTC)
    if not path.exists():
        path.write_bytes(pki.make_ca("test authority", at))
    leaf = pki.make_leaf(pki.load_issuer(path.read_bytes()), "test", names, pki.Purpose.SERVER, at)
    return leaf.certificate + leaf.key


async def body_of(known: dict[str, str], reader: asyncio.StreamReader) -> bytes:
    if "chunked" not in known.get("transfer-encoding", ""):
        return await reader.readexactly(int(known.get("content-length", 0)))
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return body


def serve(
    name: str, stage_names: Names, seen: list[str]
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            await closed(writer)

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        headers = [(line.partition(":")[0].lower(), line.partition(":")[2].strip()) for line in head[1:] if line]
        known = dict(headers)
        seen.append(f"{name} {method} {target}")
        body = await body_of(known, reader)
        if "upgrade" in known:
            await echo(known, reader, writer, messages if target == "/messages" else raw)
            return False
        extra = []
        if target == "/setc":
            values = {"ticket": stage_names.ticket_cookie, "cli": stage_names.cli_cookie, "apps": stage_names.apps_domain}
            extra = [f"Set-Cookie: {plant.format(**values)}" for plant in PLANTS] + ['Clear-Site-Data: "cookies"']
        if target.startswith("/page"):
            text = b"<!doctype html><title>page</title>"
        else:
            text = json.dumps({"app": name, "method": method, "path": target, "headers": headers, "body": len(body)}).encode()
        if target == "/503":
            extra.append("X-Mine: 1")
        status = "503 Mine" if target == "/503" else "200 OK"
        kind = "text/html" if target.startswith("/page") else "application/json"
        length = len(text) + (1000 if target == "/die" else 0)
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {length}", f"Content-Type: {kind}", *extra, "", ""]
        writer.write("\r\n".join(lines).encode() + text)
        await writer.drain()
        return target != "/die"

    async def echo(known: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, how: Echo) -> None:
        accept = base64.b64encode(hashlib.sha1(known["sec-websocket-key"].encode() + HANDSHAKE).digest()).decode()
        writer.write(
            f"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        await how(reader, writer)

    return client


async def closed(writer: asyncio.StreamWriter) -> None:
    """What was written still goes out; the end of the stage cuts it short."""
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass
    except asyncio.CancelledError:
        writer.transport.abort()
        raise


async def raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes come back as they are: for tests that speak no frames."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def messages(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Short messages come back as messages: for browsers."""
    while (await reader.readexactly(1))[0] & 0x0F == 1:
        size = (await reader.readexactly(1))[0] & 0x7F
        mask = await reader.readexactly(4)
        text = bytes(byte ^ mask[at % 4] for at, byte in enumerate(await reader.readexactly(size)))
        writer.write(bytes([0x81, size]) + text)
        await writer.drain()


def tls(stage: Stage, sid: str, directory: Path, *, keys: Keys | None = None) -> ssl.SSLContext:
    """As an agent's door: shows the session's certificate, lets in only the gateway's."""
    identity = Authority(keys or stage.keys, stage.names.apps_domain).made(sid, f"{sid}-1")
    chain = directory / "chain.pem"
    chain.write_text(identity.certificate + identity.key.reveal())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    context.load_verify_locations(cadata=stage.keys.gateway_ca.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def raise_servers(stage: Stage, directory: Path) -> None:
    other = Keys.load_or_create(directory / "other")
    for sid, name, keys in ((A, "A", None), (B, "B", None), ("rogue", "rogueA", other)):
        context = tls(stage, A if sid == "rogue" else sid, directory, keys=keys)
        server = await asyncio.start_server(serve(name, stage.names, stage.seen), "127.0.0.2", 0, ssl=context)
        stage.ports[sid] = server.sockets[0].getsockname()[1]
        stage.servers.append(server)
    for path, name in ((stage.gateway.web_socket, "web"), (stage.gateway.agents_socket, "agents")):
        stage.servers.append(await asyncio.start_unix_server(serve(name, stage.names, stage.seen), path))


def make_stage(program: str, *, tls: bool = False, **settings: Any) -> tuple[Stage, Callable[[], None]]:
    """A stage with HAProxy not started yet, and what takes it down."""
    root = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp"))
    runtime = root / "run"
    runtime.mkdir(mode=0o700)
    port = settings.pop("port", None) or free_port()
    keys = Keys.load_or_create(root / "home")
    certificates, trust = root / "certificates", root / "trust.pem"
    certificates.mkdir()
    given = {"listen": f"127.0.0.1:{port}", "haproxy": program, "maxconn": 500, **settings}
    if tls:
        given["tls_certificate"] = (str(certificates),)
        hosts = (f"armchair-{keys.instance}.localhost", f"*.apps-{keys.instance}.localhost")
        (certificates / "site.pem").write_bytes(certificate(root, hosts))
        trust.write_bytes(pki.load_issuer((root / "authority.pem").read_bytes()).pem.encode())
    chosen = GatewaySettings(**given)
    names = Names.of(chosen, keys.instance)
    gateway = HaproxyGateway(settings=chosen, names=names, keys=keys, home=root / "home", runtime=runtime)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stage = Stage(root / "home", runtime, port, keys, names, gateway, loop, certificates, trust)
    stage.run(raise_servers(stage, root))

    def take_down() -> None:
        async def end() -> None:
            await gateway.down()
            for server in stage.servers:
                server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        stage.run(end())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
        shutil.rmtree(root)

    return stage, take_down
