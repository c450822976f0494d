"""The directory where the gateway's sockets live: short path, local disk, ours alone."""

import os
import stat
from pathlib import Path

from armchair.domain.errors import BadSettings, Conflict
from armchair.gateway.places import group_id
from armchair.gateway.settings import GatewaySettings

# HAProxy takes socket paths of up to 97 bytes, and writes new ones under a longer name first
MOST_BYTES = 50
# group may write, setgid, and the sticky bit: only its owner removes a socket
SHARED = 0o3770


def prepare(settings: GatewaySettings, instance: str) -> Path:
    """Make sure that the directory exists with mode 0700 and is ours.

    The same call gives the same path as long as $XDG_RUNTIME_DIR stays. Raises BadSettings when the path is too long, and
    Conflict("runtime_directory_unsafe", path=…) when somebody else owns it or it is not a plain directory. With `gateway.group`
    the directory is that group's, with mode 3770: Conflict("runtime_directory_not_shared", path=, group=) otherwise.
    """
    path = Path(settings.runtime_directory).absolute() if settings.runtime_directory else _default(instance)
    if len(os.fsencode(path)) > MOST_BYTES:
        problem = f"the path has more than {MOST_BYTES} bytes: {path}"
        raise BadSettings("bad_settings", key="gateway.runtime_directory", origin="", problem=problem)
    if settings.group:
        return _shared(path, settings.group)
    try:
        path.mkdir(mode=0o700, parents=bool(settings.runtime_directory), exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise Conflict("runtime_directory_unsafe", path=str(path)) from error
    # in /tmp anybody may have made it before us, also as a link to somewhere else
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise Conflict("runtime_directory_unsafe", path=str(path))
    if stat.S_IMODE(found.st_mode) != 0o700:
        path.chmod(0o700)
    return path


def _shared(path: Path, group: str) -> Path:
    """A directory of two accounts: their group may write, nobody else may enter, and no account removes another's sockets."""
    wanted = group_id(group, "gateway.group")
    try:
        path.mkdir(mode=0o770, exist_ok=True)
        found = path.lstat()
        if found.st_uid == os.getuid() and wanted is not None:
            os.chown(path, -1, wanted)
            path.chmod(SHARED)
            found = path.lstat()
    except OSError as error:
        raise Conflict("runtime_directory_unsafe", path=str(path)) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_gid != wanted or stat.S_IMODE(found.st_mode) != SHARED:
        raise Conflict("runtime_directory_not_shared", path=str(path), group=group)
    return path


def _default(instance: str) -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if base.startswith("/"):
        path = Path(base) / f"armchair-{instance}"
        if Path(base).is_dir() and os.access(base, os.W_OK) and len(os.fsencode(path)) <= MOST_BYTES:
            return path
    # not the TMPDIR of some shell: every command of this user must find the same place
    return Path(f"/tmp/armchair-{os.getuid()}-{instance}")  # noqa: S108 - ownership is checked above
