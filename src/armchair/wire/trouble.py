"""Why a program can't be started or shown, from what runs beside it to the agent: a file in the run's private directory.

Its first line is a code, `[a-z0-9_]+`, for which the portal has words; what follows is a message for the log and for support.
"""

import os
import re
import stat
import sys
from typing import Tuple

FILE = "trouble"
LONGEST = 2000
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")


class Trouble(Exception):
    """It can't go on, and `code` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def leave(directory: str, trouble: Trouble) -> None:
    """Say it in the log and to the agent. The first trouble stands: later ones follow from it."""
    print(str(trouble), file=sys.stderr, flush=True)
    try:
        descriptor = os.open(os.path.join(directory, FILE), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError:
        return
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.write("%s\n%s\n" % (trouble.code, trouble))


def read(directory: str) -> Tuple[str, str]:
    """Code and message; two empty texts when nothing was left, or something else."""
    try:
        # NONBLOCK and NOFOLLOW: the program may have put anything there, and opening a pipe would wait for a writer
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(os.path.join(directory, FILE), flags)
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return "", ""
            code, _, message = file.read(LONGEST).partition("\n")
    except OSError:
        return "", ""
    if not _CODE.match(code):
        return "", ""
    return code, message.strip()
