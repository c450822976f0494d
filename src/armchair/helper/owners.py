"""Whose session an id is: whoever is first given a mandate for it. Kept on disk, one small file each, so that it outlives us.

Without this, who holds anybody's assertion could ask for a mandate with another person's session id, and with it for a ticket
and a certificate of that session.
"""

import os
import re
import time
from pathlib import Path

from armchair.domain.errors import Refused

_SESSION = re.compile(r"[a-z0-9]{8,60}", re.ASCII)


class Owners:
    """One directory, ours alone. An entry goes when no mandate can be left that was made from it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory

    def claim(self, session: str, uid: int) -> None:
        """The session is this person's from now on. Raises Refused("not_your_session") when it is another's, or no id."""
        if _SESSION.fullmatch(session) is None:
            raise Refused("not_your_session", session=session[:60])
        path = self._directory / session
        half = self._directory / f".{session}.{os.urandom(8).hex()}"
        half.write_text(f"{uid}\n", "ascii")
        try:
            os.link(half, path)
        except FileExistsError:
            if path.read_text("ascii") != f"{uid}\n":
                raise Refused("not_your_session", session=session) from None
            path.touch()  # a mandate is renewed: the entry stays as long as it
        finally:
            half.unlink(missing_ok=True)

    def forget(self, age: float) -> None:
        """Remove what nobody has claimed for `age` seconds."""
        until = time.time() - age
        for entry in os.scandir(self._directory):
            if entry.stat().st_mtime < until:
                Path(entry.path).unlink(missing_ok=True)
