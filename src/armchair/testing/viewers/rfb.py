"""A small client of VNC's protocol (RFC 6143): raw pictures only, no password."""

import struct
from contextlib import suppress
from dataclasses import dataclass

from armchair.testing.viewers.stream import Stream

_NONE, _RAW, _DESKTOP_SIZE, _EXTENDED_DESKTOP_SIZE = 1, 0, -223, -308
_UPDATE, _COLOURS, _BELL, _CUT = range(4)
_PIXEL = 4
_RETURN, _SHIFT = 0xFF0D, 0xFFE1
_SHIFTED = frozenset('~!@#$%^&*()_+{}|:"<>?')
PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """What one rectangle of an update brought, in pixels of four bytes."""

    x: int
    y: int
    width: int
    height: int
    pixels: bytes


class Rfb:
    """A viewer of one screen. `picture` holds what it shows, row by row, four bytes for each pixel.

    Raises what its stream raises, and ValueError when the server speaks otherwise.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.server = stream.read(12).decode("ascii").strip()
        if not self.server.startswith("RFB 003."):
            raise ValueError(f"not a VNC server: {self.server}")
        stream.write(b"RFB 003.008\n")
        kinds = stream.read(stream.read(1)[0])
        if _NONE not in kinds:
            raise ValueError(f"it asks for a password: {kinds!r}")
        stream.write(bytes([_NONE]))
        if stream.read(4) != bytes(4):
            raise ValueError("it refuses")
        stream.write(b"\x01")  # the others stay
        self.width, self.height = struct.unpack(">HH", stream.read(4))
        stream.read(16)
        self.name = stream.read(_number(stream.read(4))).decode("utf-8", "replace")
        stream.write(struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        stream.write(struct.pack(">BxHiii", 2, 3, _RAW, _DESKTOP_SIZE, _EXTENDED_DESKTOP_SIZE))
        self.picture = bytearray(self.width * self.height * _PIXEL)

    def ask(self, *, changes: bool = True) -> None:
        """Ask for the next changes, or for all that there is to see."""
        self._stream.write(struct.pack(">BBHHHH", 3, int(changes), 0, 0, self.width, self.height))

    def update(self) -> list[Area]:
        """The next update that was asked for, painted into `picture`."""
        while True:
            kind = self._stream.read(1)[0]
            if kind == _UPDATE:
                return self._areas()
            if kind == _COLOURS:
                self._stream.read(6 * struct.unpack(">xHH", self._stream.read(5))[1])
            elif kind == _CUT:
                self._stream.read(struct.unpack(">xxxI", self._stream.read(7))[0])
            elif kind != _BELL:
                raise ValueError(f"message {kind}")

    def settle(self, seconds: float) -> None:
        """Have all changes painted until there has been none for so long. One more update stays asked for."""
        self._stream.patience(seconds)
        with suppress(TimeoutError):
            while True:
                self.ask()
                self.update()
        self._stream.patience(PATIENCE)

    def until_drawn(self, colours: int = 2) -> None:
        """Have pictures painted until so many colours are there: one means that nothing is drawn."""
        self.ask(changes=False)
        self.update()
        while len(set(memoryview(self.picture).cast("I"))) < colours:
            self.ask()
            self.update()

    def resize(self, width: int, height: int) -> None:
        """Ask for another size of the screen, and wait until it has it."""
        self._stream.write(struct.pack(">BxHHBxIHHHHI", 251, width, height, 1, 1, 0, 0, width, height, 0))
        while (self.width, self.height) != (width, height):
            self.ask()
            self.update()

    def _areas(self) -> list[Area]:
        found = []
        for _ in range(struct.unpack(">xH", self._stream.read(3))[0]):
            x, y, width, height, encoding = struct.unpack(">HHHHi", self._stream.read(12))
            if encoding == _RAW:
                area = Area(x=x, y=y, width=width, height=height, pixels=self._stream.read(width * height * _PIXEL))
                self._paint(area)
                found.append(area)
                continue
            if encoding == _EXTENDED_DESKTOP_SIZE:
                self._stream.read(16 * self._stream.read(4)[0])
                if y:  # a wish of our own, refused
                    continue
            elif encoding != _DESKTOP_SIZE:
                raise ValueError(f"an encoding that was not asked for: {encoding}")
            self.width, self.height = width, height
            self.picture = bytearray(width * height * _PIXEL)
        return found

    def _paint(self, area: Area) -> None:
        row = area.width * _PIXEL
        for line in range(area.height):
            at = ((area.y + line) * self.width + area.x) * _PIXEL
            self.picture[at : at + row] = area.pixels[line * row : (line + 1) * row]

    def key(self, *keysyms: int) -> None:
        """Press these keys in turn and let them go, the last one first, in one write."""
        moves = [(1, one) for one in keysyms] + [(0, one) for one in reversed(keysyms)]
        self._stream.write(b"".join(struct.pack(">BBxxI", 4, down, one) for down, one in moves))

    def type(self, text: str) -> None:
        """Press the keys of this text (ASCII)."""
        for sign in text:
            held = (_SHIFT,) if sign.isupper() or sign in _SHIFTED else ()
            self.key(*held, _RETURN if sign == "\n" else ord(sign))

    def click(self, x: int, y: int) -> None:
        """Press and release the first button there."""
        self._stream.write(b"".join(struct.pack(">BBHH", 5, down, x, y) for down in (0, 1, 0)))

    def close(self) -> None:
        """Hang up."""
        self._stream.close()


def _number(data: bytes) -> int:
    return int(struct.unpack(">I", data)[0])
