"""The certificates that agents show to the gateway, one for each run, bound to the session's host name."""

from collections.abc import Callable
from datetime import UTC, datetime

from armchair.domain.secret import Secret
from armchair.gateway.keys import Keys
from armchair.gateway.pki import Purpose, make_leaf
from armchair.sessions.ports import Identity


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Authority:
    """Makes identities with the sessions' CA. Keeps no copy of a key that it made."""

    def __init__(self, keys: Keys, apps_domain: str, now: Callable[[], datetime] = _utc_now) -> None:
        self._keys = keys
        self._apps_domain = apps_domain
        self._now = now

    def identity(self, session: str, run: str) -> Identity:
        """A new key and a certificate for `<session>.<apps domain>`; the run stands in the subject, for people."""
        leaf = make_leaf(self._keys.sessions_ca, run, (f"{session}.{self._apps_domain}",), Purpose.SERVER, self._now())
        return Identity(certificate=leaf.certificate.decode("ascii"), key=Secret(leaf.key.decode("ascii")))

    def gateway_ca(self) -> str:
        return self._keys.gateway_ca.pem

    def agents_ca(self) -> str:
        return self._keys.agents_ca.pem
