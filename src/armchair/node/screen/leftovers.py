"""Sockets and locks of this account's X servers that were killed together with whoever would have removed them.

They are in /tmp, where nobody else may remove them, and a node may run for months.
"""

import os
import re
import socket
import stat
import time
from typing import Pattern, Set, Tuple

from armchair.node.screen.xserver import SOCKETS, lock_owner

FIRST = 100  # numbers below are a machine's own displays
SECONDS = 60.0
_LOCK, _SOCKET = re.compile(r"\.X(\d+)-lock"), re.compile(r"X(\d+)")


def sweep() -> None:
    """Remove those of displays that are surely dead. Never raises."""
    for number in _numbers(os.path.dirname(SOCKETS), _LOCK) | _numbers(SOCKETS, _SOCKET):
        if number >= FIRST and _is_dead(number):
            for path in _files(number):
                if _is_old_and_ours(path):
                    _remove(path)


def _files(number: int) -> Tuple[str, str]:
    # the lock last: while it is there, nobody takes the number
    return os.path.join(SOCKETS, "X%d" % number), os.path.join(os.path.dirname(SOCKETS), ".X%d-lock" % number)


def _numbers(directory: str, pattern: Pattern[str]) -> Set[int]:
    try:
        names = os.listdir(directory)
    except OSError:
        return set()
    return {int(found.group(1)) for found in map(pattern.fullmatch, names) if found}


def _is_dead(number: int) -> bool:
    """No process has it and nobody listens; one that is just starting, as seen from another container, is young."""
    there = [path for path in _files(number) if os.path.lexists(path)]
    if not all(_is_old_and_ours(path) for path in there):
        return False
    owner = lock_owner(number)
    return not (owner and os.path.exists("/proc/%d" % owner)) and not _is_heard(_files(number)[0])


def _is_old_and_ours(path: str) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    kind = stat.S_ISREG(found.st_mode) or stat.S_ISSOCK(found.st_mode)
    return kind and found.st_uid == os.geteuid() and time.time() - found.st_mtime > SECONDS


def _is_heard(path: str) -> bool:
    """Whether somebody may listen there: anything but a plain no counts as that."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
