"""From a key to its sign on the screen: through gateway, agent and front beside the display's own socket.

A small client of each protocol sends a key and waits for the pixels that change, so that no browser's noise hides the
difference. One session for each display, an xterm; the ways take turns in blocks. Pictures are exact and uncompressed.

    python benchmarks/echo.py [--rounds 10] [--keys 20] [--displays xpra vnc] [--json FILE]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _screens import BACKENDS, WORDS, Viewer, by_front, by_gateway, direct, screens, start, versions_of_displays
from _stage import Stage, header, keep, machine, p95, versions
from armchair.testing.viewers.rfb import Rfb

TARGET_MS = 3.0
# what the first keys of a connection wait for: the display learns how fast its client is
WARM = 5
QUIET = 0.1
BACKSPACE = 0xFF08


def block(made: Viewer, keys: int) -> list[float]:
    """Seconds of each key: a letter and a backspace in turn, so that the line stays where it is."""
    press = _rfb(made) if isinstance(made, Rfb) else _xpra(made)
    took = []
    try:
        for turn in range(keys + WARM):
            made.settle(QUIET)
            took.append(press(bool(turn % 2)))
    finally:
        made.close()
    return took[WARM:]


def _rfb(made: Rfb) -> Callable[[bool], float]:
    made.click(50, 50)
    made.ask(changes=False)
    made.update()

    def press(back: bool) -> float:
        began = time.perf_counter()
        made.key(BACKSPACE if back else ord("a"))
        made.update()
        return time.perf_counter() - began

    return press


def _xpra(made: Any) -> Callable[[bool], float]:
    window = made.drawn()
    made.focus(window)

    def press(back: bool) -> float:
        before, began = window.draws, time.perf_counter()
        made.key(window, "BackSpace" if back else "a")
        while window.draws == before:
            made.next()
        return time.perf_counter() - began

    return press


def measure(portal: Stage, backend: str, rounds: int, keys: int) -> dict[str, list[float]]:
    """Milliseconds of each way."""
    session = start(portal, backend)
    ways: dict[str, Callable[[], Viewer]] = {
        "direct": lambda: direct(session.id, backend),
        "front": lambda: by_front(session.id, backend),
        "gateway": lambda: by_gateway(portal, session.id, backend),
    }
    took: dict[str, list[float]] = {way: [] for way in ways}
    block(ways["gateway"](), keys)
    for turn in range(rounds):
        for way in ways if turn % 2 else reversed(ways):
            took[way] += block(ways[way](), keys)
    portal.end(session)
    return {way: [round(one * 1000, 2) for one in found] for way, found in took.items()}


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    number = len(next(iter(result["ms"].values()))["direct"])
    lines = header(result["machine"], result["versions"], f"Milliseconds, {number} keys each way, in turns.")
    lines += ["| display | way | median | 95th percentile | more than direct (medians) |", "|---|---|---|---|---|"]
    words = {"direct": "the display's own socket", "front": "+ front", "gateway": "+ agent and gateway"}
    for backend, ways in result["ms"].items():
        least = statistics.median(ways["direct"])
        for way, found in ways.items():
            middle = statistics.median(found)
            more = "" if way == "direct" else f"{middle - least:.1f}"
            lines.append(f"| {WORDS[backend]} | {words[way]} | {middle:.1f} | {p95(found):.1f} | {more} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--keys", type=int, default=20)
    parser.add_argument("--displays", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "versions": versions(**versions_of_displays())}
    with screens() as portal:
        result["ms"] = {backend: measure(portal, backend, chosen.rounds, chosen.keys) for backend in chosen.displays}
    print(table(result))
    worst = max(statistics.median(ways["gateway"]) - statistics.median(ways["direct"]) for ways in result["ms"].values())
    print(f"\nA key through the portal: {worst:.1f} ms more (target at most {TARGET_MS:.0f})")
    keep(result, chosen.json)


if __name__ == "__main__":
    main()
