"""Somebody at a screen, without a browser: sees the windows that come, and presses their closing buttons."""

from dataclasses import dataclass
from typing import Any, ClassVar

from .xpra_client import XpraClient  # noqa: TID252 - one folder's own


@dataclass(slots=True)
class Window:
    """A window as its program describes it; `fits` says whether all of it is on the screen."""

    number: int
    title: str
    fits: bool


class Onlooker:
    """Looks through one connection. Each look takes in what has happened since the last one."""

    SIZE = (1280, 800)
    # without a clipboard Xpra would let each program that looks into it wait for an answer that nobody asks for
    CAPABILITIES: ClassVar = {"clipboard": True, "clipboard.selections": ["CLIPBOARD", "PRIMARY"]}

    def __init__(self, client: XpraClient) -> None:
        self._client = client
        self._seen = 0
        self._windows: dict[int, Window] = {}

    def windows(self) -> list[Window]:
        """Those that are open now, menus and hints left out."""
        packets = self._client.packets[self._seen :]
        self._seen += len(packets)
        for kind, *values in packets:
            if kind == "new-window":
                self._show(*values[:6])
            elif kind == "window-metadata" and values[0] in self._windows and "title" in values[1]:
                self._windows[values[0]].title = values[1]["title"]
            elif kind == "lost-window":
                self._windows.pop(values[0], None)
            elif kind == "clipboard-request":
                self._client.send("clipboard-contents-none", values[0], values[1])
        return list(self._windows.values())

    def titles(self) -> list[str]:
        """Their titles."""
        return [window.title for window in self.windows()]

    def close(self, words: str) -> None:
        """Press the closing button of each window whose title has these words in it."""
        for window in self.windows():
            if words in window.title:
                self._client.send("close-window", window.number)

    def _show(self, number: int, x: int, y: int, width: int, height: int, metadata: dict[str, Any]) -> None:
        fits = x >= 0 and y >= 0 and x + width <= self.SIZE[0] and y + height <= self.SIZE[1]
        self._windows[number] = Window(number, metadata.get("title", ""), fits)
        # the program draws once it is told that its window is to be seen
        self._client.send("map-window", number, x, y, width, height, {})
