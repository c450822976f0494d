"""The cookie that an X server asks for: a file in the form of Xauthority(5), written here so that the node needs no xauth."""

import os
import struct

NAME = b"MIT-MAGIC-COOKIE-1"
# stands for every host name and display, so that one entry serves the X server and its clients
FAMILY_WILD = 0xFFFF


def write(path: str) -> bytes:
    """A new cookie in a new file that only we can read. Arguments and environments are read by everybody; this is not."""
    cookie = os.urandom(16)
    entry = struct.pack(">H", FAMILY_WILD) + b"".join(_counted(text) for text in (b"", b"", NAME, cookie))
    descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(entry)
    return cookie


def _counted(text: bytes) -> bytes:
    return struct.pack(">H", len(text)) + text
