"""The launcher on a real cluster, job by job: what Slurm does to jobs every day, and what its daemons' failures look like."""

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from armchair.domain.errors import JobRefused, SchedulerSilent
from armchair.domain.run import JobRef, JobState, OutcomeKind
from armchair.domain.secret import Secret
from armchair.domain.session import Placement, Resources
from armchair.launchers.slurm import SlurmLauncher
from armchair.launchers.slurm.settings import SlurmSettings
from armchair.sessions.launcherports import JobFact, JobRequest
from armchair.testing.contract_launcher import until
from cluster.door import PersonDoor
from cluster.names import ALICE, BOB, CAROL
from cluster.rig import Cluster

pytestmark = pytest.mark.timeout(240)

RUN = f"tests{secrets.token_hex(4)}"  # accounting remembers the jobs of earlier runs
SLEEP = "#!/bin/sh\nexec sleep 600\n"
Make = Callable[..., SlurmLauncher]


@pytest.fixture
def make(slurm: Cluster) -> Make:
    def made(user: str = ALICE.name, **settings: object) -> SlurmLauncher:
        return SlurmLauncher(
            name="hpc", settings=SlurmSettings(**{"queries_per_minute": 600, **settings}), door=PersonDoor(user, slurm.conf)
        )  # type: ignore[arg-type]

    return made


def request(mark: str, script: str = SLEEP, user: str = ALICE.name, *, memory: int = 100, **placement: str) -> JobRequest:
    return JobRequest(
        mark=f"armchair-{RUN}-{mark.encode().hex().zfill(32)[-32:]}",
        name="armchair-1-test",
        script=Secret(script),
        run_as=user,
        resources=Resources(memory=memory * 2**20, walltime=timedelta(minutes=30)),
        placement=Placement(**placement),
    )


async def reach(launcher: SlurmLauncher, job: JobRef, state: JobState, seconds: float = 60) -> JobFact:
    return await until(launcher, job, lambda fact: fact.state is state, seconds)


async def ended(launcher: SlurmLauncher, job: JobRef, seconds: float = 60) -> JobFact:
    return await until(launcher, job, lambda fact: fact.end is not None, seconds)


# --- a job's life ---


async def test_a_running_job_tells_where_it_is_and_until_when(slurm: Cluster, make: Make) -> None:
    launcher = make()
    fact = await reach(launcher, await launcher.submit(request("life")), JobState.RUNNING)
    assert fact.host == slurm.nodes[fact.node]
    assert fact.started_at is not None
    assert fact.ends_at == fact.started_at + timedelta(minutes=30)
    assert (fact.restarts, fact.reason) == (0, "")


async def test_nodes_by_another_name(make: Make) -> None:
    launcher = make(node_address="127.0.0.9")
    assert (await reach(launcher, await launcher.submit(request("name")), JobState.RUNNING)).host == "127.0.0.9"


async def test_a_cluster_that_is_named(slurm: Cluster, make: Make) -> None:
    launcher = make(cluster=slurm.layout.name)
    job = await launcher.submit(request("named"))
    fact = await reach(launcher, job, JobState.RUNNING)
    assert fact.host == slurm.nodes[fact.node]
    assert [one.job for one in (await launcher.find(fact.mark)).facts] == [job]
    await launcher.extend(job, timedelta(minutes=20))
    await launcher.cancel(job)
    assert (await ended(launcher, job)).end is not None
    gone = JobRef(cluster="hpc", id="4294967", submitted_at=datetime.now(UTC))
    assert (await launcher.look([gone])).complete


async def test_the_job_has_a_logins_surroundings(make: Make) -> None:
    launcher = make()
    script = "#!/bin/sh\npwd; echo $HOME; echo $USER; env | grep -c SLURM_TIME_FORMAT; srun --ntasks=1 sh -c 'echo $HOME'\n"
    job = await launcher.submit(request("env", script))
    await ended(launcher, job)
    home = f"/home/{ALICE.name}"
    assert (await launcher.output(job)).split() == [home, home, ALICE.name, "0", home]


async def test_hold_and_release(slurm: Cluster, make: Make) -> None:
    launcher = make()
    slurm.drain()
    job = await launcher.submit(request("hold"))
    slurm.run(["scontrol", "hold", job.id])
    await until(launcher, job, lambda fact: fact.reason == "JobHeldAdmin")
    slurm.run(["scontrol", "release", job.id])
    slurm.run(["scontrol", "hold", job.id], user=ALICE.name)
    await until(launcher, job, lambda fact: fact.reason == "JobHeldUser")
    slurm.run(["scontrol", "release", job.id], user=ALICE.name)
    slurm.resume()
    await reach(launcher, job, JobState.RUNNING)


async def test_suspend_and_resume(slurm: Cluster, make: Make) -> None:
    launcher = make()
    job = await launcher.submit(request("suspend"))
    await reach(launcher, job, JobState.RUNNING)
    slurm.run(["scontrol", "suspend", job.id])
    assert (await reach(launcher, job, JobState.SUSPENDED)).host
    slurm.run(["scontrol", "resume", job.id])
    await reach(launcher, job, JobState.RUNNING)


async def test_jobs_ahead(slurm: Cluster, make: Make) -> None:
    slurm.drain()
    first, second = make(), make(BOB.name)
    job = await first.submit(request("ahead"))
    later = await second.submit(request("behind", user=BOB.name))
    await first.look([job])
    await second.look([later])
    positions = [
        (await until(one, ref, lambda fact: fact.position is not None)).position for one, ref in ((first, job), (second, later))
    ]
    assert positions == [0, 1]


# --- ends ---


async def test_too_much_memory(make: Make) -> None:
    launcher = make()
    script = "#!/bin/sh\nexec python3 -c 'x = bytearray(300 << 20)\nimport time; time.sleep(60)'\n"
    fact = await ended(launcher, await launcher.submit(request("oom", script)))
    assert fact.end is not None
    assert (fact.end.kind, fact.end.exit_code) == (OutcomeKind.OUT_OF_MEMORY, None)


async def test_a_node_goes_down(slurm: Cluster, make: Make) -> None:
    launcher = make()
    job = await launcher.submit(request("node"))
    node = (await reach(launcher, job, JobState.RUNNING)).node
    slurm.set_node(node, "DOWN")
    fact = await ended(launcher, job)
    assert fact.end is not None
    assert (fact.end.kind, fact.end.params["node"]) == (OutcomeKind.NODE_FAILURE, node)


async def test_a_node_goes_down_and_the_job_may_come_back(slurm: Cluster, make: Make) -> None:
    launcher = make(requeue=True)
    job = await launcher.submit(request("again"))
    node = (await reach(launcher, job, JobState.RUNNING)).node
    slurm.set_node(node, "DOWN")
    fact = await until(launcher, job, lambda fact: fact.restarts == 1, 90)
    assert fact.job == job, "the very job that was asked for, although Slurm gave it another submit time"
    assert fact.previous is not None
    assert fact.previous.kind is OutcomeKind.NODE_FAILURE
    assert fact.previous.params["node"] == node
    await reach(launcher, job, JobState.RUNNING, 90)
    assert [one.job.id for one in (await launcher.find(fact.mark)).facts] == [job.id]


async def test_a_cancellation_by_others_and_by_oneself(slurm: Cluster, make: Make) -> None:
    launcher = make()
    for user, by_owner in (("root", False), (ALICE.name, True)):
        job = await launcher.submit(request(f"cancel {user}"))
        await reach(launcher, job, JobState.RUNNING)
        slurm.run(["scancel", job.id], user=None if user == "root" else user)
        fact = await ended(launcher, job)
        assert fact.end is not None
        assert (fact.end.kind, fact.end.params["by_owner"]) == (OutcomeKind.CANCELLED, by_owner)


async def test_an_end_that_only_accounting_remembers(slurm: Cluster, make: Make) -> None:
    slurm.reconfigure(MinJobAge="2", restart=True)
    launcher = make()
    job = await launcher.submit(request("past", "#!/bin/sh\nexit 7\n"))
    await asyncio.to_thread(slurm.wait_job, job.id)
    deadline = time.monotonic() + 120
    while slurm.job(job.id):
        assert time.monotonic() < deadline, "the controller does not forget"
        await asyncio.sleep(0.5)
    fact = await ended(make(), job)
    assert fact.end is not None
    assert (fact.end.exit_code, fact.end.kind) == (7, None)
    found = await make().find(fact.mark)
    assert ([one.job for one in found.facts], found.complete) == ([job], True)


# --- no ---


@pytest.mark.parametrize(
    ("placement", "words"),
    [
        ({"partition": "nowhere"}, "Invalid partition"),
        ({"account": "nobody"}, "Invalid account"),
        ({"qos": "fast"}, "Invalid qos"),
        ({"reservation": "class1"}, "Access denied to requested reservation"),
    ],
)
async def test_what_the_scheduler_refuses_it_refuses_in_words(
    slurm: Cluster, make: Make, placement: dict[str, str], words: str
) -> None:
    if "reservation" in placement:
        begin = ["scontrol", "create", "reservation", "ReservationName=class1", "StartTime=now", "Duration=60"]
        slurm.run([*begin, f"Users={BOB.name}", "Nodes=node3", "PartitionName=short"])
    try:
        with pytest.raises(JobRefused) as refused:
            await make().submit(request("no", **placement))
    finally:
        slurm.run(["scontrol", "delete", "ReservationName=class1"], check=False)
    assert words in str(refused.value.params["reason"])


async def test_a_job_inside_a_reservation(slurm: Cluster, make: Make) -> None:
    begin = ["scontrol", "create", "reservation", "ReservationName=class2", "StartTime=now", "Duration=60"]
    slurm.run([*begin, f"Users={ALICE.name}", "Nodes=node3", "PartitionName=short"])
    launcher = make()
    try:
        job = await launcher.submit(request("reserved", reservation="class2", partition="short"))
        assert (await reach(launcher, job, JobState.RUNNING)).node == "node3"
        await launcher.cancel(job)
        await ended(launcher, job)
    finally:
        await asyncio.to_thread(slurm.wait_job, job.id)
        slurm.run(["scontrol", "delete", "ReservationName=class2"])


async def test_somebody_without_an_account(make: Make) -> None:
    with pytest.raises(JobRefused) as refused:
        await make(CAROL.name).submit(request("carol", user=CAROL.name))
    assert "Invalid account" in str(refused.value.params["reason"])


async def test_beyond_a_limit_it_is_accepted_and_waits_with_the_reason(make: Make) -> None:
    launcher = make(extra_args=("--time=99999",))
    job = await launcher.submit(request("limit"))
    # until the scheduler has looked at it, another reason may stand there
    await until(launcher, job, lambda fact: fact.reason == "PartitionTimeLimit")


async def test_more_time_is_the_operators_to_give(slurm: Cluster, make: Make) -> None:
    launcher = make()
    job = await launcher.submit(request("time"))
    began = (await reach(launcher, job, JobState.RUNNING)).started_at
    with pytest.raises(JobRefused) as refused:
        await launcher.extend(job, timedelta(hours=2))
    assert "ermission denied" in str(refused.value.params["reason"])
    await launcher.extend(job, timedelta(minutes=20))
    slurm.accounting(f"modify user {ALICE.name} set AdminLevel=Operator\nquit\n")
    try:
        await launcher.extend(job, timedelta(hours=2))
        assert (await launcher.look([job])).facts[0].ends_at == (began or datetime.now(UTC)) + timedelta(hours=2)
    finally:
        slurm.accounting(f"modify user {ALICE.name} set AdminLevel=None\nquit\n")


# --- the node's disks ---


async def test_a_home_directory_that_the_node_lacks_costs_the_output_and_not_the_job(slurm: Cluster, make: Make) -> None:
    launcher = make(extra_args=("--nodelist=node1",))
    slurm.hide_homes("node1")
    job = await launcher.submit(request("home", "#!/bin/sh\npwd\nexit 5\n"))
    fact = await ended(launcher, job)
    assert fact.end is not None
    assert fact.end.exit_code == 5
    assert await launcher.output(job) == ""


async def test_a_home_directory_that_is_full_costs_no_job(slurm: Cluster, make: Make) -> None:
    launcher = make(extra_args=("--nodelist=node2",))
    slurm.fill_home("node2", ALICE.name)
    fact = await ended(launcher, await launcher.submit(request("full", "#!/bin/sh\necho hello\nexit 6\n")))
    assert fact.end is not None
    assert fact.end.exit_code == 6


# --- daemons that fail ---


async def test_a_controller_that_is_away_when_a_job_is_submitted(slurm: Cluster, make: Make) -> None:
    launcher = make()
    slurm.stop_controller()
    with pytest.raises(SchedulerSilent):
        await launcher.submit(request("away"))
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(SchedulerSilent):
            await launcher.submit(request("away"))
    assert time.monotonic() - began < 5, "nobody waits for what is known"
    slurm.start_controller()
    await until_answer(launcher)
    assert not (await launcher.find(request("away").mark)).facts
    await launcher.submit(request("away"))


async def test_a_controller_that_sleeps_while_a_job_is_submitted_gets_one_job(slurm: Cluster, make: Make) -> None:
    launcher = make(submit_timeout=timedelta(seconds=3))
    slurm.pause_controller()
    try:
        with pytest.raises(SchedulerSilent):
            await launcher.submit(request("asleep"))
    finally:
        slurm.resume_controller()
    await until_answer(launcher)
    mark = request("asleep").mark
    deadline = time.monotonic() + 60
    while not (found := await launcher.find(mark)).complete:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.5)
    assert len(found.facts) <= 1
    jobs = slurm.run(["squeue", "-h", "-t", "all", "-o", "%k"]).stdout.split()
    assert jobs.count(mark) == len(found.facts)


async def test_a_controller_that_died_may_have_forgotten_the_job_and_reuses_its_number(slurm: Cluster, make: Make) -> None:
    slurm.drain()
    launcher = make()
    slurm.freeze_state()
    job = await launcher.submit(request("forgotten"))
    slurm.kill_controller()
    slurm.start_controller()
    await until_answer(launcher)
    if slurm.job(job.id).get("Comment", "").startswith("armchair-tests"):
        pytest.fail("the controller did not forget: the fault was not made")
    while (other := slurm.submit("--time=5", script="sleep 300", user=BOB.name)) != job.id:
        assert int(other) < int(job.id), "the number comes again"
    listing = await launcher.look([job])
    assert (list(listing.facts), listing.complete) == ([], True)
    await launcher.cancel(job)
    assert slurm.state(other) == "PENDING", "somebody else's job is not touched"


async def test_accounting_is_down(slurm: Cluster, make: Make) -> None:
    launcher = make()
    job = await launcher.submit(request("dbd"))
    await reach(launcher, job, JobState.RUNNING)
    slurm.stop_dbd()
    assert (await launcher.look([job])).facts[0].state is JobState.RUNNING
    gone = JobRef(cluster="hpc", id="4294967", submitted_at=datetime.now(UTC))
    listing = await launcher.look([gone])
    assert (list(listing.facts), listing.complete) == ([], False), "one source is not enough"
    slurm.run(["scancel", job.id])
    fact = await ended(launcher, job)
    assert fact.end is not None
    assert fact.end.kind is OutcomeKind.CANCELLED


async def test_munge_is_down(slurm: Cluster, make: Make) -> None:
    launcher = make()
    job = await launcher.submit(request("munge"))
    slurm.stop_munge()
    with pytest.raises(SchedulerSilent) as silence:
        await launcher.look([job])
    assert "munge" in str(silence.value).lower()
    slurm.start_munge()
    await until_answer(launcher)
    assert (await launcher.look([job])).facts


async def until_answer(launcher: SlurmLauncher, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            await launcher.look([JobRef(cluster="hpc", id="1", submitted_at=datetime.now(UTC))])
        except SchedulerSilent:
            assert time.monotonic() < deadline, "it does not answer"
            await asyncio.sleep(0.2)
        else:
            return
