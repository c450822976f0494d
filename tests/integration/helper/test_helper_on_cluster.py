"""The helper on a real cluster: it acts as the person of a mandate, on that mandate's own jobs, and on no others."""

import os
import pwd
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from armchair.domain.errors import Refused
from armchair.domain.session import Placement, Resources
from armchair.helper.config import ClusterConfig
from armchair.launchers.slurm import commands
from cluster.names import ALICE, BOB, GROUP, Person
from cluster.rig import Cluster

from .helper_stage import HELPER, Site, accounts, config_in, rules, running, sh, wait_for  # noqa: TID252 - one folder's own

pytestmark = pytest.mark.timeout(240)
HERS, HER_OTHER, HIS = "session01", "session02", "session03"
MARKS = {name: "armchair-abc123-" + name[-1] * 32 for name in (HERS, HER_OTHER, HIS)}
SIZE = Resources(cores=1, memory=64 * 2**20, gpus=0, walltime=timedelta(minutes=30))


@pytest.fixture(scope="module")
def site(slurm: Cluster) -> Iterator[Site]:
    root = Path(f"/tmp/armchair-helper-cluster-{os.getpid()}")
    root.mkdir()
    clusters = {"slurm": ClusterConfig(slurm_conf=str(slurm.conf))}
    config = config_in(root, group=GROUP, clusters=clusters)
    try:
        with accounts(), rules(config, "armchair-test-cluster"):
            slurm.accounting(f"add user {HELPER} account=root adminlevel=Operator\n")
            with running(config, root) as made:
                yield made
            slurm.accounting(f"delete user {HELPER}\n")
    finally:
        shutil.rmtree(root, ignore_errors=True)


def mandate(site: Site, person: Person, session: str = HERS) -> str:
    assertion = site.login(person.name, person.password, address=f"{person.name}-{os.urandom(4).hex()}")["assertion"]
    question = {"assertion": assertion, "session": session, "mark": MARKS[session], "cluster": "slurm"}
    return str(site.ask("mandate", **question)["mandate"])


def submit(site: Site, with_mandate: str, session: str = HERS, script: str = "sleep 600") -> str:
    mark = MARKS[session]
    wanted = commands.Submission(name=commands.job_name("test", mark), token=mark, resources=SIZE, placement=Placement())
    done = act(site, with_mandate, commands.submit(wanted), stdin=f"#!/bin/sh\n{script}\n")
    assert done["exit_code"] == 0, done["stderr"]
    return str(done["stdout"]).strip()


def act(site: Site, with_mandate: str, argv: list[str], **more: str) -> dict[str, object]:
    return site.ask("act", mandate=with_mandate, argv=argv, timeout=30, **more)


def test_a_job_is_handed_in_as_its_person_extended_as_an_operator_and_ended(site: Site, slurm: Cluster) -> None:
    hers = mandate(site, ALICE)
    job = submit(site, hers)
    slurm.wait_job(job, "RUNNING")
    assert slurm.job(job)["UserId"] == f"{ALICE.name}({pwd.getpwnam(ALICE.name).pw_uid})"

    assert act(site, hers, commands.extend(job, timedelta(hours=1)))["exit_code"] == 0
    assert slurm.job(job)["TimeLimit"] == "01:00:00"
    with pytest.raises(Refused, match="extension_too_long"):
        act(site, hers, commands.extend(job, timedelta(hours=3)))

    assert act(site, hers, commands.cancel(job))["exit_code"] == 0
    assert slurm.wait_job(job) == "CANCELLED"
    assert [line for line in site.audit().splitlines() if job in line]


def test_a_mandate_is_good_for_its_own_sessions_jobs_only(site: Site, slurm: Cluster) -> None:
    hers, her_other, his = mandate(site, ALICE), mandate(site, ALICE, HER_OTHER), mandate(site, BOB, HIS)
    job = submit(site, hers)
    unmarked = slurm.submit(script="sleep 600", user=ALICE.name)
    for one, target in ((her_other, job), (his, job), (hers, unmarked)):
        for argv in (commands.cancel(target), commands.extend(target, timedelta(hours=1))):
            with pytest.raises(Refused, match="not_your_job"):
                act(site, one, argv)
    assert slurm.state(job) in {"PENDING", "RUNNING"}
    # one that is not there (any more) is no refusal: the cluster's own words tell it
    assert "Invalid job id" in str(act(site, hers, commands.cancel("999999"))["stderr"])
    assert slurm.state(unmarked) in {"PENDING", "RUNNING"}


def test_a_cluster_that_is_named_in_each_command_is_no_different(site: Site, slurm: Cluster) -> None:
    """Where several share one accounting, Slurm's commands say first of which one they speak."""
    hers, his, where = mandate(site, ALICE), mandate(site, BOB, HIS), slurm.layout.name
    job = submit(site, hers)
    slurm.wait_job(job, "RUNNING")
    with pytest.raises(Refused, match="not_your_job"):
        act(site, his, commands.cancel(job, where))
    assert act(site, hers, commands.extend(job, timedelta(hours=1), where))["exit_code"] == 0
    assert slurm.job(job)["TimeLimit"] == "01:00:00"
    assert act(site, hers, commands.cancel(job, where))["exit_code"] == 0
    assert slurm.wait_job(job) == "CANCELLED"


def test_a_name_that_pretends_to_be_somebody_elses_job_deceives_nobody(site: Site, slurm: Cluster) -> None:
    """Bob writes Alice's uid and her session's mark into everything that he may write."""
    hers, uid = mandate(site, ALICE), pwd.getpwnam(ALICE.name).pw_uid
    text = f"x UserId={ALICE.name}({uid}) Comment={MARKS[HERS]} {uid}\x1f{MARKS[HERS]}\x1f:{MARKS[HERS]}"
    job = slurm.submit(f"--job-name={text}", f"--comment={MARKS[HERS]}", "--time=10", script="sleep 600", user=BOB.name)
    for argv in (commands.cancel(job), commands.extend(job, timedelta(hours=1))):
        with pytest.raises(Refused, match="not_your_job"):
            act(site, hers, argv)
    assert slurm.job(job)["TimeLimit"] == "00:10:00"


def test_it_sees_all_jobs_where_jobs_are_private(site: Site, slurm: Cluster) -> None:
    slurm.reconfigure(PrivateData="jobs")
    job = submit(site, mandate(site, ALICE))
    done = site.ask("read", cluster="slurm", argv=commands.queue("|", [job]), timeout=30)
    assert (done["exit_code"], job in str(done["stdout"])) == (0, True)
    done = site.ask("read", cluster="slurm", argv=commands.admin_level(HELPER), timeout=30)
    assert str(done["stdout"]).strip() == "Operator"


def test_the_end_of_a_jobs_output_is_read_as_its_owner(site: Site) -> None:
    home = Path(pwd.getpwnam(ALICE.name).pw_dir)
    private, others = home / "slurm-990001.out", Path("/root/slurm-990001.out")
    for path in (private, others):
        path.write_text("last words\n")
        path.chmod(0o600)
    shutil.chown(private, ALICE.name)
    hers, his = mandate(site, ALICE), mandate(site, BOB, HIS)
    try:
        assert site.ask("tail", mandate=hers, path="~/slurm-990001.out")["text"] == "last words\n"
        assert site.ask("tail", mandate=his, path=str(private))["text"] == ""
        assert site.ask("tail", mandate=hers, path=str(others))["text"] == ""
        for other in ("~/../../etc/slurm-1.out", "~/thesis.out", "~/big-990001.out", "~/slurm-990001.txt", "~/slurm-.out"):
            with pytest.raises(Refused, match="command_not_allowed"):
                site.ask("tail", mandate=hers, path=other)
    finally:
        private.unlink()
        others.unlink()


def test_an_output_that_is_a_pipe_leaves_nothing_running(site: Site) -> None:
    """The owner can make one of it, and what runs as somebody else the helper can't end."""
    pipe = Path(pwd.getpwnam(ALICE.name).pw_dir, "slurm-990002.out")
    os.mkfifo(pipe)
    shutil.chown(pipe, ALICE.name)

    def reading() -> list[str]:
        done = sh("pgrep", "--full", "--uid", ALICE.name, f"^/usr/bin/tail.*{pipe.name}", check=False)
        return done.stdout.split()

    try:
        assert site.ask("tail", mandate=mandate(site, ALICE), path=f"~/{pipe.name}")["text"] == ""
        wait_for(lambda: not reading())
    finally:
        pipe.unlink()


def test_when_something_would_start_is_asked_as_the_person(site: Site) -> None:
    argv = ["sbatch", "--test-only", "--export=NONE", "--chdir=/", "--output=/dev/null", *commands.sizes(SIZE, Placement())]
    done = site.ask("would_start", cluster="slurm", login=ALICE.name, argv=argv, timeout=30)
    assert "to start at" in done["stderr"]
    with pytest.raises(Refused, match="not_a_user"):
        site.ask("would_start", cluster="slurm", login="root", argv=argv, timeout=30)
