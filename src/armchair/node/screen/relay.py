"""Copies bytes between two sockets in both directions until both have ended."""

import socket
import threading

CHUNK = 256 << 10


def relay(one: socket.socket, other: socket.socket) -> None:
    """Copy until both directions are over; then both sockets are of no more use."""
    one.settimeout(None)
    other.settimeout(None)
    back = threading.Thread(target=_copy, args=(other, one), daemon=True)
    back.start()
    _copy(one, other)
    back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    buffer = memoryview(bytearray(CHUNK))
    try:
        while True:
            size = source.recv_into(buffer)
            if not size:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(buffer[:size])
    except OSError:
        # one of the two has broken: the other direction must not wait for it
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
