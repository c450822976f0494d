"""A small client of Xpra's protocol, as its HTML5 page speaks it: exact pictures only, no clipboard."""

import struct
import uuid
import zlib
from collections import deque
from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from armchair.testing.viewers import bencode
from armchair.testing.viewers.stream import Stream

VERSION = "3.1.3"
PATIENCE = 10.0
_PIXEL = 3
_ENCODINGS = ["rgb24"]


class Disconnected(ConnectionError):
    """The server says that it hangs up, and why."""


@dataclass(slots=True, kw_only=True)
class Window:
    """A window as the server announced it. `picture` holds what was drawn, row by row, three bytes for each pixel."""

    wid: int
    x: int
    y: int
    width: int
    height: int
    title: str
    draws: int = 0
    picture: bytearray = field(default_factory=bytearray)

    def paint(self, x: int, y: int, width: int, height: int, pixels: bytes, stride: int) -> None:
        """Put a drawn area into the picture."""
        row = width * _PIXEL
        for line in range(min(height, self.height - y)):
            at = ((y + line) * self.width + x) * _PIXEL
            self.picture[at : at + row] = pixels[line * stride : line * stride + row]


class Xpra:
    """A viewer of one Xpra server. Raises what its stream raises, Disconnected, and ValueError for nonsense."""

    def __init__(self, stream: Stream, size: tuple[int, int] = (1280, 800), **capabilities: Any) -> None:
        self._stream = stream
        self._raw: dict[int, bytes] = {}
        self._waiting: deque[list[Any]] = deque()
        self.windows: dict[int, Window] = {}
        self.send("hello", {**_hello(size), **capabilities})
        self.hello: Mapping[bytes, Any] = self.until(b"hello")[1]

    def send(self, *packet: Any) -> None:
        """Send one packet."""
        data = bencode.encode(packet)
        self._stream.write(struct.pack(">cBBBI", b"P", 0, 0, 0, len(data)) + data)

    def next(self) -> list[Any]:
        """The next packet; windows are shown, pictures acknowledged and pings answered on the way."""
        packet = self._read()
        kind = packet[0]
        if kind in (b"new-window", b"new-override-redirect"):
            self._open(packet)
        elif kind == b"lost-window":
            self.windows.pop(packet[1], None)
        elif kind == b"draw":
            self._draw(packet)
        elif kind == b"ping":
            self.send("ping_echo", packet[1], 0, 0, 0, 0, *packet[3:4])
        elif kind == b"disconnect":
            raise Disconnected(" ".join(part.decode("utf-8", "replace") for part in packet[1:] if isinstance(part, bytes)))
        return packet

    def until(self, kind: bytes) -> list[Any]:
        """The next packet of this kind."""
        while (packet := self.next())[0] != kind:
            pass
        return packet

    def drawn(self, but: Container[str] = ()) -> Window:
        """The first window whose title is not one of `but`, when something was drawn into it."""
        while True:
            for window in self.windows.values():
                if window.draws and window.title not in but:
                    return window
            self.next()

    def settle(self, seconds: float) -> None:
        """Read until nothing has come for so long."""
        self._stream.patience(seconds)
        with suppress(TimeoutError):
            while True:
                self.next()
        self._stream.patience(PATIENCE)

    def focus(self, window: Window) -> None:
        """Make this the window that is typed into."""
        self.send("focus", window.wid, [])

    def key(self, window: Window, name: str, sign: str = "") -> None:
        """Press a key and let it go. `name` is X's name of it; lower-case letters and digits are their own."""
        text = sign or name
        code = ord(text) if len(text) == 1 else _CODES.get(name, 0)
        for down in (1, 0):
            self.send("key-action", window.wid, name, down, [], code, text, code, 0)

    def type(self, window: Window, text: str) -> None:
        """Type lower-case letters, digits, blanks, and ends of lines."""
        for sign in text:
            self.key(window, _NAMES.get(sign, sign), sign)

    def close(self) -> None:
        """Hang up without a word, as a network does."""
        self._stream.close()

    def _read(self) -> list[Any]:
        while True:
            mark, flags, level, index, size = struct.unpack(">cBBBI", self._stream.read(8))
            if mark != b"P" or flags or level:
                raise ValueError(f"a packet that was not agreed: {mark!r} {flags} {level}")
            data = self._stream.read(size)
            if index:
                self._raw[index] = data
                continue
            packet: list[Any] = bencode.decode(data)
            for at, raw in self._raw.items():
                packet[at] = raw
            self._raw.clear()
            return packet

    def _open(self, packet: list[Any]) -> None:
        wid, x, y, width, height = packet[1:6]
        title = packet[6].get(b"title", b"").decode("utf-8", "replace")
        window = Window(wid=wid, x=max(0, x), y=max(0, y), width=width, height=height, title=title)
        window.picture = bytearray(width * height * _PIXEL)
        self.windows[wid] = window
        if packet[0] == b"new-window":
            self.send("map-window", wid, window.x, window.y, width, height, {"encodings.rgb_formats": ["RGB"]})
            self.focus(window)

    def _draw(self, packet: list[Any]) -> None:
        wid, x, y, width, height, encoding, pixels, sequence, stride = packet[1:10]
        window = self.windows.get(wid)
        if window is not None:
            if encoding != b"rgb24":
                raise ValueError(f"a picture that was not asked for: {encoding!r}")
            if packet[10].get(b"zlib"):
                pixels = zlib.decompress(pixels)
            window.paint(x, y, width, height, pixels, stride)
            window.draws += 1
        self.send("damage-sequence", sequence, wid, width, height, 0, "")


_NAMES = {" ": "space", "\n": "Return", "-": "minus", ".": "period", "/": "slash"}
_CODES = {"Return": 13, "BackSpace": 8, "space": 32, "minus": 45, "period": 46, "slash": 47}


def _hello(size: tuple[int, int]) -> dict[str, Any]:
    screen = (*size, size[0] // 4, size[1] // 4)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    codes = [(ord(one), one, ord(one), 0, 0) for one in letters] + [(code, name, code, 0, 0) for name, code in _CODES.items()]
    return {
        "version": VERSION, "platform": "linux", "client_type": "HTML5", "session-type": "test",
        "namespace": True, "share": True, "steal": True, "uuid": uuid.uuid4().hex, "username": "",
        "bencode": True, "rencode": False, "yaml": False, "zlib": False, "lz4": False, "lzo": False, "compression_level": 0,
        "websocket.multi-packet": True, "ping-echo-sourceid": True, "setting-change": True,
        "windows": True, "server-window-resize": True, "notify-startup-complete": True, "randr_notify": True,
        "metadata.supported": ["title", "size-hints", "window-type"],
        "encodings": _ENCODINGS, "encodings.core": _ENCODINGS, "encodings.rgb_formats": ["RGB"], "generic-rgb-encodings": True,
        "encoding.generic": True, "encoding.flush": True, "encoding.client_options": True, "auto_refresh_delay": 500,
        "keyboard": True, "xkbmap_layout": "us", "xkbmap_keycodes": codes, "xkbmap_print": "", "xkbmap_query": "",
        "desktop_size": size, "desktop_mode_size": size, "dpi": 96,
        "screen_sizes": [("test", *screen, [("screen", 0, 0, *screen)], 0, 0, *size)],
        "clipboard": False, "sound.receive": False, "sound.send": False, "notifications": False, "cursors": False,
        "bell": False, "system_tray": False, "file-transfer": False, "printing": False,
    }  # fmt: skip
