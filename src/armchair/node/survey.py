"""What this node has for programs in containers and for graphical ones; asked by `armchair doctor`, here and in its job."""

import os
import pwd
import re
import shutil
import stat
import subprocess  # noqa: TID251 - there is no other door on the node
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from armchair.node.container import kernel
from armchair.node.container.image import SQUASHFS, Image
from armchair.node.container.runtimes import known
from armchair.node.screen.xserver import SOCKETS, UNMAPPED, is_usable

# all programs together may take so long to say their version, then the rest goes without
SECONDS = 12.0
_VERSION = re.compile(r"\d+(?:\.\d+)+\S*")
_OPEN_TO_ALL = stat.S_ISVTX | 0o777

Look = Tuple[str, bool, Dict[str, Any]]


class _Server(NamedTuple):
    """A display server: the word that asks for its version, and the other program that it can't do without."""

    program: str
    question: str
    needs: str


SERVERS = (_Server("xpra", "--version", "Xvfb"), _Server("Xvnc", "-version", ""))


def survey() -> Iterator[Look]:
    """What was looked at: a code, whether it is well, and facts. Never raises."""
    clock = _Clock(SECONDS)
    for look in _containers(clock):
        yield look
    yield _sockets()
    yield _servers(clock)


class _Clock:
    """How much is left of a time."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, at least a moment."""
        return max(0.1, self._end - time.monotonic())


def _containers(clock: _Clock) -> Iterator[Look]:
    """The runtimes, and whether one of them can run what most images are: one file."""
    weighed = [one for one in known.weigh(Image("", SQUASHFS), (), False, kernel.user_namespaces) if one.program]
    named = [_named(one.runtime.name, [one.program, "--version"], clock) for one in weighed]
    yield "runtimes", bool(weighed), {"runtimes": ", ".join(named)}
    if weighed:
        reasons = ["%s %s" % (one.runtime.name, one.reason) for one in weighed if one.reason]
        yield "images", len(reasons) < len(weighed), {"problem": "; ".join(reasons)}


def _sockets() -> Look:
    """The directory of the displays' sockets. It may be absent where the first display can make it."""
    facts: Dict[str, Any] = {"directory": SOCKETS, "why": "", "problem": ""}
    try:
        found = os.lstat(SOCKETS)
    except FileNotFoundError:
        if not os.access(os.path.dirname(SOCKETS), os.W_OK | os.X_OK):
            facts["why"] = "missing"
    except OSError as error:
        facts.update(why="unusable", problem="%s." % error.strerror)
    else:
        facts["why"] = _fault(found)
        if facts["why"]:
            facts["problem"] = "It is %s's, with mode %04o." % (_account(found.st_uid), stat.S_IMODE(found.st_mode))
    return "sockets", not facts["why"], facts


def _fault(found: os.stat_result) -> str:
    """What is wrong with the directory; "" when nothing is."""
    if not is_usable(found):
        return "unusable"
    parent = os.stat(os.path.dirname(SOCKETS)).st_uid
    if parent == found.st_uid == os.geteuid() != 0:
        return ""  # a /tmp of the job's own
    if found.st_uid not in (0, UNMAPPED):
        return "owner"
    return "" if found.st_mode & _OPEN_TO_ALL == _OPEN_TO_ALL else "mode"


def _servers(clock: _Clock) -> Look:
    """What can show windows: one that lacks what it needs does not count."""
    there: List[str] = []
    lacking: List[str] = []
    for one in SERVERS:
        path = shutil.which(one.program)
        if path is None:
            continue
        if one.needs and shutil.which(one.needs) is None:
            lacking.append("There is %s, which needs %s." % (one.program, one.needs))
        else:
            there.append(_named(one.program, [path, one.question], clock))
    return "displays", bool(there), {"displays": ", ".join(there), "problem": " ".join(lacking)}


def _named(name: str, argv: Sequence[str], clock: _Clock) -> str:
    """The name with the version that the program says of itself, as far as it says one in time."""
    # Charliecloud says nothing to nobody
    environment = {"USER": _account(os.geteuid()), **os.environ}
    try:
        said = subprocess.check_output(  # noqa: S603 - a program that was found on the node's PATH
            list(argv), stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, env=environment, timeout=clock.left()
        )
    except (OSError, subprocess.SubprocessError):
        return name
    found = _VERSION.search(said.decode("utf-8", "replace"))
    return "%s %s" % (name, found.group()) if found else name


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
