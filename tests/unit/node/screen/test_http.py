"""HTTP on the session's socket: heads, bodies, keep-alive, and what is no HTTP."""

import socket
from collections.abc import Iterator

import pytest

from armchair.node.screen.http import BadRequest, Connection

Pair = tuple[Connection, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Our end and the client's."""
    ours, client = socket.socketpair()
    client.settimeout(5)
    with ours, client:
        yield Connection(ours), client


def test_requests_come_one_after_another_on_one_connection(pair: Pair) -> None:
    connection, client = pair
    client.sendall(
        b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\nPUT /d HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /e HTTP/1.1\r\n\r\n"
    )
    first = connection.next()
    assert first
    assert (first.method, first.target, first.path, first.header("host")) == ("GET", "/a?b=c", "/a", "x")
    assert connection.read() == b""
    second = connection.next()
    assert second
    assert connection.read(3) + connection.read() == b"hello"
    assert connection.read() == b""
    third = connection.next()
    assert third
    assert third.path == "/e"
    client.shutdown(socket.SHUT_WR)
    assert connection.next() is None


def test_a_body_that_nobody_read_is_passed_over(pair: Pair) -> None:
    connection, client = pair
    client.sendall(b"PUT /d HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /e HTTP/1.1\r\n\r\n")
    assert connection.next()
    request = connection.next()
    assert request
    assert (request.method, request.path) == ("GET", "/e")


def test_a_body_in_chunks(pair: Pair) -> None:
    connection, client = pair
    client.sendall(
        b"PUT /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5;x=y\r\nhello\r\nA\r\n, there it\r\n0\r\nT: v\r\n\r\nGET /e HTTP/1.1\r\n\r\n"
    )
    assert connection.next()
    body = b""
    while data := connection.read(4):
        body += data
    assert body == b"hello, there it"
    request = connection.next()
    assert request
    assert request.path == "/e"


def test_a_chunk_that_is_longer_than_it_says_is_refused(pair: Pair) -> None:
    connection, client = pair
    client.sendall(b"PUT /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n")
    assert connection.next()
    with pytest.raises(BadRequest):
        connection.read()


@pytest.mark.parametrize("size", [b"-3", b"+3", b"0x3", b"0_3", b"", b"3 3", b"F" * 40])
def test_a_chunk_without_a_plain_length_is_refused(pair: Pair, size: bytes) -> None:
    connection, client = pair
    client.sendall(b"PUT /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\nabc\r\n0\r\n\r\n")
    assert connection.next()
    with pytest.raises(BadRequest):
        connection.read()


def test_a_client_that_waits_for_leave_gets_it_when_the_body_is_wanted(pair: Pair) -> None:
    connection, client = pair
    client.sendall(b"PUT /d HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert connection.next()
    client.sendall(b"ok")
    assert connection.read() == b"ok"
    assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-client\r\n\r\n",
        b"GET http://other/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nName : space\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(pair: Pair, data: bytes) -> None:
    connection, client = pair
    client.settimeout(None)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
    with pytest.raises(BadRequest):
        connection.next()


@pytest.mark.parametrize(("head", "keeps"), [("HTTP/1.1", True), ("HTTP/1.0", False), ("HTTP/1.1\r\nConnection: close", False)])
def test_an_answer_says_whether_the_connection_stays(pair: Pair, head: str, keeps: bool) -> None:
    connection, client = pair
    client.sendall(f"GET / {head}\r\n\r\n".encode())
    assert connection.next()
    connection.answer(200, b"{}", "application/json")
    answer = client.recv(1000)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n")
    assert answer.endswith(b"\r\n\r\n{}")
    assert (b"Connection: close" not in answer) is connection.keep is keeps


def test_head_gets_no_body(pair: Pair) -> None:
    connection, client = pair
    client.sendall(b"HEAD / HTTP/1.1\r\n\r\n")
    assert connection.next()
    connection.answer(200, b"body")
    assert client.recv(1000).endswith(b"\r\n\r\n")


def test_an_answer_of_unknown_length_ends_with_the_connection(pair: Pair) -> None:
    connection, client = pair
    client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert connection.next()
    connection.begin(200, None)
    assert b"Connection: close" in client.recv(1000)
    assert not connection.keep
