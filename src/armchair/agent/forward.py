"""The forwarder of isolated applications: runs inside their network and leads from the unix socket to their TCP port."""

import socket
import threading
import time

CHUNK = 65536
PAUSE = 0.1


def serve(listener: socket.socket, port: int) -> None:
    """Accept for ever. Each connection gets a thread for each direction."""
    while True:
        try:
            near, _address = listener.accept()
        except OSError:
            time.sleep(PAUSE)  # no more descriptors for us: some come back as others leave
            continue
        try:
            threading.Thread(target=_one, args=(near, port), daemon=True).start()
        except RuntimeError:
            near.close()  # no more threads for us on this node: one connection less is better than none at all


def _one(near: socket.socket, port: int) -> None:
    with near:
        try:
            far = socket.create_connection(("127.0.0.1", port))
        except OSError:
            return
        with far:
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while True:
            data = source.recv(CHUNK)
            if not data:
                break
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for side in (source, sink):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
