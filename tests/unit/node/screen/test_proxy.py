"""What the display's own server answers, passed on; and what is no answer ends the connection and nothing else."""

import socket
from collections.abc import Iterator

import pytest

from armchair.node.screen.http import Connection
from armchair.node.screen.proxy import pass_on

Ends = tuple[Connection, socket.socket, socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Our end of the client's connection, the client, our end of the server's connection, the server."""
    (ours, client), (upstream, server) = socket.socketpair(), socket.socketpair()
    client.settimeout(5)
    with ours, client, upstream, server:
        yield Connection(ours), client, upstream, server


def ask(ends: Ends, answer: bytes) -> None:
    connection, client, upstream, server = ends
    client.sendall(b"GET /Status HTTP/1.1\r\nHost: sid.apps.test\r\n\r\n")
    server.sendall(answer)
    server.shutdown(socket.SHUT_WR)
    request = connection.next()
    assert request
    pass_on(request, connection, upstream)


def test_an_answer_comes_with_our_policy(ends: Ends) -> None:
    ask(ends, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nready")
    head, _, body = ends[1].recv(4096).partition(b"\r\n\r\n")
    assert body == b"ready"
    assert b"connect-src 'self' ws://sid.apps.test wss://sid.apps.test;" in head
    assert ends[0].keep


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.1 -20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
    ],
)
def test_what_is_no_answer_breaks_the_connection(ends: Ends, answer: bytes) -> None:
    with pytest.raises(ConnectionError):
        ask(ends, answer)


def test_an_answer_with_a_strange_length_ends_with_its_connection(ends: Ends) -> None:
    ask(ends, b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nabc")
    assert ends[1].recv(4096).endswith(b"abc")
    assert not ends[0].keep
