"""VNC: one screen with everything in it, by TigerVNC's X server, which speaks RFB itself."""

import os
import shutil
import threading
import time
from typing import Any, Dict, List

from armchair.node.screen import processes
from armchair.node.screen.displays import openbox
from armchair.node.screen.displays.base import SECONDS, Surroundings
from armchair.node.screen.displays.onx import DisplayOnX

PROGRAM = "Xvnc"
SOCKET = "rfb"
GREETING = b"RFB 003."
LISTEN = (
    "-rfbport", "-1", "-rfbunixmode", "0600",
    # of RFB's passwords none is better than the socket's own mode: who may open it is this user, for whom the gateway asked
    "-SecurityTypes", "None",
)  # fmt: skip
SCREEN = (
    "-depth", "24", "-dpi", "96", "-noreset", "-s", "off", "-AlwaysShared", "-AcceptSetDesktopSize",
    # of what browsers copy in; the page passes on a megabyte, which ends of lines may double
    "-MaxCutText", "4194304", "-Log", "*:stderr:10",
)  # fmt: skip


class Vnc(DisplayOnX):
    """Xvnc, and for a single program a window manager that gives it the whole screen.

    The program starts at once: the screen takes the browser's size when somebody comes, and windows follow it.
    """

    name = "vnc"

    def __init__(self, around: Surroundings) -> None:
        arguments = ["-rfbunixpath", os.path.join(around.directory, SOCKET), "-geometry", "%dx%d" % around.config.size]
        super().__init__(around, SOCKET, PROGRAM, arguments + list(LISTEN) + list(SCREEN))
        self._manager = 0
        self._server = ""
        self._asking = threading.Lock()

    def start(self) -> None:
        """The X server is the display server here: there is one process to start, and it is quick."""
        self._x.start()
        if not self.around.config.desktop:
            self._start_manager()
        threading.Thread(target=self._await_manager, daemon=True).start()

    def _await_manager(self) -> None:
        """A window that is older than its manager would stay as small as it is, and without keys until somebody clicks it."""
        deadline = time.monotonic() + SECONDS
        while self._manager and processes.alive(self._manager) and time.monotonic() < deadline:
            if self._x.is_managed():
                break
            time.sleep(processes.PAUSE)
        self.first_client.set()

    def _start_manager(self) -> None:
        """Without one the program's windows can be seen, but neither moved nor made to fit."""
        if not self._prefix and shutil.which(openbox.PROGRAM) is None:
            os.write(2, b"There is no openbox on this node: windows can't be moved or fill the screen.\n")
            return
        try:
            self._manager = processes.spawn(
                self._prefix + openbox.argv(self.around.directory), {**os.environ, **self.environment()}
            )
        except OSError as error:
            os.write(2, ("openbox can't be started: %s\n" % error.strerror).encode())
            return
        self.around.janitor.kills(self._manager)

    def answers(self) -> bool:
        try:
            with self.connect() as connection:
                return connection.recv(len(GREETING)) == GREETING
        except OSError:
            return False

    def environment(self) -> Dict[str, str]:
        return {**self._x.environment(), "XDG_RUNTIME_DIR": self._runtime, "XDG_SESSION_TYPE": "x11"}

    def helpers(self) -> List[int]:
        return [self._manager] if self._manager else []

    def describe(self) -> Dict[str, Any]:
        return {"server": self._version(), "sound": False}

    def _version(self) -> str:
        """Name and version, as it says itself. Asked when somebody wants to know, not while the screen starts."""
        with self._asking:
            if not self._server:
                self._server = self.name
                reading, writing = os.pipe()
                try:
                    with os.fdopen(writing, "wb") as output:
                        processes.spawn(self._prefix + [PROGRAM, "-version"], dict(os.environ), output)
                    with os.fdopen(reading, "rb") as said:
                        words = said.read(4096).decode("ascii", "replace").split()
                    self._server = " ".join(words[words.index("TigerVNC") :][:2])
                except (OSError, ValueError):
                    pass  # another Xvnc than TigerVNC's
        return self._server

    def stop(self) -> None:
        """It has no goodbye to say: clients see the connection end."""
        if self._manager:
            processes.end([self._manager], 1.0)
        super().stop()
