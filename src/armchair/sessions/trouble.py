"""The portal's last warnings and errors, kept in memory for operators to read, without what looks like a secret."""

import logging
import re
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

KEPT = 100
_LONGEST = 600
_SECRETS = (
    (re.compile(r"(?i)\b(token|secret|password|assertion|mandate|cookie|authorization|csrf|key)=(\"[^\"]*\"|\S+)"), r"\1=***"),
    (re.compile(r"\barm_\w+"), "***"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?"), "***"),
    (re.compile(r"(?<=\w)\?[\w%.~-]+=[^\s\"']*"), "?…"),
)
_STAMP = re.compile(r"^timestamp=\S+ level=\w+ ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One line of the log at level warning or above."""

    at: datetime
    level: str
    text: str


class Troubles(logging.Handler):
    """A log handler that remembers the last lines."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[Trouble] = deque(maxlen=KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one line: the first of what was logged, scrubbed."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        at = datetime.fromtimestamp(record.created, UTC)
        self._lines.append(Trouble(at=at, level=record.levelname.lower(), text=scrubbed(text)))

    def recent(self) -> tuple[Trouble, ...]:
        """The last lines, newest first."""
        return tuple(reversed(self._lines))


def scrubbed(text: str) -> str:
    """The text without its stamp, on one line of bounded length, with secrets and query strings starred out."""
    line = _STAMP.sub("", " ".join(text[: 4 * _LONGEST].split()))
    for pattern, replacement in _SECRETS:
        line = pattern.sub(replacement, line)
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
