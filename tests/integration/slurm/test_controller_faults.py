"""What a cluster does to the portal's sessions when its own parts fail: no orphan, no lost session, no false ending."""

from pathlib import Path

import pytest

from armchair.client.models import Session
from armchair.testing.processes import eventually
from cluster.names import ALICE, BOB
from cluster.program import Program
from cluster.rig import Cluster

from .slurm_portal import SlurmPortal, portal_of  # noqa: TID252 - one folder's own

pytestmark = pytest.mark.timeout(240)


def silent(session: Session) -> bool:
    return "scheduler_silent" in session.data["overlays"]


def goes_on(portal: SlurmPortal, session: Session) -> None:
    """The session is ready, its application answers, and it is still the one job."""
    assert portal.reach(session.id, "ready").data["outcome"] is None
    assert portal.get(session.id) == (200, "hello")
    assert len(portal.jobs(session.id)) == 1


def test_the_controller_is_stopped_while_sessions_run_and_one_is_asked_for(slurm: Cluster, portal: SlurmPortal) -> None:
    running = portal.launch()
    slurm.stop_controller()
    portal.see(running.id, silent, "the silence is told")
    assert portal.get(running.id) == (200, "hello")
    waiting = portal.client.launch("hello")
    assert waiting.phase == "accepted"
    told = portal.see(waiting.id, silent, "the silence is told there too")
    assert "kept" in told.detail
    stopped = portal.client.stop(running.id)
    assert stopped.phase == "ending"
    slurm.start_controller()
    assert portal.outcome(running.id)[0] == "cancelled"
    portal.reach(waiting.id, "ready", 60)
    goes_on(portal, waiting)


def test_a_controller_that_takes_its_time(slurm: Cluster, portal: SlurmPortal) -> None:
    session = portal.launch()
    slurm.slow_controller(9)
    other = portal.client.launch("hello", key="slow")
    assert portal.client.launch("hello", key="slow").id == other.id
    portal.reach(other.id, "ready", 120)
    slurm.resume_controller()
    goes_on(portal, session)
    goes_on(portal, other)


def test_a_controller_that_was_killed_forgets_the_youngest_jobs_and_gives_their_numbers_again(
    slurm: Cluster, portal: SlurmPortal
) -> None:
    slurm.drain()  # a queued job: nothing of it lives anywhere but in the controller
    session = portal.client.launch("hello")
    portal.reach(session.id, "queued")
    number = portal.job(session.id)
    slurm.kill_controller()
    slurm.start_controller()
    forgotten = slurm.job(number) == {}
    slurm.resume()
    others = [slurm.submit("--time=5", script="sleep 300", user=BOB.name) for _ in range(3)]
    if forgotten:
        assert number in others, "the number comes again, for somebody else's job"
        kind, ended = portal.outcome(session.id, 120)
        assert kind in {"lost", "never_started"}, ended.data
        assert "Start again" in str(ended.data) or "start_again" in ended.data["actions"]
    else:
        portal.reach(session.id, "ready", 60)
    assert {slurm.job(other).get("JobState") for other in others} <= {"RUNNING", "PENDING"}, "nobody else's job was touched"


def test_the_accounting_is_down(slurm: Cluster, portal: SlurmPortal) -> None:
    session = portal.launch()
    slurm.stop_dbd()
    other = portal.launch()
    portal.get(session.id, "/exit/3")
    kind, ended = portal.outcome(session.id, 100)
    assert (kind, ended.data["outcome"]["exit_code"]) == ("failed", 3)
    goes_on(portal, other)


def test_munge_is_down(slurm: Cluster, portal: SlurmPortal) -> None:
    session = portal.launch()
    slurm.stop_munge()
    portal.see(session.id, silent, "the silence is told")
    assert portal.get(session.id) == (200, "hello")
    slurm.start_munge()
    portal.see(session.id, lambda found: not silent(found), "it answers again", 90)
    goes_on(portal, session)


@pytest.fixture
def commands(slurm: Cluster, program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with Slurm's commands in which one can be broken."""
    place = program.place / f"bin-{tmp_path_factory.mktemp('x').name}"
    place.mkdir(mode=0o755)
    for name in ("sbatch", "scancel", "squeue", "sacct", "sacctmgr", "scontrol", "sinfo", "sshare"):
        (place / name).symlink_to(f"/usr/bin/{name}")
    return place


def test_a_command_is_missing(slurm: Cluster, program: Program, commands: Path) -> None:
    with portal_of(slurm, program, f'bin_directory = "{commands}"') as portal:
        session = portal.launch()
        (commands / "squeue").unlink()
        portal.see(session.id, silent, "the silence is told")
        assert portal.get(session.id) == (200, "hello")
        (commands / "squeue").symlink_to("/usr/bin/squeue")
        portal.see(session.id, lambda found: not silent(found), "it answers again", 90)
        goes_on(portal, session)


def test_a_submission_that_times_out_although_the_job_was_taken_is_one_job(
    slurm: Cluster, program: Program, commands: Path
) -> None:
    (commands / "sbatch").unlink()
    (commands / "sbatch").write_text('#!/bin/sh\n/usr/bin/sbatch "$@"\nexec sleep 600\n')
    (commands / "sbatch").chmod(0o755)
    with portal_of(slurm, program, f'bin_directory = "{commands}"\nsubmit_timeout = "3s"') as portal:
        session = portal.launch(seconds=90)
        goes_on(portal, session)
        codes = [event["code"] for event in portal.client.timeline(session.id)]
        assert "job.adopted" in codes


def test_the_portal_is_killed_while_the_controller_is_away(slurm: Cluster, portal: SlurmPortal) -> None:
    running = portal.launch()
    slurm.stop_controller()
    asked = portal.client.launch("hello", key="before the end")
    portal.kill()
    slurm.start_controller()
    portal.up()
    goes_on(portal, running)
    found = portal.see(asked.id, lambda found: found.phase in {"ready", "ended"}, "it is settled", 90, ended=True)
    assert found.phase == "ready" or found.data["outcome"]["kind"] == "never_started"
    assert len(portal.jobs(asked.id)) == (1 if found.phase == "ready" else 0)


def test_private_data_hides_others_jobs_and_ends_nothing(slurm: Cluster, portal: SlurmPortal) -> None:
    session = portal.launch()
    slurm.reconfigure(PrivateData="jobs,usage,users")
    other = portal.launch()
    goes_on(portal, session)
    portal.client.stop(session.id)
    assert portal.outcome(session.id)[0] == "cancelled"
    goes_on(portal, other)
    assert slurm.run(["squeue", "-h"], user=BOB.name).stdout == "", f"{ALICE.name}'s jobs are hidden from others"


def test_two_portals_on_one_cluster_leave_each_others_sessions_alone(slurm: Cluster, program: Program) -> None:
    with portal_of(slurm, program) as one, portal_of(slurm, program) as two:
        first, second = one.launch(), two.launch()
        one.client.stop(first.id)
        assert one.outcome(first.id)[0] == "cancelled"
        goes_on(two, second)
        assert eventually(lambda: one.jobs(first.id) == [], "the first one's job is gone", 30)
