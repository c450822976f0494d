"""The terminal's page and an X11 window in a real browser: typing, losing the connection, coming back."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = "/usr/bin/chromium"


class Front:
    """A port of the loopback before the application's socket, as the gateway is; it can be cut and restored."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.port = 0
        self._server: asyncio.Server | None = None
        self._streams: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server
        self._server.close()
        for stream in self._streams:
            stream.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back_reader, back_writer = await asyncio.open_unix_connection(str(self.socket))
        except OSError:  # the application has gone
            writer.close()
            return
        self._streams |= {writer, back_writer}

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()
            target.close()

        await asyncio.gather(copy(reader, back_writer), copy(back_reader, writer))


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        await chromium.close()


async def shows(page: Page, text: str) -> None:
    await page.wait_for_function(
        "text => [...document.querySelectorAll('.xterm-rows > div')].map(row => row.textContent).join('\\n').includes(text)",
        arg=text,
        timeout=20_000,
    )


async def test_the_terminal_in_a_browser(start: Any, browser: Browser, tmp_path: Path) -> None:
    run = start("terminal")
    await run.ready()
    front = Front(run.socket)
    await front.open()
    page = await browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security Policy" in message.text else None)
    await page.goto(f"http://abc.localhost:{front.port}/")
    await page.wait_for_selector(".xterm-rows")
    await page.keyboard.type("echo 'grüße | \\' $((6*7))\n")
    await shows(page, "grüße | \\ 42")

    await front.cut()
    await page.get_by_text("reconnecting").wait_for()
    await front.open()
    await page.locator("#notice").wait_for(state="hidden", timeout=20_000)
    await shows(page, "grüße | \\ 42")
    await page.keyboard.type("touch ~/typed-after\n")
    await until_there(tmp_path / "home" / "typed-after")
    await page.keyboard.type("exit\n")
    await page.get_by_text("The shell has exited").wait_for()
    assert errors == []
    await front.cut()


async def test_an_x11_window_takes_what_is_typed_and_ends_the_session(start: Any, browser: Browser, tmp_path: Path) -> None:
    run = start("xterm")
    await run.ready()
    front = Front(run.socket)
    await front.open()
    page = await browser.new_page()
    await page.goto(f"http://abc.localhost:{front.port}/?sharing=true")
    await page.locator("canvas").first.wait_for(timeout=30_000)
    await page.locator("div.window canvas").first.click()
    await page.keyboard.type("touch ~/typed\n")
    await until_there(tmp_path / "home" / "typed")
    # killed, because xterm's own exit code is 0 however its shell ends: the session's is the program's, not Xpra's
    [xterm] = [pid for pid in run.left() if Path(f"/proc/{pid}/comm").read_text() == "xterm\n"]
    os.kill(xterm, signal.SIGKILL)
    assert await run.ended() == 128 + signal.SIGKILL
    assert run.left() == []
    await front.cut()


async def test_two_people_type_into_one_window(start: Any, browser: Browser, tmp_path: Path) -> None:
    run = start("xterm")
    await run.ready()
    front = Front(run.socket)
    await front.open()
    pages = []
    for _ in range(2):
        page = await browser.new_page()
        await page.goto(f"http://abc.localhost:{front.port}/index.html?sharing=true&sound=false")
        await page.locator("div.window canvas").first.wait_for(timeout=30_000)
        await page.locator("div.window canvas").first.click()
        pages.append(page)
    for turn in range(4):
        await pages[turn % 2].keyboard.type(f"touch ~/typed{turn}\n")
        await until_there(tmp_path / "home" / f"typed{turn}")
    await run.stop()
    assert run.left() == []
    await front.cut()


async def until_there(path: Path) -> None:
    async with asyncio.timeout(20):
        while not path.exists():  # noqa: ASYNC110  a shell makes the file; nothing tells of it
            await asyncio.sleep(0.05)
