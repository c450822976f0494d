"""Copies bytes between the gateway (TLS) and the application (unix socket). Parses nothing.

One thread, edge-triggered epoll, non-blocking sockets on both sides. Back-pressure: each direction holds at most one chunk, and
nothing more is read before that is written, so that memory stays flat however slow a reader is.
"""

import collections
import errno
import select
import socket
import ssl
import time
from typing import Deque, Dict, List, Optional, Tuple, Union

SMALL = 16 << 10
LARGE = 256 << 10
TURNS = 32  # chunks that one connection may move before the others get their turn
HANDSHAKE_SECONDS = 10.0
LINGER_SECONDS = 5.0
CONNECT_SECONDS = 5.0
MOST_CONNECTIONS = 4000
EDGE = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
WRITABLE = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR

HANDSHAKE, CONNECT, COPY, LINGER, CLOSED = range(5)


class Connection:
    """One connection of the gateway and its counterpart at the application."""

    __slots__ = (
        "app", "app_in", "app_out", "deadline", "down", "down_eof", "size", "state", "tls", "tls_ready", "up", "up_eof",
    )  # fmt: skip

    def __init__(self, tls: ssl.SSLSocket, family: int, now: float) -> None:
        self.tls = tls
        self.app = socket.socket(family, socket.SOCK_STREAM)
        self.app.setblocking(False)
        self.state = HANDSHAKE
        self.deadline = now + HANDSHAKE_SECONDS
        self.up: Optional[memoryview] = None
        self.down: Optional[memoryview] = None
        self.up_eof = self.down_eof = False
        self.tls_ready = self.app_in = self.app_out = True
        self.size = SMALL

    def close(self) -> None:
        """Let go of both sides."""
        self.state = CLOSED
        for side in (self.tls, self.app):
            try:
                side.close()
            except OSError:
                pass


class Relay:
    """Serves one listening socket until `stop`. `run` is to be called in a thread of its own."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext, path: str, port: Optional[int] = None) -> None:
        listener.setblocking(False)
        self._listener, self._context = listener, context
        self._family = socket.AF_UNIX if port is None else socket.AF_INET
        self._target: Union[str, Tuple[str, int]] = path if port is None else ("127.0.0.1", port)
        self._epoll = select.epoll()
        self._by_fd: Dict[int, Connection] = {}
        self._again: List[Connection] = []
        self._timed: List[Connection] = []
        self._wake, self._stop = socket.socketpair()
        self._wake.setblocking(False)
        self._adopted: Deque[socket.socket] = collections.deque()
        self._spare = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.input = 0  # bytes from browsers so far

    def stop(self) -> None:
        """End the thread; open connections are cut."""
        self._stop.close()

    def adopt(self, raw: socket.socket) -> None:
        """Take over a connection that was made some other way, as if it had been accepted. For other threads."""
        self._adopted.append(raw)
        self._stop.send(b"+")

    def run(self) -> None:
        """Copy until stopped."""
        try:
            self._run()
        finally:
            for connection in list(self._by_fd.values()):
                connection.close()
            for end in (self._epoll, self._wake, self._spare, self._listener):
                end.close()

    def _run(self) -> None:
        listening, waking = self._listener.fileno(), self._wake.fileno()
        self._epoll.register(listening, select.EPOLLIN)
        self._epoll.register(waking, select.EPOLLIN | select.EPOLLRDHUP)
        while True:
            events = self._epoll.poll(0 if self._again else (0.02 if self._timed else -1))
            again, self._again = self._again, []
            for fd, event in events:
                if fd == waking:
                    if not self._wake.recv(4096):
                        return
                    while self._adopted:
                        self._take_in(self._adopted.popleft())
                    continue
                if fd == listening:
                    self._accept()
                else:
                    self._note(fd, event)
            for connection in again:
                self._advance(connection)
            if self._timed:
                self._expire(time.monotonic())

    def _accept(self) -> None:
        for _ in range(64):
            try:
                raw, _address = self._listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._turn_away()
                return
            self._take_in(raw)

    def _take_in(self, raw: socket.socket) -> None:
        if len(self._by_fd) >= 2 * MOST_CONNECTIONS:
            raw.close()
            return
        try:
            raw.setblocking(False)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            tls = self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
            connection = Connection(tls, self._family, time.monotonic())
        except OSError:
            raw.close()
            return
        self._by_fd[tls.fileno()] = connection
        self._timed.append(connection)
        self._epoll.register(tls.fileno(), EDGE)

    def _turn_away(self) -> None:
        """No descriptor is left: spend the spare one on closing whoever waits, or the loop would spin on it."""
        self._spare.close()
        try:
            raw, _address = self._listener.accept()
            raw.close()
        except OSError:
            pass
        self._spare = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def _note(self, fd: int, event: int) -> None:
        connection = self._by_fd.get(fd)
        if connection is None:
            return
        if connection.state != CLOSED and fd == connection.tls.fileno():
            connection.tls_ready = True
        else:
            connection.app_in = connection.app_in or bool(event & READABLE)
            connection.app_out = connection.app_out or bool(event & WRITABLE)
        self._advance(connection)

    def _advance(self, connection: Connection) -> None:
        try:
            if connection.state == HANDSHAKE:
                self._shake_hands(connection)
            if connection.state == CONNECT:
                self._connect(connection)
            if connection.state == COPY:
                self._copy(connection)
            if connection.state == LINGER:
                self._linger(connection)
        except (OSError, ValueError):
            self._drop(connection)

    def _shake_hands(self, connection: Connection) -> None:
        try:
            connection.tls.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        connection.state = CONNECT
        connection.deadline = time.monotonic() + CONNECT_SECONDS

    def _connect(self, connection: Connection) -> None:
        """Unix sockets connect at once or, when the application's queue is full, not yet: then the clock tries again."""
        number = connection.app.connect_ex(self._target)
        if number in (errno.EAGAIN, errno.EINPROGRESS, errno.EALREADY):
            return
        if number not in (0, errno.EISCONN):
            raise OSError(number, "the application does not listen")
        self._by_fd[connection.app.fileno()] = connection
        self._epoll.register(connection.app.fileno(), EDGE)
        connection.state = COPY
        self._timed.remove(connection)

    def _copy(self, connection: Connection) -> None:
        for _ in range(TURNS):
            if not (self._upwards(connection) | self._downwards(connection)):
                break
        else:
            self._again.append(connection)
            return
        if connection.down_eof and connection.down is None:
            self._begin_linger(connection)

    def _upwards(self, connection: Connection) -> bool:
        """Browser to application. True when something moved."""
        if connection.up is None and not self._from_browser(connection):
            return False
        if connection.up is None or not connection.app_out:
            return connection.up is None
        try:
            sent = connection.app.send(connection.up)
        except BlockingIOError:
            connection.app_out = False
            return False
        except BrokenPipeError:
            # it reads no more but may have answered: a refusal of a large upload, say
            connection.up, connection.up_eof = None, True
            return True
        connection.up = connection.up[sent:] if sent < len(connection.up) else None
        return True

    def _from_browser(self, connection: Connection) -> bool:
        """Fetch the next chunk, or learn that there will be none. False when neither is there yet."""
        if connection.up_eof or not connection.tls_ready:
            return False
        try:
            data = connection.tls.recv(SMALL)  # a TLS record holds no more
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            connection.tls_ready = False
            return False
        if data:
            connection.up = memoryview(data)
            self.input += len(data)
        else:
            connection.up_eof = True
            connection.app.shutdown(socket.SHUT_WR)
        return True

    def _downwards(self, connection: Connection) -> bool:
        """Application to browser. True when something moved."""
        if connection.down is None:
            if connection.down_eof or not connection.app_in:
                return False
            try:
                data = connection.app.recv(connection.size)
            except BlockingIOError:
                connection.app_in = False
                return False
            if not data:
                connection.down_eof = True
                return False
            # big buffers only where they fill: they cost time to get
            connection.size = min(LARGE, connection.size * 2) if len(data) == connection.size else max(SMALL, len(data))
            connection.down = memoryview(data)
        try:
            sent = connection.tls.send(connection.down)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        connection.down = connection.down[sent:] if sent < len(connection.down) else None
        return True

    def _begin_linger(self, connection: Connection) -> None:
        """The application has closed: say so, and wait a little for the gateway, or the last bytes could be cut off."""
        self._unregister(connection.app)
        connection.app.close()
        connection.state = LINGER
        connection.deadline = time.monotonic() + LINGER_SECONDS
        self._timed.append(connection)
        try:
            connection.tls.unwrap()
        except (OSError, ValueError):
            pass
        raw = socket.socket(fileno=connection.tls.fileno())
        try:
            raw.shutdown(socket.SHUT_WR)
        finally:
            raw.detach()

    def _linger(self, connection: Connection) -> None:
        raw = socket.socket(fileno=connection.tls.fileno())
        try:
            while raw.recv(LARGE):
                continue
        except BlockingIOError:
            return
        finally:
            raw.detach()
        self._drop(connection)

    def _expire(self, now: float) -> None:
        for connection in self._timed[:]:
            if connection.state == CONNECT:
                self._advance(connection)
            if connection.state != COPY and now > connection.deadline:
                self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        if connection in self._timed:
            self._timed.remove(connection)
        self._unregister(connection.tls)
        self._unregister(connection.app)
        connection.close()

    def _unregister(self, side: socket.socket) -> None:
        fd = side.fileno()
        if fd >= 0 and self._by_fd.pop(fd, None) is not None:
            try:
                self._epoll.unregister(fd)
            except OSError:
                pass
