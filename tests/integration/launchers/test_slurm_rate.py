"""However much is asked, the queue is looked at so many times in a minute and no more. The commands are fakes."""

import asyncio
import getpass
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from armchair.domain.run import JobRef
from armchair.domain.secret import Secret
from armchair.domain.session import Resources
from armchair.launchers.slurm import SlurmLauncher
from armchair.launchers.slurm.door import DirectDoor
from armchair.launchers.slurm.settings import Accounting, SlurmSettings
from armchair.sessions.launcherports import JobRequest
from armchair.testing.slurm import FakeSlurm

BURST = 8


@pytest.fixture
def fakes(tmp_path: Path) -> FakeSlurm:
    return FakeSlurm(tmp_path / "slurm")


@pytest.fixture
def launcher(fakes: FakeSlurm, tmp_path: Path) -> Callable[[int], SlurmLauncher]:
    def make(queries_per_minute: int) -> SlurmLauncher:
        settings = SlurmSettings(output_directory=str(tmp_path / "out"), queries_per_minute=queries_per_minute)
        return SlurmLauncher(name="hpc", settings=settings, door=DirectDoor(bin_directory=str(fakes.bin)))

    return make


async def submitted(launcher: SlurmLauncher, number: int = 0) -> JobRef:
    mark = f"armchair-ab12-{number:032x}"
    script = Secret("#!/bin/sh\nexit 0\n")
    return await launcher.submit(
        JobRequest(mark=mark, name="armchair-1-lab", script=script, run_as=getpass.getuser(), resources=Resources())
    )


async def test_those_who_must_wait_share_one_look(fakes: FakeSlurm, launcher: Callable[[int], SlurmLauncher]) -> None:
    one, began = launcher(30), asyncio.get_running_loop().time()
    job = await submitted(one)
    for _ in range(BURST - 1):
        await one.look([job])
    assert fakes.calls["squeue"] == BURST
    jobs = await asyncio.gather(*(submitted(one, number) for number in range(1, 6)))
    assert asyncio.get_running_loop().time() - began > 60 / (30 - BURST)
    assert len({job.id for job in jobs}) == 5
    assert fakes.calls["squeue"] <= BURST + 2


async def test_a_look_that_has_just_been_serves_a_stop(fakes: FakeSlurm, launcher: Callable[[int], SlurmLauncher]) -> None:
    one = launcher(600)
    job = await submitted(one)
    before = fakes.calls["squeue"]
    await one.cancel(job)
    assert fakes.calls["scancel"] == 1
    assert fakes.calls["squeue"] == before


async def test_an_older_look_does_not(
    fakes: FakeSlurm, launcher: Callable[[int], SlurmLauncher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The controller may have come back without its youngest jobs and given the number to another one."""
    monkeypatch.setattr("armchair.launchers.slurm.launcher._FRESH", 0.1)
    one = launcher(600)
    job = await submitted(one)
    fakes.change(job.id, SubmitTime="1700000000")
    await asyncio.sleep(0.2)
    await one.cancel(job)
    assert fakes.calls["scancel"] == 0


async def test_launches_that_a_silence_held_up_look_for_their_jobs_together(
    fakes: FakeSlurm, launcher: Callable[[int], SlurmLauncher]
) -> None:
    """If not, a hundred of them take the looks of two minutes, and meanwhile nobody hears of any job."""
    one = launcher(60)
    jobs = [await submitted(one, number) for number in range(2)]
    before, began = fakes.calls["squeue"], asyncio.get_running_loop().time()
    me = getpass.getuser()
    found = await asyncio.gather(*(one.find(f"armchair-ab12-{number:032x}", run_as=me) for number in range(100)))
    assert [[fact.job for fact in listing.facts] for listing in found[:3]] == [[jobs[0]], [jobs[1]], []]
    assert all(listing.complete for listing in found)
    assert fakes.calls["squeue"] <= before + 2
    await one.look(jobs)
    assert asyncio.get_running_loop().time() - began < 20


async def test_those_of_several_people_too(fakes: FakeSlurm, tmp_path: Path) -> None:
    one = SlurmLauncher(
        name="hpc",
        settings=SlurmSettings(output_directory=str(tmp_path / "out"), accounting=Accounting.OFF),
        door=DirectDoor(bin_directory=str(fakes.bin)),
    )
    mark = f"armchair-ab12-{0:032x}"
    people = [pwd.getpwall()[number] for number in (-1, -2)]
    theirs = [fakes.add(UserID=str(person.pw_uid), Comment=mark) for person in people]
    before = fakes.calls["squeue"]
    found = await asyncio.gather(*(one.find(mark, run_as=person.pw_name) for person in people))
    assert [[fact.job.id for fact in listing.facts] for listing in found] == [[job] for job in theirs]
    assert fakes.calls["squeue"] == before + 1
