"""The person's name in a container: /etc/passwd and /etc/group of the image with the account that runs it."""

import grp
import os
import pwd
from typing import List, Tuple

from armchair.node.container import within
from armchair.node.container.box import Bind

_NETWORK = ("/etc/resolv.conf", "/etc/hosts")


def binds(root: str, private: str, home: str) -> Tuple[Bind, ...]:
    """Such files, made in the run's private directory, and the node's own for names in the network."""
    made = [
        Bind(_written(root, private, "passwd", _person(home)), "/etc/passwd", False),
        Bind(_written(root, private, "group", _group()), "/etc/group", False),
    ]
    return (*made, *(Bind(os.path.realpath(path), path, False) for path in _NETWORK if os.path.isfile(path)))


def _person(home: str) -> List[str]:
    uid, gid = os.getuid(), os.getgid()
    try:
        known = pwd.getpwuid(uid)
        return [known.pw_name, "x", str(uid), str(gid), known.pw_gecos, home, "/bin/sh"]
    except KeyError:
        return [os.environ.get("USER", "user"), "x", str(uid), str(gid), "", home, "/bin/sh"]


def _group() -> List[str]:
    gid = os.getgid()
    try:
        return [grp.getgrgid(gid).gr_name, "x", str(gid), ""]
    except KeyError:
        return [str(gid), "x", str(gid), ""]


def _written(root: str, private: str, name: str, fields: List[str]) -> str:
    """The image's file without entries of the same name or number, with this one."""
    path = os.path.join(private, name)
    lines = within.lines(root, "/etc/" + name)
    kept = [line for line in lines if line and line.split(":")[0:1] != fields[0:1] and line.split(":")[2:3] != fields[2:3]]
    half = "%s.%d" % (path, os.getpid())
    with open(half, "w", encoding="utf-8", errors="replace") as file:
        file.write("\n".join([":".join(fields), *kept]) + "\n")
    # in one step: containers of this session that run already see a whole file
    os.rename(half, path)
    return path
