"""The hub carries the gateway's connections to agents that connected out, and lets nobody else anywhere."""

import hashlib
import os
import select
import signal
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from armchair.gateway.hub.keeper import HubKeeper
from armchair.gateway.keys import Keys
from armchair.testing.processes import eventually

from .hub_stage import Stage  # noqa: TID252 - one folder's own

MIB = 1 << 20


def read_all(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (more := connection.recv(65536)):
        data += more
    return bytes(data)


def both_ways(connection: ssl.SSLSocket, data: bytes) -> bytes:
    """Send all while reading as much: TLS in one thread, because OpenSSL's connections are not for two."""
    connection.setblocking(False)
    left, back = memoryview(data), bytearray()
    while len(back) < len(data):
        moved = False
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if left:
                left, moved = left[connection.send(left[:65536]) :], True
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            more = connection.recv(65536)
            assert more
            back, moved = back + more, True
        if not moved:
            select.select([connection], [connection] if left else [], [], 10)
    return bytes(back)


def said(connection: ssl.SSLSocket, words: bytes = b"hello") -> bytes:
    connection.sendall(words)
    return read_all(connection, len(words))


def test_ten_mebibytes_go_both_ways_unchanged(stage: Stage) -> None:
    stage.agent("sa")
    data = os.urandom(10 * MIB)
    with stage.gateway("sa") as connection:
        back = both_ways(connection, data)
    assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()
    eventually(lambda: stage.status()["carried"] == 0, "the connection has ended at the hub too")


def test_each_session_gets_its_own_agent(stage: Stage) -> None:
    for name in ("sa", "sb"):
        stage.agent(name, serve=lambda connection, name=name: connection.sendall(name.encode()))
    stage.wait_agents(2)
    for name in ("sa", "sb", "sa"):
        with stage.gateway(name) as connection:
            assert read_all(connection, 2) == name.encode()


def test_one_that_does_not_read_holds_up_nobody(stage: Stage) -> None:
    def flood(connection: socket.socket) -> None:
        kind = connection.recv(1)
        while kind == b"f":
            connection.sendall(b"x" * 65536)
        connection.sendall(kind)

    stage.agent("sa", serve=flood)
    with stage.gateway("sa") as stuck, stage.gateway("sa") as quick:
        stuck.sendall(b"f")
        assert stuck.recv(1) == b"x"
        memory = [resident(int(str(stage.status()["pid"])))]
        for _ in range(50):
            with stage.gateway("sa") as another:
                assert said(another, b"q") == b"q"
        memory.append(resident(int(str(stage.status()["pid"]))))
        assert said(quick, b"q") == b"q"
        assert memory[1] - memory[0] < 8 * MIB


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_the_end_of_one_direction_leaves_the_other(stage: Stage) -> None:
    def answer_at_the_end(connection: socket.socket) -> None:
        size = 0
        while data := connection.recv(65536):
            size += len(data)
        connection.sendall(str(size).encode())

    stage.agent("sa", serve=answer_at_the_end)
    connection = stage.gateway("sa")
    connection.sendall(b"x" * 100_000)
    raw = socket.socket(fileno=connection.fileno())
    try:
        raw.shutdown(socket.SHUT_WR)
        assert read_all(connection, 6) == b"100000"
    finally:
        raw.detach()
        connection.close()


def test_a_killed_hub_is_back_and_so_are_its_agents(stage: Stage) -> None:
    for name in ("sa", "sb", "sc"):
        stage.agent(name)
    stage.wait_agents(3)
    with stage.gateway("sa") as connection:
        assert said(connection) == b"hello"
        os.kill(int(str(stage.status()["pid"])), signal.SIGKILL)
        with pytest.raises((AssertionError, OSError)):
            assert said(connection) == b"hello"
    stage.start()
    # the first to come waits at the hub for its agent: a browser sees no more than a pause
    with stage.gateway("sa") as connection:
        assert said(connection) == b"hello"
    stage.wait_agents(3)


def test_the_hub_outlives_who_started_it_and_is_adopted(stage: Stage) -> None:
    stage.agent("sa")
    before = stage.status()["pid"]
    with stage.gateway("sa") as connection:
        assert said(connection) == b"hello"
        stage.keeper = HubKeeper(stage.places)
        assert stage.start() == "adopted"
        assert said(connection) == b"hello"
    assert stage.status()["pid"] == before


def test_nobody_gets_in_without_the_gateways_certificate(stage: Stage) -> None:
    stage.agent("sa")
    stage.wait_agents(1)
    foreign = Keys.load_or_create(stage.directory / "foreign")
    for certificate in (foreign.directory / "gateway-client.pem", stage.identity_file("sb")):
        # TLS 1.3: the client learns of the refusal when it reads
        with suppress(OSError), stage.gateway("sa", certificate=certificate) as connection:
            assert said(connection) == b""


def test_nobody_connects_out_without_the_certificate_of_a_run(stage: Stage) -> None:
    foreign = Keys.load_or_create(stage.directory / "foreign")
    for certificate in (
        None,
        stage.identity_file("sa", keys=foreign),
        stage.keys.directory / "gateway-client.pem",
        stage.keys.directory / "agents-server.pem",
    ):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=stage.keys.agents_ca.pem)
        if certificate:
            context.load_cert_chain(certificate)
        raw = socket.create_connection(("127.0.0.1", stage.places.outside), 5)
        with raw, suppress(OSError), context.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
            tls.sendall(b"armchair-hub 1\n")
            assert tls.recv(1) == b""
    assert stage.status()["agents"] == 0


@pytest.mark.parametrize("words", [b"open " + b"0" * 32 + b"\n", b"open x\n", b"GET / HTTP/1.1\r\n\r\n", b""])
def test_an_invented_token_opens_nothing(stage: Stage, words: bytes) -> None:
    stage.agent("sa")
    stage.wait_agents(1)
    with socket.create_connection(("127.0.0.1", stage.places.outside), 5) as connection:
        connection.sendall(words)
        connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            answer = connection.recv(100)
            # at most the alert of TLS that this is none
            assert answer == b"" or answer[0] == 21
    with stage.gateway("sa") as through:
        assert said(through) == b"hello"


def test_the_newest_run_counts(stage: Stage) -> None:
    for attempt in (2, 1):
        stage.agent("sa", attempt, serve=lambda connection, attempt=attempt: connection.sendall(str(attempt).encode()))
        stage.wait_agents(3 - attempt)
    with stage.gateway("sa", 2) as connection:
        assert connection.recv(1) == b"2"


def test_without_an_agent_the_connection_is_closed(stage: Stage) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - the end of the stream, as TLS puts it
        stage.gateway("nobody")
