"""Opens an address that holds a secret in the browser.

The arguments of a command can be read by every user of the machine, so the browser is given the name of a page that only this
account can read, and the page leads on.
"""

import html
import os
import tempfile
import time
import webbrowser
from pathlib import Path

import platformdirs

_SUFFIX = ".html"
_KEPT = 60.0  # seconds; what such an address lets in with is worth nothing by then
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}">
<title>Armchair</title>
<p><a href="{address}">Go on to the session</a></p>
</html>
"""


def browse(address: str) -> bool:
    """Whether there is a browser that opens it. Raises OSError when the page can't be written."""
    directory = platformdirs.user_cache_path("armchair") / "open"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _tidy(directory)
    handle, name = tempfile.mkstemp(dir=directory, suffix=_SUFFIX)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_PAGE.format(address=html.escape(address)))
    return webbrowser.open(Path(name).as_uri())


def _tidy(directory: Path) -> None:
    """Remove the pages of earlier times."""
    for page in directory.glob(f"*{_SUFFIX}"):
        if page.stat().st_mtime < time.time() - _KEPT:
            page.unlink(missing_ok=True)
