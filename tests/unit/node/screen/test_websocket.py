"""The WebSocket of the display's front, against another's implementation of the protocol."""

import base64
import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader
from websockets.uri import parse_uri

from armchair.node.screen import websocket

KEY = base64.b64encode(b"k" * 16).decode()
GOOD = {
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
    "sec-websocket-protocol": "chat, binary",
}


def wire(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """What a browser sends for this frame."""
    return Frame(Opcode(opcode), payload, fin).serialize(mask=True)


def answered(change: dict[str, str]) -> bytes:
    headers = {**GOOD, **change}
    return websocket.answer(lambda name: headers.get(name, ""))


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


def test_a_client_of_the_websockets_library_accepts_the_answer() -> None:
    client = ClientProtocol(parse_uri("ws://x/-/display"), subprotocols=["binary"])  # type: ignore[list-item]
    request = client.connect()
    client.send_request(request)
    client.receive_data(websocket.answer(lambda name: request.headers.get(name, "")))
    assert client.handshake_exc is None
    assert client.state.name == "OPEN"
    assert client.subprotocol == "binary"


def test_no_protocol_is_answered_where_none_was_offered() -> None:
    assert b"Protocol:" not in answered({"sec-websocket-protocol": ""})
    assert b"Protocol:" not in answered({"sec-websocket-protocol": "chat"})


@pytest.mark.parametrize(
    "change",
    [
        {"upgrade": "h2c"},
        {"connection": "keep-alive"},
        {"sec-websocket-version": "8"},
        {"sec-websocket-key": ""},
        {"sec-websocket-key": "*" * 24},
        {"sec-websocket-key": "é" * 24},
        {"sec-websocket-key": base64.b64encode(b"short").decode()},
    ],
)
def test_what_opens_no_websocket_is_refused(change: dict[str, str]) -> None:
    answered({})
    with pytest.raises(websocket.NotWebSocket):
        answered(change)


@given(
    st.lists(st.tuples(st.binary(max_size=300), st.booleans(), st.sampled_from([None, b"", b"x" * 125]))),
    st.lists(st.integers(min_value=0), max_size=12),
)
def test_the_stream_is_the_same_whatever_frames_and_pieces_it_comes_in(
    messages: list[tuple[bytes, bool, bytes | None]], cuts: list[int]
) -> None:
    sent, began = b"", False
    for payload, final, ping in messages:
        if ping is not None:  # a control frame may stand between the pieces of a message
            sent += wire(websocket.PING, ping)
        sent += wire(websocket.CONTINUATION if began else websocket.BINARY, payload, fin=final)
        began = not final
    decoder = websocket.Decoder()
    heard = b"".join(decoder.feed(piece) for piece in in_pieces(sent, cuts))
    assert heard == b"".join(payload for payload, _, _ in messages)
    pings = [ping for _, _, ping in messages if ping is not None]
    assert decoder.pong == (pings[-1] if pings else None)
    assert decoder.closed is None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 300_000])
def test_frames_of_all_lengths_arrive_and_are_understood_elsewhere(size: int) -> None:
    payload = os.urandom(size)
    assert websocket.Decoder().feed(wire(websocket.BINARY, payload)) == payload
    reader = StreamReader()
    reader.feed_data(websocket.frame(websocket.BINARY, payload))
    parser = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as parsed:
        next(parser)
    assert parsed.value.value.data == payload


@given(st.binary(max_size=200), st.binary(min_size=4, max_size=4))
def test_unmasking_is_the_rfcs(payload: bytes, key: bytes) -> None:
    assert websocket.unmask(payload, key) == bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def masked(head: bytes, payload: bytes = b"") -> bytes:
    return head + b"\0\0\0\0" + payload


VIOLATIONS = {
    "not masked": (b"\x82\x05hello", 1002),
    "reserved bit": (masked(b"\xc2\x80"), 1002),
    "unknown opcode": (masked(b"\x83\x80"), 1002),
    "unknown control": (masked(b"\x8b\x80"), 1002),
    "text": (masked(b"\x81\x80"), 1003),
    "a long ping": (masked(b"\x89\xfe\x00\x7e"), 1002),
    "a ping in pieces": (masked(b"\x09\x80"), 1002),
    "an end without a beginning": (masked(b"\x80\x80"), 1002),
    "two beginnings": (masked(b"\x02\x80") + masked(b"\x82\x80"), 1002),
    "16 bits for 125": (masked(b"\x82\xfe\x00\x7d"), 1002),
    "64 bits for 65535": (masked(b"\x82\xff" + (65535).to_bytes(8, "big")), 1002),
    "64 bits with a sign": (masked(b"\x82\xff" + b"\x80" + bytes(7)), 1002),
    "half a code": (masked(b"\x88\x81", b"\x03"), 1002),
    "a code for nobody": (masked(b"\x88\x82", (1005).to_bytes(2, "big")), 1002),
    "a reason that is no text": (masked(b"\x88\x83", (1000).to_bytes(2, "big") + b"\xff"), 1007),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_violations_are_told_by_their_code(name: str) -> None:
    sent, code = VIOLATIONS[name]
    for size in (1, len(sent)):
        with pytest.raises(websocket.Violation) as told:
            feed_in_steps(sent, size)
        assert told.value.code == code


def feed_in_steps(sent: bytes, size: int) -> None:
    decoder = websocket.Decoder()
    for start in range(0, len(sent), size):
        decoder.feed(sent[start : start + size])


@given(st.binary(max_size=2000), st.lists(st.integers(min_value=0), max_size=6))
def test_garbage_raises_nothing_but_violations(garbage: bytes, cuts: list[int]) -> None:
    decoder = websocket.Decoder()
    try:
        for piece in in_pieces(garbage, cuts):
            decoder.feed(piece)
    except websocket.Violation:
        pass
    assert len(decoder._head) <= 14
    assert len(decoder._control) <= 125


@pytest.mark.parametrize(("payload", "code"), [(b"", 1000), (b"\x03\xe9", 1001), (b"\x0f\xa0bye", 4000)])
def test_a_close_frame_ends_the_stream(payload: bytes, code: int) -> None:
    decoder = websocket.Decoder()
    sent = wire(websocket.BINARY, b"one") + wire(websocket.CLOSE, payload) + wire(websocket.BINARY, b"two")
    assert decoder.feed(sent) == b"one"
    assert decoder.closed == code
    assert decoder.feed(wire(websocket.BINARY, b"three")) == b""


def test_a_huge_frame_is_passed_on_as_it_comes() -> None:
    decoder = websocket.Decoder()
    assert decoder.feed(masked(b"\x82\xff" + (1 << 40).to_bytes(8, "big"), b"begin")) == b"begin"
    assert decoder.feed(b"more") == b"more"
