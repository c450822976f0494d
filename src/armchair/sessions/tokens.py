"""Names and credentials derived from the portal's key: marks on jobs, enrolment tokens and agents' credentials.

None of them is stored: each is `HMAC-SHA256(key, purpose, session, attempt, restart)`, so a portal that was killed between
two steps makes the same ones again. Formats are in wire/messages.py.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from armchair.domain.secret import Secret

_BEARER = re.compile(r"([a-z0-9]{20,40})-([1-9][0-9]{0,5})\.([0-9]{1,6})\.([ec])\.([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerClaim:
    """What a bearer token with a good signature says. `purpose` is "e" (enrolment) or "c" (credential)."""

    session: str
    attempt: int
    restart: int
    purpose: str


class Derived:
    """Derives and checks. `key` is the portal's own secret of at least 32 bytes; `instance` names this portal."""

    def __init__(self, key: bytes, instance: str) -> None:
        self._key = key
        self._instance = instance

    def mark(self, session: str, attempt: int) -> str:
        """What a job carries in name and comment: `armchair-<instance>-<32 hex>`; not to be guessed by other users."""
        return f"armchair-{self._instance}-{self._digest('mark', session, attempt, 0).hex()[:32]}"

    def enrolment_token(self, session: str, attempt: int, restart: int = 0) -> Secret:
        """Good for one enrolment of this run at this restart count."""
        return self._bearer("e", session, attempt, restart)

    def credential(self, session: str, attempt: int, restart: int) -> Secret:
        """With which an enrolled agent reports and asks for commands."""
        return self._bearer("c", session, attempt, restart)

    def webhook_secret(self, login: str, target: str) -> Secret:
        """With which letters of this person to this address are signed; shown to the person alone."""
        text = f"armchair\n{self._instance}\nwebhook\n{login}\n{target}"
        return Secret(hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest())

    def read(self, bearer: str) -> BearerClaim | None:
        """What a token or credential says; None unless we made it."""
        found = _BEARER.fullmatch(bearer)
        if found is None:
            return None
        session, attempt, restart, purpose, _ = found.groups()
        claim = BearerClaim(session=session, attempt=int(attempt), restart=int(restart), purpose=purpose)
        expected = self._bearer(purpose, session, claim.attempt, claim.restart).reveal()
        return claim if hmac.compare_digest(expected, bearer) else None

    def _bearer(self, purpose: str, session: str, attempt: int, restart: int) -> Secret:
        mac = base64.urlsafe_b64encode(self._digest(purpose, session, attempt, restart)).rstrip(b"=").decode()
        return Secret(f"{session}-{attempt}.{restart}.{purpose}.{mac}")

    def _digest(self, purpose: str, session: str, attempt: int, restart: int) -> bytes:
        text = "\n".join(("armchair", self._instance, purpose, session, str(attempt), str(restart)))
        return hmac.new(self._key, text.encode(), hashlib.sha256).digest()
