"""What an idle portal costs: memory and processor time of its process, alone and with five idle sessions and an open page.

    python benchmarks/idle.py [--seconds 60] [--sessions 5] [--json FILE]

The sessions are terminals; the page is the list of sessions in headless Chromium, whose event stream stays open. Memory is
RSS, so pages shared with other processes count in full.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from _stage import Stage, header, keep, machine, stage, versions
from latency import chromium

TARGET_MB, TARGET_PERCENT = 120.0, 1.0
TICK = os.sysconf("SC_CLK_TCK")
# what the start itself and the last request leave to do, before the count begins
SETTLE = 10.0


def idle(portal: Stage, seconds: float) -> dict[str, float]:
    """Memory and processor time of the portal and of all it has started, over `seconds` in which nobody does anything."""
    time.sleep(SETTLE)
    others = {"gateway": _gateway(portal), "jobs": _jobs(portal)}
    before = {name: _cpu(pids) for name, pids in {"portal": [portal.pid], **others}.items()}
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    found = {}
    for name, pids in {"portal": [portal.pid], **others}.items():
        found[f"{name}_mb"] = _rss(pids)
        found[f"{name}_percent"] = (_cpu(pids) - before[name]) / took * 100
    return found


def _gateway(portal: Stage) -> list[int]:
    """HAProxy's processes: their command names the portal's home."""
    return [pid for pid, command in _commands() if command.startswith("haproxy") and str(portal.home) in command]


def _jobs(portal: Stage) -> list[int]:
    """Keepers, agents and applications: all that descends from a process that names a job's directory."""
    parents = {pid: int(_stat(pid)[1]) for pid, _ in _commands() if _stat(pid)}
    found = {pid for pid, command in _commands() if f"{portal.home}/local/jobs/" in command}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def _commands() -> list[tuple[int, str]]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            except OSError:
                continue  # it has ended meanwhile
            found.append((int(entry.name), " ".join([Path(words[0]).name, *words[1:]])))
    return found


def _stat(pid: int) -> list[str]:
    """The fields after the command's name; [] when the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu(pids: list[int]) -> float:
    """Seconds of processor time."""
    return sum(int(fields[11]) + int(fields[12]) for pid in pids if (fields := _stat(pid))) / TICK


def _rss(pids: list[int]) -> float:
    """Megabytes (10^6 bytes) in memory."""
    return sum(int(fields[21]) for pid in pids if (fields := _stat(pid))) * os.sysconf("SC_PAGESIZE") / 1e6


def measure(seconds: float, sessions: int) -> dict[str, dict[str, float]]:
    """Both states of one portal, one after the other."""
    with stage() as portal:
        alone = idle(portal, seconds)
        started = [portal.start("terminal") for _ in range(sessions)]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page()
            page.goto(portal.client.login_link())
            page.wait_for_selector("#list li[data-live]")
            busy = idle(portal, seconds)
            browser.close()
        for session in started:
            portal.end(session)
    return {"no sessions": alone, f"{sessions} idle sessions, one page open": busy}


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = header(result["machine"], result["versions"], f"Over {result['seconds']:.0f} s without any use.")
    lines += ["| | | memory (RSS) | of one core |", "|---|---|---|---|"]
    for state, one in result["states"].items():
        for name, words in (("portal", "portal"), ("gateway", "gateway (HAProxy)"), ("jobs", "keepers, agents, applications")):
            if one[f"{name}_mb"]:
                lines.append(f"| {state} | {words} | {one[f'{name}_mb']:.0f} MB | {one[f'{name}_percent']:.2f} % |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sessions", type=int, default=5)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "versions": versions(), "seconds": chosen.seconds}
    result["states"] = measure(chosen.seconds, chosen.sessions)
    print(table(result))
    most_mb = max(one["portal_mb"] for one in result["states"].values())
    most_percent = max(one["portal_percent"] for one in result["states"].values())
    print(f"\nIdle portal: {most_mb:.0f} MB (target at most {TARGET_MB:.0f}), ", end="")
    print(f"{most_percent:.2f} % of a core (target at most {TARGET_PERCENT:.0f})")
    keep(result, chosen.json)


if __name__ == "__main__":
    main()
