"""The launcher for Slurm when the scheduler is odd: each line of the table "how others fail", and what comes on top.

The commands are fakes here, because a real cluster shows these oddities too rarely; its everyday life is tested on a real one.
"""

import asyncio
import getpass
import os
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from armchair.domain.errors import JobRefused, SchedulerSilent
from armchair.domain.run import JobState, OutcomeKind
from armchair.domain.secret import Secret
from armchair.domain.session import Resources
from armchair.launchers.slurm import SlurmLauncher, launcher, watch
from armchair.launchers.slurm.door import DirectDoor
from armchair.launchers.slurm.settings import SlurmSettings
from armchair.sessions.launcherports import JobRequest
from armchair.testing.slurm import DOWN, FakeSlurm

MARK = "armchair-ab12-0123456789abcdef0123456789abcdef"


def request(mark=MARK, script="#!/bin/sh\nexit 0\n", **fields):
    return JobRequest(
        mark=mark, name="armchair-1-lab", script=Secret(script), run_as=getpass.getuser(), resources=Resources(), **fields
    )


class ManyDoor(DirectDoor):
    """A door that acts for many people, as a site's helper does."""

    for_many = True
    reader = "armchair-web"

    def _check(self, run_as):
        pass


def make(place, door=DirectDoor, **settings):
    fakes = FakeSlurm(place / "slurm")
    made = SlurmSettings(output_directory=str(place / "out"), **{"queries_per_minute": 600, **settings})

    def new():
        return SlurmLauncher(name="hpc", settings=made, door=door(bin_directory=str(fakes.bin)))

    return SimpleNamespace(fakes=fakes, launcher=new(), new=new)


@pytest.fixture
def room(tmp_path):
    return make(tmp_path)


async def one(room, job):
    (fact,) = (await room.launcher.look([job])).facts
    return fact


# --- silence is not death ---


@pytest.mark.parametrize(
    "fault",
    [
        {"stderr": DOWN},
        {"stderr": "squeue: error: Unable to contact slurm controller\n", "exit_code": 0},
        {"stderr": "slurm_load_jobs error: Zero Bytes were transmitted or received\n"},
        {"stderr": 'squeue: error: Munge encode failed: Failed to access "/run/munge/munge.socket.2"\n'},
        {"exit_code": -9 % 256},
        {"stdout": "{", "exit_code": 1},
    ],
    ids=["down", "down with exit code 0", "expired", "munge", "killed", "half"],
)
async def test_no_answer_is_no_fact(room, fault):
    job = await room.launcher.submit(request())
    room.fakes.fault("squeue", **fault)
    with pytest.raises(SchedulerSilent):
        await room.launcher.look([job])
    room.fakes.mend()
    assert (await one(room, job)).state is JobState.PENDING


async def test_a_slow_answer_is_none(tmp_path):
    room = make(tmp_path, query_timeout=timedelta(seconds=0.5))
    job = await room.launcher.submit(request())
    room.fakes.fault("squeue", seconds=30, act=True, times=1)
    with pytest.raises(SchedulerSilent):
        await room.launcher.look([job])
    assert (await one(room, job)).state is JobState.PENDING


async def test_a_missing_command_is_silence(room):
    job = await room.launcher.submit(request())
    (room.fakes.bin / "squeue").rename(room.fakes.bin / "gone")
    with pytest.raises(SchedulerSilent) as silence:
        await room.launcher.look([job])
    assert "squeue" in str(silence.value)
    (room.fakes.bin / "gone").rename(room.fakes.bin / "squeue")
    assert (await one(room, job)).state is JobState.PENDING


async def test_garbage_is_no_job(room):
    job = await room.launcher.submit(request())
    room.fakes.fault("squeue", stdout="\x1f\n\x00" * 50 + "100|RUNNING|\n", exit_code=0)
    assert not (await room.launcher.look([job])).facts


# --- absence ---


async def test_a_job_in_a_hidden_partition_is_not_absent(room):
    """As the site's own rules may send it to, or one whose group the reader is not in."""
    job = await room.launcher.submit(request())
    room.fakes.change(job.id, hidden=True)
    for _ in range(2):  # the second look, while the job waits, is at the whole queue
        assert (await one(room, job)).state is JobState.PENDING
    assert [fact.job for fact in (await room.launcher.find(MARK, run_as=getpass.getuser())).facts] == [job]
    with room.fakes.state() as state:
        looks = [call for call in state["calls"] if call[0] == "squeue"]
    assert [call for call in looks if not any(word.startswith(("--jobs", "--user")) for word in call)]


async def test_a_job_that_nobody_knows_is_absent(room):
    job = await room.launcher.submit(request())
    room.fakes.change(job.id, forgotten=True, unaccounted=True)
    listing = await room.launcher.look([job])
    assert (list(listing.facts), listing.complete) == ([], True)


async def test_a_job_that_the_controller_forgot_has_the_end_that_accounting_knows(room):
    job = await room.launcher.submit(request())
    room.fakes.start(job.id)
    room.fakes.end(job.id, "OUT_OF_MEMORY", 125, forgotten=True)
    end = (await one(room, job)).end
    assert end is not None
    assert (end.kind, end.exit_code, end.signal) == (OutcomeKind.OUT_OF_MEMORY, None, None)


async def test_a_job_that_accounting_alone_takes_for_alive_is_absent(room):
    job = await room.launcher.submit(request())
    room.fakes.start(job.id)
    room.fakes.change(job.id, forgotten=True, EndTime="Unknown")
    listing = await room.launcher.look([job])
    assert (list(listing.facts), listing.complete) == ([], True)


async def test_absence_is_no_fact_while_accounting_is_silent(room, monkeypatch):
    monkeypatch.setattr(watch, "_PAUSES", (0.0,))
    job = await room.launcher.submit(request())
    room.fakes.change(job.id, forgotten=True, unaccounted=True)
    room.fakes.fault("sacct", stderr="sacct: error: slurmdbd: Connection refused\n")
    assert not (await room.launcher.look([job])).complete
    room.fakes.mend()
    assert (await room.launcher.look([job])).complete


async def test_accounting_is_asked_with_growing_pauses(room, monkeypatch):
    monkeypatch.setattr(watch, "_PAUSES", (0.0, 600.0))
    job = await room.launcher.submit(request())
    room.fakes.change(job.id, forgotten=True, unaccounted=True)
    for _ in range(8):
        assert (await room.launcher.look([job])).complete, "its last answer stands"
    assert room.fakes.calls["squeue"] >= 8
    assert room.fakes.calls["sacct"] == 2


async def test_without_accounting_the_controller_is_asked_twice(room):
    room.fakes.set(accounting=False)
    job = await room.launcher.submit(request())
    room.fakes.change(job.id, forgotten=True)
    listing = await room.launcher.look([job])
    assert (list(listing.facts), listing.complete) == ([], True)
    assert not room.fakes.calls["sacct"]


async def test_private_jobs_are_never_absent_for_one_who_sees_only_their_own(tmp_path):
    room = make(tmp_path, door=ManyDoor)
    room.fakes.set(private="jobs,usage")
    job = await room.launcher.submit(request())
    room.fakes.change(job.id, forgotten=True, unaccounted=True)
    assert not (await room.launcher.look([job])).complete
    assert not (await room.launcher.find(MARK)).complete


@pytest.mark.parametrize("case", ["an operator", "one person"])
async def test_private_jobs_are_seen_by_operators_and_owners(tmp_path, case):
    room = make(tmp_path, door=ManyDoor if case == "an operator" else DirectDoor)
    room.fakes.set(private="jobs", operator=case == "an operator")
    job = await room.launcher.submit(request())
    room.fakes.change(job.id, forgotten=True, unaccounted=True)
    assert (await room.launcher.look([job])).complete


async def test_a_configuration_that_can_not_be_read_means_no_trust(room):
    job = await room.launcher.submit(request())
    room.fakes.change(job.id, forgotten=True, unaccounted=True)
    room.fakes.fault("scontrol", stderr=DOWN)
    assert not (await room.launcher.look([job])).complete


# --- words ---


@pytest.mark.parametrize("word", ["SUSPENDED", "REQUEUED", "RESIZING", "REVOKED", "STOPPED", "SPECIAL_EXIT", "TOMORROWS_WORD"])
async def test_odd_words_end_nothing(room, word):
    job = await room.launcher.submit(request())
    room.fakes.start(job.id)
    room.fakes.change(job.id, State=word)
    fact = await one(room, job)
    assert fact.state is not JobState.ENDED
    assert fact.end is None


async def test_who_cancelled_is_told(room):
    job = await room.launcher.submit(request())
    room.fakes.start(job.id)
    room.fakes.end(job.id, "CANCELLED", 15, by="0")
    end = (await one(room, job)).end
    assert end is not None
    assert (end.kind, end.params) == (OutcomeKind.CANCELLED, {"uid": 0, "by_owner": os.geteuid() == 0})


async def test_an_end_does_not_wait_long_for_who_cancelled(room, monkeypatch):
    job = await room.launcher.submit(request())
    room.fakes.end(job.id, "CANCELLED", unaccounted=True)
    fact = await one(room, job)
    assert (fact.state, fact.end) == (JobState.ENDED, None), "how is still being found out"
    monkeypatch.setattr(watch, "_WHO", 0.0)
    end = (await one(room, job)).end
    assert end is not None
    assert end.kind is OutcomeKind.CANCELLED


async def test_our_own_cancelling_needs_no_inquiry(room):
    job = await room.launcher.submit(request())
    await room.launcher.cancel(job)
    assert (await one(room, job)).end is not None
    assert not room.fakes.calls["sacct"]


async def test_an_end_stays(room):
    job = await room.launcher.submit(request())
    room.fakes.start(job.id)
    room.fakes.end(job.id, "FAILED", 3 << 8)
    end = (await one(room, job)).end
    room.fakes.end(job.id, "COMPLETED", 0)
    assert (await one(room, job)).end == end
    room.fakes.down()
    assert (await one(room, job)).end == end, "and needs no further question"


async def test_a_node_failure_is_told_when_the_job_comes_back(room):
    job = await room.launcher.submit(request())
    room.fakes.start(job.id)
    before = room.fakes.job(job.id)
    later = str(int(before["SubmitTime"]) + 60)
    room.fakes.change(job.id, State="PENDING", RestartCnt="1", SubmitTime=later, NodeList="", BatchHost="n/a")
    old = {**before, "State": "NODE_FAIL", "forgotten": True}
    with room.fakes.state() as state:
        state["jobs"] = {"old": old, **state["jobs"]}
    fact = await one(room, job)
    assert (fact.job, fact.restarts, fact.state) == (job, 1, JobState.PENDING)
    assert fact.previous is not None
    assert fact.previous.kind is OutcomeKind.NODE_FAILURE


# --- whose job ---


async def test_another_persons_job_with_our_mark_is_not_ours(room):
    job = await room.launcher.submit(request())
    room.fakes.add(Comment=MARK, Name=f"armchair-1-lab:{MARK}", State="RUNNING")
    assert [fact.job for fact in (await room.launcher.find(MARK)).facts] == [job]


async def test_an_id_that_was_given_out_again_is_another_job(room):
    job = await room.launcher.submit(request())
    later = str(int(room.fakes.job(job.id)["SubmitTime"]) + 5)
    room.fakes.change(job.id, SubmitTime=later, Comment="", Name="somebody-else")
    listing = await room.launcher.look([job])
    assert (list(listing.facts), listing.complete) == ([], True)
    await room.launcher.cancel(job)
    assert room.fakes.job(job.id)["State"] == "PENDING", "and is not cancelled"
    with pytest.raises(JobRefused):
        await room.launcher.extend(job, timedelta(hours=1))


async def test_the_site_may_take_the_comment_or_the_name(room):
    for switches in ({"keeps_comment": False}, {"keeps_comment": True, "keeps_name": False}):
        room.fakes.set(**switches)
        mark = f"{MARK[:-1]}{len(switches)}"
        job = await room.launcher.submit(request(mark=mark))
        assert (await one(room, job)).mark == mark
        assert [fact.job for fact in (await room.launcher.find(mark)).facts] == [job]


async def test_a_site_that_takes_both_gets_no_job(room):
    room.fakes.set(keeps_comment=False, keeps_name=False)
    with pytest.raises(JobRefused) as refused:
        await room.launcher.submit(request())
    assert "removed" in str(refused.value.params["reason"])
    assert room.fakes.job("100")["State"] == "CANCELLED"


# --- submitting ---


async def test_a_refusal_has_the_schedulers_words(room):
    room.fakes.fault("sbatch", stderr="sbatch: error: Batch job submission failed: Invalid qos specification\n")
    with pytest.raises(JobRefused) as refused:
        await room.launcher.submit(request())
    assert refused.value.params["reason"] == "Invalid qos specification"


async def test_a_sites_own_refusal_is_one_when_there_is_no_job(room):
    words = "sbatch: error: Say which project pays.\nsbatch: error: Batch job submission failed: Unspecified error\n"
    room.fakes.fault("sbatch", stderr=words)
    with pytest.raises(JobRefused) as refused:
        await room.launcher.submit(request())
    assert refused.value.params["reason"] == "Say which project pays.; Unspecified error"


async def test_unknown_words_and_a_job_all_the_same_are_one_job(room):
    room.fakes.fault("sbatch", stderr="sbatch: error: Something new\n", act=True)
    with pytest.raises(SchedulerSilent):
        await room.launcher.submit(request())
    assert len((await room.new().find(MARK)).facts) == 1


async def test_a_lost_answer_is_looked_for_and_not_repeated(tmp_path, monkeypatch):
    room = make(tmp_path, submit_timeout=timedelta(seconds=1))
    room.fakes.fault("sbatch", act=True, seconds=30, times=1)
    with pytest.raises(SchedulerSilent):
        await room.launcher.submit(request())
    monkeypatch.setattr(room.launcher._breaker, "check", lambda: None)
    listing = await room.launcher.find(MARK)
    assert [fact.job.id for fact in listing.facts] == ["100"]


async def test_a_submission_without_an_answer_may_still_arrive(tmp_path, monkeypatch):
    room = make(tmp_path, submit_timeout=timedelta(seconds=1))
    monkeypatch.setattr(room.launcher._breaker, "check", lambda: None)
    room.fakes.fault("sbatch", seconds=30, times=1)
    with pytest.raises(SchedulerSilent):
        await room.launcher.submit(request())
    assert not (await room.launcher.find(MARK)).complete, "the controller may be about to take it in"
    monkeypatch.setattr(launcher.time, "monotonic", lambda: 10**9)
    assert (await room.launcher.find(MARK)).complete


async def test_nobody_queues_up_before_a_dead_controller(room):
    room.fakes.down()
    with pytest.raises(SchedulerSilent):
        await room.launcher.submit(request())
    for _ in range(10):
        with pytest.raises(SchedulerSilent):
            await room.launcher.submit(request())
        with pytest.raises(SchedulerSilent):
            await room.launcher.find(MARK)
    assert sum(room.fakes.calls.values()) == 1
    room.fakes.mend()
    await room.launcher.look([])
    job = room.fakes.add()
    assert job


async def test_a_stop_is_not_lost_while_the_controller_is_down(room):
    job = await room.launcher.submit(request())
    room.fakes.down()
    with pytest.raises(SchedulerSilent):
        await room.launcher.cancel(job)
    room.fakes.mend()
    await room.launcher.look([job])
    await room.launcher.cancel(job)
    assert room.fakes.job(job.id)["State"] == "CANCELLED"


async def test_no_secret_is_in_an_argument_list(room):
    await room.launcher.submit(request(script="#!/bin/sh\n# s3cr3t\n", mandate=Secret("m4nd4te")))
    with room.fakes.state() as state:
        words = [word for call in state["calls"] for word in call]
        assert "s3cr3t" in state["jobs"]["100"]["script"]
    assert not [word for word in words if "s3cr3t" in word or "m4nd4te" in word]


async def test_somebody_elses_job_is_refused(room):
    with pytest.raises(JobRefused):
        await room.launcher.submit(JobRequest(mark=MARK, name="x", script=Secret(""), run_as="nobody", resources=Resources()))


# --- how often ---


async def test_one_query_for_all_who_ask_at_once(room):
    jobs = [await room.launcher.submit(request(mark=f"mark-{number}")) for number in range(10)]
    before = room.fakes.calls["squeue"]
    listings = await asyncio.gather(*(room.launcher.look([job]) for job in jobs * 10))
    assert {fact.job for listing in listings for fact in listing.facts} == set(jobs)
    assert room.fakes.calls["squeue"] - before <= 2


async def test_a_thousand_sessions_cost_one_query(room):
    first = await room.launcher.submit(request())
    with room.fakes.state() as state:
        plain = state["jobs"][first.id]
        state["jobs"] |= {str(number): {**plain, "JobID": str(number)} for number in range(1000, 2000)}
        state["calls"] = []
    refs = [replace(first, id=str(number)) for number in range(1000, 2000)]
    listing = await room.launcher.look(refs)
    assert [fact.job for fact in listing.facts] == refs
    assert room.fakes.calls == {"squeue": 1, "scontrol": 1}, "and the configuration, once in ten minutes"


async def test_the_place_in_the_queue_comes_with_the_same_answer(room):
    first = await room.launcher.submit(request(mark="mark-1"))
    await room.launcher.look([first])
    room.fakes.add(PriorityLong="900")
    room.fakes.add(PriorityLong="5")
    before = room.fakes.calls["squeue"]
    assert (await one(room, first)).position == 1
    assert room.fakes.calls["squeue"] - before == 1


async def test_a_queue_that_is_too_long_is_not_read_again(room, monkeypatch):
    monkeypatch.setattr(watch, "_WIDE_LIMIT", 2000)
    job = await room.launcher.submit(request())
    for _ in range(30):
        room.fakes.add()
    for _ in range(3):
        fact = await one(room, job)
        assert (fact.state, fact.position) == (JobState.PENDING, None)
    with room.fakes.state() as state:
        wide = [call for call in state["calls"] if call[0] == "squeue" and not any(w.startswith("--jobs") for w in call)]
    assert len(wide) == 1


async def test_an_old_squeue_without_our_fields_is_asked_with_letters(room):
    room.fakes.set(old=True)
    job = await room.launcher.submit(request())
    room.fakes.start(job.id)
    for _ in range(3):
        fact = await one(room, job)
        assert (fact.state, fact.mark, fact.node) == (JobState.RUNNING, MARK, "node1")
    assert room.fakes.calls["squeue"] == 1 + 1 + 3, "the fields are tried once"


@pytest.mark.parametrize("anothers", [False, True], ids=["ours", "another with its number"])
async def test_of_jobs_that_were_queued_again_only_a_portals_is_cancelled(room, anothers):
    """A controller that crashed gave the number to a job of the person's own, which then lost its node."""
    job = await room.launcher.submit(request())
    if anothers:
        room.fakes.change(job.id, Comment="thesis", Name="simulation")
    room.fakes.change(job.id, RestartCnt="1", SubmitTime=str(int(job.submitted_at.timestamp()) + 60))
    await room.new().cancel(job)
    assert room.fakes.calls["scancel"] == (0 if anothers else 1)
