"""What is left on this node of a person's runs that were killed before they could tidy up: a later run removes it.

A scheduler ends a job for good by killing all of it at once. Each run holds a lock on a file in its private directory while it
lives, so that nobody has to guess. The file names the node: $TMPDIR may be a file server's, and not all locks are known to
other nodes there.
"""

import fcntl
import os
import stat

ALIVE = "alive"
_NAME, _DIGITS, _LONGEST = "armchair-", 8, 256


def hold(private: str) -> None:
    """Say that a run lives in this directory, for as long as this process lives; nothing where nothing can be locked."""
    made = os.path.join(private, ALIVE + ".new")
    descriptor = os.open(made, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return
    os.write(descriptor, _node())
    try:
        # and the directory itself, for many systems clean /tmp of what is older than ten days: see tmpfiles.d(5), "Age"
        fcntl.flock(os.open(private, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pass  # a file server's directory, which no such system cleans
    # by this name only once it is locked, for somebody may look in between
    os.rename(made, os.path.join(private, ALIVE))


def sweep(base: str) -> None:
    """Remove this account's private directories in `base` whose run is dead. Never raises."""
    import shutil  # noqa: PLC0415 - brings the compressors with it, and mostly there is nothing to remove

    try:
        names = os.listdir(base)
    except OSError:
        return
    for name in names:
        path = os.path.join(base, name)
        if _is_private(path, name) and _is_dead(path):
            shutil.rmtree(path, ignore_errors=True)


def _is_private(path: str, name: str) -> bool:
    if not name.startswith(_NAME) or len(name) != len(_NAME) + _DIGITS:
        return False
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700


def _is_dead(path: str) -> bool:
    """Whether it says that a run lived here, on this node, and nobody lives any more."""
    try:
        descriptor = os.open(os.path.join(path, ALIVE), os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.read(descriptor, _LONGEST) == _node()
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _node() -> bytes:
    return os.fsencode(os.uname().nodename)[:_LONGEST]
