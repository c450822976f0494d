"""The little of the X protocol that it takes to ask an X server a few things: is it ours, and does it show windows?"""

import os
import socket
import struct
from typing import Callable, Optional, TypeVar

from armchair.node.screen import xauth

SECONDS = 5.0
_INTERN_ATOM, _GET_PROPERTY, _GET_INPUT_FOCUS, _QUERY_EXTENSION = 16, 20, 43, 98
_MOST_WINDOWS = 1024
_PEER = struct.Struct("3i")  # process, user, group: see SO_PEERCRED in unix(7)
Answer = TypeVar("Answer")


class NoDisplay(Exception):
    """The X server does not answer, or not to us."""


class Client:
    """A connection to one display. Raises NoDisplay when it can't be had, and from its methods when it breaks."""

    def __init__(self, path: str, cookie: bytes) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(SECONDS)
        try:
            self._socket.connect(path)
            _check_owner(self._socket)
            self.root = self._set_up(cookie)  # the root window
        except (OSError, struct.error) as error:
            self._socket.close()
            raise NoDisplay(str(error))
        except NoDisplay:
            self._socket.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def windows(self) -> int:
        """How many windows the window manager manages (up to a limit)."""
        return self._length(b"_NET_CLIENT_LIST")

    def is_managed(self) -> bool:
        """Whether there is a window manager."""
        return self._length(b"_NET_SUPPORTING_WM_CHECK") > 0

    def opcode(self, extension: bytes) -> int:
        """The number that requests to this extension begin with."""
        name = padded(extension)
        reply = self.ask(struct.pack("<BBHHxx", _QUERY_EXTENSION, 0, 2 + len(name) // 4, len(extension)) + name)
        if not reply[8]:
            raise NoDisplay("it has no %s" % extension.decode())
        return reply[9]

    def ask(self, request: bytes) -> bytes:
        """The reply to a request."""
        try:
            self._socket.sendall(request)
            while True:
                reply = self._read(32)
                if reply[0] == 0:
                    raise NoDisplay("error %d" % reply[1])
                if reply[0] == 1:
                    return reply + self._read(struct.unpack_from("<I", reply, 4)[0] * 4)
        except OSError as error:
            raise NoDisplay(str(error))

    def tell(self, request: bytes) -> None:
        """Have a request that has no reply carried out."""
        self.ask(request + struct.pack("<BBH", _GET_INPUT_FOCUS, 0, 1))

    def _length(self, name: bytes) -> int:
        """How many numbers this property of the root window has. Raises NoDisplay when nobody knows such a property."""
        # any type, from the beginning on
        request = struct.pack("<BBHIIIII", _GET_PROPERTY, 0, 6, self.root, self._atom(name), 0, 0, _MOST_WINDOWS)
        return int(struct.unpack_from("<I", self.ask(request), 16)[0])

    def _set_up(self, cookie: bytes) -> int:
        """Introduce ourselves; the root window."""
        head = struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(xauth.NAME), len(cookie))
        self._socket.sendall(head + padded(xauth.NAME) + padded(cookie))
        status, _major, _minor, length = struct.unpack("<BxHHH", self._read(8))
        body = self._read(length * 4)
        if status != 1:
            raise NoDisplay(body.rstrip(b"\0\n").decode("ascii", "replace"))
        vendor, formats = struct.unpack_from("<H", body, 16)[0], body[21]
        return int(struct.unpack_from("<I", body, 32 + vendor + (-vendor % 4) + 8 * formats)[0])

    def _atom(self, name: bytes) -> int:
        words = padded(name)
        # only if it exists: where nobody has made it there is no window manager
        reply = self.ask(struct.pack("<BBHHxx", _INTERN_ATOM, 1, 2 + len(words) // 4, len(name)) + words)
        return int(struct.unpack_from("<I", reply, 8)[0])

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise NoDisplay("it hung up")
            data += more
        return data


def _check_owner(connected: socket.socket) -> None:
    """Anybody may have put a socket there, and whoever is told the cookie can use it. Raises NoDisplay unless it is ours."""
    _process, user, _group = _PEER.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    if user != os.geteuid():
        raise NoDisplay("it is somebody else's")


def padded(data: bytes) -> bytes:
    """Filled up to a whole number of words."""
    return data + b"\0" * (-len(data) % 4)


def asked(path: str, cookie: bytes, question: Callable[[Client], Answer]) -> Optional[Answer]:
    """What the X server on this socket answers to the question; None when it does not answer, or not to us."""
    try:
        client = Client(path, cookie)
    except NoDisplay:
        return None
    try:
        return question(client)
    except (NoDisplay, struct.error):
        return None
    finally:
        client.close()


def is_ours(path: str, cookie: bytes) -> bool:
    """Whether the X server on this socket is the one that knows our cookie."""
    return os.path.exists(path) and asked(path, cookie, lambda _: True) is not None
