"""The certificates that agents show to the gateway, one for each run, bound to the session's host name."""

from collections.abc import Callable
from datetime import UTC, datetime

from armchair.domain.secret import Secret
from armchair.gateway.keys import Keys
from armchair.gateway.pki import Purpose, make_leaf
from armchair.sessions.launcherports import NO_MANDATE
from armchair.sessions.ports import Identity


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Authority:
    """Makes identities with the sessions' CA. Keeps no copy of a key that it made."""

    def __init__(self, keys: Keys, apps_domain: str, now: Callable[[], datetime] = _utc_now) -> None:
        self._keys = keys
        self._apps_domain = apps_domain
        self._now = now

    async def identity(self, session: str, run: str, mandate: Secret = NO_MANDATE) -> Identity:  # noqa: ARG002 - this portal is the user: there is nothing to show
        """As `made`."""
        return self.made(session, run)

    def made(self, session: str, run: str) -> Identity:
        """A new key and a certificate for `<session>.<apps domain>`; the run stands in the subject, for people."""
        leaf = make_leaf(self._keys.sessions_ca, run, (f"{session}.{self._apps_domain}",), Purpose.RUN, self._now())
        return Identity(certificate=leaf.certificate.decode("ascii"), key=Secret(leaf.key.decode("ascii")))

    def gateway_ca(self) -> str:
        return self._keys.authorities.trusted("gateway")

    def agents_ca(self) -> str:
        return self._keys.authorities.trusted("agents")
