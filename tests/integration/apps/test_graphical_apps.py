"""Each graphical program from its definition on the real display: its window comes, alone, and it ends as it should."""

import asyncio
import contextlib
import re
import signal
import textwrap
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .onlooker import Onlooker  # noqa: TID252 - one folder's own
from .screens import Screen, until  # noqa: TID252 - one folder's own

PAGE = b"<!doctype html><title>Page of the node</title><h1>Here</h1>"
FASTA = ">chr1\n" + "ACGT" * 500 + "\n"
# a picture of 2 x 2 points, three points in space, a map of nothing
PICTURE = b"P5\n2 2\n255\n\x00\x40\x80\xff"
POINTS = "# vtk DataFile Version 3.0\npoints\nASCII\nDATASET POLYDATA\nPOINTS 3 float\n0 0 0 1 1 1 2 0 1\n"
MAP = '<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM"><qgis projectname="" version="3.22.16"/>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is answered, the title of the main window, and what it or another one shows when the program has got there.

    `beside` are windows that may come besides, `asks` is one in which it asks what to do when it is closed.
    """

    answers: dict[str, str] = field(default_factory=dict)
    window: str
    shows: str
    beside: str = r"(?!)"
    asks: str = ""


CASES = {
    "xterm": Case(window="xterm", shows="xterm"),
    "imagej": Case(answers={"file": "~/a picture.pgm"}, window="ImageJ", shows=r"^a picture\.pgm"),
    # without the web it says that it found no list of genomes
    "igv": Case(answers={"genome": "~/genome.fa"}, window="IGV", shows="IGV", beside="Message|Loading Genome"),
    "paraview": Case(answers={"file": "~/points.vtk"}, window="ParaView", shows="ParaView 5"),
    "qgis": Case(answers={"file": "~/map.qgs"}, window="QGIS", shows="map — QGIS"),
    "octave": Case(answers={"folder": "~/work"}, window="Octave", shows="Octave"),
    "rkward": Case(answers={"file": "~/study.R"}, window="RKWard", shows=r"study\.R", asks="Save modified"),
    "firefox": Case(answers={"url": "http://127.0.0.1:{port}/"}, window="Firefox", shows="Page of the node"),
}


@pytest.fixture
async def node_page() -> AsyncIterator[int]:
    """The port of a page that only this node has."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(PAGE) + PAGE)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


def fill(home: Path) -> None:
    """What the programs are given to open."""
    (home / "work").mkdir()
    (home / "a picture.pgm").write_bytes(PICTURE)
    (home / "genome.fa").write_text(FASTA)
    (home / "points.vtk").write_text(POINTS)
    (home / "map.qgs").write_text(MAP)
    (home / "study.R").write_text("x <- 1\n")


async def closed(run: Any, eyes: Onlooker, window: str) -> int:
    """Press the closing button, again when nothing comes of it: a program that is still starting up may miss it."""
    for _ in range(10):
        eyes.close(window)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(6):
                return int(await run.ended(7))
    pytest.fail(f"it does not close: {eyes.titles()}")


@pytest.mark.parametrize("app", CASES)
async def test_its_window_comes_alone_and_closing_it_ends_the_session(
    app: str, start: Any, tmp_path: Path, node_page: int
) -> None:
    case = CASES[app]
    fill(tmp_path / "home")
    run = start(app, {name: answer.format(port=node_page) for name, answer in case.answers.items()})
    await run.ready()
    client = Screen(run).client(Onlooker.SIZE, **Onlooker.CAPABILITIES)
    eyes = Onlooker(client)
    try:
        await until(lambda: any(re.search(case.shows, title) for title in eyes.titles()), f"{app}'s window", 90)
        known = re.compile(f"{case.window}|{case.shows}|{case.beside}")
        assert [title for title in eyes.titles() if not known.search(title)] == []
        assert [window for window in eyes.windows() if not window.fits] == []
        # nobody on the network reaches it
        assert [address for address in run.listening() if not address.startswith("0100007F:")] == []
        if case.asks:
            eyes.close(case.window)
            await until(lambda: any(case.asks in title for title in eyes.titles()), "the question")
            assert await run.stop() == 128 + signal.SIGTERM
        else:
            assert await closed(run, eyes, case.window) == 0
        assert run.left() == []
    finally:
        client.close()


async def test_a_program_of_the_site_takes_ten_lines(start: Any, tmp_path: Path) -> None:
    howto = (Path(__file__).parents[3] / "docs" / "howto" / "add-an-application.md").read_text()
    recipe = textwrap.dedent(howto.partition("here `gimp`:\n\n")[2].partition("\nIt is on the page")[0])
    assert 'command = "exec gimp"' in recipe
    assert len(recipe.strip().splitlines()) <= 10
    directory = tmp_path / "apps" / "clock"
    directory.mkdir(parents=True)
    (directory / "app.toml").write_text(recipe.replace("gimp", "xclock"))
    run = start("clock")
    await run.ready()
    screen = Screen(run)
    client = screen.client(Onlooker.SIZE, **Onlooker.CAPABILITIES)
    eyes = Onlooker(client)
    try:
        await until(lambda: "xclock" in eyes.titles(), "the clock")
        # it says so only after its window is up, and one that does not say so is cut off
        await until(lambda: "WM_DELETE_WINDOW" in screen.ask("xprop", "-name", "xclock", "WM_PROTOCOLS"), "it can be closed")
        assert await closed(run, eyes, "xclock") == 0
        assert run.left() == []
    finally:
        client.close()
