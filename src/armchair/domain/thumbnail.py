"""The small picture of a session's screen that lists show: what counts as one, and when they are told of a newer one."""

import struct
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from armchair.domain.event import Event
from armchair.domain.run import Phase, Record

MOST_BYTES = 64 * 1024
MOST_PIXELS = 640
# a page may send as often as it likes: what comes sooner than this is dropped
KEPT_EACH = timedelta(seconds=5)
# each time live pages fetch the session's row again; a page that sends each minute is told of each time
TOLD_EACH = timedelta(seconds=50)
# of JPEG, before the frame: tables (DHT, DAC, DQT, DRI), what applications add (APP0 to APP15) and comments
_SEGMENTS = frozenset({0xC4, 0xCC, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE})


class Format(StrEnum):
    """The media types that browsers make of a canvas, and that show nothing but a picture."""

    WEBP = "image/webp"
    JPEG = "image/jpeg"
    PNG = "image/png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """How a session's screen looked at a moment. `body` was recognised as a picture of this format."""

    session: str
    at: datetime
    format: Format
    body: bytes


def recognise(body: bytes) -> Format | None:
    """The format of a small still picture, by its own first bytes; None for anything else.

    Total. What the sender says of it counts for nothing, and neither side may be longer than MOST_PIXELS: a few bytes can
    claim to be a picture that fills the memory of whoever looks at it.
    """
    if len(body) > MOST_BYTES:
        return None
    for format_, size_of in ((Format.PNG, _png), (Format.JPEG, _jpeg), (Format.WEBP, _webp)):
        try:
            size = size_of(body)
        except (struct.error, IndexError):
            return None  # it ends in the middle of its head
        if size is not None:
            return format_ if all(0 < side <= MOST_PIXELS for side in size) else None
    return None


def seen(record: Record, now: datetime) -> tuple[Record, list[Event]]:
    """A picture of the session's screen was kept. Only about each minute is that news for those who look at a list."""
    session = record.session
    if record.phase is not Phase.READY or (session.thumbnail_at is not None and now - session.thumbnail_at < TOLD_EACH):
        return record, []
    return replace(record, session=replace(session, thumbnail_at=now)), []


def version(record: Record) -> str:
    """Another text whenever the picture is to be fetched again; "" when there is none.

    The session's end makes another one: its last picture may be newer than the one that lists were told of.
    """
    at = record.session.thumbnail_at
    if at is None:
        return ""
    return f"{int(at.timestamp())}{'-last' if record.phase is Phase.ENDED else ''}"


def _png(body: bytes) -> tuple[int, int] | None:
    """A picture that moves says so in a chunk before its first row; no chunk between is skipped unseen."""
    if not body.startswith(b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"):
        return None
    width, height = struct.unpack_from(">II", body, 16)
    at = 33
    while True:
        length, name = struct.unpack_from(">I4s", body, at)
        if name == b"IDAT":
            return width, height
        if name == b"acTL":
            return None
        at += 12 + length


def _jpeg(body: bytes) -> tuple[int, int] | None:
    """Walks the segments to the frame's head (SOF0 to SOF15, which share a shape); the picture's data comes after it.

    Markers that decoders read without a length are none that encoders write there: who counts one would walk another way than
    the decoder does, and see another frame.
    """
    if not body.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while body[at] == 0xFF:
        marker = body[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack_from(">HH", body, at + 5)
            return width, height
        elif marker not in _SEGMENTS:
            return None
        else:
            (length,) = struct.unpack_from(">H", body, at + 2)
            if length < 2:
                return None
            at += 2 + length
    return None


def _webp(body: bytes) -> tuple[int, int] | None:
    """Each of the three kinds has its size elsewhere. One that moves is none: a list is to be quiet."""
    if body[:4] != b"RIFF" or body[8:12] != b"WEBP":
        return None
    kind = body[12:16]
    if kind == b"VP8 " and body[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and body[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", body, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and not body[20] & 0x02:
        return int.from_bytes(body[24:27], "little") + 1, int.from_bytes(body[27:30], "little") + 1
    return None
