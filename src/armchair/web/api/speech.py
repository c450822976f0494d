"""The API's only door to the words: codes and facts in, English sentences out."""

from dataclasses import replace
from datetime import datetime

from armchair import words
from armchair.domain import lasting
from armchair.domain.cluster import ClusterJob, Estimate
from armchair.domain.errors import FieldError
from armchair.domain.event import Event
from armchair.domain.run import Outcome, Record
from armchair.domain.session import Placement, Resources
from armchair.sessions.choose import Sooner
from armchair.sessions.show import SessionView


def error(code: str, params: dict[str, object]) -> str:
    """What went wrong and what to do."""
    message = words.error(code, params)
    return " ".join(part for part in (message.title, message.detail) if part)


def field(problem: FieldError) -> str:
    """What is wrong with one answer."""
    return words.field_error(problem)


def state(view: SessionView) -> tuple[str, str]:
    """The state line: title and detail."""
    line = words.state(view)
    return line.title, line.detail


def outcome(ended: Outcome, record: Record) -> str:
    """How a session's run ended and what to do next."""
    line = words.outcome(
        ended,
        replace(record.session.resources, walltime=lasting.limit(record)),
        node=record.run.node,
        number=record.session.number,
    )
    return " ".join(part for part in (line.title, line.detail) if part)


def event(one: Event) -> str:
    """A line of the timeline."""
    return words.event(one)


def resources(asked: Resources) -> str:
    """Short: "4 cores · 16 GB"."""
    return words.resources(asked)


def estimate(guess: Estimate, now: datetime) -> str:
    """Short: "starts now"."""
    return words.estimate(guess, now)


def sooner(hint: Sooner, asked: Resources, now: datetime) -> str:
    """What would start earlier."""
    return words.sooner(hint.estimate, now, asked=asked, resources=hint.resources, placement=hint.placement)


def reason(job: ClusterJob) -> str:
    """Why a job waits; "" when it does not."""
    if not job.reason:
        return ""
    waiting = words.Waiting(
        placement=Placement(partition=job.partition), resources=Resources(cores=job.cores, gpus=job.gpus), job=job.id
    )
    return words.why(job.reason, waiting).title
