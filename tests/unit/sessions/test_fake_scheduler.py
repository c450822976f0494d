"""The fake scheduler keeps the port's promises, so that what is tested against it holds for a real one."""

from datetime import timedelta

import pytest

from armchair.domain.cluster import Estimate, Starts
from armchair.domain.errors import JobRefused, SchedulerSilent
from armchair.domain.run import JobState
from armchair.domain.secret import Secret
from armchair.domain.session import Placement, Resources
from armchair.sessions.launcherports import JobRequest, Scheduler
from armchair.testing.clock import START
from armchair.testing.launcher import FakeLauncher
from armchair.testing.scheduler import FakeScheduler, some_foreign_job


def request(**resources: object) -> JobRequest:
    return JobRequest(mark="m", name="job", script=Secret("#!"), run_as="ada", resources=Resources(**resources))


def test_only_the_scheduler_is_one() -> None:
    assert isinstance(FakeScheduler(), Scheduler)
    assert not isinstance(FakeLauncher(), Scheduler)


async def test_it_says_what_it_was_told() -> None:
    scheduler = FakeScheduler(now=lambda: START)
    later = Estimate(starts=Starts.LATER, at=START + timedelta(hours=1))
    scheduler.guesses[8, ""] = later
    scheduler.guesses[8, "gpu"] = Estimate(starts=Starts.NEVER, reason="PartitionTimeLimit")
    assert (await scheduler.estimate("ada", Resources(cores=1), Placement())).starts is Starts.NOW
    assert await scheduler.estimate("ada", Resources(cores=8), Placement(partition="short")) == later
    assert (await scheduler.estimate("ada", Resources(cores=8), Placement(partition="gpu"))).starts is Starts.NEVER
    assert {one.name for one in (await scheduler.offer("ada")).partitions} == {"short", "gpu"}


async def test_jobs_are_a_persons_own_wherever_they_were_started() -> None:
    scheduler = FakeScheduler(now=lambda: START)
    scheduler.people_jobs["ada"] = [some_foreign_job(START)]
    scheduler.people_jobs["eve"] = [some_foreign_job(START, id="1")]
    ref = await scheduler.submit(request(cores=2, walltime=timedelta(hours=1)))
    scheduler.run_on(ref.id, "c12")
    foreign, own = await scheduler.jobs("ada")
    assert (foreign.mark, own.mark, own.node, own.ends_at) == ("", "m", "c12", START + timedelta(hours=1))
    scheduler.finish(ref.id)
    assert [job.id for job in await scheduler.jobs("ada")] == ["4711"]


async def test_a_waiting_job_says_why() -> None:
    scheduler = FakeScheduler(now=lambda: START)
    ref = await scheduler.submit(request())
    scheduler.wait(ref.id, "Priority", START + timedelta(minutes=20), 12)
    (fact,) = (await scheduler.look([ref])).facts
    assert (fact.state, fact.reason, fact.position) == (JobState.PENDING, "Priority", 12)


async def test_an_extension_is_refused_as_told_and_silence_is_silence() -> None:
    scheduler = FakeScheduler()
    ref = await scheduler.submit(request())
    await scheduler.extend(ref, timedelta(hours=8))
    assert scheduler.extended == [(ref.id, timedelta(hours=8))]
    scheduler.refuse_extensions = "no"
    with pytest.raises(JobRefused):
        await scheduler.extend(ref, timedelta(hours=9))
    scheduler.silent = True
    for ask in (scheduler.overview(), scheduler.jobs("ada"), scheduler.offer("ada")):
        with pytest.raises(SchedulerSilent):
            await ask
