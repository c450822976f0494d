"""The few Linux calls that containers need and the standard library lacks, through the C library."""

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC = 1, 2, 4, 32, 4096, 16384
# flag of statvfs(3) → flag of mount(2)
_HELD = {
    os.ST_NOSUID: MS_NOSUID,
    os.ST_NODEV: MS_NODEV,
    os.ST_NOEXEC: 8,
    os.ST_NOATIME: 1024,
    os.ST_NODIRATIME: 2048,
    os.ST_RELATIME: 1 << 21,
}

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, doing: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), doing)


def own_mounts() -> None:
    """Move this process into user and mount namespaces of its own, where it may mount; it stays who it is. Raises OSError."""
    uid, gid = os.geteuid(), os.getegid()
    _check(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", "%d %d 1" % (uid, uid)), ("gid_map", "%d %d 1" % (gid, gid))):
        with open("/proc/self/" + name, "w") as file:
            file.write(text)


def user_namespaces() -> bool:
    """Whether this account can make user namespaces here; asked by a process that ends at once."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if _libc.unshare(CLONE_NEWUSER) == 0 else 1)
    return os.waitpid(pid, 0)[1] == 0


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Show a file system at `target`, with flags and options as the system call takes them. Raises OSError."""
    text = options.encode() if options else None
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), text), target)


def bind(source: str, target: str) -> None:
    """Show the directory or file `source`, with all that is mounted below it, at `target`, which must exist. Raises OSError."""
    mount(source, target, "none", MS_BIND | MS_REC)


def bind_read_only(source: str, target: str) -> None:
    """The same, but nothing in it can be changed there. What is mounted below it is not shown. Raises OSError."""
    mount(source, target, "none", MS_BIND)
    held = os.statvfs(target).f_flag
    # what the mount already forbids can't be allowed again, and must be said again
    flags = sum(meant for flag, meant in _HELD.items() if held & flag)
    mount("none", target, "none", MS_BIND | MS_REMOUNT | MS_RDONLY | flags)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent(signal_number: int) -> None:
    """Have the kernel send this process the signal when its parent ends, however that ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
