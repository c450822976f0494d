"""The helper's own record of what it did for whom: one JSON object a line, appended, never changed."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from armchair.domain.errors import ArmchairError


class Audit:
    """Writes to one file, 0640. Nothing that is secret is ever given to it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._torn = False

    def note(self, what: str, result: str, **facts: object) -> None:
        """Append a line. Raises OSError when the disk takes nothing, or not all of it: then nothing shall be done either."""
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "what": what, "result": result, **facts}
        data = json.dumps(line, ensure_ascii=True).encode() + b"\n"
        # what a full disk cut off stands in a line of its own
        whole = b"\n" + data if self._torn else data
        written = os.write(self._file, whole)
        self._torn = written != len(whole)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextmanager
    def noting(self, what: str, **facts: object) -> Iterator[None]:
        """Note that this was given, or the code of the error that it ends in. What can't be noted is not given: see `note`."""
        try:
            yield
        except ArmchairError as error:
            self.note(what, error.code, **facts)
            raise
        self.note(what, "given", **facts)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
