"""Somebody who looks at a graphical session by way of gateway and agent, with either display."""

from armchair.client import Client
from armchair.client.models import Session
from armchair.testing.viewers.rfb import Rfb
from armchair.testing.viewers.stream import through_gateway
from armchair.testing.viewers.xpra import Window, Xpra

QUIET = 0.3
RETURN = 0xFF0D


class Viewer:
    """Somebody who looks at a session's window, types into it and closes their laptop without a word."""

    def __init__(self, client: Client, session: Session, backend: str) -> None:
        path = "/" if backend == "xpra" else "/-/display"
        self.stream = through_gateway(client.entry(session.id), path)
        self._xpra = Xpra(self.stream) if backend == "xpra" else None
        self._rfb = Rfb(self.stream) if backend == "vnc" else None
        if self._rfb:
            # its window manager brings the window a moment later
            self._rfb.ask(changes=False)
            self._rfb.update()
            self._rfb.click(self._rfb.width // 2, self._rfb.height // 2)
        else:
            self.window()
        self.settle()

    def window(self) -> Window:
        """Xpra's first window, when it has been drawn."""
        assert self._xpra
        return self._xpra.drawn()

    def look_on(self, seconds: float) -> None:
        """Take in what there is to see, until nothing has come for so long."""
        (self._xpra or self._rfb).settle(seconds)  # type: ignore[union-attr]  # it is one of the two

    def settle(self) -> None:
        """Take in what there is to see."""
        self.look_on(QUIET)

    @property
    def picture(self) -> bytes:
        return bytes(self.window().picture if self._xpra else self._rfb.picture)  # type: ignore[union-attr]

    def type(self, text: str) -> None:
        """Type lower-case letters, digits, blanks, `-`, `.`, `/` and ends of lines."""
        if self._xpra:
            self._xpra.focus(self.window())
            self._xpra.type(self.window(), text)
            return
        self._rfb.type(text)  # type: ignore[union-attr]

    def close(self) -> None:
        self.stream.close()
