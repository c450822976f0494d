"""What the real cluster offers to its people, when it would start what, and what it is not even asked for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from armchair import words
from armchair.client.errors import ApiError
from armchair.client.models import Where
from armchair.domain.cluster import Estimate, Starts
from armchair.domain.errors import SchedulerSilent
from armchair.domain.forms import placement as forms
from armchair.domain.session import Placement, Resources
from armchair.launchers.slurm.launcher import SlurmLauncher
from armchair.launchers.slurm.settings import SlurmSettings
from armchair.testing.processes import eventually
from cluster.door import PersonDoor
from cluster.names import ALICE, BOB, CAROL, CPUS_PER_NODE
from cluster.program import Program
from cluster.rig import Cluster

from .slurm_portal import SlurmPortal, portal_of  # noqa: TID252 - one folder's own

pytestmark = pytest.mark.timeout(240)
MIB = 2**20
HOUR = timedelta(hours=1)


Make = Callable[..., SlurmLauncher]


@pytest.fixture
async def launcher(slurm: Cluster) -> AsyncIterator[Make]:
    """Makes launchers on a login node, run by Alice."""
    made: list[SlurmLauncher] = []

    def make(**settings: object) -> SlurmLauncher:
        door = PersonDoor(ALICE.name, slurm.conf)
        made.append(SlurmLauncher(name="hpc", settings=SlurmSettings(**settings), door=door))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def known(one: SlurmLauncher, resources: Resources, placement: Placement, login: str = ALICE.name) -> Estimate:
    """The estimate, once it is there. The first answer never waits."""
    told = asyncio.Event()
    one.watch(told.set)
    found = await one.estimate(login, resources, placement)
    assert found == Estimate(starts=Starts.UNKNOWN, asking=True)
    async with asyncio.timeout(30):
        while found.asking:
            await told.wait()
            told.clear()
            found = await one.estimate(login, resources, placement)
    return found


@pytest.fixture
def reservation(slurm: Cluster) -> Iterator[str]:
    """A reservation for Bob, on one node of short, for an hour."""
    slurm.run(
        ["scontrol", "create", "reservation", "ReservationName=class", "StartTime=now", "Duration=60",
         f"Users={BOB.name}", "Nodes=node2", "PartitionName=short"]
    )  # fmt: skip
    yield "class"
    slurm.run(["scontrol", "delete", "ReservationName=class"], check=False)


@pytest.fixture
def rules(slurm: Cluster) -> Iterator[Callable[[str], object]]:
    """Change a partition's rules for the length of a test: `rules("gpu AllowAccounts=physics")`."""
    changed: list[str] = []

    def change(text: str) -> None:
        name, _, rule = text.partition(" ")
        changed.append(name)
        slurm.run(["scontrol", "update", f"PartitionName={name}", *rule.split()])

    yield change
    for name in changed:
        slurm.run(
            ["scontrol", "update", f"PartitionName={name}", "AllowAccounts=ALL", "AllowQos=ALL", "AllowGroups=ALL", "State=UP"]
        )


# --- the offer -------------------------------------------------------------------------------------------------------


async def test_alice_is_offered_partitions_accounts_and_qos(slurm: Cluster, launcher: Make) -> None:
    offer = await launcher().offer(ALICE.name)
    partitions = {one.name: one for one in offer.partitions}
    assert set(partitions) == {"short", "long", "gpu", "scavenge"}
    assert [one.name for one in offer.partitions if one.default] == ["short"]
    assert partitions["short"].max_walltime == 4 * HOUR
    assert (partitions["short"].cores, partitions["short"].memory) == (CPUS_PER_NODE, 64000 * MIB)
    assert partitions["gpu"].gpus == {"": 4, "a100": 2, "t4": 2}
    assert [(one.name, one.default) for one in sorted(offer.accounts, key=lambda one: one.name)] == [
        ("genomics", True),
        ("physics", False),
    ]
    small = next(one for one in offer.qos if one.name == "small")
    assert (small.limits.walltime, small.limits.cores) == (HOUR, 4)


async def test_carol_has_no_account_and_is_told_so(slurm: Cluster, launcher: Make) -> None:
    offer = await launcher().offer(CAROL.name)
    assert not offer.known
    problems = forms.check(offer, Resources(), forms.settle(offer, Resources(), Placement()), datetime.now(UTC))
    assert "group account" in words.field_error(problems[0])


async def test_a_reservation_is_offered_to_those_it_is_for(slurm: Cluster, reservation: str, launcher: Make) -> None:
    one = launcher()
    assert [found.name for found in (await one.offer(BOB.name)).reservations] == [reservation]
    assert (await one.offer(ALICE.name)).reservations == ()


async def test_a_partition_for_one_group_is_not_offered_to_others(
    slurm: Cluster, rules: Callable[[str], object], launcher: Make
) -> None:
    rules("gpu AllowAccounts=genomics")
    one = launcher()
    assert "gpu" not in [found.name for found in (await one.offer(BOB.name)).partitions]
    offer = await one.offer(ALICE.name)
    wanted = Placement(partition="gpu", account="physics")
    problems = forms.check(offer, Resources(gpus=1), wanted, datetime.now(UTC))
    assert [words.field_error(found) for found in problems] == ["Your group physics may not use gpu."]
    assert forms.settle(offer, Resources(gpus=1), Placement()).account == "genomics"


async def test_a_group_s_limit_is_known(slurm: Cluster, launcher: Make) -> None:
    slurm.accounting("modify account physics set GrpTRES=cpu=16")
    try:
        offer = await launcher().offer(BOB.name)
        problems = forms.check(offer, Resources(cores=17), Placement(account="physics"), datetime.now(UTC))
        assert [words.field_error(found) for found in problems] == ["Your group physics allows at most 16 cores at once."]
    finally:
        slurm.accounting("modify account physics set GrpTRES=cpu=-1")


async def test_accounting_that_is_down_is_no_obstacle(slurm: Cluster, launcher: Make) -> None:
    slurm.stop_dbd()
    try:
        offer = await launcher(query_timeout=timedelta(seconds=10)).offer(ALICE.name)
        assert (offer.known, offer.accounts, len(offer.partitions)) == (True, (), 4)
    finally:
        slurm.start_dbd()


async def test_an_offer_stays_when_the_controller_falls_silent(slurm: Cluster, launcher: Make) -> None:
    one = launcher()
    before = await one.offer(ALICE.name)
    slurm.stop_controller()
    assert (await one.offer(ALICE.name)).partitions == before.partitions
    fresh = launcher()
    with pytest.raises(SchedulerSilent):
        await fresh.offer(ALICE.name)


# --- estimates -------------------------------------------------------------------------------------------------------


async def test_an_empty_cluster_starts_now(slurm: Cluster, launcher: Make) -> None:
    found = await known(launcher(), Resources(cores=2, walltime=HOUR), Placement(partition="short"))
    assert found.starts is Starts.NOW


async def test_a_full_partition_starts_later_and_half_the_time_may_start_now(slurm: Cluster, launcher: Make) -> None:
    for node in ("node1", "node2", "node3"):
        job = slurm.submit(f"--nodelist={node}", "--exclusive", "--time=20", script="sleep 600", user=BOB.name)
        slurm.wait_job(job, "RUNNING")
    one = launcher()
    now = datetime.now(UTC)
    found = await known(one, Resources(cores=2, walltime=HOUR), Placement(partition="short"))
    assert found.starts is Starts.LATER
    assert found.at is not None
    assert timedelta(minutes=15) < found.at - now < timedelta(minutes=25)
    assert (await known(one, Resources(cores=2, walltime=HOUR), Placement(partition="gpu"))).starts is Starts.NOW


async def test_free_nodes_are_not_now_for_somebody_at_their_limit(slurm: Cluster, launcher: Make) -> None:
    options = ["--partition=short", "--qos=small", "--cpus-per-task=4", "--time=20"]
    slurm.wait_job(slurm.submit(*options, script="sleep 600", user=ALICE.name), "RUNNING")
    one, small = launcher(), Placement(partition="short", account="genomics", qos="small")
    await one.offer(ALICE.name)
    await one.overview()
    found = await known(one, Resources(cores=2, walltime=timedelta(minutes=20)), small)
    assert (found.starts, found.reason) == (Starts.UNKNOWN, "QOSMaxCpuPerUserLimit")
    # and Slurm itself says the same of a job that is really there
    waiting = slurm.submit("--partition=short", "--qos=small", "--cpus-per-task=2", "--time=20", script="true", user=ALICE.name)
    eventually(lambda: slurm.job(waiting)["Reason"] == found.reason, "Slurm gives the same reason", 20)
    found = await known(one, Resources(cores=2, walltime=timedelta(minutes=20)), replace(small, qos="normal"))
    assert (found.starts is not Starts.UNKNOWN, found.reason) == (True, "")


async def test_what_the_cluster_refuses_never_starts(slurm: Cluster, launcher: Make) -> None:
    one = launcher()
    found = await known(one, Resources(cores=2), Placement(account="law"))
    assert (found.starts, "account" in found.reason.lower()) == (Starts.NEVER, True)


async def test_estimates_are_few_and_ask_for_nothing_else(slurm: Cluster, launcher: Make) -> None:
    one = launcher(estimates_per_minute=2)
    told = asyncio.Event()
    one.watch(told.set)
    shapes = [Resources(cores=cores, walltime=HOUR) for cores in range(1, 7)]
    for _ in range(20):
        for shape in shapes:
            await one.estimate(ALICE.name, shape, Placement(partition="short"))
    async with asyncio.timeout(30):
        while (
            sum(
                [(await one.estimate(ALICE.name, shape, Placement(partition="short"))).starts is Starts.NOW for shape in shapes]
            )
            < 2
        ):
            await told.wait()
            told.clear()
    assert slurm.run(["squeue", "-h"]).stdout == ""


# --- how busy --------------------------------------------------------------------------------------------------------


async def test_the_overview_and_my_jobs_show_what_runs_wherever_it_was_started(slurm: Cluster, launcher: Make) -> None:
    options = ["--partition=gpu", "--gres=gpu:a100:1", "--cpus-per-task=3", "--mem=2000", "--time=20", "--job-name=by-hand"]
    job = slurm.submit(*options, script="sleep 600", user=ALICE.name)
    slurm.wait_job(job, "RUNNING")
    waiting = slurm.submit("--partition=short", "--hold", script="true", user=ALICE.name)
    one = launcher()
    loads = {found.name: found for found in (await one.overview()).partitions}
    gpu = loads["gpu"]
    assert (gpu.gpus.total, gpu.gpus.used, gpu.cores.used, gpu.running) == (4, 1, 3, 1)
    assert gpu.memory.used == 2000 * MIB
    assert loads["short"].waiting == 1
    mine = {found.id: found for found in await one.jobs(ALICE.name)}
    assert set(mine) == {job, waiting}
    assert (mine[job].name, mine[job].gpus, mine[job].node, mine[job].mark) == ("by-hand", 1, "gpu1", "")
    assert words.why(mine[waiting].reason, words.Waiting(placement=Placement(), resources=Resources(), job=waiting)).held
    assert await one.jobs(BOB.name) == []


# --- the form --------------------------------------------------------------------------------------------------------


def refusals(portal: SlurmPortal, where: Where) -> dict[str, str]:
    with pytest.raises(ApiError) as refused:
        portal.client.launch("hello", where=where)
    return {one.field: one.message for one in refused.value.fields}


def test_over_limit_wishes_are_refused_in_the_form(slurm: Cluster, portal: SlurmPortal) -> None:
    where = Where(placement={"partition": "short"}, resources={"walltime": "5h"})
    assert refusals(portal, where) == {"resources.walltime": "short allows at most 4 hours."}
    where = Where(resources={"cores": CPUS_PER_NODE + 1})
    assert refusals(portal, where) == {"resources.cores": f"The largest node of short has {CPUS_PER_NODE} cores."}
    where = Where(placement={"qos": "small"}, resources={"cores": 5})
    assert refusals(portal, where) == {"resources.cores": "The QOS small allows at most 4 cores at once."}
    where = Where(placement={"partition": "gpu", "gpu_type": "a100"}, resources={"gpus": 3})
    assert refusals(portal, where) == {"resources.gpus": "The largest node of gpu has 2 GPUs of type a100."}
    assert slurm.run(["squeue", "-h"]).stdout == ""
    assert portal.client.sessions().total == 0


def test_a_session_runs_where_it_was_asked_to(slurm: Cluster, portal: SlurmPortal) -> None:
    where = Where(
        placement={"partition": "gpu", "account": "physics", "gpu_type": "t4"},
        resources={"gpus": 1, "cores": 2, "memory": "500 MB", "walltime": "20m"},
    )
    session = portal.launch(where=where)
    job = slurm.job(portal.job(session.id))
    assert (job["Partition"], job["Account"], job["TimeLimit"], job["NumCPUs"]) == ("gpu", "physics", "00:20:00", "2")
    assert "gres/gpu:t4=1" in job["TresPerNode"] + job["TRES"] or "gpu:t4:1" in job["TresPerNode"]
    assert session.data["placement"]["partition"] == "gpu"
    cluster = portal.client.cluster("hpc")
    assert [found["started_here"] for found in cluster["jobs"]] == [True]


def test_a_session_that_waits_says_why(slurm: Cluster, portal: SlurmPortal) -> None:
    for node in ("node1", "node2", "node3"):
        slurm.wait_job(
            slurm.submit(f"--nodelist={node}", "--exclusive", "--time=20", script="sleep 600", user=BOB.name), "RUNNING"
        )
    session = portal.client.launch("hello", where=Where(resources={"walltime": "30m"}))
    told = portal.see(session.id, lambda found: found.data["reason"] in {"Resources", "Priority"}, "the reason is told")
    assert told.state in {"Waiting for free cores.", "Other jobs are ahead of yours."}
    told = portal.see(session.id, lambda found: found.data["expected_start"], "the expected start is told", 60)
    assert told.detail.startswith("Expected start ")


def test_a_group_at_its_limit_is_named(slurm: Cluster, portal: SlurmPortal) -> None:
    slurm.accounting("modify account genomics set GrpTRES=cpu=2")
    try:
        first = portal.launch(where=Where(placement={"account": "genomics"}, resources={"cores": 2}))
        assert first.ready
        second = portal.client.launch("hello", where=Where(placement={"account": "genomics"}, resources={"cores": 2}))
        told = portal.see(second.id, lambda found: found.data["reason"] == "AssocGrpCpuLimit", "the limit is told")
        assert told.state == "Your group genomics is using all the cores that it may use at once."
    finally:
        slurm.accounting("modify account genomics set GrpTRES=cpu=-1")


def test_carol_is_refused_before_anything_is_asked(slurm: Cluster, program: Program) -> None:
    carols = Program(user=CAROL.name, place=program.place)
    with portal_of(slurm, carols) as portal:
        assert "takes no jobs from you" in refusals(portal, Where())["placement.account"]
        assert portal.client.sessions().total == 0
