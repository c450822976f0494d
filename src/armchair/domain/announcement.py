"""What operators tell everybody: a banner on all pages, and that a cluster takes no new sessions."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from armchair.domain.errors import FieldError, InvalidInput

TEXT_MAXIMUM = 300


class AnnouncementKind(StrEnum):
    """A sentence on every page, or a closed door with a sentence on it."""

    BANNER = "banner"
    DRAIN = "drain"


class Level(StrEnum):
    """How loud a banner is."""

    INFO = "info"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One sentence for everybody. There is one banner, and one drain for each cluster.

    `cluster` "" means the whole portal. An announcement without `until` stays until it is taken back.
    """

    kind: AnnouncementKind
    text: str
    cluster: str = ""
    level: Level = Level.INFO
    until: datetime | None = None
    by: str
    at: datetime

    def holds(self, now: datetime) -> bool:
        """Whether it counts. At its end it no longer does."""
        return self.until is None or now < self.until


def sentence(text: str) -> str:
    """The text on one line, as it may be shown to everybody; "" stays "". Raises InvalidInput (field "text")."""
    clean = " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in text).split())
    if len(clean) > TEXT_MAXIMUM:
        raise InvalidInput([FieldError(field="text", code="field_too_long", params={"maximum": TEXT_MAXIMUM})])
    return clean
