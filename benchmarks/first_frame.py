"""From the job's start to the first picture in a warm browser: the portal's whole way beside plain Xpra.

Through the portal: a session is launched and joined at once in headless Chromium; the page waits, goes on by itself when the
session is ready, and shows the program. Counted from the moment the portal knows that the job runs. The peer: `xpra start`
with Debian's own configuration on a port of the loopback, opened directly as soon as it answers, counted from its start. The
browser runs all the time; what a page loads is new to it each time, because each session has an address of its own.

    python benchmarks/first_frame.py [--rounds 10] [--json FILE]
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess  # noqa: TID251 - the peer is started as its documentation says
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from _screens import BACKENDS, WORDS, browser, drawn, screens, versions_of_displays, visitor
from _stage import PATIENCE, Stage, free_port, header, keep, machine, versions

TARGET_S = {"xpra": 4.0, "vnc": 2.0}
STEP = 0.005
SHOWS_NOTHING = 20.0
# a session's way: what begins each step, by the session's timeline or by what the page tells
STEPS = ("job.running", "agent.enrolled", "session.ready", "page", "first", "text")
SAID = {
    "agent.enrolled": "the agent's start, enrolment",
    "session.ready": "display server and front, seen by the probe",
    "page": "the browser has left the page that waits",
    "first": "the display's page, connection, first picture",
    "text": "text in it",
}


def by_portal(portal: Stage, context: BrowserContext, backend: str) -> dict[str, float]:
    """Seconds since the job ran, for each of STEPS after it."""
    page = context.new_page()
    went: list[float] = []
    page.on("framenavigated", lambda frame: went.append(time.time()) if _is_display(page, frame.url) else None)
    session = portal.client.launch(f"bench-{backend}")
    page.goto(f"{portal.client.settings.url}/sessions/{session.id}/join")
    at = drawn(page)
    for event in portal.client.timeline(session.id):
        at.setdefault(event["code"], datetime.fromisoformat(event["at"]).timestamp())
    at["page"] = went[0]
    page.close(run_before_unload=False)
    portal.end(session)
    return {step: at[step] - at["job.running"] for step in STEPS[1:]}


def _is_display(page: Page, url: str) -> bool:
    return url == page.url and "/.armchair/waiting" not in url and ".apps-" in url


def by_hand(context: BrowserContext) -> dict[str, float] | None:
    """The same for plain Xpra: seconds since its start. None when it shows nothing: it lets a browser in before it can draw."""
    with plain_xpra() as (began, port):
        page = context.new_page()
        loaded = time.time()
        page.goto(f"http://127.0.0.1:{port}/", wait_until="commit")
        try:
            at = drawn(page, SHOWS_NOTHING)
        except PlaywrightTimeout:
            return None
        finally:
            page.close()
        return {
            "session.ready": loaded - began,
            "page": loaded - began,
            "first": at["first"] - began,
            "text": at["text"] - began,
        }


@contextlib.contextmanager
def plain_xpra() -> Iterator[tuple[float, int]]:
    """Xpra with the configuration that Debian gives it, when it answers; when it was started, and its port."""
    folder, port, began = tempfile.mkdtemp(prefix="armchair-bench-xpra-"), free_port(), time.time()
    command = ["xpra", "start", f"--bind-tcp=127.0.0.1:{port}", "--html=on", "--start=xterm", "--daemon=no"]
    process = subprocess.Popen(
        command,
        env={**os.environ, "XDG_RUNTIME_DIR": folder},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _answers(port):
            assert process.poll() is None, "xpra has ended"
            assert time.time() - began < PATIENCE, "xpra does not answer"
            time.sleep(STEP)
        yield began, port
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> bool:
    """A page that comes before it is ready is sent away for good."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"GET /Status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b" 200 " in connection.recv(64)
    return False


def measure(rounds: int, backends: list[str]) -> dict[str, list[dict[str, float]]]:
    """All ways in turn; the first round warms browser and caches and is not counted."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in [*backends, "plain"]}
    with screens() as portal, browser() as made:
        context = visitor(made, portal)
        for _ in range(rounds + 1):
            for backend in backends:
                found[backend].append(by_portal(portal, context, backend))
            plain = by_hand(context)
            found["plain"] += [plain] if plain else []
    return {way: took[1:] for way, took in found.items()}


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = header(result["machine"], result["versions"], f"Seconds, medians of {result['rounds']} rounds in turn.")
    ways = list(result["s"])
    names = [f"xterm by {WORDS[way]}" if way in WORDS else "plain `xpra start`" for way in ways]
    lines += [f"| until | {' | '.join(names)} |", "|---|" + "---|" * len(ways)]
    for step in STEPS[1:]:
        values = [[one[step] for one in result["s"][way] if step in one] for way in ways]
        shown = [f"{statistics.median(value):.2f}" if value else "" for value in values]
        lines.append(f"| {SAID[step]} | {' | '.join(shown)} |")
    longest = [f"{max(one['first'] for one in result['s'][way]):.2f}" for way in ways]
    lines.append(f"| longest until the first picture | {' | '.join(longest)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--displays", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    used = versions(**versions_of_displays())
    result: dict[str, Any] = {"machine": machine(), "versions": used, "rounds": chosen.rounds}
    result["s"] = measure(chosen.rounds, chosen.displays)
    print(table(result))
    plain = statistics.median(one["first"] for one in result["s"]["plain"])
    print(f"\nPlain Xpra showed a picture in {len(result['s']['plain'])} of {chosen.rounds} rounds.")
    for backend in chosen.displays:
        took = statistics.median(one["first"] for one in result["s"][backend])
        print(f"{WORDS[backend]}: {took:.2f} s (target at most {TARGET_S[backend]:.0f}), {took / plain:.2f} of plain Xpra's")
    keep(result, chosen.json)


if __name__ == "__main__":
    main()
