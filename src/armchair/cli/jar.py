"""Writes a cookie file in Netscape's format, as curl and wget read it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from armchair.client.models import Entry


def write_jar(path: Path, entry: "Entry") -> None:
    """Write the cookie, readable by this account only. The file is made anew: it holds this cookie alone.

    Columns: host, sub-domains, path, secure, expires, name, value. Secure is FALSE: curl drops Secure cookies on plain HTTP,
    and this one counts only from clients that are no browsers. Raises OSError.
    """
    columns = (entry.host, "FALSE", "/", "FALSE", str(int(entry.expires.timestamp())), entry.name, entry.value)
    # the mark is for curl: it skips a line that begins with # unless it says HttpOnly
    text = "# Netscape HTTP Cookie File\n#HttpOnly_" + "\t".join(columns) + "\n"
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
