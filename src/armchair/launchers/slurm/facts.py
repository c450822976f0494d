"""Rows of Slurm's answers as facts of ours. Pure and total."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from armchair.domain.run import JobRef, JobState, OutcomeKind, ProcessEnd
from armchair.launchers.slurm.marks import mark_of
from armchair.launchers.slurm.parse import Row
from armchair.launchers.slurm.states import ENDS, STATES, canceller, state_of, word
from armchair.sessions.launcherports import JobFact

_RAW_NAME = "allocation"
ON_NODE = frozenset({JobState.RUNNING, JobState.SUSPENDED})


def is_same_job(row: Row, ref: JobRef) -> bool:
    """Whether this row tells of the job that was submitted then: a controller that crashed may give its id out again.

    A job that is queued again keeps its id and gets a new submit time.
    """
    if row.id != ref.id:
        return False
    if row.submitted is None or row.submitted == ref.submitted_at:
        return True
    return row.restarts > 0 and row.submitted > ref.submitted_at


def fact(row: Row, ref: JobRef, now: datetime, host: str | None = None) -> JobFact:
    """What the controller says of a job that it lists. `host` is the address of its node."""
    state = state_of(row.state, has_nodes=bool(row.nodes))
    waits, began = state is JobState.PENDING, bool(row.nodes)
    return JobFact(
        job=ref,
        mark=mark_of(row.comment, row.name),
        state=state,
        uid=row.uid,
        host=host if state in ON_NODE else None,
        node=row.node or row.nodes if not waits else "",
        started_at=row.start if began and not waits else None,
        ends_at=_ends_at(row) if began and state in ON_NODE else None,
        walltime=row.limit if began and state in ON_NODE else None,
        restarts=row.restarts,
        reason=_reason(row) if waits else "",
        expected_start=row.start if waits else None,
        end=end_of(row, now) if state is JobState.ENDED else None,
    )


def _ends_at(row: Row) -> datetime | None:
    """When the walltime will be over; the controller's own end counts, because it knows of suspensions."""
    if row.limit is None or row.start is None:
        return None
    return row.end if row.end is not None and row.end > row.start else row.start + row.limit


def _reason(row: Row) -> str:
    """Why the job waits, in the scheduler's own code; where it has none but a word of state, that one."""
    bare = word(row.state)
    return row.reason or ("" if bare == "PENDING" or bare not in STATES else bare.title().replace("_", ""))


def end_of(row: Row, now: datetime, owner: int | None = None) -> ProcessEnd | None:
    """How the job ended; None while it has not, or in a word that nobody here knows."""
    bare = word(row.state)
    if bare not in ENDS:
        return None
    kind = ENDS[bare]
    code = row.exit_code if kind is None or row.exit_code else None
    silent = kind is None and code is None and row.signal is None
    params: dict[str, object] = {}
    if kind is OutcomeKind.NODE_FAILURE and row.nodes:
        params["node"] = row.node or row.nodes
    if (by := canceller(row.state)) is not None:
        params = {"uid": by, "by_owner": by == (row.uid if owner is None else owner)}
    return ProcessEnd(
        at=row.end or now,
        kind=kind,
        exit_code=code,
        signal=row.signal,
        detail="not_launched" if silent else "",
        params=params,
    )


def ended_fact(lives: Sequence[Row], ref: JobRef, now: datetime) -> JobFact | None:
    """What accounting says of a job that the controller does not list; None unless it has ended."""
    last = lives[-1]
    if last.end is None or STATES.get(word(last.state), JobState.ENDED) is not JobState.ENDED:
        return None
    seen = fact(replace(last, restarts=len(lives) - 1), ref, now)
    end = end_of(last, now) or ProcessEnd(at=last.end, exit_code=last.exit_code, signal=last.signal, detail="unexplained")
    return replace(seen, state=JobState.ENDED, node=last.nodes, started_at=last.start, end=end)


def lifetimes(rows: Iterable[Row], ref: JobRef) -> Sequence[Row]:
    """Of accounting's rows those of this very job, oldest first: its first one and those of the times it was queued again."""
    mine = sorted((row for row in rows if row.id == ref.id and row.submitted is not None), key=_submitted)
    first = next((row for row in mine if row.submitted == ref.submitted_at), None)
    if first is None:
        return ()
    later = (row for row in mine if _submitted(row) >= ref.submitted_at.timestamp())
    return [row for row in later if _is_raw(row) or _is_raw(first) or (row.uid, row.name) == (first.uid, first.name)]


def _is_raw(row: Row) -> bool:
    """Whether accounting has not yet taken in how the job began: it then shows neither its name nor its owner."""
    return row.name == _RAW_NAME


def _submitted(row: Row) -> float:
    return row.submitted.timestamp() if row.submitted is not None else 0.0


def ahead(rows: Sequence[Row]) -> dict[str, int]:
    """For each waiting job how many others of its partition go first, if the answer shows all jobs."""
    waiting: dict[str, list[Row]] = {}
    for row in rows:
        if word(row.state) == "PENDING" and row.priority:
            waiting.setdefault(row.partition, []).append(row)
    found: dict[str, int] = {}
    for queue in waiting.values():
        queue.sort(key=lambda row: (-(row.priority or 0), int(row.id)))
        found |= {row.id: place for place, row in enumerate(queue)}
    return found
