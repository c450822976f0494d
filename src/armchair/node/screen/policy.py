"""What the display's own page may do in a browser, as a Content-Security-Policy.

It shows what programs show, such as a web page's title in a window's, and takes a server's address from its own: so it runs
the scripts that it came with and no others, and speaks to the host that it came from and to no other.
"""

import base64
import hashlib
import html
import re
from typing import Iterator

_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,300}\Z")
_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
_HANDLER = re.compile(r"""\son[a-z]+\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_REST = (
    "default-src 'self'; script-src 'self'%s; connect-src 'self'%s; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'"
)
# where the page itself is not at hand
ANY_INLINE = "'unsafe-inline'"


def of_page(host: str, page: bytes) -> str:
    """The policy of this page, which was asked for at `host`: its own scripts and handlers are named by what they say.

    Without a page it is that of a worker.
    """
    # as a browser reads it before it looks at it
    text = page.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    named = sorted({_named(one) for one in _inline(text)})
    return _policy(host, " ".join(["'unsafe-hashes'"] + named if named else []))


def of_host(host: str) -> str:
    """The same for any page of this host; scripts may stand in it."""
    return _policy(host, ANY_INLINE)


def _policy(host: str, scripts: str) -> str:
    # by name too: not every browser counts WebSockets as 'self'
    sockets = " ws://%s wss://%s" % (host, host) if _HOST.match(host) else ""
    return _REST % (" " + scripts if scripts else "", sockets)


def _inline(text: str) -> Iterator[str]:
    for attributes, script in _SCRIPT.findall(text):
        if not re.search(r"\bsrc\s*=", attributes, re.IGNORECASE):
            yield script
    for one, other in _HANDLER.findall(_SCRIPT.sub("", text)):
        yield html.unescape(one or other)


def _named(script: str) -> str:
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(script.encode("utf-8", "replace")).digest()).decode()
