"""What watching sessions costs on a real cluster, how soon an end is told, and what is done while the controller is away.

Beside it JupyterHub with batchspawner (`_jupyterhub.py`), with its defaults. Each call of one of Slurm's commands is counted.
An end is timed from what causes it to the word of it, with the reason, in the session's event stream (the peer: in its API).
While the controller is away a session is launched, another stopped, and pages are asked; then the controller comes back.

    python benchmarks/slurm_watch.py [--sizes 10 30 100] [--trials 5] [--only calls] [--no-peer] [--json FILE]
"""

import argparse
import contextlib
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _ends import SETTLE, cancel, ends, ends_of_peer, full, jobs, until
from _hpc import TRIVIAL, Login, Portal, hpc, slurm_version
from _jupyterhub import Hub, NotStarted, install, jupyterhub
from _stage import header, machine, p95, versions
from list import log_in, milliseconds

TARGETS = {"changing": 60.0, "calm": 12.0, "end": 2.0, "page": 500.0}
PARTS = ("calls", "ends", "away")
PEER = 30
EACH, FEW = 3.0, 4
BUSY = "a launch and a stop each 3 s"
Numbers = dict[str, Any]


# --- how often ---


def calls(login: Login, sizes: list[int], seconds: float) -> Numbers:
    """Calls of each command in a minute, with so many that wait and so many that run."""
    found: Numbers = {}
    for size in sizes:
        for phase, words in (("queued", "pending"), ("ready", "running")):
            with login.portal(counted=True) as portal, full(login, really=phase == "queued"):
                asked = [portal.client.launch(TRIVIAL).id for _ in range(size)]
                for session in asked:
                    until(lambda one=session, then=phase: portal.client.session(one).phase == then, f"{session} is {phase}")
                found[f"{size} {words}"] = _counted(login, seconds)
            print(size, words, found[f"{size} {words}"], file=sys.stderr)
    with login.portal(counted=True) as portal:
        found[BUSY] = _busy(login, portal, seconds)
    print(BUSY, found[BUSY], file=sys.stderr)
    return found


def _busy(login: Login, portal: Portal, seconds: float) -> Numbers:
    """The same while a session starts each three seconds and, from the fifth on, one is stopped as often."""
    living: list[str] = []
    began = time.monotonic()
    with login.counting() as counted:
        while (now := time.monotonic() - began) < seconds:
            living.append(portal.client.launch(TRIVIAL).id)
            if len(living) > FEW:
                portal.client.stop(living.pop(0))
            time.sleep(max(0.0, EACH - (time.monotonic() - began - now)))
    return {name: round(counted.per_minute(name), 1) for name in sorted(counted.names)}


def calls_of_peer(login: Login, seconds: float) -> Numbers:
    """The same of the peer. It gives up what does not start within its time: those that wait are counted before that."""
    found: Numbers = {}
    with jupyterhub(login, counted=True) as hub, full(login):
        for number in range(PEER):
            threading.Thread(target=_ask, args=(hub, f"p{number}"), daemon=True).start()
        until(lambda: len(jobs(login)) >= PEER, f"{PEER} of the peer's wait")
        found[f"{PEER} pending"] = _counted(login, min(seconds, 20.0), settle=1.0)
        print("peer, pending", found, file=sys.stderr)
    with jupyterhub(login, counted=True) as hub:
        started = [number for number in range(PEER) if _ask(hub, f"r{number}")]
        found[f"{len(started)} running"] = _counted(login, seconds)
        print("peer, running", found, file=sys.stderr)
    return found


def _ask(hub: Hub, name: str) -> bool:
    """Whether the peer started it."""
    with contextlib.suppress(NotStarted, OSError):
        hub.start(name)
        return True
    return False


def _counted(login: Login, seconds: float, settle: float = SETTLE) -> Numbers:
    time.sleep(settle)
    with login.counting() as counted:
        time.sleep(seconds)
    return {name: round(counted.per_minute(name), 1) for name in sorted(counted.names)}


# --- without a controller ---


def away(login: Login, seconds: float) -> Numbers:
    """What is said and done while there is no controller, and when it is back."""
    cluster = login.cluster
    with login.portal() as portal:
        runs = portal.until_ready(portal.client.launch(TRIVIAL))
        pages = log_in(portal)
        job = portal.job(runs.id)
        cluster.stop_controller()
        try:
            found = _while_away(portal, runs.id, lambda: milliseconds(pages, "/", ""), seconds)
        finally:
            cluster.start_controller()
            began = time.monotonic()
        until(lambda: portal.client.session(runs.id).ended, "the stop is carried out")
        found["back: the stop is carried out, s"] = time.monotonic() - began
        until(lambda: portal.client.session(found["kept"]).ready, "the launch is carried out")
        found["back: the launch is ready, s"] = time.monotonic() - began
        found["jobs left of the stopped one"] = int(job in jobs(login))
        found.pop("kept")
        pages.close()
    return found


def _while_away(portal: Portal, runs: str, page: Callable[[], float], seconds: float) -> Numbers:
    began = time.monotonic()
    kept = portal.client.launch(TRIVIAL)
    found: Numbers = {"kept": kept.id, "launch: answer, s": time.monotonic() - began}
    began = time.monotonic()
    portal.client.stop(runs)
    found["stop: answer, s"] = time.monotonic() - began
    taken, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        taken.append(page())
        time.sleep(0.1)
    found |= {"pages: median, ms": statistics.median(taken), "pages: p95, ms": p95(taken), "pages": len(taken)}
    said = portal.client.session(kept.id)
    return found | {"launch: said": f"{said.state} {said.detail}".strip()}


def away_of_peer(login: Login, hub: Hub) -> Numbers:
    """The same of the peer."""
    hub.start("runs")
    [job] = jobs(login)
    login.cluster.stop_controller()
    found: Numbers = {}
    try:
        began = time.monotonic()
        try:
            hub.start("kept")
            found["launch: said"] = "started"
        except NotStarted as refused:
            found["launch: said"] = str(refused)[:120]
        found["launch: answer, s"] = time.monotonic() - began
        began = time.monotonic()
        try:
            hub.stop("runs")
            found["stop: said"] = "stopped"
        except NotStarted as refused:
            found["stop: said"] = str(refused)[:120]
        found["stop: answer, s"] = time.monotonic() - began
    finally:
        login.cluster.start_controller()
    time.sleep(SETTLE)
    found["jobs left of the stopped one"] = int(job in jobs(login))
    cancel(login, job)
    return found


# --- all of it ---


def measure(login: Login, chosen: argparse.Namespace) -> Numbers:
    """Each part, the portal's and the peer's."""
    result: Numbers = {}
    if "calls" in chosen.only:
        result["calls"] = calls(login, chosen.sizes, chosen.seconds)
        result["calls of the peer"] = calls_of_peer(login, chosen.seconds) if chosen.peer else {}
    if "ends" in chosen.only:
        result["ends"] = ends(login, chosen.trials)
    if "away" in chosen.only:
        result["away"] = away(login, chosen.seconds)
    if chosen.peer and {"ends", "away"} & set(chosen.only):
        with jupyterhub(login) as hub:
            if "ends" in chosen.only:
                result["ends of the peer"] = ends_of_peer(login, hub, min(2, chosen.trials))
            if "away" in chosen.only:
                result["away of the peer"] = away_of_peer(login, hub)
    return result


def table(result: Numbers) -> str:
    """The result as Markdown."""
    lines = header(result["machine"], result["versions"], "A real cluster on the same machine.")
    for name in ("calls", "calls of the peer"):
        if rows := result.get(name):
            commands = sorted({command for row in rows.values() for command in row})
            lines += [f"| {name}, per minute | " + " | ".join(commands) + " |", "|---|" + "---|" * len(commands)]
            lines += [f"| {row} | " + " | ".join(f"{one.get(c, 0):.0f}" for c in commands) + " |" for row, one in rows.items()]
            lines.append("")
    for name in ("ends", "ends of the peer"):
        if rows := result.get(name):
            lines += [f"| {name}, s | median | longest | of |", "|---|---|---|---|"]
            lines += [f"| {row} | {statistics.median(t):.2f} | {max(t):.2f} | {len(t)} |" for row, t in rows.items()]
            lines.append("")
    for name in ("away", "away of the peer"):
        if rows := result.get(name):
            lines += [f"| {name} | |", "|---|---|"]
            lines += [f"| {row} | {v:.2f} |" if isinstance(v, float) else f"| {row} | {v} |" for row, v in rows.items()]
            lines.append("")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--no-peer", dest="peer", action="store_false")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    peer = install() if chosen.peer else {}
    result: Numbers = {"machine": machine(), "versions": versions(slurm=slurm_version(), **peer)}
    with hpc() as login:
        result |= measure(login, chosen)
    print(table(result))
    print("Aimed at: " + ", ".join(f"{name} {value:.0f}" for name, value in TARGETS.items()))
    print(json.dumps(result))
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
