"""Tickets as ES256 JWTs, in the claims that HAProxy's configuration reads."""

from contextlib import suppress
from typing import Any

import jwt
from jwt.types import Options

from armchair.domain.secret import Secret
from armchair.gateway.ticketkeys import TicketKeys
from armchair.sessions.launcherports import NO_MANDATE
from armchair.sessions.ports import TicketClaims

ISSUER = "armchair"
ALGORITHM = "ES256"
# time is the reader's business: an expired ticket is renewed, not refused
_OPTIONS: Options = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_sub": False,
    "verify_jti": False,
}


class TicketReader:
    """Reads tickets with the public halves of the keys that sign them, and this one algorithm."""

    def __init__(self, keys: TicketKeys) -> None:
        self._keys = keys

    def read(self, ticket: str) -> TicketClaims | None:
        """The claims of a ticket that we signed, also an expired one; None for anything else."""
        payload = self._payload(ticket)
        if payload is None:
            return None
        text = {name: payload.get(name) for name in ("sid", "run", "sub", "role", "ip", "login", "jti")}
        numbers = {name: payload.get(name) for name in ("port", "iat", "exp")}
        if not all(isinstance(value, str) for value in text.values()):
            return None
        if not all(type(value) is int for value in numbers.values()):
            return None
        return TicketClaims(
            session=text["sid"] or "",
            run=text["run"] or "",
            subject=text["sub"] or "",
            role=text["role"] or "",
            address=text["ip"] or "",
            port=numbers["port"] or 0,
            login=text["login"] or "",
            id=text["jti"] or "",
            issued_at=numbers["iat"] or 0,
            expires_at=numbers["exp"] or 0,
        )

    def _payload(self, ticket: str) -> dict[str, Any] | None:
        try:
            kid = jwt.get_unverified_header(ticket).get("kid")
            # tickets from before there were ids name none
            for key in [key for key in self._keys.accepted() if kid in {None, key.kid}]:
                with suppress(jwt.InvalidSignatureError):
                    return dict(jwt.decode(ticket, key.pem, algorithms=[ALGORITHM], issuer=ISSUER, options=_OPTIONS))
        except (jwt.PyJWTError, ValueError, RecursionError):  # text that is no UTF-8, or JSON nested without end
            return None
        return None


class Es256Tickets(TicketReader):
    """Signs as well, with the portal's ticket key."""

    async def sign(self, claims: TicketClaims, assertion: Secret | None = None, mandate: Secret = NO_MANDATE) -> str:  # noqa: ARG002 - this portal is the user: there is nothing to show
        """The ticket, as `signed` makes it."""
        return self.signed(claims)

    def signed(self, claims: TicketClaims) -> str:
        """The ticket as a compact JWT. `claims.address` is an IP address, or "" (with port 0) while there is none."""
        payload = {
            "iss": ISSUER,
            "sid": claims.session,
            "run": claims.run,
            "sub": claims.subject,
            "role": claims.role,
            "ip": claims.address,
            "port": claims.port,
            "login": claims.login,
            "jti": claims.id,
            "iat": claims.issued_at,
            "exp": claims.expires_at,
        }
        key = self._keys.signing()
        return jwt.encode(payload, key.key, algorithm=ALGORITHM, headers={"kid": key.kid})
