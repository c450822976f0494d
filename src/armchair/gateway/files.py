"""Small files that are either whole or absent, whenever the machine stops."""

import errno
import os
import secrets
from pathlib import Path

from armchair.domain.errors import StorageFull

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


Stamp = tuple[int, int, int] | None


def stamp(path: Path) -> Stamp:
    """Differs when the file was written again, replaced or removed."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` in the place of `path`, atomically and durably. Raises StorageFull when the disk takes nothing."""
    fresh = _fresh(path, data, mode)
    fresh.replace(path)
    _sync(path.parent)


def create(path: Path, data: bytes, *, mode: int = 0o600) -> bytes:
    """Write the file unless it is there already, and return what it then holds: the first of several writers wins."""
    fresh = _fresh(path, data, mode)
    try:
        os.link(fresh, path)
    except FileExistsError:
        return path.read_bytes()
    finally:
        fresh.unlink(missing_ok=True)
    _sync(path.parent)
    return data


def private_directory(path: Path) -> Path:
    """Make the directory, and everything in it ours alone."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def shared_directory(path: Path, group: int | None) -> Path:
    """Make the directory, ours to write; with a group (its id), the group may read what lies in it."""
    if group is None:
        return private_directory(path)
    path.mkdir(parents=True, exist_ok=True, mode=0o750)
    os.chown(path, -1, group)
    path.chmod(0o2750)
    return path


def _fresh(path: Path, data: bytes, mode: int) -> Path:
    """A new, synced file beside `path`; nothing is left behind when it can't be written."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(descriptor, mode)  # whatever the umask is
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        fresh.unlink(missing_ok=True)
        if error.errno in _FULL:
            raise StorageFull("disk_full", path=str(path)) from error
        raise
    return fresh


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
