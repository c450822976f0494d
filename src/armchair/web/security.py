"""Who sends a request, whether a form is this portal's own, and the headers that every answer carries."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from starlette.requests import Request

from armchair.accounts.actor import Actor
from armchair.accounts.logins import Accounts
from armchair.domain.errors import Refused
from armchair.sessions.portal import Portal

CSP = "; ".join(  # noqa: FLY002 - one directive a line reads better than one long string
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def actor_of(portal: Portal, request: Request) -> Actor | None:
    """The person whose login cookie came along, or None."""
    cookie = request.cookies.get(portal.names.login_cookie)
    return await Accounts(portal.accounts, portal.clock, portal.accounts_settings).actor_of_cookie(cookie) if cookie else None


def check_origin(origin: str, request: Request) -> None:
    """Refuse an unsafe request that another site's page sent. Raises Refused("form_not_yours").

    Either header is enough to refuse; a browser that sends neither is refused too, for every present one sends Origin.
    """
    if request.method in SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    sender = request.headers.get("origin")
    if (site is not None and site != "same-origin") or (sender is not None and sender != origin):
        raise Refused("form_not_yours")
    if site is None and sender is None:
        raise Refused("form_not_yours")


def form_token(cookie: str) -> str:
    """A token for the forms of this login; a different text each time, so that a compressed page does not give it away."""
    proof = _proof(cookie)
    mask = secrets.token_bytes(len(proof))
    return base64.urlsafe_b64encode(mask + bytes(a ^ b for a, b in zip(mask, proof, strict=True))).decode()


def check_token(cookie: str, token: str) -> None:
    """Raises Refused("form_not_yours") unless the token was made for this login."""
    try:
        raw = base64.urlsafe_b64decode(token.encode())
    except ValueError:
        raw = b""
    half = len(raw) // 2
    found = bytes(a ^ b for a, b in zip(raw[:half], raw[half : 2 * half], strict=True))
    if not hmac.compare_digest(found, _proof(cookie)):
        raise Refused("form_not_yours")


def _proof(cookie: str) -> bytes:
    """The cookie is 256 random bits that no script can read: it is the key."""
    return hmac.digest(cookie.encode(), b"armchair form", hashlib.sha256)
