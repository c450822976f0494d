"""What the supervisor and the front ask of a display server; the port behind which Xpra and VNC stand."""

import os
import socket
import threading
from typing import Any, Dict, List, NamedTuple, Optional

from armchair.node.screen.config import Config
from armchair.node.screen.janitor import Janitor

SECONDS = 5.0


class Surroundings(NamedTuple):
    """Where a display server lives: the run's private directory, its configuration, and who tidies up after a kill."""

    directory: str
    config: Config
    janitor: Janitor


class Display:
    """One display server with its X server. Methods are called from several threads once `start` has returned.

    `first_client` is set when the program may start: as soon as somebody has connected and the screen has their size, or at
    once where the screen can change under a program that runs. `name` is "xpra" or "vnc".
    """

    name = ""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.first_client = threading.Event()

    def start(self) -> None:
        """Start its processes; they need not answer yet when this returns. Raises Trouble."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether clients can connect now. Never raises."""
        raise NotImplementedError

    def connect(self) -> socket.socket:
        """A new connection that speaks the display's own protocol (Xpra packets, RFB). Raises OSError."""
        raise NotImplementedError

    def web(self, upgrades: bool) -> Optional[socket.socket]:  # noqa: ARG002 - for those that have one
        """A new connection to its own HTTP server, for a WebSocket if it `upgrades`; None when it has none. Raises OSError."""
        return None

    def path(self) -> str:
        """Its own socket, for whoever comes by ssh and not through the gateway; "" when it has none."""
        return ""

    def web_files(self) -> str:
        """The directory whose files that server gives out, once it is known; "" where they are out of reach."""
        return ""

    def environment(self) -> Dict[str, str]:
        """What the program's environment needs beyond ours."""
        raise NotImplementedError

    def processes(self) -> List[int]:
        """Its processes. The end of one of them before `stop` is the display's death."""
        raise NotImplementedError

    def helpers(self) -> List[int]:
        """Other processes of its own, whose end is no harm."""
        return []

    def broken(self) -> bool:
        """Whether its X server takes clients no more: then its end has come, or will in a moment. Never raises."""
        return False

    def has_windows(self) -> bool:
        """Whether the program shows windows now; True when that can't be told. Never raises."""
        return True

    def expect_size(self, width: int, height: int) -> None:
        """A browser is about to ask for a screen of this size. Never raises."""

    def describe(self) -> Dict[str, Any]:
        """What `/-/state` says of it beyond the configuration: "server" (name and version, as far as known), "sound"."""
        return {"server": self.name, "sound": False}

    def stop(self) -> None:
        """End its processes and remove their sockets and lock files, also when it never started wholly. Never raises."""
        raise NotImplementedError


def connected(path: str) -> socket.socket:
    """A connection to a unix socket, with the patience of a server that may be busy. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(SECONDS)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def private(around: Surroundings, name: str) -> str:
    """A directory of this name in the run's private one, closed to others."""
    path = os.path.join(around.directory, name)
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path
