"""The pump between a browser and a display server, over real sockets."""

import contextlib
import itertools
import os
import socket
import threading
from collections.abc import Iterator

import pytest
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side

from armchair.node.screen import pump as module
from armchair.node.screen import websocket
from armchair.node.screen.pump import pump

BIG = 24 << 20


class Browser:
    """The browser's side: a real implementation of the protocol on a socket."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self.protocol = Protocol(Side.CLIENT, state=OPEN, max_size=None)
        raw.settimeout(10)

    def send(self, *frames: Frame) -> None:
        self.raw.sendall(b"".join(frame.serialize(mask=True) for frame in frames))

    def data(self, payload: bytes) -> None:
        self.send(Frame(Opcode.BINARY, payload))

    def next(self, number: int) -> list[Frame]:
        """The next frames; fewer only when the connection has ended."""
        found: list[Frame] = []
        while len(found) < number:
            data = self.raw.recv(1 << 16)
            if not data:
                break
            self.protocol.receive_data(data)
            found += [event for event in self.protocol.events_received() if isinstance(event, Frame)]
        return found


class Rig:
    def __init__(self) -> None:
        self.near, far = socket.socketpair()
        self.display, stream = socket.socketpair()
        self.far, self.stream = far, stream
        self.display.settimeout(10)
        self.browser = Browser(self.near)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.early = b""

    def _run(self) -> None:
        with self.far, self.stream:
            pump(self.far, self.stream, self.early)

    def start(self, early: bytes = b"") -> None:
        self.early = early
        self.thread.start()

    def ended(self) -> bool:
        self.thread.join(10)
        return not self.thread.is_alive()


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    for side in (made.near, made.display):
        with contextlib.suppress(OSError):
            side.close()
    if made.thread.ident:
        assert made.ended()


def read(side: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = side.recv(size - len(data))
        assert piece, f"ended after {len(data)} of {size} bytes"
        data += piece
    return data


def test_bytes_go_both_ways(rig: Rig) -> None:
    rig.start()
    rig.browser.data(b"RFB 003.008\n")
    assert read(rig.display, 12) == b"RFB 003.008\n"
    rig.display.sendall(b"\x01\x01")
    (frame,) = rig.browser.next(1)
    assert (frame.opcode, frame.data) == (Opcode.BINARY, b"\x01\x01")


def test_what_came_with_the_request_is_not_lost(rig: Rig) -> None:
    whole = Frame(Opcode.BINARY, b"hello").serialize(mask=True)
    rig.start(whole[:4])
    rig.near.sendall(whole[4:])
    assert read(rig.display, 5) == b"hello"


def test_a_ping_is_answered(rig: Rig) -> None:
    rig.start()
    rig.browser.send(Frame(Opcode.PING, b"are you there"))
    (frame,) = rig.browser.next(1)
    assert (frame.opcode, frame.data) == (Opcode.PONG, b"are you there")


def test_pings_in_a_flood_of_pictures_are_answered_between_frames(rig: Rig) -> None:
    rig.start()
    picture = os.urandom(BIG // 8)
    sender = threading.Thread(target=rig.display.sendall, args=(picture,))
    sender.start()
    got, pongs = b"", 0
    while len(got) < len(picture):
        rig.browser.send(Frame(Opcode.PING, b"p"))
        for frame in rig.browser.next(1):
            if frame.opcode == Opcode.PONG:
                pongs += 1
            else:
                got += frame.data
    sender.join(10)
    assert got == picture
    assert pongs > 3


def test_megabytes_both_ways_at_once(rig: Rig) -> None:
    rig.start()
    up, down = os.urandom(BIG // 4), os.urandom(BIG // 4)
    writers = [
        threading.Thread(target=rig.browser.data, args=(up,)),
        threading.Thread(target=rig.display.sendall, args=(down,)),
    ]
    for writer in writers:
        writer.start()
    arrived: list[bytes] = []
    reader = threading.Thread(target=lambda: arrived.append(read(rig.display, len(up))))
    reader.start()
    got = b""
    while len(got) < len(down):
        got += b"".join(frame.data for frame in rig.browser.next(1))
    for thread in (*writers, reader):
        thread.join(20)
    assert arrived == [up]
    assert got == down


@pytest.mark.parametrize("slow", ["browser", "display"])
def test_a_side_that_does_not_read_holds_the_other_up(rig: Rig, slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = itertools.count()
    turn = module._Pump._turn

    def counted(self: module._Pump) -> None:
        next(turns)
        turn(self)

    monkeypatch.setattr(module._Pump, "_turn", counted)
    rig.start()
    sender = rig.display if slow == "browser" else rig.near
    # frames of a browser that are never read are as good as any other bytes here
    block = bytes(1 << 16) if slow == "browser" else Frame(Opcode.BINARY, bytes(1 << 16)).serialize(mask=True)
    sender.settimeout(0.5)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < BIG:
            sent += sender.send(block)
    assert sent < 4 << 20  # what the kernel holds and a chunk
    assert next(turns) < 500  # it waits, it does not ask again and again


def test_the_displays_end_is_told_as_going_away(rig: Rig) -> None:
    rig.start()
    rig.display.sendall(b"last words")
    rig.display.close()
    words, close = rig.browser.next(2)
    assert words.data == b"last words"
    assert Close.parse(bytes(close.data)).code == 1001
    rig.browser.send(Frame(Opcode.CLOSE, close.data))
    assert rig.ended()


def test_what_a_display_said_before_it_stopped_listening_arrives(rig: Rig) -> None:
    rig.display.shutdown(socket.SHUT_RD)
    rig.start(Frame(Opcode.BINARY, b"nobody hears this").serialize(mask=True))
    rig.display.sendall(b"last words")
    (words,) = rig.browser.next(1)
    assert words.data == b"last words"


def test_a_close_of_the_browser_is_answered_and_ends_the_stream(rig: Rig) -> None:
    rig.start()
    rig.browser.send(Frame(Opcode.BINARY, b"bye"), Frame(Opcode.CLOSE, Close(1000, "").serialize()))
    assert read(rig.display, 3) == b"bye"
    (close,) = rig.browser.next(1)
    assert Close.parse(bytes(close.data)).code == 1000
    assert rig.ended()
    assert rig.display.recv(1) == b""


def test_a_browser_that_just_goes_ends_the_stream(rig: Rig) -> None:
    rig.start()
    rig.browser.data(b"x")
    assert read(rig.display, 1) == b"x"
    rig.near.close()
    assert rig.ended()


def test_nonsense_is_told_as_such(rig: Rig) -> None:
    rig.start()
    rig.near.sendall(b"GET / HTTP/1.1\r\n\r\n" * 1000)
    (close,) = rig.browser.next(1)
    assert Close.parse(bytes(close.data)).code == websocket.PROTOCOL_ERROR
    rig.near.shutdown(socket.SHUT_WR)
    assert rig.ended()


def test_who_never_answers_a_farewell_is_left_behind(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FAREWELL_SECONDS", 0.2)
    rig.start()
    rig.display.close()
    assert rig.ended()


def test_a_silent_browser_is_asked_and_then_given_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(module, "DEAD_SECONDS", 1.5)
    rig.start()
    assert rig.browser.next(1)[0].opcode == Opcode.PING
    assert rig.ended()


def test_a_quiet_browser_that_answers_stays(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(module, "DEAD_SECONDS", 0.8)
    rig.start()
    for _ in range(3):  # each round lasts half a second at most, so together they last longer than a silence may
        assert rig.browser.next(1)[0].opcode == Opcode.PING
        rig.browser.send(Frame(Opcode.PONG, b""))
    rig.browser.data(b"still here")
    assert read(rig.display, 10) == b"still here"
