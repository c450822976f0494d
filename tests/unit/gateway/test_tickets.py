"""Tickets: what we read is only what we signed."""

import base64
import hashlib
import hmac
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography import x509

from armchair.domain.errors import Unavailable
from armchair.gateway import files, pki
from armchair.gateway.certificates import Authority
from armchair.gateway.keys import Keys
from armchair.gateway.tickets import Es256Tickets
from armchair.sessions.ports import TicketClaims

CLAIMS = TicketClaims(
    session="a" * 26,
    run="a-1",
    subject="alice",
    role="use",
    address="127.0.0.2",
    port=7001,
    login="l1",
    id="t1",
    issued_at=100,
    expires_at=200,
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys.load_or_create(tmp_path_factory.mktemp("home"))


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_ticket_is_read_back_also_when_it_has_expired(keys: Keys) -> None:
    tickets = Es256Tickets(keys.tickets)
    assert tickets.read(tickets.signed(CLAIMS)) == CLAIMS
    assert tickets.read(tickets.signed(replace(CLAIMS, address="", port=0))) is not None


def test_whatever_else_is_no_ticket(keys: Keys) -> None:
    tickets = Es256Tickets(keys.tickets)
    good = tickets.signed(CLAIMS)
    claims = jwt.decode(good, options={"verify_signature": False})
    public = pki.public_pem(keys.ticket_key)
    signed = encoded(b'{"alg":"HS256","typ":"JWT"}') + "." + encoded(json.dumps(claims).encode())
    confused = signed + "." + encoded(hmac.new(public, signed.encode(), hashlib.sha256).digest())
    head, _, mark = good.split(".")
    bad = {
        "forged": jwt.encode(claims, pki.new_key(), algorithm="ES256"),
        "none": jwt.encode(claims, None, algorithm="none"),
        "confused": confused,
        "tampered": f"{head}.{encoded(json.dumps({**claims, 'sid': 'b'}).encode())}.{mark}",
        "other issuer": jwt.encode({**claims, "iss": "x"}, keys.ticket_key, algorithm="ES256"),
        "no session": jwt.encode({**claims, "sid": 3}, keys.ticket_key, algorithm="ES256"),
        "port as text": jwt.encode({**claims, "port": "1"}, keys.ticket_key, algorithm="ES256"),
        "port as truth": jwt.encode({**claims, "port": True}, keys.ticket_key, algorithm="ES256"),
        "empty": "",
        "rubbish": "a.b.c\udc80",
        "nested": encoded(b"[" * 100_000) + ".e30.e30",
    }
    assert {name for name, ticket in bad.items() if tickets.read(ticket) is not None} == set()


def test_keys_are_made_once_and_only_for_us(tmp_path: Path) -> None:
    first = Keys.load_or_create(tmp_path)
    second = Keys.load_or_create(tmp_path)
    assert (first.instance, first.portal_key) == (second.instance, second.portal_key)
    assert pki.public_pem(first.ticket_key) == pki.public_pem(second.ticket_key)
    assert first.sessions_ca.pem == second.sessions_ca.pem
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 12


def test_a_stop_between_any_two_writes_leaves_usable_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    replaced = 0
    for stop in range(60):
        left = stop
        real_fsync = os.fsync

        def fsync(descriptor: int) -> None:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            real_fsync(descriptor)  # noqa: B023 - the same function each time

        monkeypatch.setattr(os, "fsync", fsync)
        try:
            Keys.load_or_create(tmp_path / str(stop))
            replaced = stop
        except Killed:
            pass
        monkeypatch.undo()
        keys = Keys.load_or_create(tmp_path / str(stop))
        assert pki.serves((keys.directory / "gateway-client.pem").read_bytes(), keys.gateway_ca, (), datetime.now(UTC))
        if replaced:
            break
    assert replaced > 20


def test_damaged_keys_are_named_and_never_replaced(tmp_path: Path) -> None:
    Keys.load_or_create(tmp_path)
    path = tmp_path / "keys" / "ticket.key"
    path.write_text("rubbish")
    with pytest.raises(Unavailable) as caught:
        Keys.load_or_create(tmp_path)
    assert (caught.value.code, caught.value.params["path"]) == ("key_damaged", str(path))


def test_the_gateways_certificates_are_renewed_in_time(keys: Keys) -> None:
    now = datetime.now(UTC)
    assert not keys.refresh(now)
    assert not keys.refresh(now + timedelta(days=50))
    assert keys.refresh(now + timedelta(days=70))
    assert not keys.refresh(now + timedelta(days=70))
    keys.refresh(now)


def test_an_identity_is_for_one_host(keys: Keys) -> None:
    identity = Authority(keys, "apps.test").made("sid1", "sid1-1")
    certificate = x509.load_pem_x509_certificate(identity.certificate.encode())
    certificate.verify_directly_issued_by(keys.sessions_ca.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["sid1.apps.test"]
    uses = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert uses == [*pki.Purpose.RUN.value]
    assert "PRIVATE" not in repr(identity)


def test_a_file_that_exists_stays(tmp_path: Path) -> None:
    assert files.create(tmp_path / "x", b"1") == b"1"
    assert files.create(tmp_path / "x", b"2") == b"1"
    files.write(tmp_path / "x", b"3")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_the_agents_listener_has_a_certificate_for_all_its_names(tmp_path: Path) -> None:
    def names() -> list[str]:
        pem = (tmp_path / "keys" / "agents-server.pem").read_bytes()
        found = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]

    Keys.load_or_create(tmp_path)
    assert names() == ["localhost", "127.0.0.1"]
    Keys.load_or_create(tmp_path, agents_names=("armchair.cluster.test", "10.1.0.5"))
    assert names() == ["localhost", "armchair.cluster.test", "127.0.0.1", "10.1.0.5"]
