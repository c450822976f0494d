"""What the launcher orders: argument lists without secrets, sizes rounded to the user's favour, and a script that goes home."""

from datetime import timedelta

import pytest

from armchair.domain.run import JobState
from armchair.domain.session import Placement, Resources
from armchair.launchers.slurm import commands, facts, script
from armchair.launchers.slurm.commands import Submission
from armchair.launchers.slurm.door import environment
from armchair.launchers.slurm.launcher import _warning
from armchair.launchers.slurm.parse import Row
from armchair.launchers.slurm.states import ENDS, STATES

from .samples import NOW, REF  # noqa: TID252 - one folder's own


def wanted(**fields: object) -> Submission:
    plain = {"name": "armchair-1-lab:m", "token": "m", "resources": Resources(), "placement": Placement()}
    return Submission(**{**plain, **fields})  # type: ignore[arg-type]


def test_all_that_is_asked_for_is_an_option():
    resources = Resources(cores=4, memory=2**30 + 1, walltime=timedelta(minutes=90, seconds=1), gpus=2)
    placement = Placement(partition="gpu", account="bio", qos="small", reservation="class1", gpu_type="a100")
    argv = commands.submit(
        wanted(resources=resources, placement=placement, warning=timedelta(minutes=10), requeue=True, extra=("--wckey=web",)),
        "hpc",
    )
    for option in (
        "--export=NONE",
        "--chdir=/",
        "--output=/dev/null",
        "--job-name=armchair-1-lab:m",
        "--comment=m",
        "--requeue",
        "--clusters=hpc",
        "--cpus-per-task=4",
        "--mem=1025M",
        "--time=91",
        "--gres=gpu:a100:2",
        "--partition=gpu",
        "--account=bio",
        "--qos=small",
        "--reservation=class1",
        "--signal=B:USR1@600",
    ):
        assert option in argv
    assert argv[-1] == "--wckey=web", "what the site adds comes last and wins"


def test_what_is_not_asked_for_is_left_to_the_cluster():
    argv = commands.submit(wanted())
    for option in ("--mem", "--time", "--gres", "--partition", "--account", "--qos", "--reservation", "--signal", "--clusters"):
        assert not [word for word in argv if word.startswith(option)]
    assert "--no-requeue" in argv


def test_names_for_people_are_safe_words():
    assert commands.job_name("armchair-313-lab", "m") == "armchair-313-lab:m"
    assert commands.job_name("-rf $(id)\n", "m") == "rf-id:m"
    assert commands.job_name("…", "m") == "armchair:m"


@pytest.mark.parametrize(
    ("walltime", "seconds"), [(None, 600), (timedelta(hours=8), 600), (timedelta(minutes=20), 300), (timedelta(minutes=3), 0)]
)
def test_a_short_job_is_not_warned_as_it_begins(walltime, seconds):
    assert _warning(timedelta(minutes=10), walltime).total_seconds() == seconds


def test_the_script_keeps_its_first_and_last_line():
    text = script.wrap("#!/bin/bash -l\necho hello\n", "~/.local/state/armchair/jobs", "hpc")
    assert text.startswith("#!/bin/bash -l\n")
    assert text.endswith("\necho hello\n")
    assert '"$HOME"/.local/state/armchair/jobs' in text
    assert "hpc-$SLURM_JOB_ID.out" in text
    assert script.wrap("exit 3\n", "/scratch/{user}/a", "hpc").startswith("#!/bin/sh\n")
    assert script.output_path("/scratch/{user}/a", "bob", "hpc", "7") == "/scratch/bob/a/hpc-7.out"


def test_nothing_of_the_portals_environment_bends_a_command():
    base = {
        "PATH": "/bin",
        "SBATCH_PARTITION": "x",
        "SQUEUE_FORMAT": "%i",
        "LC_TIME": "de_DE",
        "SLURM_CONF": "/c",
        "SLURM_JWT": "j",
    }
    assert environment({**base, "TZ": "Europe/Berlin", "LANG": "de_DE"}) == {
        "PATH": "/bin",
        "SLURM_CONF": "/c",
        "SLURM_JWT": "j",
        "TZ": "UTC",
        "LC_ALL": "C",
        "SLURM_TIME_FORMAT": "%s",
    }
    assert environment(base, "/other")["SLURM_CONF"] == "/other"


def row(state: str, **fields: object) -> Row:
    plain = {"id": "100", "submitted": NOW, "start": NOW, "end": NOW, "nodes": "node1", "node": "node1", "uid": 1001}
    return Row(**{**plain, "state": state, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("word", [*STATES, "REVOKED", "RECONFIG_FAIL", "UPDATE_DB", "NEXT_YEARS_WORD", ""])
def test_every_word_leaves_a_living_job_alive_unless_it_says_that_it_ended(word):
    fact = facts.fact(row(word), REF, NOW)
    assert (fact.state is JobState.ENDED) == (word in ENDS)
    assert (fact.end is None) == (word not in ENDS)
    if word not in STATES:
        assert fact.state is JobState.RUNNING
        assert facts.fact(row(word, nodes="", node=""), REF, NOW).state is JobState.PENDING


def test_a_waiting_job_tells_why_and_when():
    fact = facts.fact(row("PENDING", nodes="", node="", reason="QOSMaxCpuPerUserLimit"), REF, NOW)
    assert (fact.reason, fact.expected_start, fact.started_at, fact.ends_at) == ("QOSMaxCpuPerUserLimit", NOW, None, None)
    assert facts.fact(row("REQUEUE_HOLD", nodes="", node=""), REF, NOW).reason == "RequeueHold"
    assert facts.fact(row("CONFIGURING"), REF, NOW).reason == "Configuring"


def test_a_running_job_tells_when_its_time_is_over():
    limit, end = timedelta(hours=1), NOW + timedelta(minutes=90)
    assert facts.fact(row("RUNNING", limit=limit, end=end), REF, NOW).ends_at == end, "it was suspended for half an hour"
    assert facts.fact(row("RUNNING", limit=limit, end=None), REF, NOW).ends_at == NOW + limit
    assert facts.fact(row("RUNNING", limit=None, end=end), REF, NOW).ends_at is None


def test_jobs_ahead_are_those_of_higher_priority_in_the_partition():
    def waiting(job: str, priority: int, partition: str = "a", state: str = "PENDING") -> Row:
        return Row(id=job, state=state, priority=priority, partition=partition)

    rows = [
        waiting("5", 10),
        waiting("9", 20),
        waiting("4", 10),
        waiting("1", 99, "b"),
        waiting("2", 99, state="RUNNING"),
        waiting("3", 0),
    ]
    assert facts.ahead(rows) == {"9": 0, "4": 1, "5": 2, "1": 0}


def test_accounting_knows_the_lives_of_one_job():
    again = NOW + timedelta(minutes=5)
    rows = [
        row("RUNNING", submitted=again, name="j:m", end=None),
        row("NODE_FAIL", name="j:m"),
        row("FAILED", submitted=again, name="somebody-else", uid=1002),
    ]
    assert [life.state for life in facts.lifetimes(rows, REF)] == ["NODE_FAIL", "RUNNING"]
    assert facts.ended_fact(facts.lifetimes(rows, REF), REF, NOW) is None, "accounting takes it for alive"
    ended = facts.ended_fact([row("TIMEOUT", name="j:m")], REF, NOW)
    assert ended is not None
    assert ended.end is not None
    assert ended.end.kind == "timed_out"
    assert facts.lifetimes(rows[2:], REF) == ()


def test_accounting_that_lags_shows_neither_name_nor_owner():
    raw = row("CANCELLED by 0", name="allocation", uid=0)
    assert facts.lifetimes([raw], REF) == [raw]
    end = facts.end_of(raw, NOW, owner=1001)
    assert end is not None
    assert end.params == {"uid": 0, "by_owner": False}
    again = row("PENDING", submitted=NOW + timedelta(minutes=5), name="allocation", uid=0, end=None)
    assert len(facts.lifetimes([row("NODE_FAIL", name="j:m"), again], REF)) == 2
