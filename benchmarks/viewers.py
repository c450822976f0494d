"""The same session shown ten times: all see what one types, and what that costs on the session's side.

Two pages in headless Chromium, each in a profile of its own, and small clients of the display's protocol where a browser
connects: ten Chromiums would measure themselves. One page types, and all are looked at until their pictures have changed.

    python benchmarks/viewers.py [--browsers 2] [--clients 8] [--displays xpra vnc] [--json FILE]
"""

import argparse
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from _screens import (
    BACKENDS,
    WORDS,
    Viewer,
    browser,
    by_gateway,
    cpu,
    drawn,
    processes_of,
    pss,
    screens,
    start,
    versions_of_displays,
    visitor,
)
from _stage import Stage, header, keep, machine, versions
from armchair.testing.viewers.xpra import Xpra

PATIENCE = 30.0
QUIET = 0.1
SECONDS = 10.0
# the sum of all pixels of the largest canvas in any frame: another picture has another sum
SUM = """() => {
  let sum = 0, area = 0;
  const look = (view) => {
    for (const canvas of view.document.querySelectorAll("canvas")) {
      if (canvas.width * canvas.height <= area || !canvas.checkVisibility()) continue;
      area = canvas.width * canvas.height;
      const copy = new OffscreenCanvas(canvas.width, canvas.height);
      const context = copy.getContext("2d");
      context.drawImage(canvas, 0, 0);
      const pixels = new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer);
      sum = pixels.reduce((a, b) => (a + b) % 1e15, 0);
    }
    for (let i = 0; i < view.frames.length; i++) look(view.frames[i]);
  };
  look(window);
  return sum;
}"""


def measure(portal: Stage, backend: str, browsers: int, clients: int) -> dict[str, Any]:
    """How many saw what was typed, within which time, and what the session takes with one browser and with all."""
    session = start(portal, backend)
    found: dict[str, Any] = {}
    with browser() as made:
        pages: list[Page] = []
        for number in range(browsers):
            page = visitor(made, portal).new_page()
            page.goto(f"{portal.client.settings.url}/sessions/{session.id}/join")
            drawn(page)
            pages.append(page)
            if not number:
                found["one"] = costs(session.id)
        others = [by_gateway(portal, session.id, backend) for _ in range(clients)]
        for other in others:
            other.settle(QUIET)
        found["all"] = costs(session.id)
        shown = [lambda page=page: page.evaluate(SUM) for page in pages] + [
            lambda other=other: picture(other) for other in others
        ]
        before = [look() for look in shown]
        pages[0].mouse.click(200, 250)
        pages[0].keyboard.type("echo seen by all", delay=20)
        began = time.monotonic()
        waiting = set(range(len(shown)))
        while waiting and time.monotonic() - began < PATIENCE:
            waiting -= {number for number in waiting if shown[number]() != before[number]}
        found["saw"] = len(shown) - len(waiting)
        found["after_s"] = round(time.monotonic() - began, 2)
        for other in others:
            other.close()
    portal.end(session)
    return found


def picture(viewer: Viewer) -> bytes:
    """What it shows now."""
    viewer.settle(QUIET)
    return bytes(viewer.drawn().picture if isinstance(viewer, Xpra) else viewer.picture)


def costs(session: str) -> dict[str, float]:
    """Megabytes (PSS) of the session's processes, and per cent of a core they take while nobody types."""
    pids = [one.pid for one in processes_of(session)]
    before, began = sum(map(cpu, pids)), time.monotonic()
    time.sleep(SECONDS)
    percent = (sum(map(cpu, pids)) - before) / (time.monotonic() - began) * 100
    return {"mb": round(sum(map(pss, pids)), 1), "percent": round(percent, 2)}


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    said = f"{result['browsers']} pages in Chromium and {result['clients']} small clients on one session."
    lines = header(result["machine"], result["versions"], said)
    lines += ["| display | saw what was typed | memory with one, with all | of one core likewise |", "|---|---|---|---|"]
    for backend, found in result["displays"].items():
        one, everybody = found["one"], found["all"]
        saw = f"{found['saw']} of {result['browsers'] + result['clients']}, within {found['after_s']} s of the last key"
        memory = f"{one['mb']:.0f} MB, {everybody['mb']:.0f} MB"
        lines.append(f"| {WORDS[backend]} | {saw} | {memory} | {one['percent']:.1f} %, {everybody['percent']:.1f} % |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--browsers", type=int, default=2)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--displays", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "versions": versions(**versions_of_displays())}
    result |= {"browsers": chosen.browsers, "clients": chosen.clients}
    with screens() as portal:
        result["displays"] = {backend: measure(portal, backend, chosen.browsers, chosen.clients) for backend in chosen.displays}
    print(table(result))
    keep(result, chosen.json)


if __name__ == "__main__":
    main()
