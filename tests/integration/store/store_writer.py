"""A process that writes to a store and says on its output what was acknowledged. Arguments: home, what to do.

`changes`: makes 5 sessions, then changes them 200 times and more. `die <point> <n>`: ends itself, as by a kill, when the
point of a commit comes up for the nth time. `lock`: takes the home and waits to be told to end by its input.
"""

import asyncio
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from armchair.domain.errors import Conflict
from armchair.domain.event import Event
from armchair.domain.run import Record
from armchair.sessions.ports import Change
from armchair.store.lock import HomeLock
from armchair.store.store import Store
from armchair.testing.samples import some_session


class Clock:
    def now(self):
        return datetime.now(UTC)


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def once_more(record: Record) -> Change:
    run = replace(record.run, restarts=record.run.restarts + 1)
    told = Event(session=run.session, attempt=1, at=datetime.now(UTC), code="x", params={"count": run.restarts})
    return Change(record=replace(record, runs=(run,)), events=[told])


async def changes(home: Path, on_commit=None, count=1_000_000):
    store = await Store.open(home, Clock(), on_commit=on_commit)
    for number in range(5):
        record, _ = await store.create(some_session(f"s{number}", launch_key=f"k{number}"), (), {"spec": "{}"})
        say("created", record.session.id)
    for number in range(count):
        record = await store.change(f"s{number % 5}", once_more)
        say("changed", record.session.id, record.run.restarts)
    await store.close()


def dying_at(point, times):
    seen = 0

    def on_commit(now_at):
        nonlocal seen
        seen += now_at == point
        if seen == times:
            os._exit(9)

    return on_commit


def main():
    home, what, *rest = sys.argv[1:]
    if what == "changes":
        asyncio.run(changes(Path(home)))
    elif what == "die":
        asyncio.run(changes(Path(home), dying_at(rest[0], int(rest[1])), count=10))
    elif what == "lock":
        try:
            with HomeLock(Path(home), Clock()):
                say("locked")
                sys.stdin.read()
        except Conflict as conflict:
            say(conflict.code, conflict.params["pid"], conflict.params["host"])


main()
