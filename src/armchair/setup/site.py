"""The names of everything that a site has: accounts, groups, places. The helper's configuration decides, where it is there."""

from dataclasses import dataclass, field
from pathlib import Path

from armchair.helper.config import HelperConfig, load
from armchair.settings import load as load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as it should be."""

    what: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What `armchair setup` was told and found. `program` is the `armchair` command that the services run."""

    program: Path
    helper: HelperConfig = field(default_factory=HelperConfig)
    group: str = "armchair"
    settings_directory: Path = Path("/etc/armchair")
    home: Path = Path("/var/lib/armchair")
    gateway_directory: Path = Path("/var/lib/armchair-gateway")
    runtime_directory: Path = Path("/run/armchair")
    units: Path = Path("/etc/systemd/system")
    origin: str = "https://armchair.example.org"
    apps_domain: str = "apps-example.org"
    nodes: tuple[str, ...] = ("10.0.0.0/8",)
    hub: str = ""  # where agents that connect out find the hub, as in armchair.toml; "": the site has none
    debian: bool = True

    @property
    def helper_file(self) -> Path:
        """The helper's configuration."""
        return self.settings_directory / "helper.toml"

    @property
    def portal_file(self) -> Path:
        """The settings of portal and gateway."""
        return self.settings_directory / "armchair.toml"

    @property
    def hub_unit(self) -> Path:
        """The hub's service, on a site that has one."""
        return self.units / "armchair-hub.service"

    @property
    def services(self) -> tuple[str, ...]:
        """The services to be started, by name."""
        return ("armchair-helper", "armchair", "armchair-gateway", *(["armchair-hub"] if self.hub else []))

    @property
    def host(self) -> str:
        """The portal's own host name."""
        return self.origin.partition("://")[2].partition("/")[0].partition(":")[0]


def helper_of(settings_directory: Path, root: Path, apps_domain: str, host: str) -> HelperConfig:
    """The helper's configuration that is there, else the one that will be written. Raises BadSettings."""
    path = root / str(settings_directory).lstrip("/") / "helper.toml"
    return load(path) if path.exists() else HelperConfig(apps_domain=apps_domain, agents_names=(host,))


def hub_of(first: Site, root: Path) -> str:
    """`hub.listen` of the portal's settings that are there: "" without a hub, and before there are any. Raises BadSettings."""
    path = root / str(first.portal_file).lstrip("/")
    # the services have no variables of whoever sets up
    return load_settings(first.home, path, {}).settings.hub.listen if path.exists() else ""
