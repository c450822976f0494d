"""The front before a real Xpra: one connection for many requests, and a screen that follows who looks."""

import socket
from typing import Any

from .screens import until  # noqa: TID252 - one folder's own

WAIT = "exec xclock"


class Kept:
    """A connection to the front that is used again and again, as the gateway does."""

    def __init__(self, path: Any) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(str(path))
        self._stream = self._socket.makefile("rb")

    def ask(self, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        self._socket.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        status = int(self._stream.readline().split()[1])
        headers = {}
        while line := self._stream.readline().decode().strip():
            name, _, text = line.partition(": ")
            headers[name.lower()] = text
        length = 0 if method == "HEAD" or status == 204 else int(headers["content-length"])
        return status, headers, self._stream.read(length)

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


async def test_one_connection_serves_both_of_us(graphical: Any) -> None:
    screen = graphical(WAIT)
    await screen.run.ready()
    kept = Kept(screen.run.socket)
    assert kept.ask("/-/ping")[0] == 204
    status, headers, page = kept.ask("/index.html?sharing=true")
    assert (status, headers["content-type"]) == (200, "text/html")
    assert b"xpra" in page.lower()
    assert kept.ask("/js/Client.js", "HEAD")[0] == 200
    assert b'"program": "waiting"' in kept.ask("/-/state")[2]
    status = kept.ask("/Status")
    assert status[2] == b"ready"
    assert "connect-src 'self'" in status[1]["content-security-policy"], "also of what its own server answers"
    assert kept.ask("/-/nothing")[0] == 404
    assert kept.ask("/-/ready")[0] == 200
    kept.close()


async def test_it_is_not_ready_before_the_display_is(graphical: Any) -> None:
    screen = graphical(WAIT)
    await until(screen.run.socket.exists, "the front")
    kept = Kept(screen.run.socket)
    assert kept.ask("/-/ready")[0] == 503
    await screen.run.ready()
    assert kept.ask("/-/ready")[0] == 200
    kept.close()


async def test_the_screen_follows_the_browser_s_window(graphical: Any) -> None:
    screen = graphical(WAIT)
    await screen.run.ready()
    client = screen.client((900, 600))
    client.wait_for("new-window")
    assert "900x600 pixels" in screen.ask("xdpyinfo")
    client.send("desktop_size", 1300, 950)
    await until(lambda: "1300x950 pixels" in screen.ask("xdpyinfo"), "the new size")


async def test_a_size_that_was_told_of_before_is_taken_at_once(graphical: Any) -> None:
    screen = graphical(WAIT)
    await screen.run.ready()
    kept = Kept(screen.run.socket)
    assert kept.ask("/-/size/1111x777", "PUT")[0] == 204
    assert kept.ask("/-/size/1111x777", "PUT")[0] == 204
    for told in ("/-/size/0x5", "/-/size/99999x99999"):  # what can't be taken is passed over
        assert kept.ask(told, "PUT")[0] == 204
    for wrong in ("/-/size", "/-/size/", "/-/size/1x", "/-/size/-1x1", "/-/size/111111x1", "/-/size/1x1/"):
        assert kept.ask(wrong, "PUT")[0] == 404
    assert kept.ask("/-/size/10x10")[0] == 404
    kept.close()
    client = screen.client((1111, 777))
    client.wait_for("new-window")
    # Xpra's own would be one of 50 Hz, for which it would have stood still
    modes = screen.ask("xrandr").splitlines()[2:]
    assert [line.split() for line in modes] == [["3840x2160", "0.00"], ["1111x777", "60.00*"]]


WINDOW = """exec /usr/bin/python3 -c '
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gtk
Gtk.Window(title="of no known kind").show()
Gtk.main()'"""


async def test_no_menus_are_read_to_guess_what_a_window_shows(graphical: Any) -> None:
    # Xpra looks for the program of such a window in the menus of all programs, and everything waits until it has read them
    screen = graphical(WINDOW, PYTHONVERBOSE="1")
    await screen.run.ready()
    screen.client().wait_for("new-window")
    log = screen.run.log.read_text()
    assert "import 'xpra.server.window.content_guesser'" in log
    assert "xdg_helper" not in log
