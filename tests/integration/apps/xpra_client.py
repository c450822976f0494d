"""A client of Xpra's own protocol that needs no display: as much as it takes to be somebody who looks on."""

import contextlib
import socket
import struct
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from armchair.testing.viewers import bencode

HEADER = struct.Struct("!BBBBL")


class XpraClient:
    """Connected once made; `packets` are those that came. Caps are added to its hello."""

    def __init__(self, path: Path, size: tuple[int, int] = (1000, 700), **capabilities: Any) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self.packets: list[list[Any]] = []
        self.ended = threading.Event()
        hello = {
            "version": "3.1.3", "bencode": True, "zlib": True, "share": True, "windows": True, "keyboard": True,
            "cursors": False, "encodings": ["rgb24", "png"], "encodings.core": ["rgb24", "png", "jpeg", "webp"],
            "desktop_size": list(size), "desktop_mode_size": list(size), "randr_notify": True, "dpi": 96,
            "xkbmap_layout": "us", "clipboard": False, "client_type": "test", "uuid": str(id(self)),
            "screen_sizes": [["HTML", *size, 265, 185, [["Canvas", 0, 0, *size, 265, 185]], 0, 0, *size]],
            **capabilities,
        }  # fmt: skip
        self.send("hello", hello)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, *packet: Any) -> None:
        data = bencode.encode(packet)
        self._socket.sendall(HEADER.pack(ord("P"), 0, 0, 0, len(data)) + data)

    def wait_for(self, kind: str, seconds: float = 20) -> list[Any]:
        """The first packet of this kind."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for packet in list(self.packets):
                if packet[0] == kind:
                    return packet
            time.sleep(0.02)
        pytest.fail(f"no {kind} among {[packet[0] for packet in self.packets]}")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._reader.join(10)

    def _read(self) -> None:
        raw: dict[int, bytes] = {}
        with contextlib.suppress(OSError, ConnectionError):
            while True:
                _magic, _flags, level, index, size = HEADER.unpack(self._exactly(HEADER.size))
                data = self._exactly(size)
                raw[index] = zlib.decompress(data) if level else data
                if index == 0:
                    packet = as_text(bencode.decode(raw.pop(0)))
                    for place, item in raw.items():
                        packet[place] = item
                    raw = {}
                    self.packets.append(packet)
                    if packet[0] == "ping":
                        self.send("ping_echo", packet[1], 0, 0, 0, -1)
        self.ended.set()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data


def as_text(value: Any) -> Any:
    """What was decoded, with str in place of bytes that are UTF-8."""
    if isinstance(value, list):
        return [as_text(one) for one in value]
    if isinstance(value, dict):
        return {as_text(key): as_text(one) for key, one in value.items()}
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        return value
