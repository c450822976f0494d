"""What a container is to be: the wish of `container.json`, and what this node and this session make of it."""

import json
import os
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from armchair.wire.trouble import Trouble

FILE = "container.json"


class Bind(NamedTuple):
    """A directory or file of the node that is seen inside, at `target`."""

    source: str
    target: str
    writable: bool


class Wish(NamedTuple):
    """What the portal asks for. `~` and variables in paths are the node's.

    `runtimes`: names, in the order in which they are tried. `binds`: (source, target, "ro" or "rw", "must" or "may" be there).
    `home`: whether the person's home is seen inside. `nv`: whether NVIDIA's GPUs are. `environment`: names of variables that go
    inside besides Armchair's own.
    """

    image: str
    runtimes: Tuple[str, ...]
    binds: Tuple[Tuple[str, str, str, str], ...]
    home: bool
    nv: bool
    environment: Tuple[str, ...]


class Box(NamedTuple):
    """A container that a runtime can start: `root` is a directory with the image's content, or the image itself."""

    root: str
    kind: str
    binds: Tuple[Bind, ...]
    environment: Dict[str, str]
    directory: str
    nv: bool
    command: Tuple[str, ...]


def read(directory: str) -> Wish:
    """The wish in the run's private directory. Raises OSError and ValueError."""
    with open(os.path.join(directory, FILE), encoding="utf-8") as file:
        data: Dict[str, Any] = json.load(file)
    return Wish(
        image=expand(str(data["image"])),
        runtimes=tuple(str(one) for one in data["runtimes"]),
        binds=tuple((str(row[0]), str(row[1]), str(row[2]), str(row[3])) for row in data["binds"]),
        home=bool(data["home"]),
        nv=bool(data["nv"]),
        environment=tuple(str(one) for one in data["environment"]),
    )


def expand(path: str) -> str:
    """The path with `~` and variables of the environment filled in."""
    # UTF-8, also where the node's language has no such letters
    text = os.fsdecode(path.encode("utf-8", "replace"))
    return os.path.normpath(os.path.expandvars(os.path.expanduser(text)))


def home(wish: Wish, private: str) -> str:
    """The home directory inside: the person's, or an empty one that goes with the session. Raises OSError."""
    if wish.home:
        return os.path.expanduser("~")
    empty = os.path.join(private, "home")
    os.makedirs(empty, mode=0o700, exist_ok=True)
    return empty


def binds(wish: Wish, private: str, environment: Dict[str, str]) -> Tuple[Bind, ...]:
    """All that is seen inside, outer things first: /tmp (with the display's socket), the session's own directory, home, the
    display's cookie and what the wish names. Raises Trouble.
    """
    found = [Bind("/tmp", "/tmp", True), Bind(private, private, True)]
    for source, target, mode, need in wish.binds:
        there = expand(source)
        if os.path.exists(there):
            found.append(Bind(there, expand(target or source), mode == "rw"))
        elif need == "must":
            raise Trouble("bind_missing", "This node has no %s, which the container is to see." % there)
    if wish.home:
        found.append(Bind(home(wish, private), home(wish, private), True))
    cookie = environment.get("XAUTHORITY", "")
    if os.path.isfile(cookie):
        found.append(Bind(cookie, cookie, False))
    return tuple(_needed(sorted(found, key=lambda one: one.target.rstrip("/").count("/"))))


def _needed(found: Sequence[Bind]) -> List[Bind]:
    """Without those that a bind before them shows at the same place anyway."""
    kept: List[Bind] = []
    for one in found:
        if not any(_shows(other, one) for other in kept):
            kept.append(one)
    return kept


def _shows(outer: Bind, inner: Bind) -> bool:
    if inner.target != outer.target and not inner.target.startswith(outer.target.rstrip("/") + "/"):
        return False
    same = os.path.normpath(outer.source + "/" + inner.target[len(outer.target) :]) == inner.source
    return same and (outer.writable or not inner.writable)
