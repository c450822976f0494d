"""Three graphical programs in a real browser: typed into and clicked, and what comes of it."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from .screens import Screen, until  # noqa: TID252 - one folder's own
from .test_apps_in_browser import CHROMIUM, Front  # noqa: TID252 - one folder's own

CLIENT = "/index.html?sharing=true&sound=false&printing=false&file_transfer=false"
FORM = b"<!doctype html><title>Form</title><form method=post><input name=word autofocus style='position:fixed;inset:0'></form>"
SIDE = 64


def tiff(level: int) -> bytes:
    """A grey picture, as plain as TIFF gets, each point of this level."""
    tags = [(256, SIDE), (257, SIDE), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, SIDE), (279, SIDE * SIDE)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    start = 8 + SIDE * SIDE
    return (
        b"II*\0"
        + struct.pack("<I", start)
        + bytes([level]) * (SIDE * SIDE)
        + struct.pack("<H", len(tags))
        + entries
        + b"\0" * 4
    )


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        await chromium.close()


@pytest.fixture
async def opened(start: Any, browser: Browser) -> AsyncIterator[Callable[..., Any]]:
    """opened(app, answers) → the page with the program's screen, and the screen."""
    fronts: list[Front] = []

    async def begin(app: str, answers: dict[str, str]) -> tuple[Page, Screen]:
        run = start(app, answers)
        await run.ready()
        fronts.append(Front(run.socket))
        await fronts[-1].open()
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        await page.goto(f"http://abc.localhost:{fronts[-1].port}{CLIENT}")
        return page, Screen(run)

    yield begin
    for front in fronts:
        await front.cut()


def window(page: Page, title: str) -> Any:
    """The window of this title, in Xpra's page."""
    return page.locator("div.window").filter(has=page.locator(".windowtitle", has_text=title))


async def test_octave_computes_what_is_typed(opened: Any, tmp_path: Path) -> None:
    page, _screen = await opened("octave", {"folder": "~"})
    octave = window(page, "Octave")
    await octave.locator("canvas").wait_for(timeout=60_000)
    answer = tmp_path / "home" / "answer"

    async def typed() -> None:
        # the command window takes what is typed once its prompt is there, which only its picture shows
        while not answer.exists():
            await octave.locator("canvas").click(position={"x": 600, "y": 350})
            await page.keyboard.type("f=fopen('answer','w'); fputs(f, num2str(prod(1:5))); fclose(f);\n")
            await page.wait_for_timeout(2000)

    await asyncio.wait_for(typed(), 60)
    await until(lambda: answer.read_text() == "120", "the answer")


async def test_imagej_inverts_a_picture(opened: Any, tmp_path: Path) -> None:
    picture = tmp_path / "home" / "grey.tif"
    picture.write_bytes(tiff(200))
    page, _screen = await opened("imagej", {"file": "~/grey.tif"})
    shown = window(page, "grey.tif")
    await shown.locator("canvas").wait_for(timeout=60_000)
    await shown.locator("canvas").click()
    await page.keyboard.press("Control+Shift+I")
    await page.keyboard.press("Control+s")
    question = window(page, "Save as TIFF").locator("canvas")
    await question.wait_for(timeout=30_000)
    await question.click(position={"x": 168, "y": 88})  # Replace
    await until(lambda: bytes([255 - 200]) * (SIDE * SIDE) in picture.read_bytes(), "the inverted picture", 60)


async def test_firefox_sends_what_is_typed_into_a_page(opened: Any) -> None:
    sent: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"POST"):
            sent.append(await reader.readexactly(len(b"word=forty-two")))
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + FORM)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    page, _screen = await opened("firefox", {"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"})
    firefox = window(page, "Form")
    await firefox.locator("canvas").wait_for(timeout=60_000)
    await firefox.locator("canvas").click(position={"x": 600, "y": 400})
    await page.keyboard.type("forty-two\n")
    await until(lambda: sent == [b"word=forty-two"], "the form", 30)
    server.close()
