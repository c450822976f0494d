"""The scheduler's contract: on the fake, and on Slurm on a real cluster."""

import pytest

from armchair.launchers.slurm import SlurmLauncher
from armchair.launchers.slurm.settings import SlurmSettings
from armchair.testing.contract_scheduler import CONTRACT, SchedulerUnderTest
from armchair.testing.scheduler import FakeScheduler
from cluster.door import PersonDoor
from cluster.names import ALICE, BOB


@pytest.mark.parametrize("rule", CONTRACT, ids=lambda rule: rule.__name__)
async def test_contract_on_the_fake(rule):
    await rule(SchedulerUnderTest(scheduler=FakeScheduler(), user="ann", other="ben"))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("rule", CONTRACT, ids=lambda rule: rule.__name__)
async def test_contract_on_a_real_cluster(rule, slurm):
    launcher = SlurmLauncher(name="hpc", settings=SlurmSettings(), door=PersonDoor(ALICE.name, slurm.conf))
    try:
        await rule(SchedulerUnderTest(scheduler=launcher, user=ALICE.name, other=BOB.name))
    finally:
        await launcher.close()
