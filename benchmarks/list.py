"""How long the list of sessions takes with 1,000 of them, 200 living: pages and API, through the gateway.

A real portal on a home whose database was filled before. The living sessions are of a cluster that gives no answer, so that
they stay as they are while the portal watches. One client asks in turn; then eight at once, as after a change that many
browsers see. Measured is until the last byte.

    python benchmarks/list.py [--requests 200] [--json FILE]
"""

import argparse
import asyncio
import getpass
import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from _stage import Stage, free_port, header, log_in, machine, p95, stage, versions
from armchair.domain.run import JobRef, JobState, Outcome, OutcomeKind, Record, UsageSample
from armchair.domain.session import By
from armchair.sessions.ports import Change
from armchair.store.store import Store
from armchair.testing.clock import FakeClock
from armchair.testing.samples import some_session

TARGET_MS = 150.0
SESSIONS, LIVE = 1000, 200
CLUSTER = "away"
# a cluster that is not there: its commands fail, and silence changes nothing
SETTINGS = """
[gateway]
agents_listen = "127.0.0.1:{port}"
networks = ["127.0.0.0/8", "10.0.0.0/8"]
[clusters.local]
launcher = "local"
[clusters.{cluster}]
launcher = "slurm"
bin_directory = "/nonexistent"
"""
ASKED = {
    "page: the list": "/",
    "page: a search": "/?q=session+3&sort=title",
    "page: the last one": "/?page=40",
    "API: 50 sessions": "/api/v1/sessions",
    "API: the 200 that live": "/api/v1/sessions?phase=ready&page_size=200",
}


def filled(record: Record, number: int) -> Record:
    """A run as it is after an hour of work; all but the last two hundred have ended."""
    now = datetime.now(UTC)
    begin = now - timedelta(hours=1)
    samples = tuple(UsageSample(at=begin + timedelta(seconds=90 * n), cpu=0.5, memory=2**30 + n) for n in range(40))
    job = JobRef(cluster=CLUSTER, id=str(number), submitted_at=begin)
    over = Outcome(kind=OutcomeKind.FINISHED, by=By.OWNER, at=now - timedelta(days=number % 9))
    facts = {"job": job, "job_state": JobState.RUNNING, "enrolled_at": begin, "ready_at": begin, "heard_at": now}
    outcome = None if number >= SESSIONS - LIVE else over
    run = replace(record.run, **facts, host="127.0.0.1", port=9, usage=samples, outcome=outcome)
    return replace(record, runs=(run,))


async def fill(home: Path, owner: str) -> None:
    """A thousand sessions in the database of this home, before a portal has it."""
    (home / "armchair.toml").write_text(SETTINGS.format(port=free_port(), cluster=CLUSTER))
    store = await Store.open(home, FakeClock())
    for number in range(SESSIONS):
        apps = ("jupyterlab", "terminal", "web-command")
        facts = {"title": f"Session {number % 7} of a project", "app": apps[number % 3], "cluster": CLUSTER}
        record = some_session(f"{number:026}", owner=owner, run_as=owner, created_by=owner, **facts)
        await store.create(record, (), {"spec": "{}" * 500, "script": "#" * 60_000})
        await store.change(record.session.id, lambda known, number=number: Change(record=filled(known, number)))
    await store.close()


def milliseconds(client: httpx.Client, path: str, token: str) -> float:
    """One request."""
    headers = {"Authorization": f"Bearer {token}"} if path.startswith("/api/") else {}
    begin = time.perf_counter()
    answer = client.get(path, headers=headers)
    taken = (time.perf_counter() - begin) * 1000
    assert answer.status_code == 200, answer.text[:500]
    return taken


def cpu(pid: int) -> float:
    """Milliseconds that the portal's process has used: unlike time on the wall, the same in a crowd."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def measure(portal: Stage, requests: int) -> dict[str, dict[str, float]]:
    """Median and p95 for each thing asked, alone and eight at once."""
    client, token = log_in(portal), portal.client.settings.token
    found = {}
    for name, path in ASKED.items():
        milliseconds(client, path, token)
        used = cpu(portal.pid)
        alone = [milliseconds(client, path, token) for _ in range(requests)]
        used = (cpu(portal.pid) - used) / requests
        with ThreadPoolExecutor(8) as pool:
            crowd = list(pool.map(lambda _, path=path: milliseconds(client, path, token), range(requests)))
        found[name] = {
            "median": statistics.median(alone),
            "p95": p95(alone),
            "CPU": used,
            "median of 8": statistics.median(crowd),
            "p95 of 8": p95(crowd),
        }
        print(f"{name:26} " + "  ".join(f"{key} {value:6.1f}" for key, value in found[name].items()), file=sys.stderr)
    client.close()
    return found


def report(found: dict[str, dict[str, float]], first: str, requests: int) -> str:
    """The table."""
    worst = max(row["p95"] for row in found.values())
    what = f"{SESSIONS} sessions, {LIVE} living; {requests} requests each. Milliseconds, p95 below {TARGET_MS:.0f} aimed at."
    lines = header(first, versions(), what)
    columns = list(next(iter(found.values())))
    lines += ["| asked | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    lines += [f"| {name} | " + " | ".join(f"{value:.1f}" for value in row.values()) + " |" for name, row in found.items()]
    return "\n".join([*lines, "", f"Worst p95: {worst:.1f} ms ({'kept' if worst < TARGET_MS else 'MISSED'})."])


def main() -> None:
    """Fill, measure, print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--requests", type=int, default=200)
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    first = machine()
    with stage(prepare=lambda home: asyncio.run(fill(home, getpass.getuser()))) as portal:
        found = measure(portal, chosen.requests)
    print(report(found, first, chosen.requests))
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
