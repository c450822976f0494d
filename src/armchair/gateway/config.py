"""HAProxy's configuration as text: pure rendering of the one template, with a fingerprint of all that it depends on."""

import functools
import hashlib
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from armchair.domain.errors import BadSettings
from armchair.gateway.names import Address, Names, parse_address
from armchair.gateway.settings import GatewaySettings
from armchair.gateway.ticketkeys import PublicKey

# HAProxy needs some for itself beside two for each connection
SPARE_FILES = 200
MOST_CONNECTIONS = 10_000
# for each source address of the agents listener: open connections, and requests and refused requests in 10 s. A hundred
# sessions behind one address, all just starting, stay far below.
AGENTS_CONNECTIONS = 3_000
AGENTS_REQUESTS = 3_000
AGENTS_ERRORS = 300
# in `trusted_proxies`: whoever may open the unix socket of `listen`
UNIX_WORD = "unix"


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """How browsers come in. `certificates`: files as seen from the configuration's directory; none: plain HTTP."""

    listen: Address
    certificates: tuple[str, ...] = ()
    redirect_from: Address | None = None
    hsts: timedelta = timedelta(0)
    trusted: tuple[str, ...] = ()
    trust_unix: bool = False
    proxy_protocol: bool = False
    group: str = ""

    @classmethod
    def of(cls, settings: GatewaySettings, names: Names, certificates: tuple[str, ...]) -> "Front":
        """What the settings ask for. Raises BadSettings."""
        listen = parse_address(settings.listen, "gateway.listen")
        trusted = tuple(one for one in settings.trusted_proxies if one != UNIX_WORD)
        if settings.proxy_protocol and not settings.trusted_proxies:
            raise bad("gateway.proxy_protocol", "say in gateway.trusted_proxies who speaks it")
        if names.scheme == "https" and not certificates and not listen.local and not trusted:
            raise bad(
                "gateway.tls_certificate",
                "an https origin on an address that others can reach needs a certificate, or gateway.trusted_proxies",
            )
        if settings.redirect_from and names.scheme != "https":
            raise bad("gateway.redirect_from", "there is no https address to send visitors to")
        return cls(
            listen=listen,
            certificates=certificates,
            redirect_from=parse_address(settings.redirect_from, "gateway.redirect_from") if settings.redirect_from else None,
            hsts=settings.hsts if names.scheme == "https" else timedelta(0),
            trusted=checked_networks(trusted, "gateway.trusted_proxies"),
            trust_unix=UNIX_WORD in settings.trusted_proxies,
            proxy_protocol=settings.proxy_protocol,
            group=settings.listen_group,
        )

    @property
    def only_trusted(self) -> bool:
        """Whether the plain listener is for proxies only: what others send there in the clear was meant to be secret."""
        return bool(self.trusted) and not self.certificates and not self.listen.local

    @property
    def hsts_seconds(self) -> int:
        """0: not said."""
        return int(self.hsts.total_seconds())

    @property
    def bind(self) -> str:
        """What follows `bind`."""
        if self.listen.path:
            where = f"unix@{self.listen.path} " + (f"mode 660 group {self.group}" if self.group else "mode 600")
        else:
            where = str(self.listen)
        crt = "".join(f" crt {file}" for file in self.certificates)
        return where + (f" ssl{crt} alpn h2,http/1.1" if crt else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the template is filled with. `keys` is the keys' directory, and `lists` what stands before a list's name, as seen
    from the configuration's own directory. `group` may open the sockets for orders.
    """

    names: Names
    front: Front
    agents: Address
    runtime: Path
    keys: str
    ticket_keys: tuple[PublicKey, ...]
    lists: str
    group: str
    networks: tuple[str, ...]
    maxconn: int


def render(facts: Facts, depends: Mapping[str, bytes]) -> tuple[str, str]:
    """The configuration and its fingerprint, which changes with the text and with the files in `depends` (name → content)."""
    first = _text(facts, "")
    digest = hashlib.sha256(first.encode())
    for name in sorted(depends):
        digest.update(name.encode() + b"\0" + hashlib.sha256(depends[name]).digest())
    fingerprint = f"armchair-{facts.names.instance}-{digest.hexdigest()[:32]}"
    return _text(facts, fingerprint), fingerprint


@functools.cache
def away_page() -> bytes:
    """What a browser sees while the portal itself is not running."""
    return files("armchair.gateway").joinpath("templates/away.html").read_bytes()


def connections(wanted: int, hard_limit: int) -> int:
    """How many connections to allow: as wanted (0: as many as is sensible), within the hard limit of open files.

    Raises BadSettings when more is wanted than the limit allows.
    """
    possible = (hard_limit - SPARE_FILES) // 2
    if wanted > possible:
        problem = f"the hard limit of {hard_limit} open files allows at most {possible} connections"
        raise bad("gateway.maxconn", problem)
    return wanted or max(1, min(possible, MOST_CONNECTIONS))


def checked_networks(networks: Sequence[str], key: str = "gateway.networks") -> tuple[str, ...]:
    """The networks in canonical form. Raises BadSettings."""
    try:
        return tuple(str(ipaddress.ip_network(network)) for network in networks)
    except ValueError as error:
        raise bad(key, str(error)) from error


def bad(key: str, problem: str) -> BadSettings:
    return BadSettings("bad_settings", key=key, origin="", problem=problem)


@functools.cache
def template() -> Template:
    """The one template, read once."""
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - no HTML
    return environment.from_string(files("armchair.gateway").joinpath("templates/haproxy.cfg.j2").read_text("utf-8"))


def _text(facts: Facts, fingerprint: str) -> str:
    # not HTML: every value was checked by the settings and by Names
    names = facts.names
    return template().render(
        fingerprint=fingerprint,
        maxconn=facts.maxconn,
        runtime=facts.runtime,
        front=facts.front,
        redirect_bind=str(facts.front.redirect_from) if facts.front.redirect_from else "",
        agents_connections=AGENTS_CONNECTIONS,
        agents_requests=AGENTS_REQUESTS,
        agents_errors=AGENTS_ERRORS,
        socket_mode=f"mode 660 group {facts.group}" if facts.group else "mode 600",
        agents_bind=str(facts.agents),
        keys=facts.keys,
        ticket_keys=facts.ticket_keys,
        lists=facts.lists,
        scheme=names.scheme,
        portal_host=names.portal_host,
        apps_pattern=re.escape(names.apps_domain),
        ticket_cookie=names.ticket_cookie,
        cli_cookie=names.cli_cookie,
        port=names.port,
        networks=" ".join(facts.networks),
    )
