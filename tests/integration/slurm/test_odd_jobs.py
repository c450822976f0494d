"""What happens to a session's job, and what its owner is told: the truth, in each case."""

import pytest

from armchair.testing.processes import eventually
from cluster.names import ALICE, BOB
from cluster.program import Program
from cluster.rig import Cluster

from .slurm_portal import SlurmPortal, portal_of  # noqa: TID252 - one folder's own

pytestmark = pytest.mark.timeout(240)


def node_of(slurm: Cluster, portal: SlurmPortal, session: str) -> str:
    return slurm.job(portal.job(session))["NodeList"]


def test_a_node_is_set_down(slurm: Cluster, program: Program) -> None:
    with portal_of(slurm, program) as portal:
        session = portal.launch()
        node = node_of(slurm, portal, session.id)
        slurm.set_node(node, "DOWN")
        kind, ended = portal.outcome(session.id)
        assert kind == "node_failure", ended.data
        assert "othing you did" in ended.outcome + ended.detail


def test_a_node_is_cut_off_for_a_while(slurm: Cluster, portal: SlurmPortal) -> None:
    slurm.reconfigure(SlurmdTimeout="300")  # otherwise the cluster itself gives the node up, and says so
    session = portal.launch()
    node = node_of(slurm, portal, session.id)
    slurm.cut(node)
    told = portal.see(session.id, lambda found: "unheard" in found.data["overlays"], "it is told", 90)
    assert told.data["outcome"] is None
    slurm.mend_cable(node)
    portal.see(session.id, lambda found: "unheard" not in found.data["overlays"], "it is heard again", 90)
    assert portal.get(session.id) == (200, "hello")


def test_a_job_is_queued_again_and_the_session_goes_on(slurm: Cluster, program: Program) -> None:
    with portal_of(slurm, program, "requeue = true") as portal:
        session = portal.launch()
        slurm.run(["scontrol", "requeue", portal.job(session.id)])
        portal.see(session.id, lambda found: found.phase != "ready", "it is not ready any more")
        portal.reach(session.id, "ready", 90)
        eventually(lambda: portal.get(session.id) == (200, "hello"), "the same address answers", 20)
        codes = [event["code"] for event in portal.client.timeline(session.id)]
        assert codes.count("run.ended") == 1
        assert codes.count("session.ready") == 2


def test_a_job_is_preempted_and_comes_back(slurm: Cluster, program: Program) -> None:
    more = 'requeue = true\nextra_args = ["--partition=scavenge", "--nodelist=node1"]'
    with portal_of(slurm, program, more) as portal:
        session = portal.launch()
        chief = slurm.submit("--partition=short", "--nodelist=node1", "--exclusive", script="sleep 15", user=BOB.name)
        portal.see(session.id, lambda found: found.phase == "queued", "it is queued again", 60)
        assert slurm.wait_job(chief)
        portal.reach(session.id, "ready", 120)
        assert portal.get(session.id) == (200, "hello")


def test_a_job_is_suspended_and_resumed(slurm: Cluster, portal: SlurmPortal) -> None:
    session = portal.launch()
    job = portal.job(session.id)
    slurm.run(["scontrol", "suspend", job])
    slurm.wait_job(job, "SUSPENDED")
    found = portal.client.session(session.id)
    assert not found.ended
    slurm.run(["scontrol", "resume", job])
    slurm.wait_job(job, "RUNNING")
    eventually(lambda: portal.get(session.id) == (200, "hello"), "it answers again", 30)


def test_a_job_is_held_and_released(slurm: Cluster, portal: SlurmPortal) -> None:
    slurm.drain()
    session = portal.client.launch("hello")
    portal.reach(session.id, "queued")
    job = portal.job(session.id)
    slurm.run(["scontrol", "hold", job])
    portal.see(session.id, lambda found: "hold" in found.state + found.detail, "the hold is told")
    slurm.run(["scontrol", "release", job])
    slurm.resume()
    portal.reach(session.id, "ready", 60)


def test_a_job_that_stays_completing(slurm: Cluster, portal: SlurmPortal) -> None:
    session = portal.launch()
    node = node_of(slurm, portal, session.id)
    slurm.kill_slurmd(node)
    portal.client.stop(session.id)
    job = portal.jobs(session.id)
    portal.see(session.id, lambda found: found.phase in {"ending", "ended"}, "it is ending", ended=True)
    slurm.start_slurmd(node)
    assert portal.outcome(session.id, 120)[0] == "cancelled"
    assert job is not None


def test_an_account_that_the_cluster_does_not_take_is_told(slurm: Cluster, program: Program) -> None:
    # given by the site's own options, of which the form knows nothing
    with portal_of(slurm, program, 'extra_args = ["--account=law"]') as portal:
        session = portal.client.launch("hello")
        kind, ended = portal.outcome(session.id)
        assert kind == "rejected", ended.data
        assert "account" in (ended.outcome + ended.detail).lower()


def test_a_job_with_our_mark_in_its_name_that_is_somebody_elses(slurm: Cluster, portal: SlurmPortal) -> None:
    session = portal.launch()
    shown = slurm.job(portal.job(session.id))
    forged = slurm.submit(
        f"--job-name={shown['JobName']}", f"--comment={shown['Comment']}", "--time=5", script="exit 0", user=BOB.name
    )
    slurm.wait_job(forged)
    assert portal.reach(session.id, "ready").data["outcome"] is None
    portal.kill()
    portal.up()
    assert portal.reach(session.id, "ready").data["outcome"] is None
    assert portal.get(session.id) == (200, "hello")


def test_a_job_script_that_its_owner_edited_and_submitted_again_is_not_let_in(slurm: Cluster, portal: SlurmPortal) -> None:
    session = portal.launch()
    job = portal.job(session.id)
    script = slurm.run(["scontrol", "write", "batch_script", job, "-"], user=ALICE.name).stdout
    copy = slurm.run(
        ["sbatch", "--parsable", "--output=/dev/null", "--time=5"], user=ALICE.name, stdin=script + "\necho edited\n"
    ).stdout.strip()
    assert slurm.wait_job(copy, timeout=60) == "FAILED"
    assert portal.reach(session.id, "ready").data["outcome"] is None
    assert portal.get(session.id) == (200, "hello")


def test_a_home_directory_that_the_node_lacks(slurm: Cluster, portal: SlurmPortal) -> None:
    for node in ("node1", "node2", "node3"):
        slurm.hide_homes(node)
    session = portal.client.launch("hello")
    found = portal.see(session.id, lambda one: one.phase in {"ready", "ended"}, "it is settled", 60, ended=True)
    if found.ended:
        assert "home" in (found.outcome + found.detail + portal.client.log(session.id)).lower(), found.data


def test_a_home_directory_that_is_full(slurm: Cluster, portal: SlurmPortal) -> None:
    for node in ("node1", "node2", "node3"):
        slurm.fill_home(node, ALICE.name)
    session = portal.client.launch("hello")
    found = portal.see(session.id, lambda one: one.phase in {"ready", "ended"}, "it is settled", 60, ended=True)
    if found.ended:
        assert "full" in (found.outcome + found.detail + portal.client.log(session.id)).lower(), found.data


def test_too_much_memory_is_told_as_that(slurm: Cluster, portal: SlurmPortal) -> None:
    session = portal.launch(size="narrow")
    portal.get(session.id, "/grow")
    kind, ended = portal.outcome(session.id, 100)
    assert kind == "out_of_memory", ended.data
    assert "It needed more than its" in ended.outcome


@pytest.mark.parametrize(("path", "kind", "code"), [("/exit/0", "finished", 0), ("/exit/3", "failed", 3)])
def test_an_application_that_ends_by_itself(portal: SlurmPortal, path: str, kind: str, code: int) -> None:
    session = portal.launch()
    portal.get(session.id, path)
    told, ended = portal.outcome(session.id)
    assert (told, ended.data["outcome"]["exit_code"]) == (kind, code)


def test_one_that_somebody_else_cancelled(slurm: Cluster, portal: SlurmPortal) -> None:
    session = portal.launch()
    slurm.run(["scancel", portal.job(session.id)])
    kind, ended = portal.outcome(session.id)
    assert (kind, ended.data["outcome"]["by"]) == ("cancelled", "operator")
