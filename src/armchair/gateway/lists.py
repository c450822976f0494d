"""The two files of ids that HAProxy looks tickets up in: revoked ones, and superseded runs."""

import re
import stat
from datetime import datetime, timedelta
from pathlib import Path

from armchair.gateway import files

_ENTRY = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)


def check(entry: str) -> None:
    """Raises ValueError for what can't be an id: it goes into HAProxy's command line."""
    if _ENTRY.fullmatch(entry) is None:
        raise ValueError("not an id")


class IdList:
    """One file. Each id stands on its own line below a comment with the time when it was added (seconds since 1970).

    `keep` is longer than any ticket lives: an older entry can't meet a ticket any more. In a directory that belongs to a shared
    group (its setgid bit says so) the group may read the file.
    """

    def __init__(self, path: Path, keep: timedelta) -> None:
        self.path = path
        self._keep = keep

    def prepare(self, now: datetime) -> None:
        """Make the file if there is none, and drop entries that are older than any ticket."""
        kept = self.entries()
        fresh = {entry: at for entry, at in kept.items() if at > (now - self._keep).timestamp()}
        if not self.path.exists() or len(fresh) < len(kept):
            self._store(fresh)

    def add(self, entry: str, now: datetime) -> None:
        """Have the id on disk, durably, when this returns. Raises StorageFull."""
        check(entry)
        entries = self.entries()
        if entry not in entries:
            self._store({**entries, entry: int(now.timestamp())})

    def entries(self) -> dict[str, int]:
        """Every id with its time."""
        try:
            lines = self.path.read_text("ascii", "replace").splitlines()
        except FileNotFoundError:
            return {}
        found: dict[str, int] = {}
        at = 0
        for line in lines:
            if line.startswith("#"):
                text = line.removeprefix("#").strip()
                at = int(text) if text.isascii() and text.isdigit() else at
            elif _ENTRY.fullmatch(line):
                found[line] = at
        return found

    def _store(self, entries: dict[str, int]) -> None:
        mode = 0o640 if self.path.parent.stat().st_mode & stat.S_ISGID else 0o600
        files.write(self.path, "".join(f"# {at}\n{entry}\n" for entry, at in entries.items()).encode("ascii"), mode=mode)
