"""What the benchmarks of graphical sessions share: xterm behind both displays, browsers, what the processes take."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from _stage import Stage, first_line, stage
from armchair.client.models import Session
from armchair.testing.viewers.rfb import Rfb
from armchair.testing.viewers.stream import SocketStream, Stream, through_front, through_gateway, to_path
from armchair.testing.viewers.xpra import Xpra
from latency import chromium

BACKENDS = ("xpra", "vnc")
WORDS = {"xpra": "Xpra", "vnc": "VNC"}
APP = """\
title = "xterm by {backend}"
description = "For a measurement."
version = "1"
category = "Desktop"
type = "x11"

[display]
backend = "{backend}"
"""
ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"/>\n'
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
TICK = os.sysconf("SC_CLK_TCK")
DISPLAY_SOCKETS = {"xpra": "xpra", "vnc": "rfb"}
# when a canvas has anything on it, and when it has more than one colour on it: text, a frame. In whatever frame it is.
WATCH = """(() => {
  const seen = (window.top.seen ??= {});
  const look = () => {
    for (const canvas of document.querySelectorAll("canvas")) {
      if (!canvas.width || !canvas.height || !canvas.checkVisibility()) continue;
      const copy = new OffscreenCanvas(Math.min(canvas.width, 320), Math.min(canvas.height, 100));
      const context = copy.getContext("2d");
      context.drawImage(canvas, 0, 0);
      const pixels = new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer);
      if (!pixels[0]) continue;
      seen.first ??= Date.now() / 1000;
      if (pixels.some((pixel) => pixel !== pixels[0])) { seen.text ??= Date.now() / 1000; return; }
    }
    requestAnimationFrame(look);
  };
  addEventListener("DOMContentLoaded", look);
})();"""


@contextmanager
def screens() -> Iterator[Stage]:
    """A portal with xterm as the applications bench-xpra and bench-vnc."""
    folder = Path(tempfile.mkdtemp(prefix="armchair-bench-apps-"))
    try:
        for backend in BACKENDS:
            place = folder / f"bench-{backend}"
            place.mkdir()
            (place / "app.toml").write_text(APP.format(backend=backend))
            (place / "run.sh").write_text("#!/bin/sh\nexec xterm\n")
            (place / "README.md").write_text("# For a measurement\n")
            (place / "icon.svg").write_text(ICON)
        with stage(settings={"ARMCHAIR__CATALOGUE__DIRECTORIES": json.dumps([str(folder)])}) as portal:
            yield portal
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start(portal: Stage, backend: str) -> Session:
    """An xterm on this display, ready."""
    return portal.start(f"bench-{backend}")


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield made
        made.close()


def visitor(made: Browser, portal: Stage) -> BrowserContext:
    """Somebody who is logged in, in a profile that notes when a canvas shows something."""
    context = made.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(portal.client.login_link())
    page.wait_for_selector("#list")
    page.close()
    return context


def drawn(page: Page, seconds: float = 60.0) -> dict[str, float]:
    """When the first canvas showed anything ("first"), and text ("text"), in seconds since the epoch."""
    page.wait_for_function("() => window.seen?.text", timeout=seconds * 1000)
    return {name: float(at) for name, at in page.evaluate("() => window.seen").items()}


# --- the session's processes ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of a session, its part in it, and the run's private directory."""

    pid: int
    role: str
    directory: Path | None


PARTS = (("node.py", "screen program"), ("agent", "agent"), ("keeper", "keeper"), ("shepherd", "keeper"))


def processes_of(session: str) -> list[Process]:
    """All processes that carry this session in their environment."""
    mark = f"ARMCHAIR_SESSION={session}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
            if mark in environment or environment.endswith(mark[:-1]):
                found.append(_process(entry, environment))
        except OSError:
            continue  # it has ended meanwhile
    return found


def _process(entry: Path, environment: bytes) -> Process:
    command = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    name = (entry / "comm").read_text().strip()
    role = name
    if name.startswith("python") or name == "xpra":
        words = " ".join(command)
        role = next((part for mark, part in PARTS if mark in words), "xpra" if "xpra" in words else name)
    directories = [word.partition(b"=")[2] for word in environment.split(b"\0") if word.startswith(b"ARMCHAIR_DIR=")]
    return Process(pid=int(entry.name), role=role, directory=Path(os.fsdecode(directories[0])) if directories else None)


def directory_of(session: str) -> Path:
    """The run's private directory on this machine."""
    return next(one.directory for one in processes_of(session) if one.directory)


def pss(pid: int) -> float:
    """Megabytes (10^6 bytes) of memory: what is shared is divided among those who share it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Pss:")), 0.0)


def cpu(pid: int) -> float:
    """Seconds of processor time so far; 0 for a process that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


# --- clients ---

Viewer = Xpra | Rfb


def viewer(backend: str, stream: Stream) -> Viewer:
    """A client of this display."""
    return Xpra(stream) if backend == "xpra" else Rfb(stream)


def web_path(backend: str) -> str:
    """Where a browser's client opens its WebSocket."""
    return "/" if backend == "xpra" else "/-/display"


def by_gateway(portal: Stage, session: str, backend: str) -> Viewer:
    """As a browser: gateway, agent, front."""
    return viewer(backend, through_gateway(portal.client.entry(session), web_path(backend)))


def by_front(session: str, backend: str) -> Viewer:
    """From beside the front, without gateway and agent."""
    return viewer(backend, through_front(str(directory_of(session) / "app.sock"), web_path(backend)))


def direct(session: str, backend: str) -> Viewer:
    """At the display's own socket, in its own protocol."""
    return viewer(backend, SocketStream(to_path(str(directory_of(session) / DISPLAY_SOCKETS[backend]))))


def versions_of_displays() -> dict[str, str]:
    """What both displays are."""
    return {
        "chromium": first_line(chromium(), "--version"),
        "xpra": first_line("dpkg-query", "-W", "-f", "${Version}\n", "xpra"),
        "tigervnc": first_line("dpkg-query", "-W", "-f", "${Version}\n", "tigervnc-standalone-server"),
    }
