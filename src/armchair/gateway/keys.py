"""The portal's key material under `<home>/keys`: made once, readable by its owner only, whole at any moment.

    instance    the portal's six-character name           portal.key        32 bytes for derived tokens
    ticket.key  signs tickets (ES256); ticket.pub         sessions-ca.pem   signs the agents' certificates; .crt
    gateway-ca.pem  signs gateway-client.pem; .crt        agents-ca.pem     signs agents-server.pem; .crt

A `.pem` holds certificate and key in one file, so that a stop halfway never leaves one without the other. `.pub` and `.crt`
are the public halves; they are written again whenever they are missing. `keyfiles` says who needs which of them on a site.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from armchair.domain.errors import Unavailable
from armchair.gateway import files, names, pki
from armchair.gateway.authorities import Authorities
from armchair.gateway.keyfiles import AGENTS_SERVER, GATEWAY_CLIENT, INSTANCE, PORTAL_KEY
from armchair.gateway.ticketkeys import TicketKeys

RENEW_BEFORE = timedelta(days=30)
AGENTS_NAMES = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKeys:
    """What a process that signs nothing needs to know, from a directory that the signer laid out.

    The web process reads tickets with it and hands out the two authorities' certificates; the gateway has HAProxy read the
    rest of the directory.
    """

    directory: Path
    instance: str
    tickets: TicketKeys

    @classmethod
    def load(cls, directory: Path) -> "PublicKeys":
        """Raises Unavailable("key_damaged", path=…) when the portal's name is not there or is none."""
        path = directory / INSTANCE
        try:
            instance = path.read_text("ascii", "replace").strip()
        except OSError as error:
            raise Unavailable("key_damaged", path=str(path)) from error
        if not names.is_instance(instance):
            raise Unavailable("key_damaged", path=str(path))
        return cls(directory=directory, instance=instance, tickets=TicketKeys(directory))

    def gateway_ca(self) -> str:
        """PEM of the authority whose one client certificate agents let in."""
        return (self.directory / "gateway-ca.crt").read_text("ascii")

    def agents_ca(self) -> str:
        """PEM of the authority that agents pin when they call."""
        return (self.directory / "agents-ca.crt").read_text("ascii")

    def refresh(self, now: datetime) -> bool:  # noqa: ARG002 - the same call as for `Keys`
        """The signer renews them: nothing to do here."""
        return False

    def advance(self, until: datetime) -> bool:  # noqa: ARG002 - the same call as for `Keys`
        """The signer switches keys."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Everything loaded, for whoever signs. `directory` holds the files that HAProxy reads itself."""

    directory: Path
    instance: str
    portal_key: bytes
    tickets: TicketKeys
    authorities: Authorities
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
        instance = _kept(directory / INSTANCE, lambda: names.new_instance().encode()).decode("ascii", "replace")
        portal_key = _kept(directory / PORTAL_KEY, lambda: os.urandom(32))
        if not names.is_instance(instance):
            raise Unavailable("key_damaged", path=str(directory / INSTANCE))
        if len(portal_key) != 32:
            raise Unavailable("key_damaged", path=str(directory / PORTAL_KEY))
        tickets = TicketKeys(directory)
        tickets.ensure()
        authorities = Authorities(directory)
        keys = cls(
            directory=directory,
            instance=instance,
            portal_key=portal_key,
            tickets=tickets,
            authorities=authorities,
            sessions_ca=authorities.load("sessions", now),
            gateway_ca=authorities.load("gateway", now),
            agents_ca=authorities.load("agents", now),
            agents_names=tuple(dict.fromkeys((*AGENTS_NAMES, *agents_names))),
        )
        keys.refresh(now)
        return keys

    @property
    def ticket_key(self) -> ec.EllipticCurvePrivateKey:
        """The key that signs tickets now."""
        return self.tickets.signing().key

    def refresh(self, now: datetime) -> bool:
        """Make the gateway's two certificates anew when they end within 30 days or don't fit; drop what has had its time.

        True if something changed that the gateway has to read again.
        """
        wanted = (
            (GATEWAY_CLIENT, self.gateway_ca, (), pki.Purpose.CLIENT),
            (AGENTS_SERVER, self.agents_ca, self.agents_names, pki.Purpose.SERVER),
        )
        changed = self.tickets.retire(now)
        for file, issuer, hosts, purpose in wanted:
            path = self.directory / file
            if path.exists() and pki.serves(path.read_bytes(), issuer, hosts, now + RENEW_BEFORE):
                continue
            leaf = pki.make_leaf(issuer, f"armchair {file.removesuffix('.pem')}", hosts, purpose, now)
            files.write(path, leaf.certificate + leaf.key)
            changed = True
        return changed

    def advance(self, until: datetime) -> bool:
        """Sign with the next ticket key, if one waits, and accept the present one's tickets until then.

        Only once every gateway knows the next key. True if the keys changed.
        """
        return self.tickets.switch(until)


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """What the file holds; made first when there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return files.create(path, make())
