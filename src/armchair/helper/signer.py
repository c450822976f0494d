"""Signs tickets and certificates. The keys lie in the helper's own directory; the others get the public halves from it."""

import grp
import os
import pwd
import re
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

from armchair.domain.errors import Refused, Unavailable
from armchair.gateway import keyfiles
from armchair.gateway.certificates import Authority
from armchair.gateway.keys import Keys
from armchair.gateway.tickets import Es256Tickets
from armchair.helper.config import HelperConfig
from armchair.helper.people import Account
from armchair.helper.protocol import Malformed
from armchair.helper.statements import Mandate
from armchair.sessions.ports import Identity, TicketClaims

_KEY = 32  # bytes
_ROUNDED = 1.0  # seconds: a ticket has whole ones
_ATTEMPT = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
KNOWN_AFTER = 600.0  # seconds after which a gateway has read a key that was handed to it


class Signer:
    """Loads the keys, makes them at the first start, and lays out what web process and gateway need of them."""

    def __init__(self, config: HelperConfig) -> None:
        self._config = config
        self.keys = Keys.load_or_create(config.state_directory, agents_names=config.agents_names)
        self._tickets = Es256Tickets(self.keys.tickets)
        self._authority = Authority(self.keys, config.apps_domain)

    def lay_out(self) -> None:
        """Bring the two other accounts' key directories up to date. Each is readable by its account's group only."""
        holders = (
            (self._config.web_keys, keyfiles.Holder.WEB, self._config.web_account),
            (self._config.gateway_keys, keyfiles.Holder.GATEWAY, self._config.gateway_account),
        )
        for directory, holder, account in holders:
            keyfiles.lay_out(self.keys.directory, directory, holder, group=_group_of(account))

    def renew(self) -> None:
        """Make anew what ends soon, switch to a ticket key that the gateway knows by now, and hand everything on."""
        now = datetime.now(UTC)
        self.keys.refresh(now)
        if self._waiting_is_known():
            self.keys.advance(now + self._config.login_lifetime)
        self.lay_out()

    def _waiting_is_known(self) -> bool:
        """Whether the next ticket key, if one waits, was handed to the gateway some time ago."""
        handed = self._config.gateway_keys / keyfiles.TICKET_NEXT_PUB
        try:
            age = datetime.now(UTC).timestamp() - handed.stat().st_mtime
        except OSError:
            return False
        return age > KNOWN_AFTER

    def ticket(self, person: Account, mandate: Mandate, wanted: TicketClaims, until: datetime) -> str:
        """A ticket for this person into their own session, that ends with their login (`until`).

        Raises Refused("not_your_session"), Refused("ticket_too_long").
        """
        if person.uid != mandate.account.uid or wanted.session != mandate.session or wanted.subject != person.login:
            raise Refused("not_your_session", session=wanted.session)
        _check_run(mandate, wanted.run)
        if wanted.expires_at > until.timestamp() + _ROUNDED:
            raise Refused("ticket_too_long")
        return self._tickets.signed(wanted)

    def identity(self, mandate: Mandate, run: str) -> Identity:
        """Key and certificate for a run of the mandate's session. Raises Refused("not_your_session")."""
        _check_run(mandate, run)
        return self._authority.made(mandate.session, run)


def _check_run(mandate: Mandate, run: str) -> None:
    """A run is its session and which attempt it is: the certificate names it, and the hub goes by the attempt."""
    session, _, attempt = run.rpartition("-")
    if session != mandate.session or _ATTEMPT.fullmatch(attempt) is None:
        raise Refused("not_your_session", session=mandate.session)


def ticket_claims(found: object) -> TicketClaims:
    """The claims in a question. Raises Malformed."""
    kinds = {field.name: field.type for field in fields(TicketClaims)}
    if not isinstance(found, dict) or set(found) != set(kinds) or any(type(found[name]) is not kinds[name] for name in kinds):
        raise Malformed("claims are not those of a ticket")
    return TicketClaims(**found)


def statement_key(config: HelperConfig) -> bytes:
    """The key of assertions and mandates, made at the first start.

    Raises Unavailable("key_damaged", path=…) for one that was cut: with an empty one anybody could sign.
    """
    path = config.state_directory / "statements.key"
    if not path.exists():
        _write_new(path, os.urandom(_KEY))
    key = path.read_bytes()
    if len(key) != _KEY:
        raise Unavailable("key_damaged", path=str(path))
    return key


def _write_new(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    half = path.with_suffix(".new")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    half.rename(path)


def _group_of(account: str) -> int | None:
    try:
        return grp.getgrgid(pwd.getpwnam(account).pw_gid).gr_gid
    except KeyError:
        return None
