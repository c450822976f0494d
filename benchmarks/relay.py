"""Measures the agent's relay beside two plain ones: requests/s of 1 KiB answers and MB/s of 10 MiB answers.

wrk speaks TLS to each relay, nginx answers on a unix socket; all share one machine, the peers take turns, medians count.
wrk has no client certificates, so none is asked for here: that check costs only at the handshake, and connections are kept.
Needs wrk and nginx. Usage: python benchmarks/relay.py [--rounds 5] [--seconds 3]
"""

import argparse
import contextlib
import datetime as dt
import json
import os
import platform
import re
import signal
import socket
import ssl
import statistics
import subprocess  # noqa: TID251 - starts the peers and the load, not the portal's business
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from _relay_peers import PEERS

LOADS = {"requests/s": ("/small", 20), "MB/s": ("/large", 4)}
TARGET = 0.7
UNITS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9}
NGINX = """
daemon off; worker_processes 1; pid {d}/nginx.pid; error_log {d}/error.log;
events {{ worker_connections 512; }}
http {{ access_log off; sendfile on; keepalive_requests 100000000; keepalive_timeout 600;
client_body_temp_path {d}/t1; proxy_temp_path {d}/t2; fastcgi_temp_path {d}/t3; uwsgi_temp_path {d}/t4; scgi_temp_path {d}/t5;
server {{ listen unix:{d}/app.sock; root {d}/www; }} }}
"""


def make_certificate(path: Path) -> None:
    """A self-signed certificate with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(certificate.public_bytes(pem) + private)


def serve(peer: str, directory: Path) -> None:
    """Be one peer: prints its port, then serves until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "relay.pem")
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    PEERS[peer](listener, context, str(directory / "app.sock"))


@contextlib.contextmanager
def running(argv: list[str]) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL if argv[0] == sys.executable else signal.SIGTERM)
        process.communicate()


def load(port: int, path: str, connections: int, seconds: float) -> str:
    """What wrk says of one load. Raises RuntimeError when an answer was not a good one."""
    argv = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds:.0f}s", "--latency", f"https://127.0.0.1:{port}{path}"]
    text = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(text)
    return text


def figures(text: str) -> dict[str, float]:
    """requests/s, MB/s and latencies in ms from wrk's words."""
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]  # wrk always says it
    amount, unit = re.search(r"Transfer/sec:\s+([\d.]+)([KMG]?)B", text).groups()  # type: ignore[union-attr]  # same
    found = {"requests/s": rate, "MB/s": float(amount) * UNITS[unit] / 1e6}
    for percent in ("50", "99"):
        value, unit = re.search(rf"\s{percent}%\s+([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]  # same
        found[f"p{percent} ms"] = float(value) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]
    return found


def measure(directory: Path, rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """The median of each figure of each peer; the peers take turns, in another order each time."""
    samples: dict[str, dict[str, list[float]]] = {peer: {} for peer in PEERS}
    with contextlib.ExitStack() as stack:
        ports = {}
        for peer in PEERS:
            child = stack.enter_context(running([sys.executable, __file__, "--serve", peer, "--directory", str(directory)]))
            assert child.stdout is not None
            ports[peer] = int(child.stdout.readline())
        for turn in range(rounds):
            order = list(PEERS)[turn % len(PEERS) :] + list(PEERS)[: turn % len(PEERS)]
            for peer in order:
                for column, (path, connections) in LOADS.items():
                    found = figures(load(ports[peer], path, connections, seconds))
                    wanted = [column] if column == "MB/s" else [column, "p50 ms", "p99 ms"]
                    for name in wanted:
                        samples[peer].setdefault(name, []).append(found[name])
    return {peer: {name: statistics.median(values) for name, values in found.items()} for peer, found in samples.items()}


def report(results: dict[str, dict[str, float]]) -> bool:
    """Print the table; whether our relay reaches TARGET of the best peer in each column."""
    columns = ["requests/s", "p50 ms", "p99 ms", "MB/s"]
    print(f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, {os.cpu_count()} cores")
    print("| relay | " + " | ".join(columns) + " |\n| --- |" + " --- |" * len(columns))
    for peer, found in results.items():
        print(f"| {peer} | " + " | ".join(f"{found[name]:.1f}" for name in columns) + " |")
    good = True
    for column in LOADS:
        best = max(found[column] for peer, found in results.items() if peer != "armchair")
        ratio = results["armchair"][column] / best
        good = good and ratio >= TARGET
        print(f"{column}: {ratio:.2f} of the best sketch (wanted: {TARGET})")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--serve", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.directory)
        return 0
    with tempfile.TemporaryDirectory(prefix="relay-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "www").mkdir()
        (directory / "www/small").write_bytes(bytes(1 << 10))
        (directory / "www/large").write_bytes(bytes(10 << 20))
        (directory / "nginx.conf").write_text(NGINX.format(d=directory))
        make_certificate(directory / "relay.pem")
        with running(["nginx", "-c", str(directory / "nginx.conf")]):
            deadline = time.monotonic() + 10
            while not (directory / "app.sock").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            results = measure(directory, given.rounds, given.seconds)
    if given.json:
        given.json.write_text(json.dumps(results, indent=2))
    return 0 if report(results) else 1


if __name__ == "__main__":
    sys.exit(main())
