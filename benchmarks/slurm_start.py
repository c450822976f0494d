"""From asking to usable on a Slurm cluster: the portal, `sbatch` by hand, and JupyterHub with batchspawner, in turn.

Usable: the application answers 200 by the party's own way (the gateway, the node's port, configurable-http-proxy).

    python benchmarks/slurm_start.py [--rounds 10] [--no-peer] [--ahead] [--json FILE]

Needs root, Slurm, and npm for the peer. JupyterLab and the peer are installed at the first run.
"""

import argparse
import contextlib
import json
import statistics
import sys
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

from _hpc import TRIVIAL, Portal, hpc, in_turn, install_kits, slurm_version
from _jupyterhub import install, jupyterhub
from _parties import JUPYTERLAB, ByPortal, Party, Started, all_gone, by_hand, by_hub
from _stage import header, machine, versions

PORTAL, HAND, PEER = "the portal", "sbatch by hand", "JupyterHub"
TARGETS = {JUPYTERLAB: {HAND: 1.0, PEER: 0.5}, TRIVIAL: {HAND: 1.3}}
BEYOND_MS = 300.0
STEPS = {
    "session.accepted": "form checked, session stored",
    "job.submitted": "sbatch, and the job read back",
    "agent.enrolled": "until the job runs; its script, the agent's start, enrolment",
    "session.ready": "the application's own start, seen by the probe",
}


def steps(portal: Portal, started: Started) -> dict[str, float]:
    """How a session's time divides, in ms; what is left is the way of the request, the events and the first answer."""
    events = {one["code"]: datetime.fromisoformat(one["at"]) for one in portal.client.timeline(started.reference)}
    found, last = {}, events["session.accepted"]
    for code, name in list(STEPS.items())[1:]:
        found[name] = (events[code] - last).total_seconds() * 1000
        last = events[code]
    found["request, event, entry, first answer"] = started.seconds * 1000 - sum(found.values())
    return found


def wait_for_phase(part: float) -> None:
    """Wait for that part of a second of the clock.

    The controller starts jobs once a second: who always asks just before it looks, because of how long the other way's end
    took, would be the quicker one for that alone. So all ways ask at the same moments of a second, evenly over the rounds.
    """
    time.sleep((part - time.time()) % 1.0)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=10, help="of JupyterLab")
    options.add_argument("--trivial-rounds", type=int, default=30, help="of the trivial application, quicker and less even")
    options.add_argument("--no-peer", action="store_true", help="leave JupyterHub out")
    options.add_argument(
        "--ahead", action="store_true", help="portal and gateway go before the rest, as on a machine of their own"
    )
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    install_kits()
    used = versions(slurm=slurm_version(), **({} if chosen.no_peer else install()))
    rounds = {JUPYTERLAB: chosen.rounds, TRIVIAL: chosen.trivial_rounds}
    result: dict[str, Any] = {"machine": machine(), "versions": used, "rounds": rounds}
    with hpc() as login, contextlib.ExitStack() as stack:
        portal = stack.enter_context(login.portal())
        if chosen.ahead:
            portal.go_ahead()
        parties: dict[str, Party] = {
            PORTAL: ByPortal(login=login, portal=portal),
            HAND: stack.enter_context(by_hand(login)),
        }
        trivial = list(parties)
        if not chosen.no_peer:
            parties[PEER] = by_hub(stack.enter_context(jupyterhub(login)))
        for app, names in ((TRIVIAL, trivial), (JUPYTERLAB, list(parties))):
            seconds, inside, ways = defaultdict(list), defaultdict(list), defaultdict(list)
            for turn, name in in_turn(names, rounds[app]):
                wait_for_phase(turn / rounds[app])
                started = parties[name].start(app)
                way = steps(portal, started) if name == PORTAL else {}
                parties[name].end(started)
                all_gone(login)
                print(f"{app} {turn} {name}: {started.seconds:.2f} s", file=sys.stderr)
                if turn == 0:
                    continue
                seconds[name].append(started.seconds)
                if started.inside is not None:
                    inside[name].append(started.inside)
                for step, took in way.items():
                    ways[step].append(took)
            result[app] = {
                "seconds": {name: _row(all_) for name, all_ in seconds.items()},
                "inside_ms": {name: statistics.median(all_) * 1000 for name, all_ in inside.items()},
                "steps_ms": {step: statistics.median(all_) for step, all_ in ways.items()},
            }
    result["load_at_the_end"] = machine().partition("load ")[2].split()[0]
    print(table(result))
    print(json.dumps(result))
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n")


def _row(seconds: list[float]) -> dict[str, float]:
    return {"median": statistics.median(seconds), "shortest": min(seconds), "longest": max(seconds)}


def table(result: dict[str, Any]) -> str:
    """For docs/reference/benchmarks.md."""
    what = "Seconds from asking to usable, rounds in turn; load " + result["load_at_the_end"] + " at the end."
    lines = header(result["machine"], result["versions"], what)
    lines += [
        "| application | rounds | way | median | shortest | longest | the portal takes (ratio) | aimed at |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for app in (JUPYTERLAB, TRIVIAL):
        rows = result[app]["seconds"]
        for name, row in rows.items():
            ratio = "" if name == PORTAL else f"{rows[PORTAL]['median'] / row['median']:.2f}"
            target = f"≤ {TARGETS[app][name]}" if name in TARGETS[app] else ""
            lines.append(
                f"| {app} | {result['rounds'][app]} | {name} | "
                + " | ".join(f"{value:.2f}" for value in row.values())
                + f" | {ratio} | {target} |"
            )
    lines += ["", "| of these, in ms | " + f"{JUPYTERLAB} | {TRIVIAL} |", "|---|---|---|"]
    for step in result[JUPYTERLAB]["steps_ms"]:
        lines.append(
            f"| {step} | " + " | ".join(f"{result[app]['steps_ms'][step]:.0f}" for app in (JUPYTERLAB, TRIVIAL)) + " |"
        )
    for name in (PORTAL, HAND):
        both = (f"{result[app]['inside_ms'][name]:.0f}" for app in (JUPYTERLAB, TRIVIAL))
        lines.append(f"| since the job's script began, {name} | " + " | ".join(both) + " |")
    inside = result[TRIVIAL]["inside_ms"]
    beyond = inside[PORTAL] - inside[HAND]
    lines += ["", f"Job running to ready, beyond the application's own start: {beyond:.0f} ms (aimed at ≤ {BEYOND_MS:.0f})"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
