"""Something else ends TLS in front of the gateway: whose word for a visitor's address counts, and whose does not."""

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from gateway_stage import A, Stage, free_port, make_stage

PROXY = "127.0.0.9"
SITE = {"public_origin": "https://armchair.test", "apps_domain": "apps.test"}


@pytest.fixture
def behind() -> Iterator[Callable[..., Stage]]:
    """Makes a stage behind a terminator at 127.0.0.9."""
    ends = []

    def make(**settings: Any) -> Stage:
        made, take_down = make_stage("/usr/sbin/haproxy", **SITE, **settings)
        ends.append(take_down)
        made.run(made.gateway.start())
        return made

    yield make
    for end in ends:
        end()


def connection(stage: Stage, source: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", stage.port), timeout=5, source_address=(source, 0))


def seen(stage: Stage, sock: socket.socket, count: int = 1, **headers: str) -> list[str]:
    """The visitor's address as the application is told it, for requests on one connection."""
    client = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=5)
    client.sock = sock
    found = []
    for turn in range(count):
        given = {name.replace("_", "-"): value.format(turn=turn) for name, value in headers.items()}
        client.request("GET", "/x", headers={"Host": f"{A}.apps.test", "Cookie": stage.cookie(stage.ticket()), **given})
        found.append(dict(json.loads(client.getresponse().read())["headers"])["x-forwarded-for"])
    client.close()
    return found


def test_the_proxys_word_counts_and_nobody_elses(behind: Callable[..., Stage]) -> None:
    stage = behind(trusted_proxies=(f"{PROXY}/32",))
    assert seen(stage, connection(stage, PROXY), X_Forwarded_For="203.0.113.7") == ["203.0.113.7"]
    # what a visitor made up stands before what the proxy saw
    assert seen(stage, connection(stage, PROXY), X_Forwarded_For="6.6.6.6, 203.0.113.7") == ["203.0.113.7"]
    assert seen(stage, connection(stage, PROXY), X_Forwarded_For=f"6.6.6.6, 203.0.113.7, {PROXY}") == ["203.0.113.7"]
    assert seen(stage, connection(stage, PROXY), X_Forwarded_For="rubbish") == [PROXY]
    assert seen(stage, connection(stage, PROXY)) == [PROXY]
    # one connection of the proxy carries many visitors
    assert seen(stage, connection(stage, PROXY), 3, X_Forwarded_For="203.0.113.{turn}") == [f"203.0.113.{n}" for n in range(3)]
    assert seen(stage, connection(stage, "127.0.0.1"), X_Forwarded_For="203.0.113.7") == ["127.0.0.1"]


def test_addresses_and_origins_are_those_that_browsers_see(behind: Callable[..., Stage]) -> None:
    stage = behind(trusted_proxies=(f"{PROXY}/32",))
    page = stage.ask(Host=f"{A}.apps.test", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")
    assert page.header("location").startswith(f"https://armchair.test/sessions/{A}/join")
    known = {"Host": f"{A}.apps.test"}
    assert dict(stage.ask(ticket=stage.ticket(), **known).json["headers"])["x-forwarded-proto"] == "https"
    good = stage.ask(ticket=stage.ticket(), method="POST", Origin=f"https://{A}.apps.test", **known)
    bad = stage.ask(ticket=stage.ticket(), method="POST", Origin=f"http://{A}.apps.test", **known)
    assert (good.status, bad.status) == (200, 403)


def test_the_proxy_protocol(behind: Callable[..., Stage]) -> None:
    stage = behind(trusted_proxies=(f"{PROXY}/32",), proxy_protocol=True)
    sock = connection(stage, PROXY)
    sock.sendall(b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 443\r\n")
    assert seen(stage, sock, X_Forwarded_For="6.6.6.6") == ["203.0.113.7"]
    # from elsewhere it is no request at all, and an ordinary one is still served
    with connection(stage, "127.0.0.1") as other:
        other.sendall(b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 443\r\nGET / HTTP/1.1\r\n\r\n")
        assert other.recv(100).startswith(b"HTTP/1.1 400")
    assert seen(stage, connection(stage, "127.0.0.1"), X_Forwarded_For="6.6.6.6") == ["127.0.0.1"]


def test_a_plain_address_that_others_can_reach_is_for_the_proxies_only(behind: Callable[..., Stage]) -> None:
    port = free_port()
    stage = behind(listen=f"0.0.0.0:{port}", port=port, trusted_proxies=(f"{PROXY}/32",))
    assert seen(stage, connection(stage, PROXY), X_Forwarded_For="203.0.113.7") == ["203.0.113.7"]
    with suppress(ConnectionError), connection(stage, "127.0.0.1") as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: armchair.test\r\n\r\n")
        assert stranger.recv(100) == b""


def test_a_unix_socket_for_the_web_server_beside_us(behind: Callable[..., Stage], tmp_path: Path) -> None:
    path = tmp_path / "front.sock"
    stage = behind(listen=f"unix:{path}", trusted_proxies=("unix",), listen_group="daemon")
    assert path.stat().st_mode & 0o777 == 0o660
    assert path.group() == "daemon"
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    assert seen(stage, sock, 2, X_Forwarded_For="6.6.6.6, 203.0.113.{turn}") == ["203.0.113.0", "203.0.113.1"]
