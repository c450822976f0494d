"""The launcher's contract on the fake and on the local launcher."""

import getpass
from datetime import timedelta

import pytest

from armchair.domain.run import JobRef, OutcomeKind, ProcessEnd
from armchair.launchers.local import LocalLauncher
from armchair.launchers.local.settings import LocalSettings
from armchair.testing.contract_launcher import CONTRACT, LauncherUnderTest
from armchair.testing.launcher import FakeLauncher


def local(tmp_path):
    launcher = LocalLauncher(tmp_path / "jobs", LocalSettings(grace=timedelta(seconds=5)))
    return LauncherUnderTest(launcher=launcher, user=getpass.getuser(), act=lambda job, happening: None)


def fake(tmp_path):
    launcher = FakeLauncher()

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
                at = launcher.jobs[job.id].fact.job.submitted_at
                launcher.end(job.id, ProcessEnd(at=at, kind=OutcomeKind.CANCELLED, signal=15))

    return LauncherUnderTest(launcher=launcher, user="someone", act=act)


@pytest.mark.parametrize("rule", CONTRACT, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("make", [fake, local], ids=lambda make: make.__name__)
async def test_contract(make, rule, tmp_path):
    await rule(make(tmp_path))
