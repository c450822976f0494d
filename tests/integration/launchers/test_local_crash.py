"""Whoever is killed, and whenever: no job is lost, none is orphaned, and the end is told."""

import asyncio
import errno
import json
import os
import sys
from pathlib import Path

import pytest

import armchair
from armchair.domain.errors import JobRefused, SchedulerSilent, StorageFull
from armchair.domain.run import JobState, OutcomeKind
from armchair.launchers.local import LocalLauncher
from armchair.testing.contract_launcher import ended, fact_of

ROOT = str(Path(armchair.__file__).parent.parent)

PORTAL = """
import asyncio, getpass, os, sys, threading
from pathlib import Path
from armchair.domain.secret import Secret
from armchair.domain.session import Resources
from armchair.launchers.local import LocalLauncher
from armchair.sessions.launcherports import JobRequest

def checkpoint(point):
    if point == sys.argv[2]:
        threading.Timer(float(sys.argv[4]), die).start() if float(sys.argv[4]) else die()

def die():
    os.kill(os.getpid(), 9)

launcher = LocalLauncher(Path(sys.argv[1]), checkpoint=checkpoint)
request = JobRequest(mark="crash", name="n", script=Secret(sys.argv[3]), run_as=getpass.getuser(), resources=Resources())
asyncio.run(launcher.submit(request))
os.kill(os.getpid(), 9)
"""


def dying_shepherd(point: str) -> str:
    """The keeper's start, with a keeper that is killed at this point."""
    return (
        f"import os, sys; sys.path.append({ROOT!r})\n"
        "from armchair.launchers.shepherd.main import start\n"
        "def checkpoint(point):\n"
        f"    if point == {point!r}: os.kill(os.getpid(), 9)\n"
        "start(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), checkpoint)\n"
    )


async def portal(room, point: str, script: str, delay: float = 0) -> None:
    """A portal that submits a job and is killed at `point`, or at the latest after the submission."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PORTAL, str(room.directory), point, script, str(delay)), env={**os.environ, "PYTHONPATH": ROOT}
    )
    assert await process.wait() == -9


@pytest.mark.parametrize("point", ["mkdir", "locked", "written"])
async def test_portal_killed_before_the_job_has_its_name(room, point):
    await portal(room, point, "exit 42\n")
    assert not (await room.launcher.find("crash")).facts
    room.assert_gone()
    for entry in room.directory.iterdir():
        os.utime(entry, (0, 0))
    again = await room.launcher.submit(room.request("exit 0\n"))
    assert [entry.name for entry in room.directory.iterdir()] == [again.id], "what was half made has gone"
    await ended(room.launcher, again)
    room.assert_gone()


@pytest.mark.parametrize("point", ["named", "start"])
async def test_portal_killed_before_the_job_has_a_process(room, point):
    await portal(room, point, "exit 42\n")
    (fact,) = (await room.launcher.find("crash")).facts
    assert fact.state is JobState.ENDED
    assert (fact.end.kind, fact.end.detail) == (OutcomeKind.NEVER_STARTED, "never_started")
    assert (await ended(room.open(), fact.job)) == fact.end
    room.assert_gone()


@pytest.mark.parametrize("point", ["started", "after the submission"])
async def test_portal_killed_when_the_job_runs(room, point):
    await portal(room, point, "echo up\nsleep 0.2\nexit 42\n")
    (fact,) = (await room.launcher.find("crash")).facts
    assert fact.state in {JobState.PENDING, JobState.RUNNING}
    assert (await ended(room.launcher, fact.job)).exit_code == 42
    assert await room.launcher.output(fact.job) == "up\n"
    room.assert_gone()


async def test_portal_killed_while_the_keeper_starts(room):
    """At any moment of the start: the job is found, and either runs or never started."""
    for seconds in (0.001, 0.003, 0.006, 0.01, 0.015, 0.02, 0.03):
        await portal(room, "start", "exit 42\n", delay=seconds)
    facts = (await room.launcher.find("crash")).facts
    assert len(facts) == 7
    for fact in facts:
        end = await ended(room.launcher, fact.job)
        assert end.exit_code == 42 or end.kind is OutcomeKind.NEVER_STARTED
    room.assert_gone()


@pytest.mark.parametrize("point", ["guard", "shepherd", "reserve", "leader", "state"])
async def test_keeper_killed_before_it_took_hold(room, point):
    launcher = LocalLauncher(room.directory, shepherd=dying_shepherd(point))
    with pytest.raises(JobRefused):
        await launcher.submit(room.request("touch ran\nexit 42\n"))
    assert not list(room.directory.iterdir())
    room.assert_gone()


async def test_keeper_killed_before_it_could_say_so(room):
    launcher = LocalLauncher(room.directory, shepherd=dying_shepherd("told"))
    with pytest.raises(SchedulerSilent):
        await launcher.submit(room.request("exit 42\n"))
    (fact,) = (await room.launcher.find("mark")).facts
    assert (await ended(room.launcher, fact.job)).detail == "shepherd_killed"
    room.assert_gone()


@pytest.mark.parametrize(("point", "detail"), [("gate", "shepherd_killed"), ("end", "shepherd_killed"), ("ended", "")])
async def test_keeper_killed_later(room, point, detail):
    launcher = LocalLauncher(room.directory, shepherd=dying_shepherd(point))
    job = await launcher.submit(room.request("exit 42\n"))
    end = await ended(launcher, job)
    assert end.detail == detail
    assert end.exit_code == (42 if point == "ended" else None)
    room.assert_gone()


FORKS = "import os,time\nfor i in range(5):\n  if os.fork()==0: os.setsid(); time.sleep(600)"
TREE = f"{sys.executable} -I -S -c '{FORKS}' &\necho up\nsleep 600\n"


async def running(room):
    job = await room.launcher.submit(room.request(TREE))
    room.wait_until(lambda: len(room.processes_with(f"ARMCHAIR_JOB={job.id}")) >= 7)
    return job, json.loads((room.directory / job.id / "state.json").read_text())


async def test_shepherd_killed_while_the_job_runs(room):
    job, state = await running(room)
    os.kill(state["shepherd"][0], 9)
    room.wait_until(lambda: not room.processes_with(f"ARMCHAIR_JOB={job.id}"), what="the end of the tree, without a look")
    end = await ended(room.launcher, job)
    assert (end.kind, end.detail, end.exit_code, end.signal) == (None, "shepherd_killed", None, None)
    room.assert_gone()


async def test_guard_killed_while_the_job_runs(room):
    job, state = await running(room)
    os.kill(state["guard"][0], 9)
    assert (await fact_of(room.launcher, job)).state is JobState.RUNNING
    await room.launcher.cancel(job)
    assert (await ended(room.launcher, job)).kind is OutcomeKind.CANCELLED
    room.assert_gone()


async def test_both_keepers_killed(room):
    """Nobody is left to clean up: the next look does, and touches only what is proven to be the job's."""
    job, state = await running(room)
    other, _ = await running(room)
    os.kill(state["guard"][0], 9)
    os.kill(state["shepherd"][0], 9)
    end = await ended(room.launcher, job)
    assert end.detail == "shepherd_killed"
    assert not room.processes_with(f"ARMCHAIR_JOB={job.id}")
    assert len(room.processes_with(f"ARMCHAIR_JOB={other.id}")) >= 7
    assert await ended(room.open(), job) == end
    await room.launcher.cancel(other, force=True)
    await ended(room.launcher, other)
    room.assert_gone()


async def test_reboot(room):
    job, state = await running(room)
    for keeper in ("guard", "shepherd"):
        os.kill(state[keeper][0], 9)
    room.wait_until(lambda: not room.processes_with(str(room.directory)))
    (room.directory / job.id / "state.json").write_text(json.dumps({**state, "boot_id": "another"}))
    bystanders = room.processes_with(f"ARMCHAIR_JOB={job.id}")
    end = await ended(room.launcher, job)
    assert (end.kind, end.detail) == (OutcomeKind.NODE_FAILURE, "rebooted")
    for pid in bystanders:  # numbers from before a reboot mean nothing: none of these was signalled
        os.kill(pid, 9)
    room.assert_gone()


async def test_a_cancellation_that_comes_before_the_keeper_is_kept(room):
    def cancel(point: str) -> None:
        if point == "start":
            (job,) = room.directory.iterdir()
            (job / "cancel").write_text("term")

    launcher = LocalLauncher(room.directory, checkpoint=cancel)
    job = await launcher.submit(room.request("echo ran\n"))
    end = await ended(launcher, job)
    assert (end.kind, end.exit_code, end.signal) == (OutcomeKind.CANCELLED, None, None)
    assert await launcher.output(job) == ""
    room.assert_gone()


async def test_two_launchers_on_one_directory_see_the_same(room):
    job = await room.launcher.submit(room.request("sleep 600\n"))
    second = room.open()
    assert (await second.find("mark")).facts == (await room.launcher.find("mark")).facts
    await second.cancel(job)
    assert (await ended(room.launcher, job)) == (await ended(second, job))
    await second.forget(job)
    assert not (await room.launcher.look([job])).facts
    room.assert_gone()


async def test_fifty_at_once(room):
    jobs = await asyncio.gather(*(room.launcher.submit(room.request(f"exit {n}\n", mark=f"m{n}")) for n in range(50)))
    assert len({job.id for job in jobs}) == 50
    for number, job in enumerate(jobs):
        assert (await ended(room.launcher, job)).exit_code == number
    room.assert_gone()


@pytest.mark.parametrize("point", ["mkdir", "locked", "written", "named"])
async def test_a_full_disk_while_staging(room, point):
    def full(reached: str) -> None:
        if reached == point:
            raise OSError(errno.ENOSPC, "No space left on device")

    launcher = LocalLauncher(room.directory, checkpoint=full)
    with pytest.raises(StorageFull) as caught:
        await launcher.submit(room.request("exit 0\n"))
    assert (caught.value.code, caught.value.params) == ("disk_full", {"path": str(room.directory)})
    assert not list(room.directory.iterdir())


async def test_a_full_disk_while_the_keeper_takes_hold(room):
    shepherd = dying_shepherd("state").replace("os.kill(os.getpid(), 9)", "raise OSError(28, 'No space left on device')")
    launcher = LocalLauncher(room.directory, shepherd=shepherd)
    with pytest.raises(StorageFull):
        await launcher.submit(room.request("exit 0\n"))
    assert not list(room.directory.iterdir())
    room.assert_gone()


async def test_another_account_is_refused(room):
    request = room.request("exit 0\n")
    object.__setattr__(request, "run_as", "somebody-else")
    with pytest.raises(JobRefused) as caught:
        await room.launcher.submit(request)
    assert caught.value.code == "not_this_user"


async def test_a_forged_or_broken_job_directory_is_no_job(room):
    job = await room.launcher.submit(room.request("exit 0\n"))
    await ended(room.launcher, job)
    good = json.loads((room.directory / job.id / "job.json").read_text())
    texts = ["", "[]", "{}", "null", '{"id": 1}', json.dumps({**good, "uid": good["uid"] + 1}), json.dumps(good)]
    for number, text in enumerate(texts):
        directory = room.directory / f"2026112320000{number}-0123456789abcdef"
        directory.mkdir()
        (directory / "job.json").write_text(text)
    assert [fact.job for fact in (await room.open().find("mark")).facts] == [job]
    room.assert_gone()
