"""The launcher's contract: on fakes, on the local launcher, and on Slurm, both with fake commands and on a real cluster."""

import getpass
import secrets
from datetime import timedelta

import pytest

from armchair.domain.run import JobRef, OutcomeKind, ProcessEnd
from armchair.launchers.local import LocalLauncher
from armchair.launchers.local.settings import LocalSettings
from armchair.launchers.slurm import SlurmLauncher
from armchair.launchers.slurm.door import DirectDoor
from armchair.launchers.slurm.settings import SlurmSettings
from armchair.testing.contract_launcher import CONTRACT, LauncherUnderTest
from armchair.testing.launcher import FakeLauncher
from armchair.testing.scheduler import FakeScheduler
from armchair.testing.slurm import FakeSlurm
from cluster.door import PersonDoor
from cluster.names import ALICE


def local(tmp_path):
    launcher = LocalLauncher(tmp_path / "jobs", LocalSettings(grace=timedelta(seconds=5)))
    return LauncherUnderTest(launcher=launcher, user=getpass.getuser(), act=lambda job, happening: None)


def fake(tmp_path, launcher=None):
    launcher = launcher or FakeLauncher()

    def act(job: JobRef, happening: str) -> None:
        verb, _, rest = happening.partition(" ")
        match verb:
            case "start":
                launcher.run(job.id)
            case "exit":
                launcher.finish(job.id, int(rest))
            case "signal":
                launcher.kill(job.id, int(rest))
            case "walltime":
                launcher.time_out(job.id)
            case "write":
                launcher.write(job.id, rest)
            case "stop":
                at = launcher.table[job.id].fact.job.submitted_at
                launcher.end(job.id, ProcessEnd(at=at, kind=OutcomeKind.CANCELLED, signal=15))

    return LauncherUnderTest(launcher=launcher, user="someone", act=act)


def fake_scheduler(tmp_path):
    return fake(tmp_path, FakeScheduler())


def slurm_with_fakes(tmp_path):
    """The launcher for Slurm on commands that are fakes."""
    fakes = FakeSlurm(tmp_path / "slurm")
    settings = SlurmSettings(output_directory=str(tmp_path / "out"), queries_per_minute=600)
    launcher = SlurmLauncher(name="hpc", settings=settings, door=DirectDoor(bin_directory=str(fakes.bin)))
    (tmp_path / "out").mkdir()

    def act(job: JobRef, happening: str) -> None:
        verb, _, rest = happening.partition(" ")
        match verb:
            case "start":
                fakes.set(stubborn=True)
                fakes.start(job.id)
            case "exit":
                fakes.end(job.id, "FAILED" if int(rest) else "COMPLETED", int(rest) << 8)
            case "signal":
                fakes.end(job.id, "FAILED", int(rest))
            case "walltime":
                fakes.end(job.id, "TIMEOUT", 15)
            case "write":
                with (tmp_path / "out" / f"hpc-{job.id}.out").open("a") as file:
                    file.write(rest)
            case "stop":
                fakes.end(job.id, "CANCELLED", 15)
                fakes.set(stubborn=False)

    return LauncherUnderTest(launcher=launcher, user=getpass.getuser(), act=act)


@pytest.mark.parametrize("rule", CONTRACT, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("make", [fake, fake_scheduler, local, slurm_with_fakes], ids=lambda make: make.__name__)
async def test_contract(make, rule, tmp_path):
    await rule(make(tmp_path))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("rule", CONTRACT, ids=lambda rule: rule.__name__)
async def test_contract_on_a_real_cluster(rule, slurm):
    salt = f"-{secrets.token_hex(4)}"
    # a new cluster counts jobs from 1 again, and homes outlive it: what an earlier job of the number said is not this one's
    settings = SlurmSettings(output_directory=f"~/.local/state/armchair/jobs{salt}", queries_per_minute=600)
    launcher = SlurmLauncher(name="hpc", settings=settings, door=PersonDoor(ALICE.name, slurm.conf))
    # Slurm counts whole minutes and looks twice a minute whose are over
    case = LauncherUnderTest(
        launcher=launcher,
        user=ALICE.name,
        act=lambda job, happening: None,
        salt=salt,
        walltime=timedelta(minutes=1),
        patience=180.0,
        kill_wait=30.0,
    )
    await rule(case)
