"""The client's files: packed, kept by the browser for a while, and nothing but what is below their directory."""

import base64
import gzip
import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from armchair.node.screen.http import Connection
from armchair.node.screen.static import LARGEST, Static

SCRIPT = b"let it = 'be';\n" * 200
Answer = tuple[bool, dict[str, str], bytes]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of a client, with something beside it that is nobody's business."""
    made = tmp_path / "www"
    (made / "js" / "lib").mkdir(parents=True)
    (made / "index.html").write_text("<p>the page")
    (made / "js" / "client.js").write_bytes(SCRIPT)
    (made / "notes.txt").write_text("for nobody")
    (made / ".hidden.js").write_text("for nobody")
    (tmp_path / "secret.js").write_text("for nobody")
    (tmp_path / "shared.js").write_text("shared")
    (made / "js" / "lib" / "shared.js").symlink_to(tmp_path / "shared.js")
    return made


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    ours, client = socket.socketpair()
    client.settimeout(5)
    with ours, client:
        yield Connection(ours), client


@pytest.fixture
def ask(root: Path, pair: tuple[Connection, socket.socket]):
    """ask(path, method, headers…) → whether it was answered, the headers (with ":status"), the body."""
    connection, client = pair

    def asking(path: str, method: str = "GET", **headers: str) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {text}" for name, text in headers.items()), "", ""]
        client.sendall("\r\n".join(lines).encode())
        request = connection.next()
        assert request
        if not Static(str(root)).answer(request, connection):
            return False, {}, b""
        head, _, body = client.recv(1 << 20).partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        found = {name.lower(): text for name, _, text in (line.partition(": ") for line in rest)}
        return True, {**found, ":status": first.split(" ")[1]}, body

    return asking


def test_the_page_is_asked_for_again_and_its_scripts_are_kept(ask) -> None:
    answered, headers, body = ask("/?sharing=true")
    assert answered
    assert body == b"<p>the page"
    assert headers["content-type"] == "text/html"
    assert headers["cache-control"] == "no-cache"
    answered, headers, body = ask("/js/client.js")
    assert answered
    assert body == SCRIPT
    assert int(headers["content-length"]) == len(SCRIPT)
    assert headers["cache-control"] == "private, max-age=600"
    assert "content-encoding" not in headers


def test_it_is_packed_for_who_can_unpack(ask) -> None:
    _, headers, body = ask("/js/client.js", accept_encoding="gzip, br")
    assert headers["content-encoding"] == "gzip"
    assert len(body) == int(headers["content-length"]) < len(SCRIPT) / 5
    assert gzip.decompress(body) == SCRIPT
    assert headers["vary"] == "Accept-Encoding"


def test_what_the_browser_has_is_not_sent_again(ask, root: Path) -> None:
    _, headers, _ = ask("/js/client.js", accept_encoding="gzip")
    again = {"accept_encoding": "gzip", "if_none_match": headers["etag"]}
    _, headers, body = ask("/js/client.js", **again)
    assert (headers[":status"], body) == ("304", b"")
    assert "content-length" not in headers
    os.utime(root / "js" / "client.js", (1, 1))
    assert ask("/js/client.js", **again)[1][":status"] == "200"


def test_a_head_has_no_body(ask) -> None:
    _, headers, body = ask("/js/client.js", "HEAD")
    assert int(headers["content-length"]) == len(SCRIPT)
    assert body == b""


def test_what_the_system_links_to_is_served(ask) -> None:
    assert ask("/js/lib/shared.js")[2] == b"shared"


@pytest.mark.parametrize(
    "path",
    ["/../secret.js", "/%2e%2e/secret.js", "/js/..%2f..%2fsecret.js", "//secret.js", "/.hidden.js", "/notes.txt", "/js", "/js/",
     "/js/none.js", "/Status", "/js/client.js%00.js"],
)  # fmt: skip
def test_all_else_is_left_to_others(ask, path: str) -> None:
    assert ask(path) == (False, {}, b"")


def test_neither_posts_nor_sockets_nor_what_is_too_large(ask, root: Path) -> None:
    assert not ask("/js/client.js", "POST")[0]
    assert not ask("/", connection="Upgrade", upgrade="websocket")[0]
    os.truncate(root / "js" / "client.js", LARGEST + 1)
    assert not ask("/js/client.js")[0]


def test_the_page_runs_its_own_scripts_and_speaks_to_its_own_host(ask, root: Path) -> None:
    page = "<a onclick=\"go(&quot;x&quot;)\">\r\n<script src='js/client.js'></script><script>\r\nstart();\r\n</script>"
    (root / "index.html").write_bytes(page.encode())
    policy = ask("/", host="sid.apps.test:8443")[1]["content-security-policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src "))
    # what a browser makes of them: line ends are one sign, and an attribute's signs are written out
    digests = {base64.b64encode(hashlib.sha256(one).digest()).decode() for one in (b"\nstart();\n", b'go("x")')}
    assert set(scripts.split()) == {"script-src", "'self'", "'unsafe-hashes'", *(f"'sha256-{one}'" for one in digests)}
    assert "connect-src 'self' ws://sid.apps.test:8443 wss://sid.apps.test:8443;" in policy
    # a worker goes by the policy of its own script
    policy = ask("/js/client.js", host="sid.apps.test")[1]["content-security-policy"]
    assert "script-src 'self'; connect-src 'self' ws://sid.apps.test wss://sid.apps.test;" in policy


@pytest.mark.parametrize("host", ["", "evil.test; script-src *", "a b", "*", "x" * 400])
def test_a_host_that_is_none_is_not_in_the_policy(ask, host: str) -> None:
    policy = ask("/", host=host)[1]["content-security-policy"]
    assert "connect-src 'self';" in policy
    assert "evil" not in policy


def test_a_page_that_has_not_changed_has_its_policy_still(ask) -> None:
    first = ask("/", host="a.test")[1]
    again = ask("/", host="a.test", if_none_match=first["etag"])[1]
    assert again[":status"] == "304"
    assert again["content-security-policy"] == first["content-security-policy"]
