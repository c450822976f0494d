"""Where a hub listens and lies: what its process is told, and what tells it from a hub with other settings."""

import hashlib
import ipaddress
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from armchair.domain.errors import BadSettings
from armchair.gateway.hub.settings import HubSettings
from armchair.gateway.names import Address, parse_address
from armchair.gateway.settings import GatewaySettings

# another one: a hub of the old version is ended and a new one started, which cuts what it carries
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """`host` and `outside` are where agents connect, `inside` is the loopback port. `keys` is the gateway's directory of keys.

    `runtime` holds the socket that tells how the hub is; members of `group` may ask, when it is given.
    """

    host: str
    outside: int
    inside: int
    keys: str
    runtime: str
    group: str = ""

    @classmethod
    def of(cls, settings: HubSettings, gateway: GatewaySettings, keys: Path, runtime: Path) -> "Places":
        """Raises BadSettings."""
        listen = _listen(settings)
        return cls(
            host=listen.host,
            outside=listen.port,
            inside=settings.port,
            keys=str(keys),
            runtime=str(runtime),
            group=gateway.group,
        )

    @property
    def status(self) -> Path:
        """The socket that tells."""
        return Path(self.runtime, "hub.sock")

    @property
    def log(self) -> Path:
        return Path(self.runtime, "hub.log")

    @property
    def fingerprint(self) -> str:
        """Differs for a hub that does something else."""
        return hashlib.sha256(f"{VERSION} {self.dump()}".encode()).hexdigest()[:32]

    def dump(self) -> str:
        """As one argument for the hub's process. There is no secret in it."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def load(cls, text: str) -> "Places":
        """What `dump` wrote."""
        return cls(**json.loads(text))


def public(settings: HubSettings, gateway: GatewaySettings) -> str:
    """Where agents call the hub, as host:port. Raises BadSettings."""
    if settings.address:
        address = parse_address(settings.address, "hub.address")
        if address.path:
            raise _bad("hub.address", "compute nodes need an ADDRESS:PORT")
        return str(address)
    if not settings.listen:
        raise _bad("hub.listen", 'a cluster with reach = "hub" needs an address where its nodes find the hub')
    listen = _listen(settings)
    if not _is_everywhere(listen.host):
        return str(listen)
    if not gateway.agents_names:
        raise _bad("hub.address", "say under which name or address compute nodes reach hub.listen")
    return str(Address(host=gateway.agents_names[0], port=listen.port))


def _listen(settings: HubSettings) -> Address:
    listen = parse_address(settings.listen, "hub.listen")
    if listen.path:
        raise _bad("hub.listen", "compute nodes need an ADDRESS:PORT, not a socket")
    return listen


def _is_everywhere(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _bad(key: str, problem: str) -> BadSettings:
    return BadSettings("bad_settings", key=key, origin="", problem=problem)
