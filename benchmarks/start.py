"""From the form to *ready*, beside the same command started by hand.

The portal's side: POST of the launch, then the session's event stream until it says `ready`. By hand: the application's own
run.sh with the same environment, exec, and its readiness path asked each 5 ms over its socket. Alternated pairs, medians.

    python benchmarks/start.py [--pairs 20] [--apps jupyterlab terminal] [--json FILE]

The JupyterLab kit is installed into a cache directory of its own at the first run.
"""

import argparse
import contextlib
import os
import pwd
import shutil
import signal
import statistics
import subprocess  # noqa: TID251 - the command that is started by hand
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from _stage import PATIENCE, Stage, header, install_kit, keep, kits_directory, machine, remove_state, stage, versions
from armchair.agent.probe import probe
from armchair.agent.start import SOCKET, Place, prepare
from armchair.catalogue.loader import DirectoryCatalogue
from armchair.catalogue.settings import CatalogueSettings
from armchair.domain.forms.plan import plan
from armchair.launchers.local.environment import login_environment
from armchair.sessions.ports import SpecContext
from armchair.wire.runspec import RunSpec

TARGET_MS = 200.0
STEP = 0.005
SID = "handstartedhandstartedhand"
# a session's way: the codes of its timeline that end a step, with what happened until then
STEPS = {
    "session.accepted": "form checked, session stored",
    "job.submitted": "handed to the launcher",
    "agent.enrolled": "the job's script, the agent's start, enrolment",
    "session.ready": "the application's own start, seen by the probe",
}


def by_hand(catalogue: DirectoryCatalogue, app: str) -> float:
    """Seconds from exec to the first good answer."""
    spec = _spec(catalogue, app)
    place = prepare(spec)
    path = str(Path(place.private, SOCKET))
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(Path(place.private, spec.argv[0])), *spec.argv[1:]],
        env=_environment(spec, place, path),
        cwd=place.work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _answers(spec, path):
            assert process.poll() is None, f"{app} ended by itself"
            assert time.perf_counter() - began < PATIENCE, f"{app} does not answer"
            time.sleep(STEP)
        return time.perf_counter() - began
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(place.private, ignore_errors=True)
        remove_state(SID)


def _spec(catalogue: DirectoryCatalogue, app: str) -> RunSpec:
    application = catalogue.get(app)
    assert not application.missing, application.missing
    context = SpecContext(
        session=SID,
        number=0,
        attempt=1,
        user=pwd.getpwuid(os.geteuid()).pw_name,
        url="http://hand.localhost",
        state_directory=f"~/.local/state/armchair/sessions/{SID}",
    )
    return catalogue.spec(application, plan(application, "", {}, ""), context)


def _environment(spec: RunSpec, place: Place, path: str) -> dict[str, str]:
    """What the launcher and the agent would give it."""
    login = login_environment(pwd.getpwuid(os.geteuid()), os.environ, "", {})
    kept = {name: text for name, text in login.items() if name not in spec.unset}
    return {**kept, **spec.environment, "ARMCHAIR_JOB": "hand", "ARMCHAIR_DIR": place.private, "ARMCHAIR_SOCKET": path}


def _answers(spec: RunSpec, path: str) -> bool:
    status = probe(spec, path, None)
    return any(low <= status <= high for low, high in spec.ready_statuses)


def by_portal(portal: Stage, app: str) -> tuple[float, dict[str, float]]:
    """Seconds from the POST to the event that says ready, and how they divide into STEPS by the session's timeline."""
    began, sent_at = time.perf_counter(), time.time()
    session = portal.until_ready(portal.client.launch(app))
    took, heard_at = time.perf_counter() - began, time.time()
    steps, last = {}, sent_at
    for event in portal.client.timeline(session.id):
        if event["code"] in STEPS:
            at = datetime.fromisoformat(event["at"]).timestamp()
            steps[STEPS[event["code"]]] = at - last
            last = at
    steps["the event stream tells"] = heard_at - last
    portal.end(session)
    return took, steps


def compare(portal: Stage, app: str, pairs: int) -> dict[str, Any]:
    """Pairs of one start each way, the order turning each time; a first pair that warms the caches is not counted."""
    catalogue = DirectoryCatalogue(CatalogueSettings(kits_directory=kits_directory()), portal.home)
    hand: list[float] = []
    through: list[tuple[float, dict[str, float]]] = []
    for turn in range(pairs + 1):
        if turn % 2:
            hand.append(by_hand(catalogue, app))
            through.append(by_portal(portal, app))
        else:
            through.append(by_portal(portal, app))
            hand.append(by_hand(catalogue, app))
    del hand[0], through[0]
    seconds = [took for took, _ in through]
    return {
        "pairs": pairs,
        "hand_ms": [round(value * 1000, 1) for value in hand],
        "portal_ms": [round(value * 1000, 1) for value in seconds],
        "hand_median_ms": statistics.median(hand) * 1000,
        "portal_median_ms": statistics.median(seconds) * 1000,
        "overhead_ms": (statistics.median(seconds) - statistics.median(hand)) * 1000,
        "median_of_differences_ms": statistics.median(b - a for a, b in zip(hand, seconds, strict=True)) * 1000,
        "steps_ms": {name: statistics.median(steps[name] for _, steps in through) * 1000 for name in through[0][1]},
    }


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = header(result["machine"], result["versions"], "Milliseconds, medians of alternated pairs.")
    lines.append("| application | pairs | by hand | through the portal | overhead | ratio | median of the pairs' differences |")
    lines.append("|---|---|---|---|---|---|---|")
    for app, one in result["apps"].items():
        hand, through = one["hand_median_ms"], one["portal_median_ms"]
        row = (app, one["pairs"], f"{hand:.0f}", f"{through:.0f}", f"{one['overhead_ms']:.0f}", f"{through / hand:.2f}")
        lines.append(f"| {' | '.join(map(str, row))} | {one['median_of_differences_ms']:.0f} |")
    apps = list(result["apps"])
    lines += ["", "| where the portal's time goes | " + " | ".join(apps) + " |", "|---|" + "---|" * len(apps)]
    for step in result["apps"][apps[0]]["steps_ms"]:
        lines.append(f"| {step} | " + " | ".join(f"{result['apps'][app]['steps_ms'][step]:.0f}" for app in apps) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--apps", nargs="+", default=["jupyterlab", "terminal"])
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    if "jupyterlab" in chosen.apps:
        install_kit("jupyter")
    result: dict[str, Any] = {"machine": machine(), "versions": versions()}
    with stage() as portal:
        result["apps"] = {app: compare(portal, app, chosen.pairs) for app in chosen.apps}
    print(table(result))
    overhead = result["apps"][chosen.apps[0]]["overhead_ms"]
    print(f"\nOverhead of the portal for {chosen.apps[0]}: {overhead:.0f} ms (target at most {TARGET_MS:.0f})")
    keep(result, chosen.json)


if __name__ == "__main__":
    main()
