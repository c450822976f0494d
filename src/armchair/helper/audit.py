"""The helper's own record of what it did for whom: one JSON object a line, appended, never changed."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path


class Audit:
    """Writes to one file, 0640. Nothing that is secret is ever given to it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def note(self, what: str, result: str, **facts: object) -> None:
        """Append a line. Raises OSError when the disk takes nothing: then nothing shall be done either."""
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "what": what, "result": result, **facts}
        os.write(self._file, json.dumps(line, ensure_ascii=True).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
