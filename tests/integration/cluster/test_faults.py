"""Each fault of the test cluster does what it says, leaves the rest alone, and can be mended."""

import socket
import time

import pytest

from cluster.names import ALICE, BOB
from cluster.rig import Cluster
from cluster.shell import ClusterError, wait_until

pytestmark = pytest.mark.timeout(240)
SERVER = "exec python3 -m http.server 20001"


def running(cluster: Cluster, *options: str, script: str = "sleep 600") -> tuple[str, str]:
    job = cluster.submit(*options, script=script, user=ALICE.name)
    cluster.wait_job(job, "RUNNING")
    return job, cluster.job(job)["BatchHost"]


def reachable(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def reaches(cluster: Cluster, node: str, address: str, port: int) -> bool:
    code = f"import socket; socket.create_connection(({address!r}, {port}), timeout=1)"
    return cluster.exec_on(node, ["python3", "-c", code], user=ALICE.name, check=False).returncode == 0


def test_the_controller_stops_and_comes_back_with_its_jobs(slurm: Cluster) -> None:
    job, _ = running(slurm)
    slurm.stop_controller()

    assert slurm.run(["scontrol", "ping"], check=False).returncode == 1
    slurm.mend()
    assert slurm.state(job) == "RUNNING"


def test_a_killed_controller_forgets_the_youngest_job_and_reuses_its_number(slurm: Cluster) -> None:
    older = slurm.submit("--hold", script="true", user=ALICE.name)
    slurm.freeze_state()
    job = slurm.submit("--hold", "--job-name=first", script="true", user=ALICE.name)
    slurm.kill_controller()
    slurm.start_controller()

    again = slurm.submit("--hold", "--job-name=second", script="true", user=BOB.name)
    assert slurm.state(older) == "PENDING"
    assert again == job
    assert slurm.job(job)["JobName"] == "second"


def test_a_paused_controller_hangs_and_a_slow_one_answers_late(slurm: Cluster) -> None:
    slurm.slow_controller(1.5)
    began = time.monotonic()
    slurm.run(["squeue"])
    slurm.run(["squeue"])
    assert time.monotonic() - began > 1

    slurm.pause_controller()
    assert slurm.run(["timeout", "2", "squeue"], check=False).returncode == 124
    slurm.resume_controller()
    slurm.run(["timeout", "2", "squeue"])


def test_accounting_is_down_and_jobs_go_on(slurm: Cluster) -> None:
    slurm.stop_dbd()
    assert slurm.run(["sacct"], check=False).returncode == 1
    job = slurm.submit(script="true", user=ALICE.name)
    slurm.wait_job(job, "COMPLETED")
    slurm.start_dbd()

    known = ["sacct", "-X", "-n", "-P", "-o", "State", "-j", job]
    wait_until(lambda: slurm.run(known).stdout.strip() == "COMPLETED", "accounting heard of it afterwards", 30)


def test_without_munge_nobody_is_heard(slurm: Cluster) -> None:
    slurm.stop_munge()
    assert "Munge encode failed" in slurm.run(["squeue"], check=False).stderr

    slurm.start_munge()
    slurm.run(["squeue"])


def test_a_cut_node_is_silent_and_is_mended(slurm: Cluster) -> None:
    _, node = running(slurm, script=SERVER)
    slurm.wait_reachable(slurm.nodes[node], 20001)
    slurm.cut(node)

    assert not reachable(slurm.nodes[node], 20001)
    slurm.mend()
    assert reachable(slurm.nodes[node], 20001)


def test_a_blocked_host_is_cut_off_from_the_node_and_slurm_is_not(slurm: Cluster) -> None:
    _, node = running(slurm)
    port = 20002
    with socket.create_server((slurm.host_address, port)):
        assert reaches(slurm, node, slurm.host_address, port)
        slurm.block_host(node)
        assert not reaches(slurm, node, slurm.host_address, port)
        job = slurm.submit(f"--nodelist={node}", script="true", user=ALICE.name)
        slurm.wait_job(job, "COMPLETED")
        slurm.unblock_host(node)
        assert reaches(slurm, node, slurm.host_address, port)


def test_closed_ports_are_closed_from_outside_only(slurm: Cluster) -> None:
    _, node = running(slurm, script=SERVER)
    slurm.wait_reachable(slurm.nodes[node], 20001)
    slurm.close_ports(node, 20000, 20999)

    assert not reachable(slurm.nodes[node], 20001)
    assert reaches(slurm, node, "127.0.0.1", 20001)
    assert reachable(slurm.nodes[node], slurm.layout.port("slurmd"))
    slurm.open_ports(node)
    assert reachable(slurm.nodes[node], 20001)


def test_a_node_set_down_ends_its_jobs(slurm: Cluster) -> None:
    job, node = running(slurm, "--no-requeue")
    slurm.set_node(node, "DOWN")
    assert slurm.wait_job(job) == "NODE_FAIL"

    slurm.mend()
    running(slurm, f"--nodelist={node}")


def test_a_drained_node_takes_no_more_jobs(slurm: Cluster) -> None:
    job, node = running(slurm)
    slurm.drain()
    waiting = slurm.submit(f"--nodelist={node}", script="sleep 600", user=ALICE.name)

    wait_until(lambda: slurm.job(waiting)["Reason"].startswith("ReqNodeNotAvail"), "the job waits")
    assert slurm.state(job) == "RUNNING"
    slurm.mend()
    slurm.wait_job(waiting, "RUNNING")


def test_a_job_of_a_killed_slurmd_can_not_complete(slurm: Cluster) -> None:
    job, node = running(slurm)
    slurm.kill_slurmd(node)
    slurm.run(["scancel", job])
    slurm.wait_job(job, "COMPLETING")

    slurm.start_slurmd(node)
    slurm.wait_job(job, "CANCELLED", timeout=60)


def test_a_program_is_hidden_and_found_again(slurm: Cluster) -> None:
    asked = ["sh", "-c", "command -v python3"]
    slurm.hide_program("node1", "python3")

    assert slurm.exec_on("node1", asked, user=ALICE.name, check=False).stdout == ""
    assert slurm.exec_on("node2", asked, user=ALICE.name).stdout != ""
    slurm.mend()
    assert slurm.exec_on("node1", asked, user=ALICE.name).stdout != ""


def test_homes_are_missing_or_full_on_one_node(slurm: Cluster) -> None:
    slurm.hide_homes("node1")
    slurm.fill_home("node2", ALICE.name)

    with pytest.raises(ClusterError, match="No such file"):
        slurm.exec_on("node1", ["ls", f"/home/{ALICE.name}"])
    write = ["sh", "-c", "cd; echo words > file"]
    assert "No space" in (said := slurm.exec_on("node2", write, user=ALICE.name, check=False).stderr) or "I/O error" in said
    slurm.mend()
    slurm.exec_on("node1", write, user=ALICE.name)
    slurm.exec_on("node1", ["rm", f"/home/{ALICE.name}/file"])


def test_private_data_hides_other_peoples_jobs(slurm: Cluster) -> None:
    job, _ = running(slurm)
    assert job in slurm.run(["squeue", "-h", "-o", "%A"], user=BOB.name).stdout.split()
    slurm.reconfigure(PrivateData="jobs")

    assert slurm.run(["squeue", "-h", "-o", "%A"], user=BOB.name).stdout == ""
    slurm.mend()
    assert job in slurm.run(["squeue", "-h", "-o", "%A"], user=BOB.name).stdout.split()
