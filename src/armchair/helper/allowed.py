"""Which command lines go through. Pure: a list of words in, the same list out, or Refused("command_not_allowed").

Everything is named here; what is not named is refused. Options are one word each (`--name=value`), so that no value can be
taken for another option.
"""

import re
from collections.abc import Sequence

from armchair.domain.errors import Refused

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.@:+-]{0,127}"
_CLUSTER = rf"(?!(?i:all)$){_NAME}"  # one: of `all`, the job that was looked at would be one, and those that are changed many
_COUNT = r"[1-9][0-9]{0,8}"
_MARK = re.compile(r"armchair-[a-z0-9]{6}-[0-9a-f]{32}", re.ASCII)
_SUBMIT = {
    "--parsable": None,
    "--requeue": None,
    "--no-requeue": None,
    "--export": "NONE",
    "--chdir": "/",
    "--output": "/dev/null",
    "--nodes": "1",
    "--ntasks": "1",
    "--cpus-per-task": _COUNT,
    "--mem": rf"{_COUNT}M",
    "--time": _COUNT,
    "--gres": rf"gpu:(?:{_NAME}:)?{_COUNT}",
    "--signal": rf"B:USR1@{_COUNT}",
    "--partition": _NAME,
    "--account": _NAME,
    "--qos": _NAME,
    "--reservation": _NAME,
    "--clusters": _CLUSTER,
    "--job-name": r"[A-Za-z0-9._-]{1,100}:[A-Za-z0-9=._-]{1,400}",
}
_SHAPE = {name: value for name, value in _SUBMIT.items() if name != "--job-name"}
_CLUSTERS = {"--clusters": _CLUSTER}
_WORDS = r"[A-Za-z0-9_:,.%+*-]{1,4000}"
_LISTS = r"[A-Za-z0-9_][A-Za-z0-9_,.:\[\]@+-]{0,60000}"
_SEPARATED = r"[^\n\0]{1,4000}"  # field lists with separators of any kind
_READ: dict[str, dict[str, str | None]] = {
    "squeue": {
        **_CLUSTERS, "--noheader": None, "--all": None, "--states": _WORDS, "--jobs": _LISTS, "--user": _NAME, "--users": _NAME,
        "--name": _WORDS, "--array": None, "--format": _SEPARATED,
    },
    "sacct": {
        **_CLUSTERS, "--noheader": None, "--allocations": None, "--duplicates": None, "--parsable": None, "--parsable2": None,
        "--allusers": None, "--delimiter": _SEPARATED, "--format": _WORDS, "--jobs": _LISTS, "--user": _NAME,
        "--starttime": _WORDS, "--endtime": _WORDS, "--state": _WORDS,
    },
    "sinfo": {
        **_CLUSTERS, "--noheader": None, "--Node": None, "--all": None, "--nodes": _LISTS, "--partition": _LISTS,
        "--format": _SEPARATED,
    },
    "sshare": {**_CLUSTERS, "--noheader": None, "--parsable2": None, "--users": _NAME, "--format": _WORDS},
}  # fmt: skip
# options of squeue and sinfo whose value is the next word
_TAKES = {"squeue": ("-O", "-o", "--Format"), "sinfo": ("-O", "-o", "--Format"), "sacct": (), "sshare": ()}
_LISTED = frozenset({"account", "association", "cluster", "qos", "user"})
_SHOWN = frozenset({"config", "job", "partition", "partitions", "reservation", "reservations", "node", "nodes", "assoc_mgr"})


def submission(argv: Sequence[str], mark: str, extra: Sequence[str]) -> None:
    """`sbatch` with this mark and the site's own words. Raises Refused."""
    own = list(argv[1:])
    for word in extra:
        if word in own:
            own.remove(word)
    comments = [word for word in own if word.startswith("--comment=")]
    if argv[:1] != ["sbatch"] or comments != [f"--comment={mark}"]:
        raise _no(argv)
    own.remove(comments[0])
    _check(argv, own, _SUBMIT, {"--export", "--chdir", "--job-name"})
    names = [word for word in own if word.startswith("--job-name=")]
    if not names[0].endswith(f":{mark}"):
        raise _no(argv)


def question_of_time(argv: Sequence[str], extra: Sequence[str]) -> None:
    """`sbatch --test-only`: when such a job would start; nothing is submitted. Raises Refused."""
    own = list(argv[1:])
    for word in ("--test-only", *extra):
        if word in own:
            own.remove(word)
    if argv[:2] != ["sbatch", "--test-only"]:
        raise _no(argv)
    _check(argv, own, _SHAPE, {"--export", "--chdir"})


def is_mark(text: str) -> bool:
    """Whether a job's mark may look like this: as the portal derives them, and as nobody names or comments a job of their own.

    Else whoever holds a login could have the person's other jobs ended, by taking their names for marks.
    """
    return _MARK.fullmatch(text) is not None


def cancellation(argv: Sequence[str]) -> tuple[str, list[str]]:
    """`scancel` of one job: its number, and the words that say on which cluster. Raises Refused."""
    options = {**_CLUSTERS, "--signal": "KILL|TERM", "--full": None, "--batch": None}
    if argv[:1] != ["scancel"] or len(argv) < 2 or re.fullmatch(_COUNT, argv[-1]) is None:
        raise _no(argv)
    _check(argv, argv[1:-1], options, set())
    return argv[-1], [word for word in argv if _is_cluster(word)]


def extension(argv: Sequence[str]) -> tuple[str, int, list[str]]:
    """`scontrol update` of one job's time limit: its number, the minutes, and where as in `cancellation`. Raises Refused."""
    where = [word for word in argv[1:] if _is_cluster(word)]
    words = [word for word in argv[1:] if not _is_cluster(word)]
    found = re.fullmatch(rf"update JobId=({_COUNT}) TimeLimit=({_COUNT})", " ".join(words))
    if argv[:1] != ["scontrol"] or found is None or len(words) != 3 or len(where) > 1:
        raise _no(argv)
    return found[1], int(found[2]), where


def reading(argv: Sequence[str]) -> None:
    """A command that only shows. Raises Refused."""
    program = argv[0] if argv else ""
    if program in _READ:
        _check(argv, _without_fields(program, argv[1:]), _READ[program], set())
    elif program == "scontrol":
        words = [word for word in argv[1:] if word not in {"--all", "--oneliner"} and not _is_cluster(word)]
        shows = words[:1] == ["show"] and len(words) in {2, 3} and words[1] in _SHOWN
        if words != ["ping"] and not (shows and all(re.fullmatch(_LISTS, word) for word in words[2:])):
            raise _no(argv)
    elif program == "sacctmgr":
        words = [word for word in argv[1:] if word not in {"--noheader", "--parsable2", "--readonly"}]
        plain = all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_=,.:@%+-]*", word) for word in words)
        if words[:1] not in (["show"], ["list"]) or len(words) < 2 or words[1] not in _LISTED or not plain:
            raise _no(argv)
    else:
        raise _no(argv)


def _is_cluster(word: str) -> bool:
    return re.fullmatch(rf"--clusters={_CLUSTER}", word) is not None


def _without_fields(program: str, words: Sequence[str]) -> list[str]:
    """The words without those that name the fields to be shown."""
    left, words = [], list(words)
    while words:
        word = words.pop(0)
        if word in _TAKES[program] and words and not words[0].startswith("-"):
            words.pop(0)
        else:
            left.append(word)
    return left


def _check(argv: Sequence[str], words: Sequence[str], options: dict[str, str | None], needed: set[str]) -> None:
    seen = set()
    for word in words:
        name, equals, value = word.partition("=")
        pattern = options.get(name, "")
        fits = not equals if pattern is None else bool(pattern and equals and re.fullmatch(pattern, value))
        if not fits or name in seen:
            raise _no(argv)
        seen.add(name)
    if not needed <= seen:
        raise _no(argv)


def _no(argv: Sequence[str]) -> Refused:
    return Refused("command_not_allowed", program=argv[0] if argv else "")
