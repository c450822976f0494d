"""What thirty idle graphical sessions cost: memory of each, by part, and processor time while nobody looks.

Each session is an xterm that somebody has looked at once. Memory is PSS: what processes share is divided among them, so that
the sum is what they take together. The agent, which every session has, is not in it.

    python benchmarks/screens_idle.py [--sessions 30] [--seconds 60] [--displays xpra vnc] [--json FILE]
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from _screens import BACKENDS, WORDS, by_gateway, cpu, processes_of, pss, screens, start, versions_of_displays
from _stage import Stage, header, keep, machine, versions
from idle import SETTLE


def measure(portal: Stage, backend: str, sessions: int, seconds: float) -> dict[str, Any]:
    """Megabytes of one session by part, and per cent of a core that one takes."""
    started = [start(portal, backend) for _ in range(sessions)]
    for session in started:
        viewer = by_gateway(portal, session.id, backend)
        viewer.settle(0.5)
        viewer.close()
    time.sleep(SETTLE)
    found = [process for session in started for process in processes_of(session.id)]
    before, began = {one.pid: cpu(one.pid) for one in found}, time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    # one that has ended meanwhile has used nothing that we could see
    used = sum(max(0.0, cpu(pid) - at) for pid, at in before.items())
    parts: dict[str, float] = defaultdict(float)
    for one in found:
        parts[one.role] += pss(one.pid) / sessions
    for session in started:
        portal.end(session)
    return {"mb": {part: round(size, 1) for part, size in parts.items()}, "percent": round(used / took / sessions * 100, 3)}


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    said = f"{result['sessions']} idle sessions at once, each an xterm; PSS of each session, over {result['seconds']:.0f} s."
    lines = header(result["machine"], result["versions"], said)
    lines += ["| display | together | its parts | of one core |", "|---|---|---|---|"]
    for backend, one in result["displays"].items():
        parts = sorted(one["mb"].items(), key=lambda part: -part[1])
        text = ", ".join(f"{part} {size:.0f}" for part, size in parts if size >= 1)
        lines.append(f"| {WORDS[backend]} | {sum(one['mb'].values()):.0f} MB | {text} | {one['percent']:.2f} % |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--displays", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "versions": versions(**versions_of_displays())}
    result |= {"sessions": chosen.sessions, "seconds": chosen.seconds}
    with screens() as portal:
        result["displays"] = {backend: measure(portal, backend, chosen.sessions, chosen.seconds) for backend in chosen.displays}
    print(table(result))
    keep(result, chosen.json)


if __name__ == "__main__":
    main()
