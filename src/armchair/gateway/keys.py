"""The portal's key material under `<home>/keys`: made once, readable by its owner only, whole at any moment.

    instance    the portal's six-character name           portal.key        32 bytes for derived tokens
    ticket.key  signs tickets (ES256); ticket.pub         sessions-ca.pem   signs the agents' certificates; .crt
    gateway-ca.pem  signs gateway-client.pem; .crt        agents-ca.pem     signs agents-server.pem; .crt

A `.pem` holds certificate and key in one file, so that a stop halfway never leaves one without the other. `.pub` and `.crt`
are the public halves; they are written again whenever they are missing.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ec

from armchair.domain.errors import Unavailable
from armchair.gateway import files, names, pki

RENEW_BEFORE = timedelta(days=30)
AGENTS_NAMES = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Everything loaded. `directory` holds the files that HAProxy reads itself."""

    directory: Path
    instance: str
    portal_key: bytes
    ticket_key: ec.EllipticCurvePrivateKey
    sessions_ca: pki.Issuer
    gateway_ca: pki.Issuer
    agents_ca: pki.Issuer
    agents_names: tuple[str, ...]

    @classmethod
    def load_or_create(cls, home: Path, *, agents_names: Sequence[str] = ()) -> "Keys":
        """The key material of this home, made now if need be. `agents_names`: hosts of the agents listener besides loopback.

        May be stopped anywhere and called again; several at once end up with the same keys. Raises StorageFull, and
        Unavailable("key_damaged", path=…) for a file that is not what we wrote.
        """
        directory = files.private_directory(home / "keys")
        now = datetime.now(UTC)
        instance = _kept(directory / "instance", lambda: names.new_instance().encode()).decode("ascii", "replace")
        portal_key = _kept(directory / "portal.key", lambda: os.urandom(32))
        if not names.is_instance(instance):
            raise Unavailable("key_damaged", path=str(directory / "instance"))
        if len(portal_key) != 32:
            raise Unavailable("key_damaged", path=str(directory / "portal.key"))
        keys = cls(
            directory=directory,
            instance=instance,
            portal_key=portal_key,
            ticket_key=_read(directory / "ticket.key", pki.load_private, lambda: pki.private_pem(pki.new_key())),
            sessions_ca=_ca(directory, "sessions", now),
            gateway_ca=_ca(directory, "gateway", now),
            agents_ca=_ca(directory, "agents", now),
            agents_names=(*AGENTS_NAMES, *agents_names),
        )
        _same(directory / "ticket.pub", pki.public_pem(keys.ticket_key))
        keys.refresh(now)
        return keys

    def refresh(self, now: datetime) -> bool:
        """Make the gateway's two own certificates anew when they end within 30 days or don't fit; True if one was made."""
        wanted = (
            ("gateway-client.pem", self.gateway_ca, (), pki.Purpose.CLIENT),
            ("agents-server.pem", self.agents_ca, self.agents_names, pki.Purpose.SERVER),
        )
        made = False
        for file, issuer, hosts, purpose in wanted:
            path = self.directory / file
            if path.exists() and pki.serves(path.read_bytes(), issuer, hosts, now + RENEW_BEFORE):
                continue
            leaf = pki.make_leaf(issuer, f"armchair {file.removesuffix('.pem')}", hosts, purpose, now)
            files.write(path, leaf.certificate + leaf.key)
            made = True
        return made


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """What the file holds; made first when there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return files.create(path, make())


T = TypeVar("T")


def _read(path: Path, load: Callable[[bytes], T], make: Callable[[], bytes]) -> T:
    try:
        return load(_kept(path, make))
    except ValueError as error:
        raise Unavailable("key_damaged", path=str(path)) from error


def _ca(directory: Path, name: str, now: datetime) -> pki.Issuer:
    issuer = _read(directory / f"{name}-ca.pem", pki.load_issuer, lambda: pki.make_ca(f"armchair {name} CA", now))
    _same(directory / f"{name}-ca.crt", issuer.pem.encode())
    return issuer


def _same(path: Path, data: bytes) -> None:
    if not path.exists() or path.read_bytes() != data:
        files.write(path, data)
