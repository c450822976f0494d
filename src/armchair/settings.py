"""Composes the rooms' settings: defaults < TOML file < environment < command line, each value with its origin.

<home>/armchair.toml          [gateway]
                              listen = "127.0.0.1:9000"
environment                   ARMCHAIR__GATEWAY__LISTEN=127.0.0.1:9000
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from armchair.accounts.settings import AccountSettings
from armchair.accounts.sitesettings import SiteSettings
from armchair.catalogue.settings import CatalogueSettings
from armchair.domain.errors import BadSettings
from armchair.gateway.hub.settings import HubSettings
from armchair.gateway.settings import GatewaySettings
from armchair.launchers.local.settings import LocalSettings
from armchair.launchers.registry import installed
from armchair.launchers.slurm.settings import SlurmSettings
from armchair.notify.settings import NoticesSettings
from armchair.sessions.settings import SessionsSettings

FILE = "armchair.toml"
PREFIX = "ARMCHAIR__"
DEFAULT = "default"
# the launchers whose settings are checked here, each by its own model
SECTIONS: Mapping[str, type[BaseModel]] = {"local": LocalSettings, "slurm": SlurmSettings}
_CLUSTER = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"\s*(\d+)\s*([smhd])\s*", re.ASCII)


class LaunchersSettings(BaseModel):
    """One section for each launcher. Those of other packages check their own."""

    model_config = ConfigDict(frozen=True, extra="allow")

    local: LocalSettings = Field(default_factory=LocalSettings, description="Jobs on this machine.")


class Settings(BaseModel):
    """All settings of a portal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gateway: GatewaySettings = Field(default_factory=GatewaySettings)
    hub: HubSettings = Field(default_factory=HubSettings)
    accounts: AccountSettings = Field(default_factory=AccountSettings)
    site: SiteSettings = Field(default_factory=SiteSettings)
    sessions: SessionsSettings = Field(default_factory=SessionsSettings)
    notices: NoticesSettings = Field(default_factory=NoticesSettings)
    catalogue: CatalogueSettings = Field(default_factory=CatalogueSettings)
    launchers: LaunchersSettings = Field(default_factory=LaunchersSettings)
    clusters: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="One table `[clusters.NAME]` for each cluster: `launcher` (`local` or `slurm`) and that launcher's own "
        "settings. Empty: one cluster `local`, this machine.",
    )

    def cluster_launchers(self) -> Mapping[str, tuple[str, Mapping[str, object]]]:
        """For each cluster the name of its launcher and that launcher's settings, for the launchers' registry."""
        defaults: dict[str, Mapping[str, object]] = {"local": self.launchers.local.model_dump()}
        defaults |= {name: dict(values) for name, values in (self.launchers.model_extra or {}).items()}
        found: dict[str, tuple[str, Mapping[str, object]]] = {}
        for name, values in (self.clusters or {"local": {}}).items():
            launcher = str(values.get("launcher", name if name in SECTIONS else "local"))
            own = {key: value for key, value in values.items() if key != "launcher"}
            found[name] = (launcher, {**defaults.get(launcher, {}), **own})
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The settings and where each that is not a default came from: `file:line`, a variable or an option."""

    settings: Settings
    origins: Mapping[str, str]

    def origin(self, key: str) -> str:
        """Where the value of this key came from; "default" when nobody set it."""
        return self.origins.get(key, DEFAULT)

    def rows(self) -> Iterator[tuple[str, object, str]]:
        """(key, value, origin) of every setting, in the order of the reference."""
        for key, _ in known_keys():
            value: Any = self.settings
            for part in key.split("."):
                value = getattr(value, part)
            yield key, value, self.origin(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What `armchair serve` was told. `config` None: `<home>/armchair.toml` if it is there."""

    home: Path
    listen: str = ""
    config: Path | None = None
    launcher: str = ""

    def load(self, environ: Mapping[str, str] = os.environ) -> Loaded:
        """The settings these options lead to. Raises BadSettings."""
        options = {"gateway.listen": ("option --listen", self.listen)} if self.listen else {}
        if self.launcher:
            options[f"clusters.{self.launcher}.launcher"] = ("option --launcher", self.launcher)
        return load(self.home, self.config, environ, options)


def default_home(environ: Mapping[str, str] = os.environ) -> Path:
    """$ARMCHAIR_HOME, else `armchair` in the user's state directory (`~/.local/state`)."""
    chosen = environ.get("ARMCHAIR_HOME")
    return Path(chosen).absolute() if chosen else Path(platformdirs.user_state_dir("armchair"))


def load(
    home: Path,
    config: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    options: Mapping[str, tuple[str, str]] | None = None,
) -> Loaded:
    """Read the settings of this home. `options` are (origin, text) by key.

    Raises BadSettings(key, origin, problem) for a file that can't be read, an unknown key or a value that is not allowed.
    """
    tree: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for key, value, origin in (
        *_from_file(config or home / FILE, required=config is not None),
        *_from_environment(environ),
        *((key, text, origin) for key, (origin, text) in (options or {}).items()),
    ):
        _check_known(key, origin)
        _put(tree, key, _prepared(key, value))
        origins[key] = origin
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise _explained(error, origins) from None
    for name, (launcher, values) in settings.cluster_launchers().items():
        _check_cluster(name, launcher, values, origins)
    return Loaded(settings=settings, origins=origins)


def _check_cluster(name: str, launcher: str, values: Mapping[str, object], origins: Mapping[str, str]) -> None:
    origin = next((origin for key, origin in origins.items() if key.startswith(f"clusters.{name}.")), "")
    if _CLUSTER.fullmatch(name) is None:
        raise _bad(f"clusters.{name}", origin, "A cluster's name begins with a letter and has only a-z, 0-9, - and _.")
    if launcher not in installed():
        raise _bad(
            f"clusters.{name}.launcher", origin, f"There is no such launcher. Installed are: {', '.join(sorted(installed()))}."
        )
    try:
        if launcher in SECTIONS:
            SECTIONS[launcher].model_validate(values)
    except ValidationError as error:
        found = _explained(error, origins, f"clusters.{name}.")
        if error.errors(include_url=False)[0]["type"] == "extra_forbidden":
            # it is another launcher's: mostly the line that names that one is missing
            problem = f"The launcher {launcher} has no such setting. Does [clusters.{name}] say its `launcher`?"
            raise _bad(str(found.params["key"]), str(found.params["origin"]), problem) from None
        raise found from None


def known_keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """(dotted key, its field) of every setting."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from known_keys(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def shown(value: object) -> str:
    """A value as one writes it in the TOML file."""
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        unit = next(unit for unit in ("d", "h", "m", "s") if seconds % _UNITS[unit] == 0) if seconds else "s"
        return json.dumps(f"{seconds // _UNITS[unit]}{unit}")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (tuple, list, frozenset)):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    if isinstance(value, Enum):
        return shown(value.value)
    if value is None or isinstance(value, Path):
        return json.dumps(str(value or ""))
    return json.dumps(value, ensure_ascii=False)


# --- where values come from ----------------------------------------------------------------------------------------


def _from_file(path: Path, *, required: bool) -> Iterator[tuple[str, object, str]]:
    try:
        text = path.read_text("utf-8")
        tree = tomllib.loads(text)
    except FileNotFoundError:
        if required:
            raise _bad("", str(path), "There is no such file.") from None
        return
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _bad("", str(path), f"The file can't be read as TOML: {error}.") from None
    leaves = {key for key, _ in known_keys() if key != "clusters"}
    leaves |= {f"clusters.{name}.{key}" for name in tree.get("clusters", {}) for key in _any_launcher_settings()}
    for key, value in _leaves(tree, leaves):
        yield key, value, f"{path}:{_line(text, key)}"


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, object, str]]:
    for name in sorted(environ):
        if name.startswith(PREFIX):
            yield name.removeprefix(PREFIX).lower().replace("__", "."), environ[name], name


def _leaves(tree: Mapping[str, Any], leaves: set[str], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Values by dotted key; a table that is itself a value (a mapping of names) stays whole."""
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and key not in leaves:
            yield from _leaves(value, leaves, f"{key}.")
        else:
            yield key, value


def _line(text: str, key: str) -> int:
    """The line that sets this key, counted from 1; 1 when it is written in a way that this does not see through."""
    table, parts = "", key.split(".")
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.fullmatch(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?", line)
        name = re.match(r"\s*([A-Za-z0-9_.\"' -]+?)\s*=", line)
        if header:
            table = re.sub(r"[\s\"']", "", header[1])
        written = table if header else ".".join(filter(None, (table, re.sub(r"[\s\"']", "", name[1])))) if name else ""
        # a key is set by its own line, or by an inline table that holds it
        if written and not (header and written != key) and parts[: written.count(".") + 1] == written.split("."):
            return number
    return 1


def _put(tree: dict[str, Any], key: str, value: object) -> None:
    *sections, name = key.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
    tree[name] = value


# --- what values mean ----------------------------------------------------------------------------------------------


def _check_known(key: str, origin: str) -> None:
    known = [name for name, _ in known_keys()]
    if key.startswith("clusters.") and key.count(".") > 1:
        cluster = key.split(".")[1]
        known = [f"clusters.{cluster}.launcher", *(f"clusters.{cluster}.{name}" for name in _any_launcher_settings())]
        if _other_launchers():
            return
    if key in known or (key.startswith("launchers.") and key.split(".")[1] in _other_launchers()):
        return
    last = {name.rpartition(".")[2]: name for name in known}
    close = difflib.get_close_matches(key, known, 1) or [
        last[name] for name in difflib.get_close_matches(key.rpartition(".")[2], last, 1)
    ]
    hint = f" Did you mean {close[0]}?" if close else " `armchair config show` lists all settings."
    raise _bad(key, origin, f"There is no such setting.{hint}")


def _any_launcher_settings() -> dict[str, FieldInfo]:
    return {key: field for model in SECTIONS.values() for key, field in known_keys(model)}


def _other_launchers() -> frozenset[str]:
    return installed() - SECTIONS.keys()


def _prepared(key: str, value: object) -> object:
    """Text from outside in the form that the field's type takes: durations with a unit, lists, tables and "" for none."""
    fields = dict(known_keys())
    if key.startswith("clusters."):
        fields = {f"clusters.{key.split('.')[1]}.{name}": field for name, field in _any_launcher_settings().items()}
    kind = fields[key].annotation if key in fields else None
    if not isinstance(value, str) or kind is str:
        return value
    if value == "" and type(None) in get_args(kind):
        return None
    if kind is timedelta or timedelta in get_args(kind):
        found = _DURATION.fullmatch(value)
        return timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else value
    if value.startswith(("[", "{")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return [part.strip() for part in value.split(",") if part.strip()] if get_args(kind)[-1:] == (...,) else value


def _explained(error: ValidationError, origins: Mapping[str, str], prefix: str = "") -> BadSettings:
    first = error.errors(include_url=False)[0]
    key = prefix + ".".join(str(part) for part in first["loc"])
    known = [name for name in origins if key == name or key.startswith(f"{name}.") or name.startswith(f"{key}.")]
    problem = f"{first['msg']}."
    if first["type"] in {"time_delta_parsing", "time_delta_type"}:
        problem = "Write a whole number with a unit: 30s, 10m, 4h or 7d."
    return _bad(key, origins[known[0]] if known else "", problem)


def _bad(key: str, origin: str, problem: str) -> BadSettings:
    return BadSettings("bad_settings", key=key, origin=origin, problem=problem)
