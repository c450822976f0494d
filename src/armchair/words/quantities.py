"""Numbers with units, as short as people say them."""

from datetime import datetime, timedelta

from armchair.domain.session import Resources
from armchair.words.language import gettext, mark, ngettext

_UNITS = ((2**40, "TB"), (2**30, "GB"), (2**20, "MB"), (2**10, "kB"))


def memory(size: int) -> str:
    """Bytes in the largest unit that leaves at least 1, with one decimal where it says something: "16 GB", "1.5 GB"."""
    for factor, unit in _UNITS:
        if size >= factor:
            number = size / factor
            return f"{number:.0f} {unit}" if number >= 100 or abs(number - round(number)) < 0.05 else f"{number:.1f} {unit}"
    return f"{size} B"


def duration(span: timedelta) -> str:
    """A length of time with at most two units: "3 h 41 min", "45 s", "2 d"."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86400
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    first = next(index for index, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)


def time_left(span: timedelta) -> str:
    """How long something may go on, like `3 h 41 min left`."""
    return gettext("%(span)s left") % {"span": duration(span)}


def clock_time(moment: datetime) -> str:
    """The time of day on this machine's clock."""
    return moment.astimezone().strftime("%H:%M")


def long_duration(span: timedelta) -> str:
    """A length of time in whole words, for sentences: "4 hours", "90 minutes"."""
    seconds = max(0, round(span.total_seconds()))
    for size, one, many in (
        (86400, mark("%(number)d day"), mark("%(number)d days")),
        (3600, mark("%(number)d hour"), mark("%(number)d hours")),
        (60, mark("%(number)d minute"), mark("%(number)d minutes")),
    ):
        if seconds and seconds % size == 0:
            return ngettext(one, many, seconds // size) % {"number": seconds // size}
    return duration(span)


def clock(moment: datetime, now: datetime) -> str:
    """The time of day on this machine's clock; with the date when that is not today's."""
    there, today = moment.astimezone(), now.astimezone()
    return there.strftime("%H:%M" if there.date() == today.date() else "%Y-%m-%d %H:%M")


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, or in how long: "3 min ago", "just now", "in 2 h"."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 10:
        return gettext("just now")
    span = duration(timedelta(seconds=abs(seconds)))
    return gettext("%(span)s ago") % {"span": span} if seconds > 0 else gettext("in %(span)s") % {"span": span}


def cores(number: int) -> str:
    """A number of cores, like `4 cores`."""
    return ngettext("%(number)d core", "%(number)d cores", number) % {"number": number}


def gpus(number: int) -> str:
    """A number of GPUs, like `2 GPUs`."""
    return ngettext("%(number)d GPU", "%(number)d GPUs", number) % {"number": number}


def resources(asked: Resources) -> str:
    """A size in short form: "4 cores · 16 GB · 1 GPU"."""
    parts = [cores(asked.cores)]
    if asked.memory is not None:
        parts.append(memory(asked.memory))
    if asked.gpus:
        parts.append(gpus(asked.gpus))
    if asked.walltime is not None:
        parts.append(duration(asked.walltime))
    return " · ".join(parts)
