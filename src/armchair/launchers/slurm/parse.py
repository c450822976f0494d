"""Slurm's answers as data. Every parser is total: what it can't read is left out, and it never raises (I7).

Users choose names and comments of their jobs freely, line ends included. So fields end with a separator that holds a random
word, made for one query: nobody can write a job's name that reads like another job's line.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_SPAN = re.compile(r"(?:(\d{1,6})-)?(?:(\d{1,6}):)?(\d{1,8})(?::(\d{1,2}))?", re.ASCII)
_EXIT = re.compile(r"(\d{1,3}):(\d{1,3})", re.ASCII)
_PAIR = re.compile(r"(?:^|\s)([A-Za-z][\w/:]*)=(\S*)", re.ASCII)
_CONFIG = re.compile(r"^\s*(\S[^=\n]*?)\s*=\s?(.*)$", re.MULTILINE)
_JOB_ID = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_LAST_SIGNAL = 64
_NO_SIGNALS = frozenset({53})  # Slurm's own sign that a job could not be launched, as 125 is for "out of memory"

# what is asked of squeue (the names of -O), and the letters of -o for releases that lack one of those names
QUEUE_FIELDS: tuple[tuple[str, str], ...] = (
    ("JobID", "%A"),
    ("State", "%T"),
    ("Reason", "%r"),
    ("RestartCnt", ""),
    ("SubmitTime", "%V"),
    ("StartTime", "%S"),
    ("EndTime", "%e"),
    ("TimeLimit", "%l"),
    ("UserID", "%U"),
    ("NodeList", "%N"),
    ("BatchHost", "%B"),
    ("Partition", "%P"),
    ("PriorityLong", "%Q"),
    ("exit_code", ""),
    ("Comment", "%k"),
    ("Name", "%j"),
)
ACCOUNTING_FIELDS = (
    "JobIDRaw",
    "State",
    "ExitCode",
    "Submit",
    "Start",
    "End",
    "Timelimit",
    "UID",
    "NodeList",
    "Comment",
    "JobName",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One job as squeue or sacct says. `submitted` None: unreadable. `exit_code` and `signal` None: not told."""

    id: str
    state: str
    reason: str = ""
    restarts: int = 0
    submitted: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    limit: timedelta | None = None
    uid: int | None = None
    nodes: str = ""
    node: str = ""
    partition: str = ""
    priority: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    comment: str = ""
    name: str = ""


def new_separator() -> str:
    """What ends a field in the answer to one query."""
    return f"\x1f{secrets.token_hex(4)}\x1f"


def is_job_id(text: str) -> bool:
    """Whether this can be the id of a batch job: it may then stand in an argument list."""
    return _JOB_ID.fullmatch(text) is not None


def records(text: str, separator: str, width: int) -> Iterator[tuple[str, ...]]:
    """The records of an answer in which every field ends with `separator` and every record with a line end.

    A cut-off last record is left out. Whatever a multi-cluster answer writes before a record's first field is dropped.
    """
    fields = text.split(separator)
    for at in range(0, len(fields) - width, width):
        yield (fields[at].rpartition("\n")[2], *fields[at + 1 : at + width])


def queue(text: str, separator: str, *, basic: bool = False) -> list[Row]:
    """The rows of a squeue answer. `basic`: to the query with letters, which has fewer fields."""
    names = [name for name, letter in QUEUE_FIELDS if letter or not basic]
    return [
        row for record in records(text, separator, len(names)) if (row := _queue_row(dict(zip(names, record, strict=True))))
    ]


def _queue_row(field: Mapping[str, str]) -> Row | None:
    if not is_job_id(field["JobID"].strip()):
        return None
    host = text_of(field["BatchHost"])
    code, signal = wait_status(field.get("exit_code", ""))
    return Row(
        id=field["JobID"].strip(),
        state=field["State"].strip(),
        reason=text_of(field["Reason"])[:200],
        restarts=number(field.get("RestartCnt", "")) or 0,
        submitted=moment(field["SubmitTime"]),
        start=moment(field["StartTime"]),
        end=moment(field["EndTime"]),
        limit=span(field["TimeLimit"]),
        uid=number(field["UserID"]),
        nodes=text_of(field["NodeList"]),
        node=host if host != "n/a" else "",
        partition=text_of(field["Partition"]),
        priority=number(field["PriorityLong"]),
        exit_code=code,
        signal=signal,
        comment=text_of(field["Comment"]),
        name=text_of(field["Name"]),
    )


def accounting(text: str, separator: str) -> list[Row]:
    """The rows of a sacct answer: one for each job, and one more for each time it was queued again, oldest first."""
    found = []
    for record in records(text, separator, len(ACCOUNTING_FIELDS)):
        field = dict(zip(ACCOUNTING_FIELDS, record, strict=True))
        if not is_job_id(field["JobIDRaw"].strip()):
            continue
        code, signal = exit_status(field["ExitCode"])
        nodes = text_of(field["NodeList"])
        row = Row(
            id=field["JobIDRaw"].strip(),
            state=field["State"].strip(),
            submitted=moment(field["Submit"]),
            start=moment(field["Start"]),
            end=moment(field["End"]),
            limit=span(field["Timelimit"]),
            uid=number(field["UID"]),
            nodes="" if nodes == "None assigned" else nodes,
            exit_code=code,
            signal=signal,
            comment=text_of(field["Comment"]),
            name=text_of(field["JobName"]),
        )
        found.append(row)
    return found


def controller(text: str) -> Row | None:
    """One job from `scontrol -o show job ID`. The first word of a name counts: the rest of the line is then the user's."""
    field: dict[str, str] = {}
    for name, value in pairs(text):
        field.setdefault(name, value)
    if not is_job_id(field.get("JobId", "")):
        return None
    code, signal = exit_status(field.get("ExitCode", ""))
    uid = re.search(r"\((\d{1,10})\)", field.get("UserId", ""))
    node = text_of(field.get("BatchHost", ""))
    return Row(
        id=field["JobId"],
        state=field.get("JobState", ""),
        reason=text_of(field.get("Reason", "")),
        restarts=number(field.get("Restarts", "")) or 0,
        submitted=moment(field.get("SubmitTime", "")),
        start=moment(field.get("StartTime", "")),
        end=moment(field.get("EndTime", "")),
        limit=span(field.get("TimeLimit", "")),
        uid=int(uid[1]) if uid else None,
        nodes=text_of(field.get("NodeList", "")),
        node=node,
        partition=text_of(field.get("Partition", "")),
        exit_code=code,
        signal=signal,
        comment=text_of(field.get("Comment", "")),
        name=text_of(field.get("JobName", "")),
    )


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """The `Key=Value` words of the first record of a `scontrol -o show …` answer."""
    line = next((line for line in text.split("\n") if "=" in line), "")
    for found in _PAIR.finditer(line):
        yield found[1], found[2]


def config(text: str) -> dict[str, str]:
    """`scontrol show config` as names and values."""
    return {found[1]: found[2].strip() for found in _CONFIG.finditer(text)}


def release(config: Mapping[str, str]) -> tuple[int, int]:
    """Which Slurm this is, from its configuration: `22.05.8` → (22, 5); (0, 0) when it does not say."""
    found = re.match(r"(\d{1,3})\.(\d{1,3})", config.get("SLURM_VERSION", ""), re.ASCII)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def submitted(text: str) -> str | None:
    """The job's id in what `sbatch --parsable` printed; None when it printed none."""
    for line in reversed(text.split("\n")):
        identity = line.strip().partition(";")[0]
        if is_job_id(identity):
            return identity
    return None


def text_of(field: str) -> str:
    """A field's text; "" for Slurm's ways to write that there is none."""
    value = field.strip()
    return "" if value in {"(null)", "None", "N/A", "NULL", "Unknown"} else value


def number(field: str) -> int | None:
    """A whole number, not negative; None for anything else."""
    value = field.strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None


def moment(field: str) -> datetime | None:
    """Seconds since 1970 (SLURM_TIME_FORMAT=%s), or the ISO time in UTC that is written where this format is not known."""
    value = field.strip()
    try:
        if value.isascii() and value.isdigit():
            seconds = int(value[:12])
            return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 2**32 else None
        return datetime.strptime(value[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def span(field: str) -> timedelta | None:
    """`[D-]HH:MM:SS`, `MM:SS` or `MM` as Slurm writes time limits; None for UNLIMITED and all else."""
    found = _SPAN.fullmatch(field.strip())
    if found is None:
        return None
    days, *rest = found.groups()
    parts = [int(part) for part in rest if part is not None]
    if days is not None:
        hours, minutes, seconds = [*parts, 0, 0][:3]
    elif len(parts) == 1:
        hours, minutes, seconds = 0, parts[0], 0
    else:
        hours, minutes, seconds = [0, *parts][-3:]
    return timedelta(days=int(days or 0), hours=hours, minutes=minutes, seconds=seconds)


def exit_status(field: str) -> tuple[int | None, int | None]:
    """`code:signal` as sacct and scontrol write it: an exit code, or the signal that ended the script."""
    found = _EXIT.fullmatch(field.strip())
    return _status(int(found[1]), int(found[2])) if found else (None, None)


def wait_status(field: str) -> tuple[int | None, int | None]:
    """The raw wait status that squeue writes: 512 is exit code 2, 9 is signal 9."""
    value = number(field)
    return (None, None) if value is None or value > 0xFFFF else _status(value >> 8, value & 0x7F)


def _status(code: int, signal: int) -> tuple[int | None, int | None]:
    if signal:
        return (None, signal if signal <= _LAST_SIGNAL and signal not in _NO_SIGNALS else None)
    return code, None
