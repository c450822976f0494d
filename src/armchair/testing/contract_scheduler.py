"""The scheduler's contract as functions: each takes a SchedulerUnderTest and fails by AssertionError.

It is what a launcher with a queue adds to contract_launcher.py: offer, estimate, overview, jobs, extend.
"""

# assertions are what a contract suite is made of
# ruff: noqa: S101

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from armchair.domain.cluster import Starts
from armchair.domain.errors import JobRefused
from armchair.domain.forms import placement as forms
from armchair.domain.run import JobRef
from armchair.domain.secret import Secret
from armchair.domain.session import Placement, Resources
from armchair.sessions.launcherports import JobRequest, Scheduler

SMALL = Resources(cores=1, memory=100 * 2**20, walltime=timedelta(minutes=10))
AT_ONCE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerUnderTest:
    """A scheduler, somebody who may use it and somebody else who may too. `patience`: seconds in which an estimate comes."""

    scheduler: Scheduler
    user: str
    other: str
    patience: float = 20.0


async def offers_a_place_for_a_small_job(case: SchedulerUnderTest) -> None:
    """What is offered is this person's, names a partition, and takes a small job without a word about where."""
    offer = await case.scheduler.offer(case.user)
    assert (offer.login, offer.cluster, offer.known) == (case.user, case.scheduler.name, True)
    settled = forms.settle(offer, SMALL, Placement())
    assert settled.partition in {one.name for one in offer.partitions}
    assert forms.check(offer, SMALL, settled, datetime.now(UTC)) == []


async def names_the_largest_node(case: SchedulerUnderTest) -> None:
    """One core more than the largest node has is refused before anybody is asked."""
    offer = await case.scheduler.offer(case.user)
    for partition in offer.partitions:
        assert partition.cores is not None
        placement = forms.settle(offer, SMALL, Placement(partition=partition.name))
        problems = forms.check(offer, Resources(cores=partition.cores + 1), placement, datetime.now(UTC))
        assert "place_node_cores" in [one.code for one in problems]


async def estimates_without_waiting(case: SchedulerUnderTest) -> None:
    """The first answer comes at once; what is on its way comes later, and the listeners are told."""
    told = asyncio.Event()
    case.scheduler.watch(told.set)
    placement = forms.settle(await case.scheduler.offer(case.user), SMALL, Placement())
    began = time.monotonic()
    found = await case.scheduler.estimate(case.user, SMALL, placement)
    assert time.monotonic() - began < AT_ONCE
    async with asyncio.timeout(case.patience):
        while found.asking:
            await told.wait()
            told.clear()
            found = await case.scheduler.estimate(case.user, SMALL, placement)
    assert found.starts in {Starts.NOW, Starts.LATER}
    assert (found.at is not None) == (found.starts is Starts.LATER)
    assert found.as_of is not None


async def counts_what_is_there(case: SchedulerUnderTest) -> None:
    """No partition has more used and down than there is, and those that are offered are counted."""
    overview = await case.scheduler.overview()
    for load in overview.partitions:
        for usage in (load.nodes, load.cores, load.memory, load.gpus):
            assert 0 <= usage.used + usage.down <= usage.total
            assert usage.free == usage.total - usage.used - usage.down
    offered = {one.name for one in (await case.scheduler.offer(case.user)).partitions}
    assert offered <= {load.name for load in overview.partitions}


async def shows_a_person_their_jobs(case: SchedulerUnderTest) -> None:
    """A job that was submitted here is among the person's jobs, with its mark, and among nobody else's."""
    mark = "armchair-contract-" + "0" * 32
    script = Secret("#!/bin/sh\nexec sleep 600\n")
    wanted = JobRequest(mark=mark, name="mine", script=script, run_as=case.user, resources=SMALL)
    job = await case.scheduler.submit(wanted)
    mine = {one.id: one for one in await case.scheduler.jobs(case.user)}
    assert (mine[job.id].name, mine[job.id].mark) == ("mine", mark)
    assert mine[job.id].cores == SMALL.cores
    assert job.id not in {one.id for one in await case.scheduler.jobs(case.other)}
    await case.scheduler.cancel(job, force=True)


async def refuses_to_extend_what_is_not_there(case: SchedulerUnderTest) -> None:
    """More time for a job that nobody knows is a certain no."""
    job = JobRef(cluster=case.scheduler.name, id="987654321", submitted_at=datetime.now(UTC))
    refused = None
    try:
        await case.scheduler.extend(job, timedelta(hours=1))
    except JobRefused as error:
        refused = error
    assert refused is not None
    assert refused.params["reason"]


CONTRACT = (
    offers_a_place_for_a_small_job,
    names_the_largest_node,
    estimates_without_waiting,
    counts_what_is_there,
    shows_a_person_their_jobs,
    refuses_to_extend_what_is_not_there,
)
