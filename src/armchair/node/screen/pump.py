"""Carries a stream's bytes to a browser in WebSocket frames and back: one loop for both ways.

Back-pressure: each direction holds at most one chunk, and nothing more is read before that is written, so that memory stays
flat however slow a reader is.
"""

import select
import socket
import time
from typing import Optional

from armchair.node.screen import websocket

CHUNK = 64 << 10
QUIET_SECONDS = 30.0  # a browser that has said nothing for so long is asked for a word,
DEAD_SECONDS = 300.0  # and after so long it is given up: a laptop that was closed says no goodbye
FAREWELL_SECONDS = 5.0
GONE = select.POLLHUP | select.POLLERR
NOTHING = memoryview(b"")


def pump(browser: socket.socket, stream: socket.socket, early: bytes = b"") -> None:
    """Copy until one side has ended and the other was told. Closes neither; both are non-blocking afterwards.

    `early`: what the browser sent right behind its request. Whatever either side does, this returns and raises nothing.
    """
    _Pump(browser, stream).run(early)


class _Pump:
    def __init__(self, browser: socket.socket, stream: socket.socket) -> None:
        browser.setblocking(False)
        stream.setblocking(False)
        self._browser, self._stream = browser, stream
        self._decoder = websocket.Decoder()
        self._up = self._down = NOTHING  # to the stream; to the browser, in whole frames of which the first may be begun
        self._farewell: Optional[bytes] = None  # the close frame, until it is on its way
        self._deadline: Optional[float] = None  # of the farewell
        self._browser_over = self._stream_over = False
        self._picture = False  # whether what goes down is of the stream
        self._alive = self._asked = time.monotonic()

    def run(self, early: bytes) -> None:
        try:
            self._take(early)
            while not self._over():
                self._turn()
        except OSError:
            pass  # one of them is gone without a word: there is nobody to tell

    def _over(self) -> bool:
        now = time.monotonic()
        if self._deadline is None:
            return (self._browser_over and not self._up) or now - self._alive > DEAD_SECONDS
        told = self._farewell is None and not self._down
        answered = self._browser_over or self._decoder.closed is not None
        return now > self._deadline or (told and answered and not self._up)

    def _turn(self) -> None:
        """Wait for what can be done, and do it."""
        self._speak()
        # a side of which nothing is wanted is left out: its end would be reported again and again
        waiting = select.poll()
        for side, wanted in ((self._stream, self._of_stream()), (self._browser, self._of_browser())):
            if wanted:
                waiting.register(side, wanted)
        for number, event in waiting.poll(500):
            if number == self._stream.fileno():
                self._serve_stream(event)
            else:
                self._serve_browser(event)

    def _of_stream(self) -> int:
        reading = not self._down and not self._stream_over and self._deadline is None
        return (select.POLLIN if reading else 0) | (select.POLLOUT if self._up else 0)

    def _of_browser(self) -> int:
        reading = not self._up and not self._browser_over
        return (select.POLLIN if reading else 0) | (select.POLLOUT if self._down else 0)

    def _speak(self) -> None:
        """Put what the protocol has to say behind the last whole frame, never into one."""
        if self._down:
            return
        self._picture = False
        now = time.monotonic()
        if self._farewell is not None:
            self._down, self._farewell = memoryview(self._farewell), None
        elif self._decoder.pong is not None:
            self._down, self._decoder.pong = memoryview(websocket.frame(websocket.PONG, self._decoder.pong)), None
        elif now - max(self._alive, self._asked) > QUIET_SECONDS and self._deadline is None:
            self._down, self._asked = memoryview(websocket.frame(websocket.PING, b"")), now

    def _serve_stream(self, event: int) -> None:
        if self._up and event & (select.POLLOUT | GONE):
            try:
                self._up = self._up[self._stream.send(self._up) :]
            except BlockingIOError:
                pass
            except OSError:
                self._up = NOTHING  # it reads no more, but what it said last is still to be fetched
        if not self._down and self._deadline is None and event & (select.POLLIN | GONE):
            try:
                data = self._stream.recv(CHUNK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                self._down, self._picture = memoryview(websocket.frame(websocket.BINARY, data)), True
            else:
                self._stream_over, self._up = True, NOTHING
                self._part(websocket.GOING_AWAY)

    def _serve_browser(self, event: int) -> None:
        if self._down and event & (select.POLLOUT | GONE):
            try:
                self._down = self._down[self._browser.send(self._down) :]
                # pictures that are taken are a sign of life; a ping is not, it goes into the next buffer
                self._alive = time.monotonic() if self._picture else self._alive
            except BlockingIOError:
                pass
        if not self._up and event & (select.POLLIN | GONE):
            try:
                data = self._browser.recv(CHUNK)
            except BlockingIOError:
                return
            if data:
                self._take(data)
            else:
                self._browser_over = True

    def _take(self, data: bytes) -> None:
        """Bytes of the browser. Once the parting has begun, only the answer to it counts."""
        self._alive = time.monotonic()
        try:
            payload = self._decoder.feed(data)
        except websocket.Violation as error:
            # whatever follows is read and dropped: closing on unread bytes could take the close frame with it
            self._part(error.code)
            return
        if self._deadline is None:
            self._up = memoryview(payload)
        if self._decoder.closed is not None:
            self._part(self._decoder.closed)

    def _part(self, code: int) -> None:
        if self._deadline is None:
            self._farewell, self._deadline = websocket.closing(code), time.monotonic() + FAREWELL_SECONDS
