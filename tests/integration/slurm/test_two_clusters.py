"""Two clusters on one machine do not disturb each other: same node names, same users, many short jobs on both."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster.claim import spare
from cluster.names import ALICE, NODES, PEOPLE
from cluster.rig import Cluster
from cluster.shell import wait_until

pytestmark = pytest.mark.timeout(300)
JOBS = 40


@pytest.fixture(scope="module")
def other() -> Iterator[Cluster]:
    with spare() as cluster:
        yield cluster


def storm(cluster: Cluster) -> list[str]:
    """Many jobs at once, each with a child of its own session; their numbers."""
    script = "setsid --fork sleep 600; sleep 0.2"
    return [
        cluster.submit("--comment", cluster.layout.name, script=script, user=person.name)
        for person in PEOPLE[:2]
        for _ in range(JOBS // 2)
    ]


def test_many_jobs_on_both_end_well_and_stay_apart(slurm: Cluster, other: Cluster) -> None:
    with ThreadPoolExecutor() as pool:
        here, there = pool.map(storm, (slurm, other))
    assert not {*here} & {*there}

    for cluster, jobs in ((slurm, here), (other, there)):
        for job in jobs:
            assert cluster.wait_job(job, timeout=90) == "COMPLETED"
        asked = ["sacct", "-X", "-n", "-P", "-a", "-o", "State,Comment", "-j", ",".join(jobs)]
        wait_until(
            lambda asked=asked, cluster=cluster: (
                cluster.run(asked).stdout.split() == [f"COMPLETED|{cluster.layout.name}"] * JOBS
            ),
            "accounting has them all",
            30,
        )


def test_ending_one_leaves_the_others_jobs_alone(slurm: Cluster) -> None:
    job = slurm.submit("--nodelist=node1", script="sleep 600", user=ALICE.name)
    slurm.wait_job(job, "RUNNING")
    with spare() as passing:
        theirs = passing.submit("--nodelist=node1", script="sleep 600", user=ALICE.name)
        passing.wait_job(theirs, "RUNNING")
        passing.kill_controller()
        passing.cut("node1")

    assert slurm.state(job) == "RUNNING"
    node = slurm.exec_on("node1", ["pgrep", "-x", "-u", ALICE.name, "sleep"]).stdout.split()
    assert node
    later = slurm.submit("--nodelist=node1", script="true", user=ALICE.name)
    slurm.wait_job(later, "COMPLETED")
    assert slurm.run(["sinfo", "-h", "-N", "-o", "%N"]).stdout.split().count(NODES[-1]) == 1
