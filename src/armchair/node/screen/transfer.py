"""The exchange of files over HTTP: `/-/files` is the list, `/-/files/NAME` one file."""

import errno
import json
import re
from urllib.parse import quote, unquote_to_bytes

from armchair.node.screen.files import FULL, Exchange, Refused
from armchair.node.screen.http import Connection, Request

PATH = "/-/files"
# whatever a file says that it is: it is saved, never shown, and if a browser showed it, it would run nothing
SAFE = (("Content-Security-Policy", "sandbox"), ("Cross-Origin-Resource-Policy", "same-origin"))
BROKEN = re.compile("%(?![0-9A-Fa-f]{2})")


class Transfer:
    """Answers requests for one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def answer(self, request: Request, connection: Connection) -> None:
        """Do what is asked for, or say as JSON why not: `{"error": code}`. Raises OSError when the connection breaks."""
        try:
            self._do(request, connection)
        except Refused as refused:
            _say(connection, refused.status, {"error": refused.code})

    def _do(self, request: Request, connection: Connection) -> None:
        name = _name(request.path[len(PATH) + 1 :])
        reading = request.method in ("GET", "HEAD")
        if reading and not name:
            _say(connection, 200, self._exchange.listing())
        elif reading:
            self._send(name, connection)
        elif request.method == "PUT":
            self._take(name, request, connection)
        else:
            raise Refused(405, "bad_method")

    def _send(self, name: str, connection: Connection) -> None:
        file, size = self._exchange.open(name)
        with file:
            disposition = "attachment; filename*=UTF-8''" + quote(name, safe="")
            connection.begin(200, size, "application/octet-stream", (("Content-Disposition", disposition), *SAFE))
            if not connection.head_only:
                # a file that has become shorter meanwhile must not look whole
                connection.keep = connection.socket.sendfile(file, 0, size) == size if size else connection.keep

    def _take(self, name: str, request: Request, connection: Connection) -> None:
        size = request.header("content-length")
        try:
            name = self._exchange.receive(name, connection.read, int(size) if size else None)
        except OSError as error:
            if error.errno is None or isinstance(error, ConnectionError):
                raise  # it is the connection that broke
            raise Refused(507, "disk_full") if error.errno in FULL else Refused(500, _why(error))
        _say(connection, 201, {"name": name})


def _why(error: OSError) -> str:
    return "folder_closed" if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else "folder_failed"


def _say(connection: Connection, status: int, what: object) -> None:
    connection.answer(status, json.dumps(what).encode(), "application/json")


def _name(text: str) -> str:
    """The name that a part of a path stands for. Raises Refused when it stands for none."""
    try:
        if not BROKEN.search(text):
            return unquote_to_bytes(text.encode("latin-1", "replace")).decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise Refused(400, "bad_name")
