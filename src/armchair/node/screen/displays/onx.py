"""What both display servers have in common: an X server of the session's own, and a socket in the run's private directory."""

import os
import socket
from typing import List, Sequence

from armchair.node.screen.config import command
from armchair.node.screen.displays.base import Display, Surroundings, connected, private
from armchair.node.screen.xserver import XServer


class DisplayOnX(Display):
    """A display server that listens on the socket `name` of the run's directory and shows the X server `program`.

    `arguments` are that one's, after its number. `_prefix` stands before each command of the display's own, and `_runtime` is
    where its programs put their sockets.
    """

    def __init__(self, around: Surroundings, name: str, program: str, arguments: Sequence[str]) -> None:
        super().__init__(around)
        self._socket = os.path.join(around.directory, name)
        self._runtime = private(around, "x")
        self._prefix = list(command(around.config.display_prefix, around.directory))
        self._x = XServer(around, program, arguments, self._prefix)

    def connect(self) -> socket.socket:
        return connected(self._socket)

    def path(self) -> str:
        return self._socket

    def processes(self) -> List[int]:
        return [self._x.pid]

    def broken(self) -> bool:
        return not self._x.answers()

    def has_windows(self) -> bool:
        return self._x.windows() != 0

    def stop(self) -> None:
        """The X server last: what shows it has been ended before."""
        self._x.stop()
        try:
            os.unlink(self._socket)
        except OSError:
            pass
