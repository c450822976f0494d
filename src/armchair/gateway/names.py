"""Host names, origins, URLs and cookie names of one portal. Pure: the only random thing is `new_instance`.

Cookies ignore ports, so two portals on one machine would overwrite each other's under a common host name; therefore host
and cookie names carry an instance id that is made once for each home directory.
"""

import ipaddress
import re
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from armchair.domain.errors import BadSettings
from armchair.gateway.settings import UNIX, GatewaySettings

DEFAULT_PORT = 8000
_STANDARD_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_INSTANCE = re.compile(r"[a-z][a-z0-9]{5}", re.ASCII)


def new_instance() -> str:
    """Six characters that name a new portal: a letter, then letters and digits."""
    rest = string.ascii_lowercase + string.digits
    return secrets.choice(string.ascii_lowercase) + "".join(secrets.choice(rest) for _ in range(5))


def is_instance(text: str) -> bool:
    """Whether this can be an instance id."""
    return _INSTANCE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A listening address: an IP address (or name) with a port, or a unix socket's path."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"{UNIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether only this machine can connect."""
        return bool(self.path) or self.host in {"::1", "localhost"} or self.host.startswith("127.")


def parse_address(text: str, key: str) -> Address:
    """The address that a setting names. Raises BadSettings for anything else."""
    if text.startswith(UNIX):
        path = text.removeprefix(UNIX)
        if re.fullmatch(r"/[A-Za-z0-9._/@+-]{1,95}", path, re.ASCII) is None:
            raise _bad(key, "a socket's path is absolute, has at most 96 bytes and only letters, digits and ._/@+-")
        return Address(path=path)
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if re.fullmatch(r"[A-Za-z0-9.:-]+", host, re.ASCII) is None or re.fullmatch(r"[1-9][0-9]{0,4}", port, re.ASCII) is None:
        raise _bad(key, "write ADDRESS:PORT, for example 127.0.0.1:8000, or unix:/path")
    if int(port) > 65535:
        raise _bad(key, "a port is at most 65535")
    return Address(host=host, port=int(port))


def agents_address(settings: GatewaySettings) -> str | None:
    """Where agents call, as host:port; None when no fixed address is set. Raises BadSettings."""
    if not settings.agents_listen:
        return None
    listen = parse_address(settings.agents_listen, "gateway.agents_listen")
    if listen.path:
        raise _bad("gateway.agents_listen", "compute nodes need an ADDRESS:PORT, not a socket")
    for name in settings.agents_names:
        if _HOST.fullmatch(name.lower()) is None and not _is_address(name):
            raise _bad("gateway.agents_names", f"{name} is no host name and no IP address")
    if settings.agents_names:
        return str(Address(host=settings.agents_names[0], port=listen.port))
    if _is_address(listen.host) and ipaddress.ip_address(listen.host).is_unspecified:
        raise _bad("gateway.agents_names", "say under which name or address compute nodes reach gateway.agents_listen")
    return str(listen)


def agents_names(settings: GatewaySettings, urls: Iterable[str] = ()) -> tuple[str, ...]:
    """The hosts that the certificate of the agents listener has to carry; `urls`: what agents are told to call instead.

    Raises BadSettings.
    """
    first = agents_address(settings)
    hosts = [first.rpartition(":")[0].strip("[]")] if first else []
    hosts += [host for host in (urlsplit(url).hostname for url in urls) if host]
    return tuple(dict.fromkeys((*hosts, *settings.agents_names)))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What this portal and its sessions are called. `port` None: the scheme's own, not written in URLs."""

    instance: str
    portal_host: str
    apps_domain: str
    scheme: str
    port: int | None

    @classmethod
    def of(cls, settings: GatewaySettings, instance: str) -> "Names":
        """The names that follow from the settings. Raises BadSettings."""
        listen = parse_address(settings.listen, "gateway.listen")
        if settings.public_origin:
            scheme, host, port = _origin(settings.public_origin)
            if settings.tls_certificate and scheme != "https":
                raise _bad("gateway.public_origin", "with gateway.tls_certificate it begins with https://")
        else:
            scheme = "https" if settings.tls_certificate else "http"
            host, port = f"armchair-{instance}.localhost", listen.port or DEFAULT_PORT
        apps = settings.apps_domain.lower() or (f"apps-{instance}.localhost" if host.endswith(".localhost") else "")
        if _HOST.fullmatch(apps) is None:
            raise _bad("gateway.apps_domain", "a portal with a public name needs a domain for its sessions")
        if host == apps or host.endswith(f".{apps}") or len(apps) > 180:
            raise _bad("gateway.apps_domain", "the portal's own name may not lie under the sessions' domain")
        return cls(
            instance=instance,
            portal_host=host,
            apps_domain=apps,
            scheme=scheme,
            port=None if port == _STANDARD_PORTS[scheme] else port,
        )

    @property
    def ticket_cookie(self) -> str:
        """The cookie on a session's host that lets a browser in."""
        return f"__Host-armchair-{self.instance}"

    @property
    def cli_cookie(self) -> str:
        """The same for programs: curl drops Secure cookies on `http://*.localhost`. Never accepted from a browser."""
        return f"armchair-{self.instance}-cli"

    @property
    def login_cookie(self) -> str:
        """The portal's own login cookie."""
        return f"__Host-armchair-{self.instance}-login"

    @property
    def portal_origin(self) -> str:
        return self._origin(self.portal_host)

    def portal_url(self, path: str = "/") -> str:
        """A URL of the portal; `path` begins with "/"."""
        return self.portal_origin + path

    def session_host(self, session: str) -> str:
        return f"{session}.{self.apps_domain}"

    def session_origin(self, session: str) -> str:
        return self._origin(self.session_host(session))

    def session_url(self, session: str, path: str = "/") -> str:
        """A URL of a session's own host; `path` begins with "/"."""
        return self.session_origin(session) + path

    def is_portal(self, host: str) -> bool:
        """Whether a Host header (with or without port) names the portal."""
        return _hostname(host) == self.portal_host

    def session_of(self, host: str) -> str | None:
        """The session that a Host header (with or without port) names; None when it is no session's host."""
        label, _, domain = _hostname(host).partition(".")
        return label if domain == self.apps_domain and re.fullmatch(_LABEL, label, re.ASCII) else None

    def _origin(self, host: str) -> str:
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")


def _hostname(header: str) -> str:
    """The Host header without its port, in lower case; "" when something else follows the name."""
    name, colon, port = header.partition(":")
    return name.lower() if not colon or (port.isascii() and port.isdigit()) else ""


def _origin(text: str) -> tuple[str, str, int]:
    problem = _bad("gateway.public_origin", "write a scheme and a host, for example https://armchair.example.org")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise problem from None
    host = parts.hostname or ""
    extra = parts.path.rstrip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in _STANDARD_PORTS or extra or _HOST.fullmatch(host) is None:
        raise problem
    return parts.scheme, host, port or _STANDARD_PORTS[parts.scheme]


def _bad(key: str, problem: str) -> BadSettings:
    return BadSettings("bad_settings", key=key, origin="", problem=problem)
