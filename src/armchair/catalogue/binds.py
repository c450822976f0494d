"""Binds as people write them: SOURCE[:TARGET][:ro|rw]."""

import re
from typing import NamedTuple

_BIND = re.compile(r"([~/$][^:\0-\x1f]*)(?::(/[^:\0-\x1f]*))?(?::(ro|rw))?")


class Bind(NamedTuple):
    """What of the node is seen inside, and where ("": at its own path)."""

    source: str
    target: str
    writable: bool


def parse_bind(text: str) -> Bind | None:
    """The bind that this text means; None when it means none. Without a word it is writable, as far as it is outside."""
    found = _BIND.fullmatch(text)
    return Bind(found[1], found[2] or "", found[3] != "ro") if found else None
