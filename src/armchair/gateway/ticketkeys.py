"""The keys of tickets and their rotation, which nobody notices: next → current → previous → gone.

    ticket.key   signs; ticket.pub is its public half         ticket.next.key, ticket.next.pub   about to sign
    ticket.previous.pub   has signed tickets that still live; a line above the key says until when it is accepted

The gateway accepts all three. A new key signs nothing before the gateway knows it, and the old one is accepted until its last
ticket has expired. Each step is one atomic write, so a stop anywhere leaves keys that work.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from armchair.domain.errors import Conflict, Unavailable
from armchair.gateway import files, pki
from armchair.gateway.keyfiles import TICKET_KEY, TICKET_NEXT_KEY, TICKET_NEXT_PUB, TICKET_PREVIOUS_PUB, TICKET_PUB

PUBLIC = (TICKET_PUB, TICKET_NEXT_PUB, TICKET_PREVIOUS_PUB)
_UNTIL = re.compile(rb"^# accepted until (\S+)$", re.MULTILINE)
Stamps = tuple[files.Stamp, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A public half that tickets may be signed with: its id, its file's name and its PEM text."""

    kid: str
    file: str
    pem: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The key that signs now."""

    kid: str
    key: ec.EllipticCurvePrivateKey


def kid_of(key: ec.EllipticCurvePublicKey) -> str:
    """The id of a key as it stands in a ticket's header: 16 characters that follow from the public half."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()[:16]


class TicketKeys:
    """The ticket keys of one directory. Everything is read again when its file changed: others may rotate."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._public: tuple[Stamps, tuple[PublicKey, ...]] | None = None
        self._signing: tuple[Stamps, SigningKey] | None = None

    def accepted(self) -> tuple[PublicKey, ...]:
        """The public halves, the present one first. Raises Unavailable("key_damaged", path=…)."""
        seen = tuple(files.stamp(self._directory / name) for name in PUBLIC)
        if self._public is None or self._public[0] != seen:
            found = [self._load_public(name) for name in PUBLIC]
            self._public = seen, tuple(key for key in found if key is not None)
        return self._public[1]

    def signing(self) -> SigningKey:
        """The key to sign with. Raises Unavailable("key_damaged", path=…)."""
        path = self._directory / TICKET_KEY
        seen = (files.stamp(path),)
        if self._signing is None or self._signing[0] != seen:
            key = _private(path)
            self._signing = seen, SigningKey(kid=kid_of(key.public_key()), key=key)
        return self._signing[1]

    def ensure(self) -> None:
        """Have a signing key, and the public halves that belong to the private ones. Several at once get the same key."""
        path = self._directory / TICKET_KEY
        if not path.exists():
            files.create(path, pki.private_pem(pki.new_key()))
        for private, public in ((TICKET_KEY, TICKET_PUB), (TICKET_NEXT_KEY, TICKET_NEXT_PUB)):
            source, target = self._directory / private, self._directory / public
            if source.exists():
                pem = pki.public_pem(_private(source))
                if not target.exists() or target.read_bytes() != pem:
                    files.write(target, pem)
            else:
                target.unlink(missing_ok=True)

    @property
    def waiting(self) -> bool:
        """Whether a next key is there, to sign once the gateway knows it."""
        return (self._directory / TICKET_NEXT_KEY).exists()

    def previous_until(self) -> datetime | None:
        """Until when the previous key is accepted; None when there is none."""
        try:
            found = _UNTIL.search((self._directory / TICKET_PREVIOUS_PUB).read_bytes())
        except FileNotFoundError:
            return None
        return datetime.fromisoformat(found[1].decode("ascii")) if found else None

    def prepare(self, now: datetime) -> None:
        """Begin a rotation: make the next key. One that waits already stays.

        Raises Conflict("rotation_running", until=…) while tickets of the previous key are still accepted: they would be lost.
        """
        until = self.previous_until()
        if until is not None and until > now:
            raise Conflict("rotation_running", until=until.isoformat(timespec="minutes"))
        files.create(self._directory / TICKET_NEXT_KEY, pki.private_pem(pki.new_key()))
        self.ensure()

    def switch(self, until: datetime) -> bool:
        """Sign with the next key from now on, and accept the present one's tickets `until` then. False without a next one.

        Only after every gateway knows the next key.
        """
        if not self.waiting:
            return False
        old = pki.public_pem(_private(self._directory / TICKET_KEY))
        note = f"# accepted until {until.isoformat(timespec='seconds')}\n".encode()
        files.write(self._directory / TICKET_PREVIOUS_PUB, note + old)
        (self._directory / TICKET_NEXT_KEY).replace(self._directory / TICKET_KEY)
        self.ensure()
        return True

    def replace(self, now: datetime) -> None:
        """A new key at once, and no other: for when the present one is known to somebody else."""
        (self._directory / TICKET_NEXT_KEY).unlink(missing_ok=True)
        files.create(self._directory / TICKET_NEXT_KEY, pki.private_pem(pki.new_key()))
        self.switch(now)
        self.retire(now)

    def retire(self, now: datetime) -> bool:
        """Drop a previous key whose last ticket has expired; True if one was dropped."""
        until = self.previous_until()
        if until is None or until > now:
            return False
        (self._directory / TICKET_PREVIOUS_PUB).unlink()
        return True

    def _load_public(self, name: str) -> PublicKey | None:
        path = self._directory / name
        try:
            pem = path.read_bytes()
            key = load_pem_public_key(pem)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise Unavailable("key_damaged", path=str(path)) from error
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise Unavailable("key_damaged", path=str(path))
        return PublicKey(kid=kid_of(key), file=name, pem=pem)


def _private(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        return pki.load_private(path.read_bytes())
    except (ValueError, FileNotFoundError) as error:
        raise Unavailable("key_damaged", path=str(path)) from error
