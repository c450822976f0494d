"""Where the gateway's files and sockets lie: for one account that does everything, and for a site with several.

On a site the web process and the gateway are two accounts that share one Unix group and little else: the directory of sockets,
and the two lists of refused ids, which the web process writes and the gateway reads.
"""

import grp
import os
from dataclasses import dataclass
from pathlib import Path

from armchair.domain.errors import BadSettings, Unavailable
from armchair.gateway.doorkeeper import REVOKED, STALE
from armchair.gateway.settings import GatewaySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """`directory` holds the rendered configuration, `keys` what HAProxy reads of the keys, `lists` the refused ids.

    `group` is the id of the Unix group that web process and gateway share; None when they are one account.
    """

    directory: Path
    keys: Path
    lists: Path
    runtime: Path
    group: int | None

    @classmethod
    def of(cls, settings: GatewaySettings, home: Path, runtime: Path) -> "Places":
        """Raises BadSettings for a group that does not exist."""
        lists = home / "gateway"
        return cls(
            directory=Path(settings.directory).absolute() if settings.directory else lists,
            keys=Path(settings.keys_directory).absolute() if settings.keys_directory else home / "keys",
            lists=lists,
            runtime=runtime,
            group=group_id(settings.group, "gateway.group"),
        )

    @property
    def separate(self) -> bool:
        """Whether the lists are another account's: the web process makes them."""
        return self.lists != self.directory

    def require_lists(self) -> None:
        """Raises Unavailable("gateway_lists_missing", path=…) while they have not been made, or we may not read them."""
        for name in (REVOKED, STALE):
            if not os.access(self.lists / name, os.R_OK):
                raise Unavailable("gateway_lists_missing", path=str(self.lists / name))

    @property
    def master_socket(self) -> Path:
        """HAProxy's, for orders."""
        return self.runtime / "master.sock"

    @property
    def web_socket(self) -> Path:
        """Where the web process listens for browsers' requests."""
        return self.runtime / "web.sock"

    @property
    def agents_socket(self) -> Path:
        """Where the web process listens for agents' requests."""
        return self.runtime / "agents.sock"

    @property
    def report(self) -> Path:
        """Where the gateway's process leaves word of its certificates for the portal."""
        return self.runtime / "certificates.json"

    @property
    def lists_reference(self) -> str:
        """What stands before a list's name in the configuration and in orders: "" beside the configuration."""
        return f"{self.lists}/" if self.separate else ""

    @property
    def keys_reference(self) -> str:
        """The keys' directory as the configuration names it."""
        return os.path.relpath(self.keys, self.directory) if self.keys.parent == self.directory.parent else str(self.keys)


def group_id(name: str, key: str) -> int | None:
    """The id of a Unix group; None for "". Raises BadSettings."""
    if not name:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise BadSettings("bad_settings", key=key, origin="", problem=f"there is no Unix group {name}") from None
