"""Where the portal is and with which token to talk to it: from the environment, or from what `armchair serve` wrote.

ARMCHAIR_URL, ARMCHAIR_TOKEN           override everything
<home>/client.json                     mode 0600; holds the token
<config directory>/armchair/home       names the home of the portal that was started last
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import platformdirs

from armchair.client.errors import NotConfigured

FILE = "client.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """How to reach a portal. `socket` is the path of the gateway's unix socket, "" for TCP; `pid` 0 when not known."""

    url: str
    token: str = field(repr=False)
    socket: str = ""
    home: str = ""
    pid: int = 0


def find(home: Path | None = None, environ: Mapping[str, str] = os.environ) -> ClientSettings:
    """The portal to talk to. `home` names one of several on this machine. Raises NotConfigured."""
    url, token = environ.get("ARMCHAIR_URL", ""), environ.get("ARMCHAIR_TOKEN", "")
    if url and token and home is None:
        return ClientSettings(url=url, token=token)
    settings = _first(_homes(home, environ))
    if settings is None:
        where = f" with its home in {home}" if home else ""
        raise NotConfigured(
            f"No portal was started here{where} yet. Start one with `armchair serve`, or set ARMCHAIR_URL and ARMCHAIR_TOKEN."
        )
    if home is not None:
        return settings
    own = settings if not url else ClientSettings(url=url, token=settings.token)
    return ClientSettings(**{**asdict(own), "token": token}) if token else own


def write(home: Path, settings: ClientSettings) -> None:
    """Keep the settings in the home, readable by this account only, and name the home for later commands.

    Raises OSError when the home can't be written; a config directory that can't be is no obstacle.
    """
    _put(home / FILE, json.dumps(asdict(settings), indent=1))
    try:
        _put(_pointer(os.environ), str(home.absolute()))
    except OSError:
        return  # commands then need --home, or the default home


def read(home: Path) -> ClientSettings | None:
    """What the portal of this home wrote at its last start; None when it never did."""
    try:
        data = json.loads((home / FILE).read_text("utf-8"))
        return ClientSettings(**data)
    except (OSError, ValueError, TypeError):
        return None


def _homes(home: Path | None, environ: Mapping[str, str]) -> list[Path]:
    if home is not None:
        return [home]
    if environ.get("ARMCHAIR_HOME"):
        return [Path(environ["ARMCHAIR_HOME"])]
    homes = [Path(platformdirs.user_state_dir("armchair"))]
    try:
        homes.insert(0, Path(_pointer(environ).read_text("utf-8").strip()))
    except (OSError, UnicodeDecodeError):
        return homes
    return homes


def _first(homes: list[Path]) -> ClientSettings | None:
    return next((found for home in homes if (found := read(home)) is not None), None)


def _pointer(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_CONFIG_HOME") or platformdirs.user_config_dir()
    return Path(base) / "armchair" / "home"


def _put(path: Path, text: str) -> None:
    """Write a 0600 file in one step: it is whole or as before, and never readable by others."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
