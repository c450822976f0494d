"""The name service's words on accounts and groups, with "there is none" told apart from "nobody can say".

Python's own modules say the same for both, and whoever takes silence for an answer has no users left when a directory is away.
"""

import ctypes
import grp
import os
import pwd
import time

from armchair.domain.errors import Unavailable

_LIBC = ctypes.CDLL(None)
_ENTRY, _ROOM = 512, 1 << 20  # bytes: more than any entry, and its texts, takes
_DAY = 86_400


class _Shadow(ctypes.Structure):
    """struct spwd of shadow.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("password", ctypes.c_char_p),
        *((name, ctypes.c_long) for name in ("changed", "least", "most", "warning", "inactive", "ends")),
        ("flag", ctypes.c_ulong),
    )


def user(login: str) -> pwd.struct_passwd | None:
    """The account of this login; None: there is none. Raises Unavailable("names_silent")."""
    try:
        return pwd.getpwnam(login)
    except ValueError:
        return None  # no login at all
    except KeyError:
        _is_certain("getpwnam_r", os.fsencode(login))
        return None


def groups_of(entry: pwd.struct_passwd) -> frozenset[str]:
    """The names of the groups that this account is in. Raises Unavailable("names_silent").

    Asked for by the login: directories of a whole site often don't list all groups with all their members. A service that is
    away leaves its groups out here without a word: `is_group` tells.
    """
    named = set()
    for number in os.getgrouplist(entry.pw_name, entry.pw_gid):
        try:
            named.add(grp.getgrgid(number).gr_name)
        except KeyError:
            _is_certain("getgrgid_r", ctypes.c_uint(number))
    return frozenset(named)


def is_group(name: str) -> bool:
    """Whether there is a group of this name. Raises Unavailable("names_silent")."""
    try:
        grp.getgrnam(name)
    except ValueError:
        return False
    except KeyError:
        _is_certain("getgrnam_r", os.fsencode(name))
        return False
    return True


def has_ended(login: str) -> bool:
    """Whether /etc/shadow has closed this account by now (`chage --expiredate`). False where it can't be read."""
    entry, room, found = _Shadow(), ctypes.create_string_buffer(_ROOM), ctypes.c_void_p()
    wanted = os.fsencode(login)
    _LIBC.getspnam_r(wanted, ctypes.byref(entry), room, ctypes.c_size_t(_ROOM), ctypes.byref(found))
    return bool(found.value) and 0 <= entry.ends <= time.time() // _DAY


def _is_certain(function: str, key: bytes | ctypes.c_uint) -> None:
    """Ask once more, for the reason why there was no entry: 0 when the service says that there is none."""
    entry, room, found = ctypes.create_string_buffer(_ENTRY), ctypes.create_string_buffer(_ROOM), ctypes.c_void_p()
    number = getattr(_LIBC, function)(key, entry, room, ctypes.c_size_t(_ROOM), ctypes.byref(found))
    if number or found.value:
        raise Unavailable("names_silent", reason=os.strerror(number) if number else "it changed its mind")
