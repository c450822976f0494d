"""Tickets as ES256 JWTs, in the claims that HAProxy's configuration reads."""

import jwt
from jwt.types import Options

from armchair.gateway.keys import Keys
from armchair.gateway.pki import public_pem
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


class Es256Tickets:
    """Signs with the portal's ticket key; reads with its public half and this one algorithm."""

    def __init__(self, keys: Keys) -> None:
        self._key = keys.ticket_key
        self._public = public_pem(keys.ticket_key)

    def sign(self, claims: TicketClaims) -> str:
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
        return jwt.encode(payload, self._key, algorithm=ALGORITHM)

    def read(self, ticket: str) -> TicketClaims | None:
        """The claims of a ticket that we signed, also an expired one; None for anything else."""
        try:
            payload = jwt.decode(ticket, self._public, algorithms=[ALGORITHM], issuer=ISSUER, options=_OPTIONS)
        except (jwt.PyJWTError, ValueError, RecursionError):  # text that is no UTF-8, or JSON nested without end
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
