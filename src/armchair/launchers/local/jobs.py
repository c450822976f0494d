"""What the directory of one job says: the request as kept, and the facts now. Blocking, quick, and total."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from armchair.domain.run import JobRef, JobState, OutcomeKind, ProcessEnd
from armchair.launchers.shepherd import files, tree
from armchair.sessions.launcherports import JobFact

HOST = "127.0.0.1"
_ID = re.compile(r"[0-9]{14}-[0-9a-f]{16}")


def is_id(text: str) -> bool:
    """Whether this can be one of our jobs' ids: it then names a directory and nothing else."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it was submitted: the part that never changes."""

    ref: JobRef
    mark: str
    uid: int
    boot_id: str
    directory: Path
    walltime: timedelta | None = None

    def path(self, name: str) -> str:
        """The path of one of the job's files."""
        return str(self.directory / name)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Who keeps a job: (pid, start time in clock ticks) of the shepherd and of the script's leader.

    `extends`: this keeper looks whether more time was given.
    """

    shepherd: tuple[int, int]
    leader: tuple[int, int]
    boot_id: str
    started_at: datetime
    extends: bool = False


def read_job(cluster: str, directory: Path) -> Job | None:
    """The job in this directory; None when it is none, or not of the account that the directory belongs to."""
    data: Any = files.read_json(str(directory / files.JOB))
    try:
        owner = directory.stat().st_uid
        ref = JobRef(cluster=cluster, id=directory.name, submitted_at=datetime.fromisoformat(data["submitted_at"]))
        walltime = walltime_of(data)
        job = Job(ref=ref, mark=data["mark"], uid=data["uid"], boot_id=data["boot_id"], directory=directory, walltime=walltime)
    except (OSError, TypeError, KeyError, ValueError, OverflowError):
        return None
    sound = data.get("id") == directory.name and isinstance(job.mark, str) and ref.submitted_at.tzinfo is not None
    return job if sound and job.uid == owner == os.geteuid() else None


def walltime_of(data: Mapping[str, Any]) -> timedelta | None:
    """The time that was asked for. Raises OverflowError, ValueError for what is none."""
    asked = data.get("walltime")
    return timedelta(seconds=float(asked)) if isinstance(asked, int | float) else None


def read_state(job: Job) -> State | None:
    """Who keeps this job; None when nobody took hold of it (yet)."""
    data: Any = files.read_json(job.path(files.STATE))
    try:
        shepherd, leader = data["shepherd"], data["leader"]
        return State(
            shepherd=(int(shepherd[0]), int(shepherd[1])),
            leader=(int(leader[0]), int(leader[1])),
            boot_id=str(data["boot_id"]),
            started_at=_moment(data["started_at"]),
            extends=data.get("extends") is True,
        )
    except (TypeError, KeyError, ValueError, IndexError, OverflowError, OSError):
        return None


def read_end(job: Job) -> ProcessEnd | None:
    """How this job ended, as its keeper (or `conclude`) wrote; None when nobody has."""
    data: Any = files.read_json(job.path(files.END))
    try:
        kind = OutcomeKind(data["kind"]) if data["kind"] else None
        return ProcessEnd(
            at=_moment(data["at"]),
            kind=kind,
            exit_code=data.get("exit_code"),
            signal=data.get("signal"),
            detail=str(data.get("detail", "")),
            params=dict(data.get("params") or {}),
        )
    except (TypeError, KeyError, ValueError, OverflowError, OSError):
        return None


def look(job: Job) -> JobFact:
    """What can be said of this job now. A job whose keepers have died is ended here: leftovers killed, the end written."""
    end = read_end(job)
    state = read_state(job)
    if end is None and not is_kept(job, state):
        # asked again: the end is written before the lock is let go
        end, state = read_end(job), read_state(job)
        end = end or conclude(job, state)
        if end is None:
            return _fact(job, JobState.ENDING, state)
    if end is not None:
        return _fact(job, JobState.ENDED, state, end)
    if state is None:
        return _fact(job, JobState.PENDING, None)
    reason = files.read_text(job.path(files.ENDING)) or files.read_text(job.path(files.CANCEL))
    return _fact(job, JobState.RUNNING if reason is None else JobState.ENDING, state)


def is_kept(job: Job, state: State | None) -> bool:
    """Whether somebody keeps the job: its lock is held, or, where the lock file has gone, its shepherd is found alive."""
    locked = files.is_locked(job.path(files.LOCK))
    if locked is not None:
        return locked
    return state is not None and state.boot_id == tree.boot_id() and tree.is_alive(*state.shepherd)


def conclude(job: Job, state: State | None) -> ProcessEnd | None:
    """Write the end of a job that nobody keeps and that nobody wrote an end of; None while something of it still lives."""
    detail, kind = "shepherd_killed", ""
    if (state.boot_id if state else job.boot_id) != tree.boot_id():
        detail, kind = "rebooted", OutcomeKind.NODE_FAILURE.value
    elif state is None:
        detail, kind = "never_started", OutcomeKind.NEVER_STARTED.value
    elif sweep(job, state):
        return None
    # a full disk only means that the same conclusion is drawn again
    with suppress(OSError):
        files.fill(job.path(files.END), {"at": datetime.now(UTC).timestamp(), "kind": kind, "detail": detail})
    return read_end(job) or ProcessEnd(at=datetime.now(UTC), kind=OutcomeKind(kind) if kind else None, detail=detail)


def sweep(job: Job, state: State) -> int:
    """Kill what a job without keepers left behind, if it is proven to be the job's; how many there were."""
    left = tree.marked(f"ARMCHAIR_JOB={job.ref.id}".encode(), *state.leader)
    for pid, start in left:
        tree.send(pid, start, 9)
    return len(left)


def _fact(job: Job, state: JobState, held: State | None, end: ProcessEnd | None = None) -> JobFact:
    walltime = _walltime(job) if held and state is not JobState.ENDED else None
    return JobFact(
        job=job.ref,
        mark=job.mark,
        state=state,
        uid=job.uid,
        host=HOST,
        started_at=held.started_at if held else None,
        ends_at=held.started_at + walltime if held and walltime is not None else None,
        walltime=walltime,
        reason=(files.read_text(job.path(files.ENDING)) or "") if state is JobState.ENDING else "",
        end=end,
    )


def _walltime(job: Job) -> timedelta | None:
    """How long the job may run in all, with what it was given since its start."""
    if job.walltime is None:
        return None
    given = files.read_text(job.path(files.WALLTIME)) or ""
    more = timedelta(seconds=int(given)) if given.isascii() and given.isdecimal() and len(given) < 10 else timedelta(0)
    return max(job.walltime, more)


def _moment(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(seconds))
