"""What the administrator sets for the helper, in a TOML file that only root can write."""

import tomllib
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from armchair.domain.errors import BadSettings

DEFAULT = Path("/etc/armchair/helper.toml")


class ClusterConfig(BaseModel):
    """One cluster: where its commands are. `extra_args` must be the same as in the portal's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bin_directory: Path = Path("/usr/bin")
    slurm_conf: str = ""
    extra_args: tuple[str, ...] = ()


class HelperConfig(BaseModel):
    """All of it. Groups stand as `@name` in `operators` and `admins`, logins as `name`.

    `group` is whose members may log in and be acted for. `login_lifetime_days` bounds an assertion; `most_hours` is the longest
    time that a session may be extended to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    socket: Path = Path("/run/armchair-helper/helper.sock")
    web_account: str = "armchair-web"
    gateway_account: str = "armchair-gateway"
    account: str = "armchair-helper"
    group: str = "armchair-users"
    minimum_uid: int = Field(default=1000, ge=1)
    pam_service: str = Field(default="armchair", pattern=r"^[a-z0-9_-]+$")
    operators: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()
    state_directory: Path = Path("/var/lib/armchair-helper")
    web_keys: Path = Path("/var/lib/armchair-keys/web")
    gateway_keys: Path = Path("/var/lib/armchair-keys/gateway")
    audit_log: Path = Path("/var/log/armchair-helper/audit.jsonl")
    apps_domain: str = ""
    agents_names: tuple[str, ...] = ()
    login_lifetime_days: int = Field(default=7, ge=1, le=365)
    most_hours: int = Field(default=24, ge=1, le=10_000)
    sudo: Path = Path("/usr/bin/sudo")
    clusters: dict[str, ClusterConfig] = Field(default_factory=lambda: {"slurm": ClusterConfig()})

    @property
    def login_lifetime(self) -> timedelta:
        """How long an assertion counts."""
        return timedelta(days=self.login_lifetime_days)


def load(path: Path = DEFAULT) -> HelperConfig:
    """The configuration in this file. Raises BadSettings for anything that is not one."""
    try:
        return HelperConfig.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadSettings("bad_settings", key=key, origin=str(path), problem=f"{first['msg']}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings("bad_settings", key="", origin=str(path), problem=f"The file can't be read: {error}.") from None
