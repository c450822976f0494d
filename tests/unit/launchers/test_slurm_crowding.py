"""Free nodes are not all: limits of what may run at the same time, and closed partitions, keep jobs waiting."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.domain.cluster import ClusterJob, Estimate, Starts
from armchair.domain.session import Placement, Resources
from armchair.launchers.slurm.crowding import Asked, full, has_rules
from armchair.launchers.slurm.offerbuild import Books
from armchair.launchers.slurm.offerparse import AssociationFacts, PartitionFacts, QosFacts, Tres
from armchair.launchers.slurm.offers import QueueDesk
from armchair.launchers.slurm.overview import QueuedJob
from unit.launchers.slurm_door import Hands, RecordedDoor

GB = 2**30
PARTITIONS = [PartitionFacts(name="short"), PartitionFacts(name="gpu", own_qos="gpus")]
MINE = AssociationFacts(account="genomics", user="ada", parent="", default_qos="normal")
ABOVE = [
    AssociationFacts(account="root"),
    AssociationFacts(account="biology", parent="root"),
    AssociationFacts(account="genomics", parent="biology"),
    AssociationFacts(account="botany", parent="biology"),
]


def books(*qos: QosFacts, mine: AssociationFacts = MINE, limits: bool = True, **above: Tres) -> Books:
    rows = [replace(row, group=above.get(row.account, Tres())) for row in ABOVE]
    return Books(associations=[*rows, mine], qos=qos, enforced=True, limits=limits)


def job(user: str = "ada", account: str = "genomics", qos: str = "normal", cores: int = 4, **rest: object) -> QueuedJob:
    facts = {"id": "1", "name": "x", "state": "RUNNING", "partition": "short", "cores": cores} | rest
    return QueuedJob(user=user, account=account, qos=qos, job=ClusterJob(**facts))  # type: ignore[arg-type]


def waits(kept: Books, *queue: QueuedJob, cores: int = 2, partition: str = "short", **rest: object) -> str:
    resources = Resources(cores=cores, **rest)  # type: ignore[arg-type]
    asked = Asked(login="ada", resources=resources, placement=Placement(partition=partition, account="genomics"))
    return full(asked, kept, PARTITIONS, queue)


NORMAL = QosFacts(name="normal", each_user=Tres(cores=4))


@pytest.mark.parametrize(
    ("kept", "queue", "code"),
    [
        (books(NORMAL), [job()], "QOSMaxCpuPerUserLimit"),
        (books(NORMAL), [job(cores=2)], ""),
        (books(NORMAL), [job(user="ben")], ""),
        (books(NORMAL), [job(qos="other")], ""),
        (books(NORMAL), [job(state="PENDING")], ""),
        (books(NORMAL, limits=False), [job()], ""),
        (books(QosFacts(name="normal", each_user=Tres(jobs=1))), [job()], "QOSMaxJobsPerUserLimit"),
        (books(QosFacts(name="normal", each_account=Tres(cores=5))), [job(user="ben")], "MaxCpuPerAccount"),
        (books(QosFacts(name="normal", together=Tres(cores=5))), [job(user="ben", account="law")], "QOSGrpCpuLimit"),
        (books(genomics=Tres(cores=5)), [job(user="ben")], "AssocGrpCpuLimit"),
        (books(biology=Tres(cores=5)), [job(user="ben", account="botany")], "AssocGrpCpuLimit"),
        (books(biology=Tres(cores=5)), [job(user="ben", account="law")], ""),
        (books(root=Tres(jobs=1)), [job(user="ben", account="botany")], "AssocGrpJobsLimit"),
        (books(mine=replace(MINE, jobs=1)), [job()], "AssocMaxJobsLimit"),
        (books(mine=replace(MINE, group=Tres(memory=GB))), [job(memory=GB)], ""),  # no memory is asked for
    ],
)
def test_the_limit_that_is_reached_is_named(kept: Books, queue: list[QueuedJob], code: str) -> None:
    assert waits(kept, *queue) == code


def test_memory_and_gpus_count_too() -> None:
    kept = books(genomics=Tres(memory=4 * GB, gpus=2))
    assert waits(kept, job(memory=3 * GB), memory=2 * GB) == "AssocGrpMemLimit"
    assert waits(kept, job(gpus=2), gpus=1) == "AssocGrpGRES"
    assert waits(kept, job(gpus=2)) == ""


def test_a_partition_s_own_qos_counts_its_jobs_whatever_their_qos() -> None:
    kept = books(QosFacts(name="gpus", each_user=Tres(cores=4)))
    assert waits(kept, job(partition="gpu", qos="other"), partition="gpu") == "QOSMaxCpuPerUserLimit"
    assert waits(kept, job(partition="short", qos="other"), partition="gpu") == ""


def test_without_rules_nobody_needs_to_know_the_queue() -> None:
    asked = Asked(login="ada", resources=Resources(), placement=Placement(partition="short", account="genomics"))
    assert not has_rules(asked, books(), PARTITIONS)
    assert has_rules(asked, books(NORMAL), PARTITIONS)


def test_accounts_that_go_round_in_a_circle_end() -> None:
    rows = [AssociationFacts(account="a", parent="b", group=Tres(cores=1)), AssociationFacts(account="b", parent="a")]
    asked = Asked(login="ada", resources=Resources(), placement=Placement(account="a"))
    kept = Books(associations=rows, limits=True)
    assert full(asked, kept, (), [job(account="b", cores=1)]) == "AssocGrpCpuLimit"


@given(st.integers(1, 50), st.integers(0, 50), st.integers(1, 50))
def test_it_waits_exactly_when_the_sum_is_too_much(limit: int, used: int, wanted: int) -> None:
    kept = books(QosFacts(name="normal", each_user=Tres(cores=limit)))
    assert bool(waits(kept, job(cores=used), cores=wanted)) == (used + wanted > limit)


# --- the estimate ----------------------------------------------------------------------------------------------------


async def settled(desk: QueueDesk, placement: Placement, cores: int = 2) -> Estimate:
    """The estimate when all that it needs was read."""
    resources = Resources(cores=cores, walltime=timedelta(minutes=10))
    await desk.offer("armbob")
    await desk.overview()
    for _ in range(20):
        found = desk.estimate("armbob", resources, placement)
        if not found.asking:
            return found
        await desk.overview()
    raise AssertionError(found)


def desk_of(door: RecordedDoor) -> QueueDesk:
    return QueueDesk(door, name="hpc", clock=Hands(), now=lambda: datetime.fromtimestamp(1795634800, UTC))


async def test_free_nodes_are_not_now_for_somebody_at_their_limit() -> None:
    door = RecordedDoor()
    here = Placement(partition="short", account="physics")
    assert (await settled(desk_of(door), here)).starts is Starts.NOW
    # of the recorded queue, Bob runs two jobs of 64 cores with the QOS normal
    door.answers["qos"] = "normal||||cpu=129|||||||\n"
    found = await settled(desk_of(door), here)
    assert (found.starts, found.reason) == (Starts.UNKNOWN, "QOSMaxCpuPerUserLimit")
    assert (await settled(desk_of(door), here, cores=1)).starts is Starts.NOW


async def test_a_closed_partition_is_not_now() -> None:
    door = RecordedDoor()
    door.answers["partitions"] = door.answers["partitions"].replace("State=UP", "State=DOWN", 1)
    found = await settled(desk_of(door), Placement(partition="short", account="physics"))
    assert (found.starts, found.reason) == (Starts.UNKNOWN, "PartitionDown")
