"""Makes and removes job directories so that each is whole or absent, whenever the portal dies."""

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from armchair.domain.run import JobRef
from armchair.launchers.local.jobs import Job, walltime_of
from armchair.launchers.shepherd import files, tree

_NEW, _GONE = ".new-", ".gone-"
_STALE = 60.0

Checkpoint = Callable[[str], None]


def stage(jobs: Path, cluster: str, mark: str, wishes: dict[str, object], checkpoint: Checkpoint) -> tuple[Job, int]:
    """Make a job's directory, its lock held through the descriptor returned. Raises OSError, with nothing left behind.

    The lock is taken before the directory has its name: a job that can be found and is not locked has no process.
    """
    now = datetime.now(UTC)
    identity = f"{now:%Y%m%d%H%M%S}-{secrets.token_hex(8)}"
    data: dict[str, object] = {
        "id": identity,
        "mark": mark,
        "uid": os.geteuid(),
        "boot_id": tree.boot_id(),
        "submitted_at": now.isoformat(),
        **wishes,
    }
    new, final, lock = jobs / (_NEW + identity), jobs / identity, -1
    checkpoint("mkdir")
    try:
        new.mkdir(mode=0o700)
        lock = files.take_lock(str(new / files.LOCK))
        checkpoint("locked")
        files.write_json(str(new / files.JOB), data, durable=True)
        checkpoint("written")
        new.rename(final)
        checkpoint("named")
        files.sync_directory(str(jobs))
    except OSError:
        if lock >= 0:
            os.close(lock)
        shutil.rmtree(new, ignore_errors=True)
        discard(final)
        raise
    ref = JobRef(cluster=cluster, id=identity, submitted_at=now)
    walltime, boot = walltime_of(data), str(data["boot_id"])
    return Job(ref=ref, mark=mark, uid=os.geteuid(), boot_id=boot, directory=final, walltime=walltime), lock


def discard(directory: Path) -> None:
    """Remove a job's directory: first its name, so that no half of it is ever found."""
    gone = directory.with_name(_GONE + directory.name)
    with contextlib.suppress(OSError):
        directory.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def tidy(jobs: Path) -> None:
    """Remove what a killed portal left half made or half removed."""
    for entry in list(os.scandir(jobs)):
        if entry.name.startswith(_GONE):
            shutil.rmtree(entry.path, ignore_errors=True)
        elif entry.name.startswith(_NEW):
            with contextlib.suppress(OSError):
                old = time.time() - entry.stat().st_mtime > _STALE
                if old and not files.is_locked(f"{entry.path}/{files.LOCK}"):
                    shutil.rmtree(entry.path, ignore_errors=True)
