"""The environment of a local job: that of a fresh login, and nothing else of the portal's."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

_SYSTEM = "/usr/local/bin:/usr/bin:/bin"
_ADMIN = "/usr/local/sbin:/usr/sbin:/sbin"


def login_environment(
    user: pwd.struct_passwd, portal: Mapping[str, str], path: str, extra: Mapping[str, str]
) -> dict[str, str]:
    """Variables for a job of `user`. `portal` is the portal's own environment: only language and runtime directory count."""
    environment = {
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "SHELL": user.pw_shell or "/bin/sh",
        "PATH": path or _login_path(user),
        "LANG": portal.get("LANG") or "C.UTF-8",
        "TERM": "dumb",
    }
    runtime = portal.get("XDG_RUNTIME_DIR", "")
    if runtime and os.access(runtime, os.W_OK):
        environment["XDG_RUNTIME_DIR"] = runtime
    return {**environment, **extra}


def _login_path(user: pwd.struct_passwd) -> str:
    own = [str(place) for name in (".local/bin", "bin") if (place := Path(user.pw_dir, name)).is_dir()]
    return ":".join([*own, _SYSTEM, _ADMIN] if user.pw_uid == 0 else [*own, _SYSTEM])
