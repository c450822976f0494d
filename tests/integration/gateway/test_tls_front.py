"""TLS and HTTP/2 in front: which versions, what is said, and certificates that change while people work."""

import asyncio
import os
import re
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from gateway_stage import A, Stage, certificate, eventually, free_port, make_stage

from armchair.domain.errors import BadSettings, Unavailable
from armchair.gateway import pki
from armchair.gateway.config import Front
from armchair.gateway.haproxy import HaproxyGateway, Started
from armchair.gateway.names import Names
from armchair.gateway.settings import GatewaySettings

PAGE = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


def hosts(stage: Stage) -> tuple[str, ...]:
    return (stage.names.portal_host, f"*.{stage.names.apps_domain}")


def put(stage: Stage, pem: bytes, name: str = "site.pem") -> None:
    """As an administrator's tool does: a new file in the old one's place."""
    new = stage.certificates / f".{name}"
    new.write_bytes(pem)
    new.replace(stage.certificates / name)


def serial(stage: Stage) -> int:
    with stage.connect() as connection:
        assert isinstance(connection, ssl.SSLSocket)
        found = connection.getpeercert()
    assert found is not None
    return int(str(found["serialNumber"]), 16)


def number(pem: bytes) -> int:
    return x509.load_pem_x509_certificate(pem).serial_number


def codes(stage: Stage) -> list[str]:
    return [one.code for one in stage.run(stage.gateway.notices())]


def test_old_tls_is_refused_and_http_2_is_offered(secure: Stage) -> None:
    with secure.connect(alpn=("h2", "http/1.1")) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        assert connection.selected_alpn_protocol() == "h2"
        assert connection.version() == "TLSv1.3"
    old = ssl.create_default_context(cafile=str(secure.trust))
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    plain = socket.create_connection(("127.0.0.1", secure.port), timeout=5)
    with plain, pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(plain, server_hostname=secure.names.session_host(A))


def test_the_scheme_is_https_everywhere(secure: Stage) -> None:
    page = secure.ask(**PAGE)
    assert page.header("location").startswith(f"https://{secure.names.portal_host}:{secure.port}/sessions/{A}/join")
    seen = dict(secure.ask(ticket=secure.ticket()).json["headers"])
    assert seen["x-forwarded-proto"] == "https"
    assert secure.ask(ticket=secure.ticket(), method="POST", Origin=f"http://{secure.host()}").status == 403
    assert secure.ask(ticket=secure.ticket(), method="POST", Origin=secure.origin()).status == 200


def test_plain_http_on_the_tls_port_is_no_request(secure: Stage) -> None:
    with socket.create_connection(("127.0.0.1", secure.port), timeout=5) as plain:
        plain.sendall(f"GET / HTTP/1.1\r\nHost: {secure.host()}\r\n\r\n".encode())
        assert not plain.recv(100).startswith(b"HTTP/1.1 2")


def test_hsts_and_redirect(tmp_path: Path) -> None:
    port = free_port()
    made, down = make_stage("/usr/sbin/haproxy", tls=True, redirect_from=f"127.0.0.1:{port}", hsts=timedelta(days=180))
    try:
        made.run(made.gateway.start())
        for reply in (
            made.ask(),
            made.ask("/hub", Host=f"{made.names.portal_host}:{made.port}"),
            made.ask(ticket=made.ticket()),
        ):
            assert reply.header("strict-transport-security") == "max-age=15552000"

        def plain(host: str, method: str = "GET", path: str = "/a?b=c") -> bytes:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                answer = b""
                while data := connection.recv(65536):
                    answer += data
                return answer

        answer = plain(made.names.session_host(A))
        assert answer.startswith(b"HTTP/1.1 301")
        assert f"location: https://{made.host()}/a?b=c\r\n".encode() in answer
        assert f"https://{made.names.portal_host}:{made.port}/".encode() in plain(made.names.portal_host, path="/")
        assert plain("evil.test").startswith(b"HTTP/1.1 421")
        assert plain(f"{made.names.portal_host}.evil.test").startswith(b"HTTP/1.1 421")
        assert plain(made.names.portal_host, "POST").startswith(b"HTTP/1.1 405")
    finally:
        down()


def test_a_new_certificate_is_taken_over_without_losing_a_connection(secure: Stage) -> None:
    _, stream = secure.open_stream(secure.ticket())
    watching = asyncio.run_coroutine_threadsafe(secure.gateway.watch(), secure.loop)
    pid = secure.runtime.joinpath("haproxy.pid").read_text()
    workers = secure.run(secure.gateway._door.say("show proc"))
    pem = certificate(secure.home.parent, hosts(secure))
    put(secure, pem)
    eventually(lambda: serial(secure) == number(pem), 10)
    assert secure.echoes(stream)
    # not even reloaded
    assert secure.runtime.joinpath("haproxy.pid").read_text() == pid
    same = re.findall(r"^\d+\s+worker", workers, re.MULTILINE)
    assert re.findall(r"^\d+\s+worker", secure.run(secure.gateway._door.say("show proc")), re.MULTILINE) == same
    assert codes(secure) == []
    watching.cancel()
    stream.close()


def test_a_portal_that_comes_back_sees_to_the_certificate(secure: Stage) -> None:
    pem = certificate(secure.home.parent, hosts(secure))
    put(secure, pem)
    assert secure.run(secure.gateway.start()) is Started.ADOPTED
    assert serial(secure) == number(pem)


BAD = {
    "certificate_unreadable": lambda stage: b"rubbish",
    "certificate_no_key": lambda stage: certificate(stage.home.parent, hosts(stage)).partition(b"-----BEGIN PRIVATE")[0],
    "certificate_key_differs": lambda stage: (
        certificate(stage.home.parent, hosts(stage)).partition(b"-----BEGIN PRIVATE")[0] + pki.private_pem(pki.new_key())
    ),
    "certificate_not_valid_now": lambda stage: certificate(
        stage.home.parent, hosts(stage), now=datetime.now(UTC) - timedelta(days=200)
    ),
    "certificate_misses_names": lambda stage: certificate(stage.home.parent, hosts(stage)[:1]),
}


@pytest.mark.parametrize("code", sorted(BAD))
def test_a_bad_certificate_is_told_and_the_earlier_one_goes_on(secure: Stage, code: str) -> None:
    before = serial(secure)
    put(secure, BAD[code](secure))
    secure.run(secure.gateway.start())
    assert codes(secure) == [code]
    assert serial(secure) == before
    # also when HAProxy itself starts anew
    secure.run(secure.gateway.down())
    secure.run(secure.gateway.start())
    assert serial(secure) == before
    good = certificate(secure.home.parent, hosts(secure))
    put(secure, good)
    secure.run(secure.gateway.start())
    assert codes(secure) == []
    assert serial(secure) == number(good)


def test_one_file_for_the_portal_and_one_for_the_sessions(secure: Stage) -> None:
    root, (portal, wild) = secure.home.parent, hosts(secure)
    put(secure, certificate(root, (portal,)), "site.pem")
    put(secure, certificate(root, (wild,)), "wild.pem")
    secure.run(secure.gateway.start())
    assert codes(secure) == []
    for host in (portal, secure.names.session_host(A)):
        context = ssl.create_default_context(cafile=str(secure.trust))
        plain = socket.create_connection(("127.0.0.1", secure.port), timeout=5)
        with context.wrap_socket(plain, server_hostname=host) as connection:
            assert connection.getpeercert() is not None
    (secure.certificates / "wild.pem").unlink()
    put(secure, certificate(root, hosts(secure)))
    secure.run(secure.gateway.start())


def test_certificate_and_key_in_two_files(secure: Stage, tmp_path: Path) -> None:
    both = certificate(secure.home.parent, hosts(secure))
    chain, _, key = both.partition(b"-----BEGIN PRIVATE")
    (tmp_path / "cert.pem").write_bytes(chain)
    (tmp_path / "key.pem").write_bytes(b"-----BEGIN PRIVATE" + key)
    settings = GatewaySettings(
        listen=f"127.0.0.1:{secure.port}",
        haproxy="/usr/sbin/haproxy",
        maxconn=500,
        tls_certificate=(str(tmp_path / "cert.pem"),),
        tls_key=str(tmp_path / "key.pem"),
    )
    gateway = HaproxyGateway(settings=settings, names=secure.names, keys=secure.keys, home=secure.home, runtime=secure.runtime)
    secure.run(gateway.start())
    assert serial(secure) == number(both)
    secure.run(secure.gateway.start())


def test_without_any_good_certificate_nothing_starts(tmp_path: Path) -> None:
    made, down = make_stage("/usr/sbin/haproxy", tls=True)
    try:
        (made.certificates / "site.pem").unlink()
        with pytest.raises(Unavailable) as caught:
            made.run(made.gateway.start())
        assert caught.value.code == "certificate_missing"
    finally:
        down()


def test_a_certificate_that_ends_soon_is_told(secure: Stage) -> None:
    put(secure, certificate(secure.home.parent, hosts(secure), now=datetime.now(UTC) - timedelta(days=80)))
    secure.run(secure.gateway.start())
    assert codes(secure) == ["certificate_ends_soon"]
    put(secure, certificate(secure.home.parent, hosts(secure)))
    secure.run(secure.gateway.start())


def test_the_copies_are_ours_alone(secure: Stage) -> None:
    folder = secure.home / "gateway" / "tls"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_uid == os.getuid()


def test_settings_that_would_send_secrets_in_the_clear_are_refused() -> None:
    given = {"listen": "0.0.0.0:8000", "public_origin": "https://armchair.test", "apps_domain": "apps.test"}
    for wrong in (given, {**given, "proxy_protocol": True}):
        settings = GatewaySettings.model_validate(wrong)
        with pytest.raises(BadSettings):
            Front.of(settings, Names.of(settings, "abc123"), ())
    settings = GatewaySettings.model_validate({**given, "trusted_proxies": ["10.0.0.0/8"]})
    assert Front.of(settings, Names.of(settings, "abc123"), ()).only_trusted
