"""Xpra: windows one by one in the browser, by its own HTML5 client or by native ones."""

import os
import re
import socket
import threading
from typing import Any, BinaryIO, Dict, List, Optional

from armchair.node.screen import processes, sound
from armchair.node.screen.displays.base import Surroundings, connected
from armchair.node.screen.displays.onx import DisplayOnX
from armchair.node.screen.sound import SoundServer
from armchair.wire import runnable
from armchair.wire.trouble import Trouble

SOCKET = "xpra"
CONNECTED = "first-client"
HOOK = "first-client.sh"
# large enough for any browser's window: Xpra makes the screen smaller to fit it, and can't make it larger than it was
SCREEN = "%dx%dx24+32"
# its end is ours to say; nothing has to be looked for among input devices, which nodes lack. At the first window of a kind that
# it does not know, Xpra would read the menus of all programs, for a hint how to pack its pictures, and stand still meanwhile
SETTINGS = {"XPRA_CLIENT_CAN_SHUTDOWN": "0", "XPRA_UINPUT": "0", "XPRA_CONTENT_TYPE_DEFS": "command:.=other"}
# what Xpra gives programs that it starts: no accessibility bus, plain keyboards
PROGRAM = {
    "NO_AT_BRIDGE": "1",
    "DISABLE_IMSETTINGS": "1",
    "GTK_IM_MODULE": "xim",
    "QT_IM_MODULE": "xim",
    "XMODIFIERS": "@im=none",
    "XDG_SESSION_TYPE": "x11",
}
# Xpra takes clients before it knows which picture formats it has; who comes too early gets bare pixels for good. It says this
# once it knows; a version that says something else is given the time
SETTLED = b"of system memory"
SETTLING_SECONDS = 2.0
WEB_FILES = re.compile(rb"serving html content from '(/[^']+)'")
VERSION = re.compile(rb"xpra .*version ([0-9][0-9.]*)")


class Xpra(DisplayOnX):
    """Xpra on an X server of the session's own."""

    name = "xpra"

    def __init__(self, around: Surroundings) -> None:
        screen = ["-noreset", "-screen", "0", SCREEN % around.config.size, "-dpi", "96"]
        extensions = ["+extension", "GLX", "+extension", "Composite", "+extension", "RANDR"]
        super().__init__(around, SOCKET, "Xvfb", screen + extensions)
        self._version = self._web_files = ""
        self._settled = threading.Event()
        self._quiet = False
        self._pid = 0
        self._sound = SoundServer(around) if around.config.sound and not self._prefix and sound.possible() else None

    def start(self) -> None:
        """Both servers start beside each other: Xpra waits for the X server, and takes longer to get there."""
        if self._sound is not None:
            self._sound.start()
        self._x.start()
        self._make_hook()
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as output:
            try:
                self._pid = processes.spawn(self._command(), self._environment(), output)
            except OSError as error:
                os.close(reading)
                raise Trouble("display_died", "Xpra can't be started: %s." % error.strerror)
        self.around.janitor.kills(self._pid)
        threading.Thread(target=self._follow, args=(os.fdopen(reading, "rb"),), daemon=True).start()
        threading.Thread(target=self._await_client, daemon=True).start()

    def _command(self) -> List[str]:
        # a desktop has a window manager of its own: all of it is one window
        way = "start-desktop" if self.around.config.desktop else "start"
        return self._prefix + [
            "xpra", way, self._x.display, "--use-display=yes", "--daemon=no", "--bind=" + self._socket,
            "--socket-dirs=" + self._runtime, "--exit-with-children=no",
            "--start-after-connect=" + " ".join(runnable.words(os.path.join(self.around.directory, HOOK))),
        ] + (["--speaker=on"] if self._sound is not None else [])  # fmt: skip

    def _environment(self) -> Dict[str, str]:
        configuration = self.around.directory
        places = {
            "XPRA_SYSTEM_CONF_DIRS": configuration,
            "XPRA_USER_CONF_DIRS": configuration,
            "XDG_RUNTIME_DIR": self._runtime,
        }
        environment = {**os.environ, **self._x.environment(), **self._sounds(), **places, **SETTINGS}
        # for sound it runs itself again, with the first python3 that it finds; a person's own knows no Xpra
        environment["PATH"] = "/usr/bin:" + environment.get("PATH", "/bin")
        return environment

    def _sounds(self) -> Dict[str, str]:
        return self._sound.environment() if self._sound is not None else {}

    def _make_hook(self) -> None:
        """What Xpra runs when the first client is there: it opens a pipe at whose other end we wait."""
        pipe = os.path.join(self.around.directory, CONNECTED)
        os.mkfifo(pipe, 0o600)
        descriptor = os.open(os.path.join(self.around.directory, HOOK), os.O_CREAT | os.O_WRONLY, 0o700)
        with os.fdopen(descriptor, "w") as file:
            file.write("#!/bin/sh\n: >'%s'\n" % pipe)

    def _await_client(self) -> None:
        with open(os.path.join(self.around.directory, CONNECTED), "rb") as pipe:
            pipe.read()
        self.first_client.set()

    def _follow(self, output: BinaryIO) -> None:
        """Pass on what Xpra says, and learn from it. Its farewell is not passed on: the last words are the program's."""
        with output:
            for line in output:
                found = None if self._version else VERSION.search(line)
                if found:
                    self._version = found.group(1).decode()
                found = None if self._web_files else WEB_FILES.search(line)
                if found:
                    self._web_files = os.fsdecode(found.group(1))
                if SETTLED in line:
                    self._settled.set()
                if not self._quiet:
                    os.write(2, line)

    def answers(self) -> bool:
        try:
            with connected(self._socket) as connection:
                connection.sendall(b"GET /Status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return connection.recv(16).split(b" ")[1:2] == [b"200"]
        except OSError:
            return False

    def connect(self) -> socket.socket:
        self._settled.wait(SETTLING_SECONDS)
        return super().connect()

    def web(self, upgrades: bool) -> Optional[socket.socket]:
        return self.connect() if upgrades else super().connect()

    def web_files(self) -> str:
        # inside a container the path means something else
        return "" if self._prefix else self._web_files

    def environment(self) -> Dict[str, str]:
        return {**self._x.environment(), **self._sounds(), "XDG_RUNTIME_DIR": self._runtime, **PROGRAM}

    def processes(self) -> List[int]:
        return [self._x.pid, self._pid]

    def helpers(self) -> List[int]:
        return [self._sound.pid] if self._sound is not None else []

    def expect_size(self, width: int, height: int) -> None:
        # Xpra can't go beyond its first size, and stands still for half a second at one that its X server has not had
        most = self.around.config.size
        if 0 < width <= most[0] and 0 < height <= most[1]:
            self._x.expect_size(width, height)

    def describe(self) -> Dict[str, Any]:
        return {"server": ("xpra %s" % self._version).strip(), "sound": self._sound is not None}

    def stop(self) -> None:
        """Xpra first: it says goodbye to its clients. It can die in its shutdown and leave its socket."""
        self._quiet = True
        if self._pid:
            processes.end([self._pid], 2.0)
        super().stop()
        if self._sound is not None:
            self._sound.stop()
