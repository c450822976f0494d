"""What the words come in: a line about a session, and a message about an error."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Tone(StrEnum):
    """How a line should feel; pages give it a colour and always a word beside it."""

    CALM = "calm"
    BUSY = "busy"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One state or ending. `title` is a whole sentence with the time on this machine's clock.

    A page that knows the reader's zone writes `stem`, then the time `at`, instead of `title`; `at` None: the title has no
    time. `detail` is what it means or what to do, "" when that is plain.
    """

    title: str
    detail: str = ""
    tone: Tone = Tone.CALM
    stem: str = ""
    at: datetime | None = None

    @property
    def text(self) -> str:
        """Title and detail as one text."""
        return f"{self.title} {self.detail}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An error in words: what happened, and what it means or what to do."""

    title: str
    detail: str = ""

    @property
    def text(self) -> str:
        """Title and detail as one text."""
        return f"{self.title} {self.detail}".strip()
