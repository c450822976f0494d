"""Text of a person in, value of a field out, and back: numbers, durations, memory sizes."""

import math
import re

from armchair.domain.forms.fields import Field, FieldType

LARGEST = 2**63 - 1
NUMBER_TEXT = 64  # longer texts are no number that anybody types; parsing them costs time

_DURATION_UNITS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
}  # fmt: skip
_CLOCK = re.compile(r"(?:(?P<days>[0-9]{1,6})-)?(?P<hours>[0-9]{1,6}):(?P<minutes>[0-5]?[0-9]):(?P<seconds>[0-5]?[0-9])")
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([a-z]+)\s*")
_MEMORY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([kmgt]?)(i?b)?", re.IGNORECASE)
_MEMORY_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def parse_duration(text: str) -> int | None:
    """Seconds in "4h", "90m", "1h 30m", "1:30:00" or "2-00:00:00"; None for anything else.

    "1:30" is refused: half of its readers mean minutes and the other half hours.
    """
    text = text.strip().lower()
    if not text or len(text) > NUMBER_TEXT:
        return None
    clock = _CLOCK.fullmatch(text)
    if clock:
        days, hours, minutes, seconds = (int(part or 0) for part in clock.group("days", "hours", "minutes", "seconds"))
        return days * 86400 + hours * 3600 + minutes * 60 + seconds
    total, position = 0.0, 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None or part[2] not in _DURATION_UNITS:
            return None
        total += float(part[1]) * _DURATION_UNITS[part[2]]
        position = part.end()
    return round(total)


def parse_memory(text: str) -> int | None:
    """Bytes in "16G", "512 MB", "1.5 GiB"; units are powers of 1024, as schedulers count. None without a unit."""
    text = text.strip()
    match = _MEMORY.fullmatch(text) if len(text) <= NUMBER_TEXT else None
    if match is None or not (match[2] or match[3]):
        return None
    return round(float(match[1]) * _MEMORY_UNITS[match[2].lower()])


def parse_whole_number(value: object) -> int | None:
    """The integer in a text or JSON number; None for anything else, also for 2.5 and true."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,64}", value.strip(), re.ASCII):
        return int(value)
    return None


def parse_number(value: object) -> float | None:
    """The finite number in a text or JSON number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not re.fullmatch(r"[+-]?[0-9.]{1,40}(?:[eE][+-]?[0-9]{1,4})?", value.strip(), re.ASCII):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def duration_text(seconds: float) -> str:
    """Seconds as a person types them: 14400 → "4h", 5400 → "1h 30m"."""
    left, parts = round(seconds), []
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


def memory_text(size: float) -> str:
    """Bytes as a person types them, in the largest unit that is exact: 17179869184 → "16 GB", 1536 MiB → "1536 MB"."""
    whole = round(size)
    for unit, factor in (("TB", 1024**4), ("GB", 1024**3), ("MB", 1024**2), ("KB", 1024)):
        if whole and whole % factor == 0:
            return f"{whole // factor} {unit}"
    return f"{whole} B"


def number_text(number: float) -> str:
    """A number without a needless ".0"."""
    if isinstance(number, int):
        return str(number)
    return str(int(number)) if number.is_integer() and abs(number) < LARGEST else repr(number)


def limit_text(field: Field, limit: float) -> str:
    """A field's minimum, maximum or step as one types a value of it."""
    if field.type is FieldType.DURATION:
        return duration_text(limit)
    if field.type is FieldType.MEMORY:
        return memory_text(limit)
    return number_text(limit)


def shown(field: Field, value: object) -> str:
    """A kept value (or default) as the text that stands in the form: 14400 → "4h", True → "true", None → ""."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and field.type in {FieldType.DURATION, FieldType.MEMORY, FieldType.NUMBER}:
        return limit_text(field, value)
    return str(value)


def variable_text(value: object) -> str:
    """A kept value as an environment variable's text: seconds, bytes, true/false; "" for no answer."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    return str(value)
