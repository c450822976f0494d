"""How long the store takes for what pages and agents ask of it. Informational: prints medians in milliseconds.

Usage: python benchmarks/store_speed.py [DIRECTORY]   (the disk to measure; default: the current directory)
"""

import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from armchair.domain.run import JobRef, JobState, Outcome, OutcomeKind, Phase, UsageSample
from armchair.domain.session import By
from armchair.sessions.ports import Change, ListQuery
from armchair.store.store import Store
from armchair.testing.clock import START, FakeClock
from armchair.testing.samples import some_session

SESSIONS = 1000
LIVE = 100


async def median(times, call):
    """Milliseconds."""
    taken = []
    for number in range(times):
        begin = time.perf_counter()
        await call(number)
        taken.append((time.perf_counter() - begin) * 1000)
    return statistics.median(taken)


def filled(record, number):
    """A run as it is after ten minutes of work; all but the last hundred have ended."""
    samples = tuple(UsageSample(at=START + timedelta(seconds=15 * n), cpu=0.5, memory=2**30 + n) for n in range(40))
    job = JobRef(cluster="local", id=str(number), submitted_at=START)
    outcome = None if number >= SESSIONS - LIVE else Outcome(kind=OutcomeKind.FINISHED, by=By.OWNER, at=START)
    run = replace(
        record.run, job=job, job_state=JobState.RUNNING, enrolled_at=START, ready_at=START, usage=samples, outcome=outcome
    )
    return replace(record, runs=(run,))


async def measure(home):
    store = await Store.open(home, FakeClock())

    async def create(number):
        record = some_session(f"s{number}", title=f"Session {number % 7}", launch_key=f"k{number}")
        await store.create(record, (), {"spec": "{}" * 500, "script": "#" * 60_000})

    async def fill(number):
        await store.change(f"s{number}", lambda record: Change(record=filled(record, number)))

    async def touch(number):
        def step(record):
            return Change(record=replace(record, runs=(replace(record.run, heard_at=START + timedelta(seconds=number)),)))

        await store.change(f"s{SESSIONS - 1}", step)

    lines = {
        "create": await median(SESSIONS, create),
        "change (facts of a run)": await median(SESSIONS, fill),
        "change (heard)": await median(200, touch),
        "get": await median(200, lambda number: store.get(f"s{number}")),
        "live, 100 of 1000": await median(50, lambda _: store.live()),
        "listing, first 50 of 1000": await median(50, lambda _: store.listing(ListQuery(subject="ann"))),
        "listing, search, by title": await median(
            50, lambda _: store.listing(ListQuery(subject="ann", text="session 3", sort="title"))
        ),
        "listing, ready only": await median(
            50, lambda _: store.listing(ListQuery(subject="ann", phases=frozenset({Phase.READY})))
        ),
    }
    await store.close()
    return lines


def main():
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as home:
        for name, value in asyncio.run(measure(Path(home))).items():
            print(f"{name:30} {value:8.2f} ms")


main()
