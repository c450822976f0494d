"""The HTTP front on the session's socket: our own answers under /-/, all else by the display's own HTTP server."""

import json
import os
import pwd
import re
import socket
import threading
import time
from typing import Callable, Dict

from armchair.node.screen import websocket
from armchair.node.screen.config import Config
from armchair.node.screen.displays.base import Display
from armchair.node.screen.files import Exchange
from armchair.node.screen.http import BadRequest, Connection, Request
from armchair.node.screen.proxy import pass_on
from armchair.node.screen.pump import pump
from armchair.node.screen.static import Static
from armchair.node.screen.transfer import Transfer

PREFIX = "/-/"
STACK = 512 << 10  # of each connection's thread; Python's own takes what the system says, mostly 8 MiB
PAUSE = 0.1
SIZE = re.compile("size/([0-9]{1,5})x([0-9]{1,5})")
Handler = Callable[[Request, Connection], None]


class Front:
    """Serves one socket. `program` tells how far the program is: "waiting", "running" or "ended"."""

    def __init__(self, path: str, display: Display, config: Config, program: Callable[[], str]) -> None:
        self._path, self._display, self._config, self._program = path, display, config, program
        self._ready = False
        self._clients = 0
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # the first word after the prefix, and who answers
        self._own: Dict[str, Handler] = {
            "ready": self._answer_ready,
            "ping": self._answer_ping,
            "state": self._answer_state,
            "size": self._take_size,
            "files": Transfer(Exchange(config.folder, config.files)).answer,
            "display": self._answer_display,
        }

    def start(self) -> None:
        """Listen, and serve in threads from now on. Raises OSError."""
        self._listener.bind(self._path)
        os.chmod(self._path, 0o600)
        self._listener.listen(256)
        threading.stack_size(STACK)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Take no more connections. Those that are open end with the process."""
        self._listener.close()
        try:
            os.unlink(self._path)
        except OSError:
            pass

    def _accept(self) -> None:
        while True:
            try:
                connected = self._listener.accept()[0]
            except OSError:
                if self._listener.fileno() < 0:
                    return
                time.sleep(PAUSE)  # no more descriptors for us: some come back as others leave
                continue
            try:
                threading.Thread(target=self._serve, args=(connected,), daemon=True).start()
            except RuntimeError:
                connected.close()  # no more threads for us on this node: one connection less is better than none at all

    def _serve(self, connected: socket.socket) -> None:
        connection = Connection(connected)
        with connected:
            try:
                while connection.keep:
                    request = connection.next()
                    if request is None:
                        return
                    self._handle(request, connection)
            except BadRequest:
                connection.keep = False
                _try_answer(connection, 400)
            except OSError:
                pass  # somebody has gone: the client, or the display, which the supervisor sees

    def _handle(self, request: Request, connection: Connection) -> None:
        if request.path.startswith(PREFIX):
            word = request.path[len(PREFIX) :].partition("/")[0]
            self._own.get(word, _answer_not_found)(request, connection)
            return
        files = self._display.web_files()
        if files and Static(files).answer(request, connection):
            return
        try:
            upstream = self._display.web(request.upgrades())
        except OSError:
            connection.answer(503, b"The display is not ready.\n", "text/plain")
            return
        if upstream is None:
            _answer_not_found(request, connection)
            return
        with upstream:
            self._counted(request, lambda: pass_on(request, connection, upstream))

    def _counted(self, request: Request, carry: Callable[[], None]) -> None:
        """Carry an exchange; a WebSocket counts as a client as long as it lasts."""
        change = 1 if request.upgrades() else 0
        with self._lock:
            self._clients += change
        try:
            carry()
        finally:
            with self._lock:
                self._clients -= change

    def _answer_ready(self, _: Request, connection: Connection) -> None:
        # asked often at first; from then on the display's end is the supervisor's business
        self._ready = self._ready or self._display.answers()
        connection.answer(200 if self._ready else 503)

    def _answer_ping(self, _: Request, connection: Connection) -> None:
        connection.answer(204)

    def _take_size(self, request: Request, connection: Connection) -> None:
        """`PUT /-/size/1280x800`: it is good to know before the display's own protocol asks for it."""
        size = SIZE.fullmatch(request.path[len(PREFIX) :])
        if request.method != "PUT" or size is None:
            _answer_not_found(request, connection)
            return
        self._display.expect_size(int(size.group(1)), int(size.group(2)))
        connection.answer(204)

    def _answer_state(self, _: Request, connection: Connection) -> None:
        config = self._config
        state = {
            "display": self._display.name,
            "desktop": config.desktop,
            "files": config.files,
            "program": self._program(),
            "clients": self._clients,
            "socket": self._display.path(),
            "user": _account(),
            "folder": os.path.basename(os.path.normpath(config.folder)),
        }
        state.update(self._display.describe())
        connection.answer(200, json.dumps(state).encode(), "application/json")

    def _answer_display(self, request: Request, connection: Connection) -> None:
        """The display's own protocol in a WebSocket, whichever display it is."""
        try:
            head = websocket.answer(request.header)
        except websocket.NotWebSocket as error:
            connection.answer(426, ("%s\n" % error).encode(), "text/plain", [("Upgrade", "websocket")])
            return
        try:
            stream = self._display.connect()
        except OSError:
            connection.answer(503, b"The display is not ready.\n", "text/plain")
            return
        with stream:
            connection.keep = False
            connection.socket.sendall(head)
            self._counted(request, lambda: pump(connection.socket, stream, connection.rest()))


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""


def _answer_not_found(_: Request, connection: Connection) -> None:
    connection.answer(404, b"There is no such page.\n", "text/plain")


def _try_answer(connection: Connection, status: int) -> None:
    try:
        connection.answer(status)
    except OSError:
        pass
