"""HAProxy's configuration as text: pure rendering of the one template, with a fingerprint of all that it depends on."""

import hashlib
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from armchair.domain.errors import BadSettings
from armchair.gateway.names import Address, Names

# HAProxy needs some for itself beside two for each connection
SPARE_FILES = 200
MOST_CONNECTIONS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the template is filled with. `keys` is the keys' directory as seen from the configuration's own."""

    names: Names
    front: Address
    agents: Address
    runtime: Path
    keys: str
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
        raise BadSettings("bad_settings", key="gateway.maxconn", origin="", problem=problem)
    return wanted or max(1, min(possible, MOST_CONNECTIONS))


def checked_networks(networks: Sequence[str]) -> tuple[str, ...]:
    """The networks in canonical form. Raises BadSettings."""
    try:
        return tuple(str(ipaddress.ip_network(network)) for network in networks)
    except ValueError as error:
        raise BadSettings("bad_settings", key="gateway.networks", origin="", problem=str(error)) from error


def _text(facts: Facts, fingerprint: str) -> str:
    # not HTML: every value was checked by the settings and by Names
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - see above
    template = environment.from_string(files("armchair.gateway").joinpath("templates/haproxy.cfg.j2").read_text("utf-8"))
    names = facts.names
    return template.render(
        fingerprint=fingerprint,
        maxconn=facts.maxconn,
        runtime=facts.runtime,
        front_bind=f"unix@{facts.front.path} mode 600" if facts.front.path else str(facts.front),
        agents_bind=str(facts.agents),
        keys=facts.keys,
        scheme=names.scheme,
        portal_host=names.portal_host,
        apps_pattern=re.escape(names.apps_domain),
        ticket_cookie=names.ticket_cookie,
        cli_cookie=names.cli_cookie,
        networks=" ".join(facts.networks),
    )
