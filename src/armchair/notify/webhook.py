"""Letters as HTTP requests to addresses that people name: signed, bounded, and never into the site's own network.

The name is resolved here and the connection goes to the address that was looked at, so that a name can't mean one thing when it
is checked and another when it is used. Redirects are not followed, and of the answer nothing but its status is read.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import json
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from armchair import words
from armchair.domain.errors import FieldError, InvalidInput, Refused, Unavailable
from armchair.domain.secret import Secret
from armchair.domain.telling import Letter
from armchair.notify.settings import WebhookSettings

TIMEOUT = 15.0
LONGEST = 1000
_AGAIN = frozenset({408, 425, 429})


class Webhook:
    """The Notifier for webhooks. `secret` gives the key that letters of a login to an address are signed with."""

    def __init__(self, settings: WebhookSettings, secret: Callable[[str, str], Secret]) -> None:
        self._allowed = frozenset(name.lower() for name in settings.allow)
        self._secret = secret

    async def check(self, login: str, target: str) -> None:  # noqa: ARG002 - the port's
        try:
            await self._where(target)
        except Refused as error:
            raise InvalidInput([FieldError(field="target", code=error.code, params=dict(error.params))]) from error
        except Unavailable as error:
            raise InvalidInput([FieldError(field="target", code="webhook_unknown_host")]) from error

    async def send(self, letter: Letter, link: str) -> None:
        address = await self._where(letter.target)
        body = _body(letter, link)
        at = str(int(time.time()))
        key = self._secret(letter.login, letter.target).reveal().encode()
        signature = hmac.new(key, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        url = httpx.URL(letter.target)
        headers = {
            "Host": url.netloc.decode(),
            "Content-Type": "application/json",
            "User-Agent": "Armchair",
            "Armchair-Letter": str(letter.id),
            "Armchair-Signature": f"t={at},v1={signature}",
        }
        transport = httpx.AsyncHTTPTransport(retries=0)
        # neither proxies of the environment nor redirects: both lead elsewhere than was looked at
        async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT, trust_env=False) as client:
            where, extensions = url.copy_with(host=address), {"sni_hostname": url.host}
            request = client.build_request("POST", where, headers=headers, content=body, extensions=extensions)
            try:
                answer = await client.send(request, stream=True)
                await answer.aclose()
            except (httpx.HTTPError, OSError) as error:
                raise Unavailable("webhook_failed", reason=type(error).__name__) from error
        _judge(answer.status_code)

    async def _where(self, target: str) -> str:
        """The address to connect to. Raises Refused for one that may not be used, Unavailable for a name not known now."""
        try:
            parts = urlsplit(target)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            raise Refused("webhook_bad_address") from None
        trusted = host in self._allowed
        plain = parts.username is None and parts.password is None and target.isprintable() and " " not in target
        schemes = {"http", "https"} if trusted else {"https"}
        if not host or not plain or len(target) > LONGEST or parts.scheme not in schemes:
            raise Refused("webhook_bad_address")
        try:
            async with asyncio.timeout(TIMEOUT):
                found = await asyncio.get_running_loop().getaddrinfo(
                    host, port or (443 if parts.scheme == "https" else 80), type=socket.SOCK_STREAM
                )
        except (OSError, UnicodeError, TimeoutError) as error:
            raise Unavailable("webhook_failed", reason="unknown host") from error
        addresses = [str(entry[4][0]) for entry in found]
        if not trusted and not all(_is_public(address) for address in addresses):
            raise Refused("webhook_not_public", host=host)
        return addresses[0]


def _is_public(address: str) -> bool:
    try:
        number = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    # not every version of the library looks through these by itself
    mapped = getattr(number, "ipv4_mapped", None) or getattr(number, "sixtofour", None)
    checked = mapped or number
    return checked.is_global and not checked.is_multicast


def _body(letter: Letter, link: str) -> bytes:
    said = words.letter(letter.occasion, letter.params)
    data = {
        "id": letter.id,
        "number": letter.params.get("number"),
        "title": letter.params.get("title"),
        "code": letter.occasion.value,
        "words": f"{said.title}. {said.detail}".strip(),
        "link": link,
        "at": letter.created_at.isoformat(timespec="seconds"),
    }
    return json.dumps(data).encode()


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if status in _AGAIN or status >= 500:
        raise Unavailable("webhook_failed", reason=f"HTTP {status}")
    raise Refused("webhook_refused", status=status)
