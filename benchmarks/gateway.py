"""CPU of the gateway for each request, beside configurable-http-proxy.

HAProxy checks a ticket and speaks mutual TLS to the agent, the other does neither.
The same upstream program, load and machine; alternated repetitions; medians.

    python benchmarks/gateway.py [--repeat 3] [--seconds 3] [--json FILE]

Needs haproxy, wrk, node and npm. configurable-http-proxy is installed into a cache directory of its own at the first run.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import re
import shutil
import socket
import ssl
import statistics
import subprocess  # noqa: TID251 - a benchmark starts its peers itself
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from armchair.gateway.certificates import Authority
from armchair.gateway.haproxy import HaproxyGateway
from armchair.gateway.keys import Keys
from armchair.gateway.names import Names
from armchair.gateway.process import leftovers
from armchair.gateway.settings import GatewaySettings
from armchair.gateway.tickets import Es256Tickets
from armchair.sessions.ports import TicketClaims

PEER = "configurable-http-proxy"
PEER_VERSION = "5.3.0"
TARGET = 1 / 3
SID = "b" * 26
SMALL, LARGE = b"x" * 1024, b"x" * (10 * 1024 * 1024)
TICK = os.sysconf("SC_CLK_TCK")
FRAME = b"\x82\xe4\x01\x02\x03\x04" + b"y" * 100
ANSWER = 102
# the answer to the key that every client here sends
SWITCH = (
    b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Upstream(asyncio.Protocol):
    """Answers 1 KiB, 10 MiB, or an echo of 100-byte WebSocket messages."""

    def __init__(self) -> None:
        self.buffer = b""
        self.streaming = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.streaming:
            count, rest = divmod(len(self.buffer), len(FRAME))
            self.transport.write((b"\x82\x64" + b"y" * 100) * count)
            self.buffer = self.buffer[len(self.buffer) - rest :] if rest else b""
            return
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
            if b"\r\nupgrade: websocket" in head.lower():
                self.streaming = True
                self.transport.write(SWITCH)
                return
            body = LARGE if head.startswith(b"GET /large") else SMALL
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def upstream(port: int, chain: str, client_ca: str) -> None:
    async def main() -> None:
        context = None
        if chain:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(chain)
            context.load_verify_locations(cadata=client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, ssl=context)
        await server.serve_forever()

    asyncio.run(main())


def cpu(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def wrk(url: str, headers: dict[str, str], connections: int, seconds: int) -> dict[str, float]:
    arguments = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        *(f"-H{name}: {value}" for name, value in headers.items()),
        url,
    ]
    text = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=seconds + 20).stdout
    found = re.search(r"(\d+) requests in ([\d.]+)s", text)
    assert found, text
    assert "Non-2xx" not in text, text
    return {"count": float(found[1]), "seconds": float(found[2])}


async def messages(port: int, headers: dict[str, str], connections: int, seconds: float) -> dict[str, float]:
    """Ping-pong of 100-byte messages: how many came back."""
    count = 0
    end = time.monotonic() + seconds

    async def one() -> None:
        nonlocal count
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sent = {
            **headers,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        writer.write(
            ("GET /ws HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent.items()) + "\r\n").encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head, head
        while time.monotonic() < end:
            writer.write(FRAME)
            await reader.readexactly(ANSWER)
            count += 1
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return {"count": float(count), "seconds": seconds}


def measure(port: int, headers: dict[str, str], pids: Callable[[], list[int]], seconds: int) -> dict[str, dict[str, float]]:
    base = f"http://127.0.0.1:{port}"
    loads: dict[str, tuple[float, Callable[[], dict[str, float]]]] = {
        "http": (1e4, lambda: wrk(f"{base}/small", headers, 50, seconds)),
        "download": (1.0, lambda: wrk(f"{base}/large", headers, 8, seconds)),
        "websocket": (1e5, lambda: asyncio.run(messages(port, headers, 50, seconds))),
    }
    result = {}
    for name, (unit, load) in loads.items():
        before = cpu(pids())
        done = load()
        spent = cpu(pids()) - before
        size = 10 / 1024 if name == "download" else 1.0  # downloads are counted in GiB
        result[name] = {"rate": done["count"] * size / done["seconds"], "cpu": spent / (done["count"] * size) * unit}
    return result


def install_peer() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "armchair-bench" / f"{PEER}-{PEER_VERSION}"
    program = cache / "node_modules" / ".bin" / PEER
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(cache), f"{PEER}@{PEER_VERSION}"],
            check=True,
            timeout=120,
        )
    return program


def start_peer(program: Path, target: int) -> tuple[subprocess.Popen[bytes], int]:
    port, api = free_port(), free_port()
    arguments = [str(program), "--ip", "127.0.0.1", "--port", str(port), "--api-ip", "127.0.0.1", "--api-port", str(api)]
    peer = subprocess.Popen(
        [*arguments, "--default-target", f"http://127.0.0.1:{target}", "--log-level", "error"],
        env={**os.environ, "CONFIGPROXY_AUTH_TOKEN": "x"},
    )
    wait_for(port)
    return peer, port


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 15
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def version(*arguments: str) -> str:
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def compare(repeat: int, seconds: int) -> dict[str, Any]:
    root = Path(tempfile.mkdtemp(prefix="gwb-", dir="/tmp"))
    runtime = root / "run"
    runtime.mkdir()
    keys = Keys.load_or_create(root / "home")
    settings = GatewaySettings(listen=f"127.0.0.1:{free_port()}", maxconn=2000)
    names = Names.of(settings, keys.instance)
    identity = Authority(keys, names.apps_domain).made(SID, f"{SID}-1")
    chain = root / "chain.pem"
    chain.write_text(identity.certificate + identity.key.reveal())
    plain, secure = free_port(), free_port()
    servers = [
        multiprocessing.Process(target=upstream, args=(plain, "", ""), daemon=True),
        multiprocessing.Process(target=upstream, args=(secure, str(chain), keys.gateway_ca.pem), daemon=True),
    ]
    for server in servers:
        server.start()
    gateway = HaproxyGateway(settings=settings, names=names, keys=keys, home=root / "home", runtime=runtime)
    peer, peer_port = start_peer(install_peer(), plain)
    try:
        wait_for(secure)
        asyncio.run(gateway.start())
        now = int(time.time())
        claims = TicketClaims(
            session=SID,
            run=f"{SID}-1",
            subject="alice",
            role="use",
            address="127.0.0.1",
            port=secure,
            login="l",
            id="t",
            issued_at=now,
            expires_at=now + 3600,
        )
        host = f"{names.session_host(SID)}:{names.port}"
        ticket = {
            "Host": host,
            "Origin": f"http://{host}",
            "Cookie": f"{names.ticket_cookie}={Es256Tickets(keys.tickets).signed(claims)}",
        }
        sides: dict[str, Callable[[], dict[str, dict[str, float]]]] = {
            "gateway": lambda: measure(names.port or 80, ticket, lambda: leftovers(runtime), seconds),
            PEER: lambda: measure(peer_port, {"Host": "x"}, lambda: [peer.pid], seconds),
        }
        runs: dict[str, list[dict[str, dict[str, float]]]] = {side: [] for side in sides}
        for turn in range(repeat):
            for side in sorted(sides, reverse=bool(turn % 2)):
                runs[side].append(sides[side]())
    finally:
        asyncio.run(gateway.down())
        peer.terminate()
        peer.wait(10)
        for server in servers:
            server.terminate()
        shutil.rmtree(root)
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}",
        "versions": {"haproxy": version("haproxy", "-v"), PEER: PEER_VERSION, "node": version("node", "--version")},
        "repeat": repeat,
        "median": {
            side: {
                load: {key: statistics.median(run[load][key] for run in done) for key in ("rate", "cpu")} for load in done[0]
            }
            for side, done in runs.items()
        },
    }


def table(result: dict[str, Any]) -> str:
    ours, theirs = result["median"]["gateway"], result["median"][PEER]
    rows = [
        ("1 KiB requests, 50 connections", "http", "CPU s / 10,000", "requests/s"),
        ("10 MiB downloads, 8 connections", "download", "CPU s / GiB", "GiB/s"),
        ("100 B WebSocket messages, 50 connections", "websocket", "CPU s / 100,000", "messages/s"),
    ]
    lines = [
        f"Machine: {result['machine']}; medians of {result['repeat']} alternated repetitions.",
        f"Versions: {result['versions']['haproxy']}; {PEER} {PEER_VERSION} on node {result['versions']['node']}.",
        "",
        f"| load | measure | gateway (ticket + mutual TLS) | {PEER} (neither) | ratio |",
        "|---|---|---|---|---|",
    ]
    for title, load, unit, rate in rows:
        for first, name, key in ((title, unit, "cpu"), ("", rate, "rate")):
            one, other = ours[load][key], theirs[load][key]
            lines.append(f"| {first} | {name} | {one:,.2f} | {other:,.2f} | {one / other:.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    result = compare(chosen.repeat, chosen.seconds)
    ratio = result["median"]["gateway"]["http"]["cpu"] / result["median"][PEER]["http"]["cpu"]
    result["http_cpu_ratio"] = ratio
    print(table(result))
    print(f"\nCPU per request: {ratio:.2f} of {PEER}'s (target at most {TARGET:.2f})")
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
