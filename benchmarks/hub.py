"""Measures the hub beside the direct way: 10 MiB both ways, small messages to and fro, and new connections each second.

A client with the gateway's certificate, the agent's own relay and an echo behind it, in processes of their own; the two ways
take turns, medians count. Usage: python benchmarks/hub.py [--rounds 11] [--json FILE]
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import select
import socket
import ssl
import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from armchair.agent.dial import Dialler
from armchair.agent.relay import Relay
from armchair.gateway.certificates import Authority
from armchair.gateway.hub.address import address
from armchair.gateway.hub.keeper import HubKeeper
from armchair.gateway.hub.places import Places
from armchair.gateway.keys import Keys

MIB = 1 << 20
SIZE = 10 * MIB
MESSAGES, CONNECTIONS = 500, 40
HOST, RUN = "bench.apps.test", "bench-1"
TARGET = 0.5


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def agent(directory: Path, places: Places, port: int) -> None:
    """Relay, dialler and an application that echoes; never returns."""
    keys = Keys.load_or_create(directory)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=keys.gateway_ca.pem)
    client.load_verify_locations(cadata=keys.agents_ca.pem)
    for context in (server, client):
        context.load_cert_chain(directory / "run.pem")
    application = socket.socket(socket.AF_UNIX)
    application.bind(str(directory / "app.sock"))
    application.listen(128)
    relay = Relay(socket.create_server(("127.0.0.1", port)), server, str(directory / "app.sock"))
    dialler = Dialler(f"127.0.0.1:{places.outside}", client, relay.adopt, threading.Event())
    for part in (relay, dialler):
        threading.Thread(target=part.run, daemon=True).start()
    while True:
        connection, _ = application.accept()
        threading.Thread(target=echo, args=(connection,), daemon=True).start()


def echo(connection: socket.socket) -> None:
    with connection, suppress(OSError):
        while data := connection.recv(1 << 17):
            connection.sendall(data)


def connect(context: ssl.SSLContext, target: tuple[str, int]) -> ssl.SSLSocket:
    raw = socket.create_connection(target, 10)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(raw, server_hostname=HOST)


def throughput(connection: ssl.SSLSocket) -> float:
    """MiB/s of SIZE there and back at once."""
    connection.setblocking(False)
    data, received = memoryview(bytes(SIZE)), 0
    began = time.perf_counter()
    while received < SIZE:
        moved = False
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if data:
                data, moved = data[connection.send(data[:65536]) :], True
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            received, moved = received + len(connection.recv(1 << 17)), True
        if not moved:
            select.select([connection], [connection] if data else [], [], 10)
    took = time.perf_counter() - began
    connection.setblocking(True)
    return SIZE / MIB / took


def turns(connection: ssl.SSLSocket) -> float:
    """Milliseconds, median, of a message of 100 bytes and its echo."""
    found = []
    for _ in range(MESSAGES):
        began = time.perf_counter()
        connection.sendall(b"x" * 100)
        left = 100
        while left:
            left -= len(connection.recv(left))
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)


def opening(context: ssl.SSLContext, target: tuple[str, int]) -> float:
    """Milliseconds, median, until a new connection has brought back its first byte."""
    found = []
    for _ in range(CONNECTIONS):
        began = time.perf_counter()
        with connect(context, target) as connection:
            connection.sendall(b"x")
            connection.recv(1)
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)


def measure(directory: Path, rounds: int) -> dict[str, dict[str, float]]:
    keys = Keys.load_or_create(directory)
    made = Authority(keys, "apps.test").made("bench", RUN)
    (directory / "run.pem").write_text(made.certificate + made.key.reveal())
    runtime = directory / "run"
    runtime.mkdir()
    places = Places(host="127.0.0.1", outside=free_port(), inside=free_port(), keys=str(keys.directory), runtime=str(runtime))
    keeper, port = HubKeeper(places), free_port()
    asyncio.run(keeper.start())
    process = multiprocessing.get_context("spawn").Process(target=agent, args=(directory, places, port), daemon=True)
    process.start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=keys.sessions_ca.pem)
    context.load_cert_chain(keys.directory / "gateway-client.pem")
    ways = {"direct": ("127.0.0.1", port), "hub": (address(RUN), places.inside)}
    rows: dict[str, dict[str, list[float]]] = {way: {"MiB/s": [], "echo ms": [], "connect ms": []} for way in ways}
    try:
        wait(context, ways)
        for number in range(rounds):
            for way in list(ways) if number % 2 else reversed(list(ways)):
                with connect(context, ways[way]) as connection:
                    rows[way]["MiB/s"].append(throughput(connection))
                    rows[way]["echo ms"].append(turns(connection))
                rows[way]["connect ms"].append(opening(context, ways[way]))
    finally:
        process.kill()
        process.join()
        asyncio.run(keeper.down())
    return {way: {name: statistics.median(values) for name, values in found.items()} for way, found in rows.items()}


def wait(context: ssl.SSLContext, ways: dict[str, tuple[str, int]]) -> None:
    deadline = time.monotonic() + 20
    for target in ways.values():
        while True:
            try:
                with connect(context, target) as connection:
                    connection.sendall(b"x")
                    if connection.recv(1):
                        break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="hub-", dir="/tmp") as name:
        found = measure(Path(name), arguments.rounds)
    print(f"\n{os.cpu_count()} cores, Linux {platform.release()}, load {load:.2f} at the start.\n")
    print("| way | 10 MiB there and back, MiB/s each way | 100 bytes and their echo, ms | new connection, ms |")
    print("|---|---|---|---|")
    for way, row in found.items():
        print(f"| {way} | {row['MiB/s']:.0f} | {row['echo ms']:.2f} | {row['connect ms']:.2f} |")
    ratio = found["hub"]["MiB/s"] / found["direct"]["MiB/s"]
    print(f"\nThroughput over the hub: {ratio:.2f} of the direct way (aimed at: at least {TARGET}).")
    if arguments.json:
        arguments.json.write_text(json.dumps({"load": load, "ways": found, "ratio": ratio}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
