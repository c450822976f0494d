"""What the helper has said and recognises again: assertions of who somebody is, and mandates for one session's jobs.

Both are JWTs (HS256) under a key that never leaves the helper. The web process keeps them and can read, not make them.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from armchair.domain.errors import Refused
from armchair.helper import allowed
from armchair.helper.config import HelperConfig
from armchair.helper.people import Account, account

MANDATE_LIFE = timedelta(days=90)
_ALGORITHM = "HS256"
_ISSUER = "armchair-helper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """For one person's one session: its jobs carry this mark, on this cluster.

    `is_fresh`: jobs may still be handed in with it. Later they can only be looked after: a job's script is anything, and the
    mandates of a quarter of a year are kept where a thief of the portal's database finds them.
    """

    account: Account
    session: str
    mark: str
    cluster: str
    is_fresh: bool


class Statements:
    """Makes and checks them. Each check looks at the account anew: who has left the group is nobody's person any more."""

    def __init__(self, config: HelperConfig, key: bytes) -> None:
        self._config = config
        self._key = key

    def assertion(self, person: Account) -> tuple[str, datetime]:
        """That this person has shown who they are, and until when that counts."""
        until = datetime.now(UTC) + self._config.login_lifetime
        return self._sign("assertion", until, {"sub": person.login, "uid": person.uid}), until

    def asserted(self, text: str) -> Account:
        """Whose assertion this is. Raises Refused("assertion_unknown"), Refused("not_a_user")."""
        return self._account(self._read("assertion", text))

    def counts_until(self, assertion: str) -> datetime:
        """When this assertion ends. Raises Refused("assertion_unknown")."""
        return datetime.fromtimestamp(self._read("assertion", assertion)["exp"], UTC)

    def mandate(self, person: Account, session: str, mark: str, cluster: str) -> str:
        """For this person's session. Raises Refused("mandate_unknown") for a mark or a cluster that can't be one."""
        if not session or not allowed.is_mark(mark) or cluster not in self._config.clusters:
            raise Refused("mandate_unknown")
        claims = {"sub": person.login, "uid": person.uid, "sid": session, "mark": mark, "cluster": cluster}
        return self._sign("mandate", datetime.now(UTC) + MANDATE_LIFE, claims)

    def mandated(self, text: str) -> Mandate:
        """What this mandate is for. Raises Refused("mandate_unknown"), Refused("not_a_user")."""
        claims = self._read("mandate", text)
        age = datetime.now(UTC) - datetime.fromtimestamp(claims.get("iat", 0), UTC)
        return Mandate(
            account=self._account(claims),
            session=claims["sid"],
            mark=claims["mark"],
            cluster=claims["cluster"],
            is_fresh=age < self._config.login_lifetime,
        )

    def _account(self, claims: dict[str, Any]) -> Account:
        found = account(self._config, claims["sub"])
        if found.uid != claims["uid"]:
            raise Refused("not_a_user", login=found.login)
        return found

    def _sign(self, kind: str, until: datetime, claims: dict[str, Any]) -> str:
        now = datetime.now(UTC)
        whole = {**claims, "iss": _ISSUER, "aud": kind, "iat": now, "exp": until, "jti": secrets.token_hex(8)}
        return jwt.encode(whole, self._key, algorithm=_ALGORITHM)

    def _read(self, kind: str, text: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = jwt.decode(
                text,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=kind,
                options={"require": ["exp", "aud", "iss", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise Refused(f"{kind}_unknown") from None
        return found
