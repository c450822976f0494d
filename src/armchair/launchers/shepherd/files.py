"""Small files that are either whole or absent: atomic writes, reads that never raise, and the lock that means "alive".

A job's directory holds: `lock` (held while a keeper of the job lives), `job.json` (what was asked), `state.json` (who
keeps it), `walltime` (seconds in all, where more were given), `cancel` ("term" or "force"), `ending` (why it is being
ended), `output`, `end.json` (how it ended).
"""

# pathlib takes longer to import than the rest of the keeper to start
# ruff: noqa: PTH104, PTH108, PTH120, PTH123

import errno
import fcntl
import json
import os

LOCK, JOB, STATE, CANCEL, ENDING, OUTPUT, END = "lock", "job.json", "state.json", "cancel", "ending", "output", "end.json"
WALLTIME = "walltime"


def write(path: str, data: bytes, durable: bool = False) -> None:
    """Replace `path` by a 0600 file with `data`; `durable`: it survives a power cut. Raises OSError, with nothing changed."""
    temporary = f"{path}.{os.getpid()}.new"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
    except OSError:
        remove(temporary)
        raise
    if durable:
        sync_directory(os.path.dirname(path))


def write_json(path: str, data: dict[str, object], durable: bool = False) -> None:
    """`write` a JSON object."""
    write(path, json.dumps(data).encode(), durable)


def sync_directory(path: str) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_json(path: str) -> dict[str, object] | None:
    """The JSON object in this file; None when it is absent, unreadable or something else."""
    try:
        with open(path, "rb") as file:
            data = json.loads(file.read())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def read_text(path: str, limit: int = 1024) -> str | None:
    """The first `limit` bytes of a file as text; None when it can't be read."""
    try:
        with open(path, "rb") as file:
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return None


def remove(path: str) -> None:
    """Unlink, if it is there and can be."""
    try:
        os.unlink(path)
    except OSError:
        return


def take_lock(path: str) -> int:
    """Create and hold a job's lock; whoever inherits the descriptor holds it too. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def is_locked(path: str) -> bool | None:
    """Whether somebody holds this lock; None when that can't be said (there is no lock file)."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # shared, so that two who ask at the same time do not take each other for the holder
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return True if error.errno in {errno.EAGAIN, errno.EACCES} else None
    else:
        return False
    finally:
        os.close(descriptor)


def reserve(path: str, size: int) -> None:
    """Allocate the room that `fill` needs, so that a full disk can't keep the end of a job from being told."""
    descriptor = os.open(path + ".reserved", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, b" " * size)
    finally:
        os.close(descriptor)


def fill(path: str, data: dict[str, object]) -> None:
    """Make `path` a durable file with this JSON object, in the reserved room where there is one. Raises OSError."""
    text = json.dumps(data).encode()
    try:
        descriptor = os.open(path + ".reserved", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        write(path, text, durable=True)
        return
    try:
        os.pwrite(descriptor, text.ljust(os.fstat(descriptor).st_size), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(path + ".reserved", path)
    sync_directory(os.path.dirname(path))
