"""Turns records into rows and rows into records; nothing is lost on the way (round trip tested)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from sqlalchemy import RowMapping

from armchair.domain.event import Event
from armchair.domain.run import JobRef, JobState, Outcome, OutcomeKind, ProcessEnd, Run, UsageSample
from armchair.domain.secret import Secret
from armchair.domain.session import By, Grant, Kind, Placement, Resources, Role, Session, Wanted
from armchair.store.search import fold, search_text
from armchair.store.types import from_microseconds, to_microseconds

Row = Mapping[str, Any]

OUTCOME_IS_FINAL = "outcome_is_final"

_SESSION_SAME = [
    "number",
    "id",
    "version",
    "app",
    "app_version",
    "app_title",
    "title",
    "owner",
    "run_as",
    "created_by",
    "created_at",
    "parent",
    "collection",
    "wanted_at",
    "launch_key",
    "cluster",
    "size",
    "answers",
    "environment",
    "thumbnail_at",
    "idle_after",
]
_RUN_SAME = [
    "session",
    "attempt",
    "intended_at",
    "job_state_at",
    "absent_since",
    "reason",
    "expected_start",
    "position",
    "host",
    "node",
    "started_at",
    "ends_at",
    "restarts",
    "enrolled_at",
    "enrol_nonce",
    "port",
    "ready_at",
    "heard_at",
    "stop_sent_at",
    "walltime",
    "walltime_wanted",
    "extensions",
    "extend_refused",
    "warned_for",
    "active_at",
    "activity_at",
    "idle_ends_at",
    "idle_stop_at",
    "refused",
]


def session_row(session: Session, attempt: int) -> dict[str, Any]:
    """All columns but `number`, which the database gives."""
    row: dict[str, Any] = {name: getattr(session, name) for name in _SESSION_SAME if name != "number"}
    wants = session.resources
    row |= {
        "attempt": attempt,
        "kind": session.kind.value,
        "wanted": session.wanted.value,
        "wanted_by": session.wanted_by.value,
        "cores": wants.cores,
        "memory": wants.memory,
        "walltime": wants.walltime,
        "gpus": wants.gpus,
        "placement": {name: value for name, value in asdict(session.placement).items() if value},
        "mandate": session.mandate.reveal(),
        "answers": dict(session.answers),
        "environment": dict(session.environment),
        "sort_title": fold(session.title),
        "sort_app": fold(session.app_title or session.app),
        "search": search_text(session),
    }
    return row


def session_of(row: RowMapping) -> Session:
    """The session in this row."""
    return Session(
        **{name: row[name] for name in _SESSION_SAME},
        kind=Kind(row["kind"]),
        wanted=Wanted(row["wanted"]),
        wanted_by=By(row["wanted_by"]),
        resources=Resources(cores=row["cores"], memory=row["memory"], walltime=row["walltime"], gpus=row["gpus"]),
        placement=Placement(**row["placement"]),
        mandate=Secret(row["mandate"]),
    )


def run_row(run: Run) -> dict[str, Any]:
    """All columns of a run."""
    job, outcome = run.job, run.outcome
    row: dict[str, Any] = {name: getattr(run, name) for name in _RUN_SAME}
    return row | {
        "job_cluster": job.cluster if job else None,
        "job_id": job.id if job else None,
        "job_submitted_at": job.submitted_at if job else None,
        "job_state": run.job_state.value if run.job_state else None,
        "agent_end": _end_json(run.agent_end),
        "job_end": _end_json(run.job_end),
        "usage": json.dumps([_sample(sample) for sample in run.usage]),
        "outcome_kind": outcome.kind.value if outcome else None,
        "outcome_by": outcome.by.value if outcome else None,
        "outcome_at": outcome.at if outcome else None,
        "outcome_exit_code": outcome.exit_code if outcome else None,
        "outcome_signal": outcome.signal if outcome else None,
        "outcome_detail": outcome.detail if outcome else None,
        "outcome_params": dict(outcome.params) if outcome else None,
    }


def run_of(row: RowMapping) -> Run:
    """The run in this row."""
    return Run(
        **{name: row[name] for name in _RUN_SAME},
        job=_job(row),
        job_state=JobState(row["job_state"]) if row["job_state"] else None,
        agent_end=_end(row["agent_end"]),
        job_end=_end(row["job_end"]),
        usage=_usage(row["usage"]),
        outcome=_outcome(row),
    )


def event_row(event: Event) -> dict[str, Any]:
    """All columns but the id, which the database gives."""
    return {
        "session": event.session,
        "attempt": event.attempt,
        "at": event.at,
        "code": event.code,
        "params": dict(event.params),
    }


def event_of(row: RowMapping) -> Event:
    """The event in this row."""
    return Event(**row)


def grants_of(rows: Sequence[RowMapping]) -> list[Grant]:
    """The grants in these rows."""
    return [Grant(session=row["session"], subject=row["subject"], role=Role(row["role"]), until=row["until"]) for row in rows]


@lru_cache(maxsize=2048)
def _usage(text: str) -> tuple[UsageSample, ...]:
    """Most of what reading a run costs, and the same text at nearly every look: kept."""
    return tuple(
        UsageSample(at=from_microseconds(at), cpu=cpu, memory=memory, gpu=gpu[0] if gpu else None)
        for at, cpu, memory, *gpu in json.loads(text)
    )


def _sample(sample: UsageSample) -> list[float]:
    """Most jobs have no GPU: their samples have no place for it."""
    known = [to_microseconds(sample.at), sample.cpu, sample.memory]
    return known if sample.gpu is None else [*known, sample.gpu]


def _job(row: RowMapping) -> JobRef | None:
    if row["job_id"] is None:
        return None
    return JobRef(cluster=row["job_cluster"], id=row["job_id"], submitted_at=row["job_submitted_at"])


def _outcome(row: RowMapping) -> Outcome | None:
    if row["outcome_kind"] is None:
        return None
    return Outcome(
        kind=OutcomeKind(row["outcome_kind"]),
        by=By(row["outcome_by"]),
        at=row["outcome_at"],
        exit_code=row["outcome_exit_code"],
        signal=row["outcome_signal"],
        detail=row["outcome_detail"] or "",
        params=row["outcome_params"] or {},
    )


def _end_json(end: ProcessEnd | None) -> dict[str, Any] | None:
    if end is None:
        return None
    return {
        "at": to_microseconds(end.at),
        "kind": end.kind.value if end.kind else None,
        "exit_code": end.exit_code,
        "signal": end.signal,
        "detail": end.detail,
        "params": dict(end.params),
    }


def _end(found: Row | None) -> ProcessEnd | None:
    if found is None:
        return None
    return ProcessEnd(
        at=from_microseconds(found["at"]),
        kind=OutcomeKind(found["kind"]) if found["kind"] else None,
        exit_code=found["exit_code"],
        signal=found["signal"],
        detail=found["detail"],
        params=found["params"],
    )
