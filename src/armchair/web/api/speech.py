"""The API's only door to the words: codes and facts in, English sentences out."""

from armchair import words
from armchair.domain.errors import FieldError
from armchair.domain.event import Event
from armchair.domain.run import Outcome
from armchair.domain.session import Resources
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


def outcome(ended: Outcome) -> str:
    """How a run ended and what to do next."""
    line = words.outcome(ended)
    return " ".join(part for part in (line.title, line.detail) if part)


def event(one: Event) -> str:
    """A line of the timeline."""
    return words.event(one)


def resources(asked: Resources) -> str:
    """Short: "4 cores · 16 GB"."""
    return words.resources(asked)
