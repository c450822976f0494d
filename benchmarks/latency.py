"""From a change in the application's process to the changed page in a browser.

One browser (headless Chromium) has the list of sessions open. Each trial starts a session and notes two changes: the
application answers the agent's probe for the first time (the row gets its Join button), and the application is killed
(the row says how it ended and offers a new start). Measured is until the DOM has changed: agent, report, store, event
stream, the page's own request.

    python benchmarks/latency.py [--trials 30] [--json FILE]
"""

import argparse
import os
import shutil
import signal
import statistics
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from _stage import PATIENCE, Stage, first_line, header, keep, machine, p95, remove_state, stage, versions

TARGET_MS = 300.0
# the smallest application there is: it notes its process and when it first answered, each in a file of the session's name
SERVER = """
import os, socket, sys, time
path = os.path.join(sys.argv[1], os.environ["ARMCHAIR_SESSION"])
listener = socket.socket(socket.AF_UNIX)
listener.bind(os.environ["ARMCHAIR_SOCKET"])
listener.listen(16)
first = True
while True:
    connection = listener.accept()[0]
    connection.recv(65536)
    if first:
        with open(path + ".new", "w") as file:
            file.write("%d %.6f" % (os.getpid(), time.time()))
        os.rename(path + ".new", path)
        first = False
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    connection.close()
"""
# notes, for each session, when its row first had a Join button and when it first offered to start again
WATCH = """() => {
  window.seen = {};
  const look = () => {
    for (const row of document.querySelectorAll("li[data-live]")) {
      const marks = { ready: "[data-join]", ended: "form[action$='/start-again']" };
      for (const [word, mark] of Object.entries(marks))
        if (row.querySelector(mark)) window.seen[`${row.dataset.live} ${word}`] ??= Date.now() / 1000;
    }
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributes: true });
}"""
CODES = {"ready": "session.ready", "ended": "run.ended"}
WORDS = {"ready": "the application answers → Join appears", "ended": "the application is killed → the row says so"}


def trial(portal: Stage, page: Page, folder: Path) -> dict[str, dict[str, float]]:
    """Seconds of both changes: `whole` since the process did it, `told` since the portal wrote it down."""
    command = f"exec {sys.executable} -I -S {folder / 'server.py'} {folder}"
    session = portal.client.launch("web-command", answers={"command": command, "listens_on": "unix"}).id
    changed = {"ready": _seen(page, session, "ready")}
    pid, answered = (folder / session).read_text().split()
    began = {"ready": float(answered), "ended": time.time()}
    os.kill(int(pid), signal.SIGKILL)
    changed["ended"] = _seen(page, session, "ended")
    stored = {event["code"]: datetime.fromisoformat(event["at"]).timestamp() for event in portal.client.timeline(session)}
    remove_state(session)
    return {
        change: {"whole": changed[change] - began[change], "told": changed[change] - stored[code]}
        for change, code in CODES.items()
    }


def _seen(page: Page, session: str, word: str) -> float:
    """When the page changed, once it has."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        at = page.evaluate("key => window.seen[key] ?? null", f"{session} {word}")
        if at is not None:
            return float(at)
        time.sleep(0.02)
    raise TimeoutError(f"the page does not show that {session} is {word}")


def measure(trials: int) -> dict[str, Any]:
    """The first trial warms the caches and is not counted."""
    with stage() as portal, sync_playwright() as playwright:
        folder = portal.home / "bench"
        folder.mkdir()
        (folder / "server.py").write_text(SERVER)
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(portal.client.login_link())
        page.wait_for_selector("#list")
        page.evaluate(WATCH)
        done = [trial(portal, page, folder) for _ in range(trials + 1)][1:]
        used = f"Chromium {browser.version}"
        browser.close()
    return {
        "trials": trials,
        "browser": used,
        "ms": {
            change: {part: [round(one[change][part] * 1000, 1) for one in done] for part in ("whole", "told")}
            for change in CODES
        },
    }


def chromium() -> str:
    """The system's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        raise SystemExit("chromium is needed: apt-get install chromium")
    return found


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = header(result["machine"], result["versions"], f"Milliseconds, {result['trials']} trials.")
    lines += [
        "| change | median | 95th percentile | longest | of these after the portal stored it (median) |",
        "|---|---|---|---|---|",
    ]
    for change, words in WORDS.items():
        whole, told = result["ms"][change]["whole"], statistics.median(result["ms"][change]["told"])
        lines.append(f"| {words} | {statistics.median(whole):.0f} | {p95(whole):.0f} | {max(whole):.0f} | {told:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "versions": versions(chromium=first_line(chromium(), "--version"))}
    result |= measure(chosen.trials)
    print(table(result))
    worst = max(statistics.median(one["whole"]) for one in result["ms"].values())
    print(f"\nState change to page: {worst:.0f} ms (target at most {TARGET_MS:.0f})")
    keep(result, chosen.json)


if __name__ == "__main__":
    main()
