"""One line of a session's timeline."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One transition of a session, as kept for its timeline. `code` has words; `params` fill them."""

    session: str
    attempt: int
    at: datetime
    code: str
    params: Mapping[str, object] = field(default_factory=dict)
    id: int = 0
