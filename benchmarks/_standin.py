"""A portal whose sessions are jobs of a stand-in for Slurm: as many of them as one likes, and each changes when it is told to.

Slurm's commands are those of `armchair.testing`: small programs that read one file. The portal is a real one, its sessions
are rows that were written into its database before it started, and no agent is there: what it learns it learns from squeue.
"""

import asyncio
import getpass
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from _stage import Stage, free_port, stage
from armchair.domain.run import JobRef, JobState, Record, UsageSample
from armchair.gateway.keys import Keys
from armchair.sessions.ports import Change
from armchair.sessions.tokens import Derived
from armchair.store.store import Store
from armchair.testing.clock import FakeClock
from armchair.testing.samples import some_session
from armchair.testing.slurm import FakeSlurm

CLUSTER = "hpc"
SETTINGS = """
[gateway]
runtime_directory = "{run}"
agents_listen = "127.0.0.1:{port}"
networks = ["127.0.0.0/8", "10.0.0.0/8"]
[clusters.local]
launcher = "local"
[clusters.{cluster}]
launcher = "slurm"
bin_directory = "{bin}"
"""
PEOPLE = 100  # who have the sessions that run
FOREIGN = 100_000  # the first number of the jobs that belong to nobody here


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """How many jobs there are: sessions that run and that wait, and jobs of other people that wait."""

    running: int = 0
    waiting: int = 0
    foreign: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The stand-in and whose jobs are in it: the id of each session with the number of its job."""

    slurm: FakeSlurm
    running: dict[str, str]
    waiting: dict[str, str]

    def calls(self) -> Counter[str]:
        """How often each of Slurm's commands was called so far."""
        return self.slurm.calls

    def calls_in(self, seconds: float) -> dict[str, float]:
        """How often each is called in a minute, counted for so long."""
        before, began = self.calls(), time.monotonic()
        time.sleep(seconds)
        after, took = self.calls(), time.monotonic() - began
        return {name: (after[name] - before[name]) * 60 / took for name in after if after[name] > before[name]}


def fill(home: Path, crowd: Crowd) -> Queue:
    """The sessions of this crowd in the database of a home that no portal has yet, and their jobs in a stand-in beside it."""
    slurm = FakeSlurm(home / "slurm")
    (home / "armchair.toml").write_text(SETTINGS.format(port=free_port(), run=home / "run", cluster=CLUSTER, bin=slurm.bin))
    keys = Keys.load_or_create(home)
    derived = Derived(keys.portal_key, keys.instance)
    records = [_record(number, runs=number < crowd.running) for number in range(crowd.running + crowd.waiting)]
    asyncio.run(_store(home, records))
    with slurm.state() as state:
        state["jobs"] = {str(FOREIGN + number): _foreign(FOREIGN + number) for number in range(crowd.foreign)}
        for record in records:
            job = _job(record, derived.mark(record.session.id, 1))
            state["jobs"][job["JobID"]] = job
        state["next"] = FOREIGN * 2
    jobs = {record.session.id: str(record.run.job and record.run.job.id) for record in records}
    waiting = {record.session.id for record in records if record.run.job_state is JobState.PENDING}
    return Queue(
        slurm=slurm,
        running={session: job for session, job in jobs.items() if session not in waiting},
        waiting={session: job for session, job in jobs.items() if session in waiting},
    )


async def _store(home: Path, records: list[Record]) -> None:
    store = await Store.open(home, FakeClock())
    for record in records:
        await store.create(replace(record, runs=(replace(record.runs[0], job=None, job_state=None),)), (), {"spec": "{}"})
        await store.change(record.session.id, lambda known, made=record: Change(record=replace(known, runs=made.runs)))
    await store.close()


def _record(number: int, *, runs: bool) -> Record:
    """A session that waits in the queue or has worked for an hour. Those that wait are the newest, and all are our own."""
    now = datetime.now(UTC).replace(microsecond=0)
    begin, user = now - timedelta(hours=1), getpass.getuser()
    owner = f"person{number % PEOPLE}" if runs else user
    facts = {"title": f"Session {number}", "owner": owner, "run_as": user, "created_by": owner, "cluster": CLUSTER}
    record = some_session(f"{number:026}", **facts)
    job = JobRef(cluster=CLUSTER, id=str(1000 + number), submitted_at=begin)
    run = replace(record.runs[0], intended_at=begin, job=job, job_state=JobState.PENDING, job_state_at=begin)
    if runs:
        samples = tuple(UsageSample(at=begin + timedelta(seconds=90 * n), cpu=0.5, memory=2**30 + n) for n in range(40))
        facts = {"job_state": JobState.RUNNING, "enrolled_at": begin, "ready_at": begin, "heard_at": now, "started_at": begin}
        run = replace(run, **facts, host="127.0.0.1", port=9, node="node1", usage=samples)
    return replace(record, runs=(run,))


def _job(record: Record, mark: str) -> dict[str, str]:
    """The job of this session as squeue shows it."""
    job = record.run.job
    assert job is not None
    began = int(job.submitted_at.timestamp())
    job_facts = _foreign(int(job.id)) | {
        "SubmitTime": str(began),
        "UserID": str(os.geteuid()),
        "Comment": mark,
        "Name": f"armchair-{job.id}:{mark}",
    }
    if record.run.job_state is JobState.RUNNING:
        times = {"StartTime": str(began), "EndTime": str(began + 8 * 3600), "TimeLimit": "8:00:00"}
        job_facts |= {"State": "RUNNING", "Reason": "None", "NodeList": "node1", "BatchHost": "node1"} | times
    return job_facts


def _foreign(number: int) -> dict[str, str]:
    """Somebody's job that waits."""
    return {
        "JobID": str(number),
        "State": "PENDING",
        "Reason": "Priority",
        "RestartCnt": "0",
        "SubmitTime": str(int(time.time()) - 600),
        "StartTime": "N/A",
        "EndTime": "N/A",
        "TimeLimit": "1:00:00",
        "UserID": "4242",
        "NodeList": "",
        "BatchHost": "n/a",
        "Partition": "main",
        "PriorityLong": str(number % 1000 + 1),
        "exit_code": "0",
        "Comment": "(null)",
        "Name": f"align-{number}.sh",
    }


@contextmanager
def portal_with(crowd: Crowd) -> Iterator[tuple[Stage, Queue]]:
    """A portal that watches this crowd."""
    made: list[Queue] = []
    with stage(prepare=lambda home: made.append(fill(home, crowd))) as portal:
        yield portal, made[0]
