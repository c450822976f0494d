"""How programs are run: a script of a run's private directory, also where nothing that lies there may be, as many sites mount
/tmp noexec; and with signals as from a login.
"""

import os
import signal
from typing import List

_LONGEST = 256


def words(path: str) -> List[str]:
    """The script itself; on a file system without the right to run, what its first line names, with the script."""
    try:
        if not os.statvfs(path).f_flag & os.ST_NOEXEC:
            return [path]
        with open(path, "rb") as file:
            first = file.readline(_LONGEST)
    except OSError:
        return [path]
    # as the kernel does it: one word, and all that follows as another
    named = os.fsdecode(first[2:].strip()).split(None, 1) if first.startswith(b"#!") else []
    return [*named, path]


def restore_signals() -> None:
    """Undo what Python does for itself, right before this process becomes another program: that would ignore these for ever,
    and in all shells below it `yes | head` would end with complaints.
    """
    for one in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(one, signal.SIG_DFL)
