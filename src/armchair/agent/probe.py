"""Asks the application whether it is ready, again and again; slowness is no failure."""

import os
import socket
import threading
import time
from typing import Optional, Tuple, Union

from armchair.wire.runspec import RunSpec

# A pause is this part of the time waited so far: readiness is told late by one part in a hundred on average, while a slow
# start is not asked to death.
PAUSE_PART = 0.02
SHORTEST_PAUSE = 0.01
LONGEST_PAUSE = 0.5
ANSWER_SECONDS = 10.0


def wait_until_ready(spec: RunSpec, path: str, port: Optional[int], over: threading.Event) -> bool:
    """Probe until the application answers as the RunSpec says (True) or `over` is set (False)."""
    began = time.monotonic()
    while not over.is_set():
        status = probe(spec, path, port)
        if any(low <= status <= high for low, high in spec.ready_statuses):
            if port is None:
                _close(path)
            return True
        pause = (time.monotonic() - began) * PAUSE_PART
        over.wait(min(max(pause, SHORTEST_PAUSE), LONGEST_PAUSE))
    return False


def _close(path: str) -> None:
    """Its directory keeps all others out; the socket itself is closed to them too, whoever made it."""
    try:
        os.chmod(path, 0o600)
    except OSError:
        pass  # its directory has to do


def probe(spec: RunSpec, path: str, port: Optional[int]) -> int:
    """The status of one GET, 0 when there is no answer."""
    request = "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: armchair-agent\r\nConnection: close\r\n\r\n" % (
        spec.ready_path,
        spec.host,
    )
    try:
        with connect(path, port) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.sendall(request.encode("ascii", "replace"))
            line = b""
            while b"\n" not in line and len(line) < 256:
                data = connection.recv(256)
                if not data:
                    break
                line += data
    except OSError:
        return 0
    words = line.split(None, 2)
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit() else 0


def connect(path: str, port: Optional[int]) -> socket.socket:
    """A connection to the application. Raises OSError."""
    address: Union[str, Tuple[str, int]] = path if port is None else ("127.0.0.1", port)
    connection = socket.socket(socket.AF_UNIX if port is None else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection
