"""Keys and authorities that change, stopped anywhere; and who gets which key file."""

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from armchair.domain.errors import Conflict, Unavailable
from armchair.gateway import pki
from armchair.gateway.certificates import Authority
from armchair.gateway.keyfiles import FILES, Holder, files_of, lay_out
from armchair.gateway.keys import Keys, PublicKeys
from armchair.gateway.ticketkeys import TicketKeys
from armchair.gateway.tickets import Es256Tickets, TicketReader
from armchair.sessions.ports import TicketClaims

NOW = datetime(2026, 11, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
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


@pytest.fixture
def keys(tmp_path: Path) -> TicketKeys:
    made = TicketKeys(tmp_path)
    made.ensure()
    return made


def test_a_key_signs_only_after_it_is_known_and_is_accepted_until_its_last_ticket_is_over(keys: TicketKeys) -> None:
    tickets = Es256Tickets(keys)
    old, first = tickets.signed(CLAIMS), keys.signing().kid
    assert [key.kid for key in keys.accepted()] == [first]
    keys.prepare(NOW)
    assert keys.signing().kid == first
    second = keys.accepted()[1].kid
    assert keys.switch(NOW + WEEK)
    assert not keys.switch(NOW + WEEK)
    assert [key.kid for key in keys.accepted()] == [second, first]
    assert tickets.read(old) == CLAIMS
    with pytest.raises(Conflict) as caught:
        keys.prepare(NOW + WEEK - timedelta(minutes=1))
    assert caught.value.code == "rotation_running"
    assert not keys.retire(NOW + WEEK - timedelta(minutes=1))
    assert keys.retire(NOW + WEEK)
    assert tickets.read(old) is None
    assert tickets.read(tickets.signed(CLAIMS)) == CLAIMS
    keys.prepare(NOW + WEEK)


def test_another_process_sees_the_new_key(keys: TicketKeys, tmp_path: Path) -> None:
    reader, signer = TicketReader(TicketKeys(tmp_path)), Es256Tickets(TicketKeys(tmp_path))
    before = signer.signed(CLAIMS)
    keys.prepare(NOW)
    keys.switch(NOW + WEEK)
    after = signer.signed(CLAIMS)
    assert reader.read(before) == reader.read(after) == CLAIMS
    assert before.split(".")[0] != after.split(".")[0]


def test_a_stop_between_any_two_writes_of_a_rotation_loses_no_ticket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    stops = 0
    for stop in range(40):
        directory = tmp_path / str(stop)
        directory.mkdir()
        keys = TicketKeys(directory)
        keys.ensure()
        old = Es256Tickets(keys).signed(CLAIMS)
        left, real = stop, os.fsync

        def fsync(descriptor: int, real: object = real) -> None:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            real(descriptor)  # type: ignore[operator] # os.fsync

        monkeypatch.setattr(os, "fsync", fsync)
        try:
            keys.prepare(NOW)
            keys.switch(NOW + WEEK)
        except Killed:
            stops += 1
        monkeypatch.undo()
        again = TicketKeys(directory)
        again.ensure()
        tickets = Es256Tickets(again)
        assert tickets.read(old) == CLAIMS, stop
        assert tickets.read(tickets.signed(CLAIMS)) == CLAIMS, stop
        if stops < stop:
            break
    assert stops > 5


def test_a_key_that_somebody_else_knows_counts_no_more(keys: TicketKeys) -> None:
    tickets = Es256Tickets(keys)
    old = tickets.signed(CLAIMS)
    keys.prepare(NOW)
    keys.replace(NOW)
    assert tickets.read(old) is None
    assert tickets.read(tickets.signed(CLAIMS)) == CLAIMS
    assert len(keys.accepted()) == 1


def test_damage_is_named(keys: TicketKeys, tmp_path: Path) -> None:
    (tmp_path / "ticket.pub").write_text("rubbish")
    with pytest.raises(Unavailable) as caught:
        keys.accepted()
    assert caught.value.params["path"] == str(tmp_path / "ticket.pub")


def test_each_account_gets_its_part_of_the_keys_and_no_more(tmp_path: Path) -> None:
    source = Keys.load_or_create(tmp_path)
    parts = {holder: tmp_path / holder for holder in (Holder.WEB, Holder.GATEWAY)}
    for holder, target in parts.items():
        target.mkdir()
        assert lay_out(source.directory, target, holder)
        assert not lay_out(source.directory, target, holder)
        assert {path.name for path in target.iterdir()} == {file.name for file in files_of(holder) if file.always}
    assert {file.name for file in FILES if file.always} == {path.name for path in source.directory.iterdir()}
    for target in parts.values():
        assert not [name for name in ("ticket.key", "sessions-ca.pem", "gateway-ca.pem") if (target / name).exists()]
    secrets = {holder: {file.name for file in files_of(holder) if file.secret} for holder in parts}
    assert secrets == {Holder.WEB: {"portal.key"}, Holder.GATEWAY: {"gateway-client.pem", "agents-server.pem"}}
    web = PublicKeys.load(parts[Holder.WEB])
    assert (web.instance, web.agents_ca()) == (source.instance, source.agents_ca.pem)
    assert TicketReader(web.tickets).read(Es256Tickets(source.tickets).signed(CLAIMS)) == CLAIMS


def test_a_rotation_reaches_the_other_accounts_and_leaves_nothing_behind(tmp_path: Path) -> None:
    source = Keys.load_or_create(tmp_path)
    target = tmp_path / "gateway-part"
    target.mkdir()
    lay_out(source.directory, target, Holder.GATEWAY)
    source.tickets.prepare(NOW)
    assert lay_out(source.directory, target, Holder.GATEWAY)
    assert len(TicketKeys(target).accepted()) == 2
    source.tickets.switch(NOW + WEEK)
    source.tickets.retire(NOW + WEEK)
    assert lay_out(source.directory, target, Holder.GATEWAY)
    assert [key.kid for key in TicketKeys(target).accepted()] == [source.tickets.signing().kid]
    assert pki.private_pem(source.ticket_key) not in [path.read_bytes() for path in target.iterdir()]


def signed_by(pem: str, certificate: x509.Certificate) -> bool:
    for authority in x509.load_pem_x509_certificates(pem.encode()):
        with suppress(InvalidSignature):
            certificate.verify_directly_issued_by(authority)
            return True
    return False


def test_authorities_change_in_two_steps_and_trust_covers_both_sides(tmp_path: Path) -> None:
    first = Keys.load_or_create(tmp_path)
    old = x509.load_pem_x509_certificate(Authority(first, "apps.test").made("sid1", "sid1-1").certificate.encode())
    assert first.authorities.prepared() is None
    first.authorities.prepare(NOW)
    assert first.authorities.prepared() == NOW
    known = Authority(first, "apps.test").gateway_ca()
    assert known.count("BEGIN CERTIFICATE") == 2
    first.authorities.switch()
    second = Keys.load_or_create(tmp_path)
    assert second.sessions_ca.pem != first.sessions_ca.pem
    new = x509.load_pem_x509_certificate(Authority(second, "apps.test").made("sid2", "sid2-1").certificate.encode())
    trusted = (second.directory / "sessions-ca.crt").read_text()
    assert signed_by(trusted, old)
    assert signed_by(trusted, new)
    # a session that was told both authorities lets in the gateway's certificate of the new one
    client = x509.load_pem_x509_certificate((second.directory / "gateway-client.pem").read_bytes())
    assert signed_by(known, client)
    assert not signed_by(first.gateway_ca.pem, client)


def test_a_stop_within_a_change_of_authorities_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    real, stops = Path.replace, 0
    for stop in range(40):
        home = tmp_path / str(stop)
        home.mkdir()
        keys = Keys.load_or_create(home)
        old = x509.load_pem_x509_certificate(Authority(keys, "apps.test").made("sid1", "sid1-1").certificate.encode())
        left = stop

        def replace(path: Path, target: Path) -> Path:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return real(path, target)

        monkeypatch.setattr(Path, "replace", replace)
        try:
            keys.authorities.prepare(NOW)
            keys.authorities.switch()
        except Killed:
            stops += 1
        monkeypatch.undo()
        again = Keys.load_or_create(home)
        trusted = again.authorities.trusted("sessions")
        new = x509.load_pem_x509_certificate(Authority(again, "apps.test").made("sid1", "sid1-1").certificate.encode())
        assert signed_by(trusted, old), stop
        assert signed_by(trusted, new), stop
        if stops < stop:
            break
    assert stops > 5
