"""Which processor a program is made for, read from its first bytes."""

import os
import struct
from typing import Optional

_HEADER = 20
_FORWARDS, _MOST_LINKS = 1, 40
# e_machine of the ELF header → the name that the kernel has for such a machine
_MACHINES = {
    3: "i686",
    20: "ppc",
    21: "ppc64",
    22: "s390x",
    40: "arm",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
    258: "loongarch64",
}
# what a machine runs besides programs of its own kind
_ALSO = {"x86_64": ("i686",), "aarch64": ("arm",)}


def machine(path: str) -> str:
    """The machine that this program is made for; "" when it is no ELF program, or of a kind unknown here. Raises OSError."""
    with open(path, "rb") as file:
        head = file.read(_HEADER)
    if len(head) < _HEADER or head[:4] != b"\x7fELF":
        return ""
    order = "<" if head[5] == _FORWARDS else ">"
    name = _MACHINES.get(struct.unpack(order + "H", head[18:20])[0], "")
    return name + "le" if name == "ppc64" and order == "<" else name


def runs_on(program: str, here: str) -> bool:
    """Whether a machine of the kind `here` (os.uname) runs programs for `program`. What isn't known is not held against it."""
    if not program or program == here:
        return True
    return program in _ALSO.get(here, ())


def inside(root: str, path: str) -> Optional[str]:
    """Where the absolute `path` lies when `root` is the root directory; None when there is nothing.

    Links are followed as they would be inside: an absolute one begins at `root`, and none leads out of it.
    """
    parts, done, links = path.split("/"), root, 0
    while parts:
        part = parts.pop(0)
        if part in ("", "."):
            continue
        if part == "..":
            done = done if done == root else os.path.dirname(done)
            continue
        there = os.path.join(done, part)
        if os.path.islink(there):
            links += 1
            target = os.readlink(there)
            parts = target.split("/") + parts
            done = root if target.startswith("/") else done
            if links > _MOST_LINKS:
                return None
        elif not os.path.lexists(there):
            return None
        else:
            done = there
    return done
