"""Both displays beside each other on the node: what stands between the command and the first picture, and the memory it takes.

No portal, no gateway and no browser: the session's command is started as the agent would, and a small client of the display's
protocol connects to the session's socket as soon as it answers. A round starts all kinds in turn.

    python benchmarks/displays.py [--rounds 10] [--kinds xpra vnc openbox xfce] [--json FILE]
"""

import argparse
import contextlib
import os
import pwd
import shutil
import signal
import statistics
import subprocess  # noqa: TID251 - the command is started as the agent starts it
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _screens import APP, pss, versions_of_displays, viewer, web_path
from _stage import PATIENCE, header, keep, machine, remove_state, versions
from armchair.agent.probe import probe
from armchair.agent.start import SOCKET, prepare
from armchair.catalogue.loader import DirectoryCatalogue
from armchair.catalogue.settings import CatalogueSettings
from armchair.domain.forms.plan import plan
from armchair.launchers.local.environment import login_environment
from armchair.sessions.ports import SpecContext
from armchair.testing.viewers.rfb import Rfb
from armchair.testing.viewers.stream import through_front
from armchair.wire.runspec import RunSpec

STEP = 0.002
SETTLED = 3.0  # seconds without a change, after which memory is looked at
SID = "displaysdisplaysdisplaysdi"
# each kind: its words, its display, the application and its answers
KINDS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "xpra": ("xterm by Xpra", "xpra", "bench-xpra", {}),
    "vnc": ("xterm by VNC", "vnc", "bench-vnc", {}),
    "openbox": ("desktop Openbox", "vnc", "desktop", {"desktop": "openbox"}),
    "xfce": ("desktop Xfce", "vnc", "desktop", {"desktop": "xfce"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One start: seconds since the command until it answers and until the first picture, and megabytes (PSS) afterwards."""

    answers: float
    picture: float
    memory: float
    parts: dict[str, float]


def one(catalogue: DirectoryCatalogue, kind: str) -> Round:
    """Start, look, weigh, end."""
    _, display, app, answers = KINDS[kind]
    spec = _spec(catalogue, app, answers)
    with _started(spec) as (began, directory, process):
        path = str(directory / SOCKET)
        while not any(low <= probe(spec, path, None) <= high for low, high in spec.ready_statuses):
            assert process.poll() is None, f"{kind} ended by itself"
            assert time.perf_counter() - began < PATIENCE, f"{kind} does not answer"
            time.sleep(STEP)
        ready = time.perf_counter() - began
        client = viewer(display, through_front(path, web_path(display)))
        if isinstance(client, Rfb):
            _await_picture(client)
        else:
            client.drawn()
        picture = time.perf_counter() - began
        client.settle(SETTLED)
        parts = _parts(directory)
        client.close()
        return Round(answers=ready, picture=picture, memory=sum(parts.values()), parts=parts)


def _await_picture(client: Rfb) -> None:
    """Until the screen is not all of one colour."""
    client.ask(changes=False)
    client.update()
    while client.picture == client.picture[:4] * (len(client.picture) // 4):
        client.ask()
        client.update()


def _spec(catalogue: DirectoryCatalogue, app: str, answers: dict[str, str]) -> RunSpec:
    application = catalogue.get(app)
    assert not application.missing, application.missing
    context = SpecContext(
        session=SID, number=0, attempt=1, user=pwd.getpwuid(os.geteuid()).pw_name, url="http://hand.localhost",
        state_directory=f"~/.local/state/armchair/sessions/{SID}",
    )  # fmt: skip
    return catalogue.spec(application, plan(application, "", answers, ""), context)


@contextlib.contextmanager
def _started(spec: RunSpec) -> Iterator[tuple[float, Path, subprocess.Popen[bytes]]]:
    """The command in a home of its own, and when it began; ended afterwards."""
    place, home = prepare(spec), tempfile.mkdtemp(prefix="armchair-bench-home-")
    login = login_environment(pwd.getpwuid(os.geteuid()), os.environ, "", {})
    environment = {name: text for name, text in login.items() if name not in spec.unset}
    environment |= spec.environment
    environment |= {"ARMCHAIR_DIR": place.private, "ARMCHAIR_SOCKET": str(Path(place.private, SOCKET)), "HOME": home}
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(Path(place.private, spec.argv[0])), *spec.argv[1:]],
        env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield began, Path(place.private), process
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()
        shutil.rmtree(place.private, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
        remove_state(SID)


def _parts(directory: Path) -> dict[str, float]:
    """Megabytes of the run's processes, by name."""
    mark, found = f"ARMCHAIR_DIR={directory}\0".encode(), dict[str, float]()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes():
                name = (entry / "comm").read_text().strip()
                found[name] = found.get(name, 0.0) + pss(int(entry.name))
    return found


@contextlib.contextmanager
def _catalogue() -> Iterator[DirectoryCatalogue]:
    """The shipped applications, and xterm by each display."""
    with tempfile.TemporaryDirectory(prefix="armchair-bench-apps-") as folder:
        for backend in ("xpra", "vnc"):
            place = Path(folder, f"bench-{backend}")
            place.mkdir()
            (place / "app.toml").write_text(APP.format(backend=backend))
            (place / "run.sh").write_text("#!/bin/sh\nexec xterm\n")
        yield DirectoryCatalogue(CatalogueSettings(directories=(Path(folder),)), Path(folder))


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = header(result["machine"], result["versions"], f"Medians of {result['rounds']} rounds in turn; longest in brackets.")
    lines += ["| | the session's socket answers | first picture | memory (PSS) |", "|---|---|---|---|"]
    for kind, rounds in result["kinds"].items():
        cells = [KINDS[kind][0]]
        for name in ("answers", "picture"):
            values = [each[name] for each in rounds]
            cells.append(f"{statistics.median(values):.2f} s ({max(values):.2f})")
        cells.append(f"{statistics.median(each['memory'] for each in rounds):.0f} MB")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "versions": versions(**versions_of_displays()), "rounds": chosen.rounds}
    found: dict[str, list[Round]] = {kind: [] for kind in chosen.kinds}
    with _catalogue() as catalogue:
        for _ in range(chosen.rounds + 1):  # the first round warms the caches and is not counted
            for kind in chosen.kinds:
                found[kind].append(one(catalogue, kind))
    fields = ("answers", "picture", "memory", "parts")
    result["kinds"] = {
        kind: [{name: getattr(each, name) for name in fields} for each in took[1:]] for kind, took in found.items()
    }
    print(table(result))
    keep(result, chosen.json)


if __name__ == "__main__":
    main()
