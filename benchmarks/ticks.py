"""What watching a queue costs, and how soon a page shows what happened in it, with up to 1,000 living sessions.

The scheduler is a stand-in (`_standin.py`), so that there can be as many jobs as one likes and each changes when it is told to.
Three questions: how often is squeue called; how long from a job's change until an open page in Chromium shows it, with
nothing but squeue to tell of it and a thousand agents that report meanwhile; how much processor time does one tick take. The
last is measured in this process, with the portal's real store and launcher and none of its servers.

    python benchmarks/ticks.py [--sizes 10 100 1000] [--seconds 60] [--trials 30] [--json FILE]
"""

import argparse
import asyncio
import json
import statistics
import subprocess  # noqa: TID251 - the stand-ins for agents run beside the portal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from _stage import PATIENCE, Stage, first_line, header, machine, p95, versions
from _standin import CLUSTER, Crowd, Queue, fill, portal_with
from armchair.bootstrap import SystemClock
from armchair.gateway.keys import Keys
from armchair.launchers.slurm.door import DirectDoor
from armchair.launchers.slurm.launcher import SlurmLauncher
from armchair.launchers.slurm.settings import SlurmSettings
from armchair.sessions import reconcile
from armchair.sessions.pace import Pace
from armchair.sessions.tokens import Derived
from armchair.store.store import Store
from armchair.testing.portal import fake_portal
from latency import chromium

TARGETS = {"page": 1.5, "changing": 60.0, "calm": 12.0, "tick": 150.0}
SETTLE = 15.0
CROWDS = {
    "10 sessions, 4 of them wait": Crowd(running=6, waiting=4),
    "10 sessions, 4 of them wait, 1,900 foreign jobs": Crowd(running=6, waiting=4, foreign=1900),
    "10 sessions, 4 of them wait, 5,000 foreign jobs": Crowd(running=6, waiting=4, foreign=5000),
    "1,000 sessions, all ready": Crowd(running=1000),
    "1,000 sessions, 30 of them wait, 5,000 foreign jobs": Crowd(running=970, waiting=30, foreign=5000),
}
# notes, for each row of the list, each text that its state had and since when
WATCH = """() => {
  window.seen = {};
  const look = () => {
    // an ended one may leave the page for one that lives
    for (const [id, known] of Object.entries(window.seen))
      if (known.at(-1).text && !document.getElementById(`s-${id}`)) known.push({ text: "", at: Date.now() / 1000 });
    for (const row of document.querySelectorAll("li[data-live]")) {
      const text = row.querySelector(".state strong")?.textContent.trim() ?? "";
      const known = window.seen[row.dataset.live] ??= [];
      if (known.at(-1)?.text !== text) known.push({ text, at: Date.now() / 1000 });
    }
  };
  look();
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


# --- how often ---


def calls(sessions: int, seconds: float) -> dict[str, float]:
    """squeue calls per minute with this many sessions: all ready, some waiting, and one changing each second."""
    found = {}
    with portal_with(Crowd(running=sessions)) as (portal, queue), agents(portal, queue):
        time.sleep(SETTLE)
        found["calm"] = queue.calls_in(max(seconds, 60.0)).get("squeue", 0.0)
    waiting = max(3, sessions * 3 // 10)
    with portal_with(Crowd(running=sessions - waiting, waiting=waiting)) as (portal, queue), agents(portal, queue):
        time.sleep(SETTLE)
        found["waiting"] = queue.calls_in(seconds).get("squeue", 0.0)
        with _restless(queue):
            time.sleep(3)
            found["changing"] = queue.calls_in(seconds).get("squeue", 0.0)
    print(f"{sessions} sessions: {found}", file=sys.stderr)
    return found


@contextmanager
def _restless(queue: Queue) -> Iterator[None]:
    """Each second another job changes: those that wait begin to run, are suspended, and run again, in turn."""
    enough, jobs = threading.Event(), list(queue.waiting.values())

    def change() -> None:
        for state in cycle(("RUNNING", "SUSPENDED")):
            for job in jobs:
                if enough.wait(1.0):
                    return
                _run(queue, job, state)

    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def _run(queue: Queue, job: str, state: str = "RUNNING") -> None:
    queue.slurm.start(job)
    if state != "RUNNING":
        queue.slurm.change(job, State=state)


@contextmanager
def agents(portal: Stage, queue: Queue) -> Iterator[None]:
    """The agents of all sessions that run."""
    keys = Keys.load_or_create(portal.home)
    derived = Derived(keys.portal_key, keys.instance)
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("_standin_agents.py")), str(portal.home / "run" / "agents.sock")],
        stdin=subprocess.PIPE,
        env=portal.environment,
        text=True,
    )
    try:
        assert process.stdin is not None
        process.stdin.write("".join(derived.credential(session, 1, 0).reveal() + "\n" for session in queue.running))
        process.stdin.close()
        yield
        assert process.poll() is None, "the stand-ins for agents have ended"
    finally:
        process.kill()
        process.wait()


# --- from the job to the page ---


def pages(trials: int) -> dict[str, list[float]]:
    """Seconds from a job's change to the changed row, for three changes of each of so many jobs."""
    crowd = Crowd(running=1000 - trials * 2, waiting=trials * 2)
    with portal_with(crowd) as (portal, queue), agents(portal, queue), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        time.sleep(SETTLE)
        page.goto(portal.client.login_link())
        changes: dict[str, list[float]] = {"starts": [], "is cancelled while it runs": [], "is cancelled while it waits": []}
        for number, (session, job) in enumerate(reversed(queue.waiting.items())):
            page.goto(portal.client.settings.url)
            page.wait_for_selector(f"#s-{session} .state strong")
            page.evaluate(WATCH)
            if number % 2:
                changes["is cancelled while it waits"].append(_change(page, session, lambda job=job: _cancel(queue, job)))
            else:
                changes["starts"].append(_change(page, session, lambda job=job: _run(queue, job)))
                ended = _change(page, session, lambda job=job: _cancel(queue, job))
                changes["is cancelled while it runs"].append(ended)
        browser.close()
    return changes


def _cancel(queue: Queue, job: str) -> None:
    """As its owner does it with scancel."""
    queue.slurm.end(job, "CANCELLED", by=str(queue.slurm.job(job)["UserID"]))


def _change(page: Page, session: str, do: Callable[[], None]) -> float:
    """Seconds from the change in the queue until the row says something else, and that for good."""
    before = len(page.evaluate("id => window.seen[id]", session))
    do()
    began = time.time()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        seen = page.evaluate("id => window.seen[id]", session)
        if len(seen) > before and "nding" not in seen[-1]["text"]:
            return float(seen[-1]["at"]) - began
        time.sleep(0.02)
    raise TimeoutError(f"the page does not show the change of {session}: {page.evaluate('id => window.seen[id]', session)}")


# --- how much ---


def ticks(crowd: Crowd, number: int) -> list[float]:
    """Milliseconds of processor time of so many ticks, without that of Slurm's commands."""
    with tempfile.TemporaryDirectory(prefix="armchair-bench-", dir="/tmp") as home:
        queue = fill(Path(home), crowd)
        return asyncio.run(_ticks(Path(home), queue, number))


async def _ticks(home: Path, queue: Queue, number: int) -> list[float]:
    keys = Keys.load_or_create(home)
    store = await Store.open(home, SystemClock())
    launcher = SlurmLauncher(name=CLUSTER, settings=SlurmSettings(), door=DirectDoor(bin_directory=str(queue.slurm.bin)))
    portal = replace(
        (await fake_portal()).portal,
        clock=SystemClock(),
        store=store,
        launchers={CLUSTER: launcher},
        paces={CLUSTER: Pace()},
        derived=Derived(keys.portal_key, keys.instance),
    )
    # the stand-in's commands may be slow on a busy machine: one tick is to be one look and all that follows from it
    reconcile.PATIENCE = PATIENCE
    reconciler, spent = reconcile.Reconciler(portal, 1.0), []
    for _ in range(number + 2):
        portal.look_soon(CLUSTER)
        before = time.process_time()
        await reconciler.tick()
        spent.append((time.process_time() - before) * 1000)
    await store.close()
    return spent[2:]


# --- all of it ---


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = header(
        result["machine"], result["versions"], "A stand-in for Slurm; each living session has an agent that reports."
    )
    lines += ["| squeue calls per minute | all are ready | three in ten wait | one changes each second |", "|---|---|---|---|"]
    for size, found in result["calls"].items():
        lines.append(f"| {size} sessions | {found['calm']:.0f} | {found['waiting']:.0f} | {found['changing']:.0f} |")
    lines += ["", "| a job, of 1,000 sessions' | median | p95 | longest until the page shows it, s |", "|---|---|---|---|"]
    for name, took in result["pages"].items():
        lines.append(f"| {name} | {statistics.median(took):.2f} | {p95(took):.2f} | {max(took):.2f} |")
    lines += ["", "| processor time of one tick, ms | median | longest |", "|---|---|---|"]
    for name, spent in result["ticks"].items():
        lines.append(f"| {name} | {statistics.median(spent):.0f} | {max(spent):.0f} |")
    return "\n".join(lines)


def verdict(result: dict[str, Any]) -> str:
    """What was aimed at, and how it came out."""
    found = {
        "page": max((p95(took) for took in result["pages"].values()), default=0.0),
        "changing": max((max(one["waiting"], one["changing"]) for one in result["calls"].values()), default=0.0),
        "calm": max((one["calm"] for one in result["calls"].values()), default=0.0),
        "tick": max((statistics.median(one) for one in result["ticks"].values()), default=0.0),
    }
    return "\n".join(f"{name}: {value:.2f} (at most {TARGETS[name]:.1f} aimed at)" for name, value in found.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--only", choices=("calls", "pages", "ticks"), action="append")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    wanted = set(chosen.only or ("calls", "pages", "ticks"))
    result: dict[str, Any] = {"machine": machine(), "versions": versions(chromium=first_line(chromium(), "--version"))}
    result["ticks"] = {name: ticks(crowd, 10) for name, crowd in CROWDS.items()} if "ticks" in wanted else {}
    result["calls"] = {str(size): calls(size, chosen.seconds) for size in chosen.sizes} if "calls" in wanted else {}
    result["pages"] = pages(chosen.trials) if "pages" in wanted else {}
    print(table(result))
    print("\n" + verdict(result))
    print(json.dumps(result))
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
