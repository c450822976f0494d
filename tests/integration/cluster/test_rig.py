"""The test cluster is what it says: the other tests on Slurm rest on this."""

import socket
from pathlib import Path

import pytest

from cluster.names import ALICE, BOB, CAROL, CPU_NODES, GPU_NODE, SMALL_QOS
from cluster.rig import Cluster
from cluster.shell import ClusterError, wait_until

pytestmark = pytest.mark.timeout(240)  # the first one waits for the cluster

SERVER = "exec python3 -m http.server 20001"


def output(cluster: Cluster, job: str, user: str) -> Path:
    return Path("~" + user).expanduser() / f"{cluster.layout.name}-{job}.out"


def run_job(cluster: Cluster, *options: str, script: str, user: str = ALICE.name) -> str:
    """What a job printed; it has completed."""
    job = cluster.submit(f"--output={cluster.layout.name}-%j.out", *options, script=script, user=user)
    cluster.wait_job(job, "COMPLETED")
    file = output(cluster, job, user)
    text = file.read_text()
    file.unlink()
    return text


def running(cluster: Cluster, *options: str, script: str = "sleep 600", user: str = ALICE.name) -> tuple[str, str]:
    """Number and first node of a job that runs."""
    job = cluster.submit(*options, script=script, user=user)
    cluster.wait_job(job, "RUNNING")
    return job, cluster.job(job)["BatchHost"]


def test_a_job_runs_as_the_user_on_a_node_with_its_own_name_and_address(slurm: Cluster) -> None:
    words = run_job(slurm, "--nodelist=node2", script="id -un; id -Gn; hostname; hostname -I; echo $HOME; ls /tmp").split()

    own_tmp = slurm.layout.run.name
    assert words == [ALICE.name, ALICE.name, "armchair-users", "node2", slurm.nodes["node2"], f"/home/{ALICE.name}", own_tmp]


def test_what_a_job_offers_is_reached_at_its_nodes_address_only(slurm: Cluster) -> None:
    _, node = running(slurm, script=SERVER)
    slurm.wait_reachable(slurm.nodes[node], 20001)

    [elsewhere] = {*CPU_NODES[:2]} - {node} if node in CPU_NODES[:2] else {CPU_NODES[0]}
    for address in ("127.0.0.1", slurm.nodes[elsewhere]):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, 20001), timeout=2)


def test_a_gpu_job_sees_its_gpus_only(slurm: Cluster) -> None:
    said = run_job(slurm, "--partition=gpu", "--gres=gpu:t4:2", script="hostname; echo $CUDA_VISIBLE_DEVICES")

    assert said.split() == [GPU_NODE, "2,3"]


def test_a_job_over_the_limit_is_accepted_and_waits_for_ever(slurm: Cluster) -> None:
    job = slurm.submit("--partition=short", "--time=2-0", script="true", user=ALICE.name)

    assert slurm.job(job)["JobState"] == "PENDING"
    wait_until(lambda: slurm.job(job)["Reason"] == "PartitionTimeLimit", "the scheduler has looked at it")


def test_a_qos_limits_a_person(slurm: Cluster) -> None:
    running(slurm, f"--qos={SMALL_QOS}", "--cpus-per-task=4")
    job = slurm.submit(f"--qos={SMALL_QOS}", script="true", user=ALICE.name)

    wait_until(lambda: slurm.job(job)["Reason"] == "QOSMaxCpuPerUserLimit", "the second job waits for the first")


def test_who_has_no_account_is_refused(slurm: Cluster) -> None:
    with pytest.raises(ClusterError, match="Invalid account or account/partition combination"):
        slurm.submit(script="true", user=CAROL.name)
    with pytest.raises(ClusterError, match="Invalid account or account/partition combination"):
        slurm.submit("--account=genomics", script="true", user=BOB.name)


def test_too_much_memory_ends_a_job_out_of_memory_and_accounting_knows(slurm: Cluster) -> None:
    job = slurm.submit(
        "--mem=50", script="exec python3 -c 'import time; much = bytearray(200 << 20); time.sleep(600)'", user=ALICE.name
    )

    assert slurm.wait_job(job) == "OUT_OF_MEMORY"
    asked = ["sacct", "-X", "-n", "-P", "-o", "State,User,Account,Partition", "-j", job]
    wait_until(
        lambda: slurm.run(asked).stdout.strip() == f"OUT_OF_MEMORY|{ALICE.name}|genomics|short", "accounting has the end"
    )


def test_what_calls_setsid_ends_with_its_job(slurm: Cluster) -> None:
    job, node = running(slurm, script="setsid --fork sleep 4242; sleep 600")
    wait_until(lambda: bool(slurm.exec_on(node, ["pgrep", "-f", "^sleep 4242"], check=False).stdout), "the child runs")
    slurm.run(["scancel", job])

    slurm.wait_job(job, "CANCELLED")
    wait_until(lambda: not slurm.exec_on(node, ["pgrep", "-f", "^sleep 4242"], check=False).stdout, "the child is gone")


def test_a_scavenging_job_makes_room_and_comes_back(slurm: Cluster) -> None:
    scavenger, _ = running(slurm, "--partition=scavenge", "--nodes=3", "--exclusive")
    wanted, _ = running(slurm, "--partition=short", "--exclusive")

    slurm.wait_job(scavenger, "PENDING")
    slurm.run(["scancel", wanted])
    slurm.wait_job(scavenger, "RUNNING", timeout=60)
    assert slurm.job(scavenger)["Restarts"] == "1"


def test_a_reservation_lets_its_people_in_only(slurm: Cluster) -> None:
    slurm.run(
        [
            *("scontrol", "create", "reservation", "ReservationName=class1", "StartTime=now", "Duration=60"),
            f"Users={BOB.name}",
            "Nodes=node2",
        ]
    )
    _, node = running(slurm, "--reservation=class1", user=BOB.name)

    assert node == "node2"
    with pytest.raises(ClusterError, match="Access denied to requested reservation"):
        slurm.submit("--reservation=class1", script="true", user=ALICE.name)


def test_a_changed_partition_is_restored(slurm: Cluster) -> None:
    slurm.run(["scontrol", "update", "PartitionName=long", "State=DOWN"])
    assert "State=DOWN" in slurm.run(["scontrol", "-o", "show", "partition", "long"]).stdout
    slurm.clean()

    wait_until(lambda: "State=UP" in slurm.run(["scontrol", "-o", "show", "partition", "long"]).stdout, "it is up again")
