"""The few Linux calls that the standard library lacks, through the C library."""

import ctypes
import os
import socket
import struct
from fcntl import ioctl

PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1

_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> bool:
    """Become the parent of every descendant whose own parent dies, so that daemons stay ours. False: not supported."""
    return int(_libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) == 0


def hide_memory() -> None:
    """Keep other processes of the same user from reading this one's memory and environment. Lost at exec."""
    _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def show_memory() -> None:
    """Undo hide_memory: files under /proc/self become ours again, which user namespaces need."""
    _libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def isolate_network() -> None:
    """Move this process into a network of its own, with nothing but a loopback interface that is up. Raises OSError."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0 and _libc.unshare(CLONE_NEWNET) == 0:
        _loopback_up()
        return
    if _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", "%d %d 1" % (uid, uid))
    _write("/proc/self/gid_map", "%d %d 1" % (gid, gid))
    _loopback_up()


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", ioctl(any_socket, SIOCGIFFLAGS, request)[:18])[1]
        ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))
