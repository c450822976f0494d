"""The display's own HTML5 client, served from its files: quicker than by its server, and browsers may keep it.

Xpra's server compresses each file anew for each request, as strongly as it can, in the process that also has to draw. Every
session has an address of its own, so that a browser comes without any of these files, three megabytes in all.
"""

import os
import stat
import zlib
from typing import Dict, Optional, Tuple
from urllib.parse import unquote

from armchair.node.screen.http import Connection, Request
from armchair.node.screen.policy import of_page

KINDS: Dict[str, str] = {
    ".html": "text/html", ".js": "application/javascript", ".css": "text/css", ".png": "image/png", ".ico": "image/x-icon",
    ".svg": "image/svg+xml", ".gif": "image/gif", ".jpg": "image/jpeg",
}  # fmt: skip
PACKED = frozenset((".html", ".js", ".css", ".svg"))
# a script can become a worker, which goes by its own policy and not by its page's
ACTIVE = frozenset((".html", ".js"))
INDEX = "index.html"
LARGEST = 8 << 20
WORTH_PACKING = 1024
# a page that reconnects asks again for nothing; a run that was moved to a node with another version is not stuck for long
KEPT = "private, max-age=600"
ASKED_AGAIN = "no-cache"


class Static:
    """Serves the files below `root`, which belong to the system: what its symbolic links lead to is served as well."""

    def __init__(self, root: str) -> None:
        self._root = root

    def answer(self, request: Request, connection: Connection) -> bool:
        """Answer if there is such a file; False leaves the request to somebody else."""
        found = self._find(request)
        if found is None:
            return False
        path, kind = found
        packs = kind in PACKED and "gzip" in request.header("accept-encoding").lower()
        try:
            with open(path, "rb") as file:
                about = os.fstat(file.fileno())
                if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
                    return False
                tag = '"%x-%x%s"' % (about.st_mtime_ns, about.st_size, "-gzip" if packs else "")
                headers = [("ETag", tag), ("Vary", "Accept-Encoding")]
                headers.append(("Cache-Control", ASKED_AGAIN if kind == ".html" else KEPT))
                data = file.read()
                if kind in ACTIVE:
                    headers.append(
                        ("Content-Security-Policy", of_page(request.header("host"), data if kind == ".html" else b""))
                    )
                if tag in request.header("if-none-match"):
                    connection.answer(304, headers=headers)
                    return True
        except OSError:
            return False
        if packs and len(data) > WORTH_PACKING:
            data = _pack(data)
            headers.append(("Content-Encoding", "gzip"))
        connection.answer(200, data, KINDS[kind], headers)
        return True

    def _find(self, request: Request) -> Optional[Tuple[str, str]]:
        """The path of the file that is asked for, and its kind."""
        if request.method not in ("GET", "HEAD") or request.upgrades():
            return None
        words = unquote(request.path).split("/")[1:]
        if words == [""]:
            words = [INDEX]
        kind = os.path.splitext(words[-1])[1]
        # no empty ones, no hidden ones, no way up
        if kind not in KINDS or any(not word or word.startswith(".") or "\0" in word for word in words):
            return None
        return os.path.join(self._root, *words), kind


def _pack(data: bytes) -> bytes:
    """As gzip, quickly: the last per cent would cost more time than its bytes."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()
