"""The agent's own HTTP: what it reads is whole or an error, however it is cut."""

from collections.abc import Callable

import pytest

from armchair.agent.portal import BODY, HEAD, address_of, read_answer

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"a": "\xc3\xa4\xc3\xb6"}'


def source(*blocks: bytes) -> Callable[[int], bytes]:
    """What a connection gives that ends after these blocks."""
    left = [*blocks, b""]
    return lambda _limit: left.pop(0)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_an_answer_is_read_whole_however_it_is_cut(size: int) -> None:
    blocks = [ANSWER[start : start + size] for start in range(0, len(ANSWER), size)]
    assert read_answer(source(*blocks)) == (200, '{"a": "äö"}'.encode(), False)


@pytest.mark.parametrize(
    ("head", "closes"),
    [
        (b"HTTP/1.1 503 x\r\ncontent-length: 0", False),
        (b"HTTP/1.1 503 x\r\ncontent-length: 0\r\nConnection: Close", True),
        (b"HTTP/1.0 503 x\r\ncontent-length:0", True),
        (b"HTTP/1.1 503\r\nContent-Length: 0", False),
        (b"HTTP/1.1 204 nothing", False),
    ],
)
def test_it_says_whether_the_connection_stays(head: bytes, closes: bool) -> None:
    assert read_answer(source(head + b"\r\n\r\n"))[1:] == (b"", closes)


def test_what_comes_after_an_answer_ends_the_connection() -> None:
    assert read_answer(source(ANSWER + b"HTTP/1.1 200 smuggled")) == (200, '{"a": "äö"}'.encode(), True)


@pytest.mark.parametrize("blocks", [(), (b"HTTP/1.1 200",), (ANSWER[:-1],)])
def test_a_broken_connection_is_one(blocks: tuple[bytes, ...]) -> None:
    with pytest.raises(ConnectionError):
        read_answer(source(*blocks))


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 fine\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (BODY + 1),
        b"\r\n\r\n",
    ],
)
def test_anything_unclear_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError, match="the answer"):
        read_answer(source(text))


def test_a_head_without_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="too long"):
        read_answer(lambda _limit: b"x" * HEAD)


@pytest.mark.parametrize(
    ("portal", "address"),
    [
        ("https://10.1.2.3:8443", ("10.1.2.3", 8443)),
        ("https://portal.example.org", ("portal.example.org", 443)),
        ("https://portal.example.org:1/", ("portal.example.org", 1)),
        ("https://[fd00::1]:8443", ("fd00::1", 8443)),
        ("https://[fd00::1]", ("fd00::1", 443)),
    ],
)
def test_where_the_portal_is(portal: str, address: tuple[str, int]) -> None:
    assert address_of(portal) == address
