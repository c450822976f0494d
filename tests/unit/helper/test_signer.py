"""Tickets and certificates are signed for the mandate's own person and session, and the others get the public halves."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from armchair.domain.errors import Refused, Unavailable
from armchair.gateway import keyfiles
from armchair.helper.config import HelperConfig
from armchair.helper.people import Account
from armchair.helper.signer import Signer, statement_key
from armchair.helper.statements import Mandate
from armchair.sessions.ports import TicketClaims

Configured = Callable[..., HelperConfig]
SESSION = "s" * 26
UNTIL = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def signer(configured: Configured) -> Signer:
    return Signer(configured())


def mandate(person: Account) -> Mandate:
    return Mandate(account=person, session=SESSION, mark="m", cluster="hpc", is_fresh=True)


def claims(person: Account, **fields: object) -> TicketClaims:
    now = int(time.time())
    plain = {
        "session": SESSION,
        "run": f"{SESSION}-1",
        "subject": person.login,
        "role": "use",
        "address": "10.0.0.1",
        "port": 4000,
    }
    return TicketClaims(**{**plain, "login": "l", "id": "i", "issued_at": now, "expires_at": now + 600, **fields})


def test_a_ticket_into_ones_own_session(signer: Signer, me: Account):
    assert signer.ticket(me, mandate(me), claims(me), UNTIL).count(".") == 2


@pytest.mark.parametrize(("field", "value"), [("session", "t" * 26), ("subject", "root2")])
def test_none_into_anothers_session_or_for_another(signer: Signer, me: Account, field: str, value: str):
    with pytest.raises(Refused) as caught:
        signer.ticket(me, mandate(me), claims(me, **{field: value}), UNTIL)
    assert caught.value.code == "not_your_session"


def test_none_with_the_mandate_of_another_person(signer: Signer, me: Account):
    other = Account(login="other", uid=me.uid + 1, name="", home="/", roles=())
    with pytest.raises(Refused):
        signer.ticket(me, mandate(other), claims(me), UNTIL)


def test_none_that_outlives_a_login(signer: Signer, me: Account):
    with pytest.raises(Refused) as caught:
        signer.ticket(me, mandate(me), claims(me, expires_at=int(time.time()) + 2 * 86400), UNTIL)
    assert caught.value.code == "ticket_too_long"


def test_a_certificate_for_a_run_of_the_mandates_session_only(signer: Signer, me: Account):
    assert "BEGIN CERTIFICATE" in signer.identity(mandate(me), f"{SESSION}-2").certificate
    for run in ("t" * 26 + "-1", SESSION, f"x{SESSION}-1", ""):
        with pytest.raises(Refused):
            signer.identity(mandate(me), run)


def test_what_is_laid_out_lets_nobody_sign(signer: Signer, configured: Configured):
    config = configured()
    config.web_keys.mkdir()
    config.gateway_keys.mkdir()
    signer.lay_out()
    secret = {file.name for file in keyfiles.FILES if file.secret}
    web, gateway = ({path.name for path in directory.iterdir()} for directory in (config.web_keys, config.gateway_keys))
    assert web & secret == {keyfiles.PORTAL_KEY}
    assert gateway & secret == {keyfiles.GATEWAY_CLIENT, keyfiles.AGENTS_SERVER}


def test_the_key_of_statements_is_made_once_and_is_ours_alone(configured: Configured):
    config = configured()
    key = statement_key(config)
    assert len(key) == 32
    assert statement_key(config) == key
    assert (config.state_directory / "statements.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("length", [0, 1, 31, 33])
def test_a_damaged_key_of_statements_is_no_key(configured: Configured, length: int):
    """With an empty one, anybody could sign."""
    config = configured()
    key = statement_key(config)
    (config.state_directory / "statements.key").write_bytes(key[:length].ljust(length, b"x"))
    with pytest.raises(Unavailable) as caught:
        statement_key(config)
    assert caught.value.code == "key_damaged"


@pytest.mark.parametrize(
    "run", ["{}-", "{}-0", "{}-x", "{}-1\n", "{}-1,CN=root", "{}-\u0661", "{}-9999999", "other-1", "{}1", "x{}-1"]
)
def test_nothing_is_signed_for_what_is_no_run_of_the_session(signer: Signer, me: Account, run: str):
    whose = mandate(me)
    for sign in (
        lambda name: signer.identity(whose, name),
        lambda name: signer.ticket(me, whose, claims(me, run=name), datetime.now(UTC) + timedelta(days=1)),
    ):
        with pytest.raises(Refused) as caught:
            sign(run.format(whose.session))
        assert caught.value.code == "not_your_session"
        sign(f"{whose.session}-12")
