"""Which command lines the helper lets through: all of the launcher's, and nothing that was slipped in among them."""

import contextlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from armchair.domain.errors import Refused
from armchair.domain.session import Placement, Resources
from armchair.helper import allowed
from armchair.launchers.slurm import commands, questions

MARK = "armchair-abc123-0123456789abcdef0123456789abcdef"
SIZE = Resources(cores=4, memory=5 * 2**30, gpus=2, walltime=timedelta(hours=3))
PLACE = Placement(partition="gpu", account="genomics", qos="small", reservation="class1", gpu_type="a100")
EXTRA = ("--constraint=avx2", "--mail-type=NONE")
SINCE = datetime(2026, 11, 25, tzinfo=UTC)


def submit(cluster: str = "", *, requeue: bool = False) -> list[str]:
    wanted = commands.Submission(
        name=commands.job_name("JupyterLab #3", MARK),
        token=MARK,
        resources=SIZE,
        placement=PLACE,
        warning=timedelta(minutes=5),
        requeue=requeue,
        extra=EXTRA,
    )
    return commands.submit(wanted, cluster)


@pytest.mark.parametrize("cluster", ["", "big"])
def test_lets_the_launchers_orders_through(cluster: str) -> None:
    where = ["--clusters=big"] if cluster else []
    allowed.submission(submit(cluster), MARK, EXTRA)
    allowed.submission(submit(cluster, requeue=True), MARK, EXTRA)
    assert allowed.cancellation(commands.cancel("17", cluster)) == ("17", where)
    assert allowed.extension(commands.extend("17", timedelta(hours=2), cluster)) == ("17", 120, where)
    allowed.question_of_time(questions.would_start(SIZE, PLACE, extra=EXTRA, cluster=cluster), EXTRA)


@pytest.mark.parametrize("cluster", ["", "big"])
@pytest.mark.parametrize(
    "make",
    [
        lambda c: commands.queue("\x1f:|", cluster=c),
        lambda c: commands.queue("\x1fa|", ["1", "2"], basic=True, cluster=c),
        lambda c: commands.queue("\x1fa|", user="alice", cluster=c),
        lambda c: commands.accounting("\x1fa|", jobs=["1", "2"], since=SINCE, cluster=c),
        lambda c: commands.accounting("\x1fa|", user="alice", since=SINCE, cluster=c),
        lambda c: commands.accounting("\x1fa|", since=SINCE, cluster=c),
        lambda c: commands.show_job("17", c),
        commands.show_config,
        lambda _: commands.admin_level("armchair-helper"),
        lambda c: commands.node_addresses("\x1fa|", ["node1", "node[2-4]"], c),
        questions.configuration,
        lambda c: questions.all_of("partition", c),
        lambda c: questions.all_of("reservation", c),
        lambda c: questions.nodes(["NodeList", "StateLong"], c),
        lambda c: questions.queue(["JobID"], "\x1fa|", c),
        lambda c: questions.accounting("association", ["cluster", "user"], c),
        lambda c: questions.accounting("qos", ["name"], c),
        lambda c: questions.accounting("user", ["name"], c),
        lambda _: ["scontrol", "ping"],
    ],
)
def test_lets_the_launchers_questions_through(make: object, cluster: str) -> None:
    assert callable(make)
    allowed.reading(make(cluster))


ORDINARY = {
    "--parsable", "--requeue", "--no-requeue", "--export", "--chdir", "--output", "--nodes", "--ntasks", "--cpus-per-task",
    "--mem", "--time", "--gres", "--signal", "--partition", "--account", "--qos", "--reservation", "--clusters", "--job-name",
}  # fmt: skip
SAFE = re.compile(r"--[a-z-]+(=[A-Za-z0-9_.@:+/=-]+)?")


def is_harmless(word: str) -> bool:
    return SAFE.fullmatch(word) is not None and word.partition("=")[0] in ORDINARY


def passes(argv: Sequence[str], mark: str = MARK) -> bool:
    try:
        allowed.submission(argv, mark, EXTRA)
    except Refused:
        return False
    return True


WORDS = st.text(max_size=20) | st.sampled_from(
    ["--uid=0", "--wrap=id", "-D", "--", "-o/etc/passwd", "--output=/home/x", "--chdir=/root", "--export=ALL", "--get-user-env",
     "--comment=other", "--mail-user=x@y", "--prolog=/x", "--nodes=1 --uid=0", "--nodes=1\n", "job.sh", "--job-name=x"]
)  # fmt: skip


@given(words=st.lists(st.tuples(st.integers(0, 30), WORDS), min_size=1, max_size=3))
@example(words=[(5, "--uid=0")])
@example(words=[(30, "/tmp/evil.sh")])
def test_nothing_is_slipped_into_a_submission(words: list[tuple[int, str]]) -> None:
    argv = submit()
    for position, word in words:
        argv.insert(1 + position % len(argv), word)
    assert not passes(argv) or all(is_harmless(word) for _, word in words)


@given(position=st.integers(1, 40), word=WORDS)
def test_no_word_of_a_submission_becomes_another(position: int, word: str) -> None:
    argv = submit()
    place = 1 + position % (len(argv) - 1)
    replaced, argv[place] = argv[place], word
    assert not passes(argv) or is_harmless(word) or word == replaced


def test_a_submission_carries_the_mandates_mark_and_no_other() -> None:
    other = MARK[:-1] + "e"
    assert passes(submit())
    assert not passes(submit(), other)
    assert not passes([word.replace(MARK, other) if word.startswith("--job-name") else word for word in submit()])
    assert not passes([word for word in submit() if not word.startswith("--comment")])
    assert not passes(["/bin/sh", *submit()[1:]])
    assert not passes([])


def test_a_job_is_handed_in_on_one_cluster() -> None:
    assert passes(submit("allegro"))
    assert not passes(submit("all"))


@given(argv=st.lists(st.text(max_size=12) | st.sampled_from(["scancel", "scontrol", "update", "JobId=1", "17"]), max_size=5))
@example(argv=["scancel", "--user=alice", "17"])
@example(argv=["scancel", "--state=PENDING", "17"])
@example(argv=["scancel", "17", "18"])
@example(argv=["scontrol", "update", "JobId=1,2", "TimeLimit=5"])
@example(argv=["scontrol", "update", "JobId=1", "TimeLimit=5", "Nice=-5"])
@example(argv=["scontrol", "update", "JobId=1 UserId=0", "TimeLimit=5"])
@example(argv=["scontrol", "--clusters=a", "--clusters=b", "update", "JobId=1", "TimeLimit=5"])
@example(argv=["scancel", "--clusters=all", "17"])
@example(argv=["scontrol", "--clusters=ALL", "update", "JobId=1", "TimeLimit=5"])
@example(argv=["scontrol", "requeue", "1"])
def test_only_one_job_is_cancelled_or_extended(argv: list[str]) -> None:
    assume(argv[:1] != ["scancel"] or len(argv) != 2 or not argv[1].isascii() or not argv[1].isdigit())
    for check in (allowed.cancellation, allowed.extension):
        with pytest.raises(Refused, match="command_not_allowed"):
            check(argv)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["scontrol", "update", "JobId=1", "TimeLimit=1"],
        ["scontrol", "shutdown"],
        ["scontrol", "show"],
        ["scontrol", "show", "job", "1", "2"],
        ["scontrol", "write", "config"],
        ["sacctmgr", "delete", "user", "alice"],
        ["sacctmgr", "show", "runawayjobs"],
        ["sacctmgr", "-i", "show", "user"],
        ["sacctmgr", "dump", "cluster"],
        ["scancel", "1"],
        ["sbatch", "--test-only"],
        ["squeue", "-o", "--format=%i"],
        ["squeue", "--json", "1"],
        ["/usr/bin/squeue"],
        ["sacct", "--file=/etc/shadow"],
        ["sinfo", "--help=x"],
        ["sh", "-c", "id"],
    ],
)
def test_reading_only_reads(argv: list[str]) -> None:
    with pytest.raises(Refused, match="command_not_allowed"):
        allowed.reading(argv)


@pytest.mark.parametrize("program", ["squeue", "sacct", "sinfo", "sshare", "scontrol", "sacctmgr", "sh"])
@given(words=st.lists(st.text(max_size=10), max_size=4))
def test_reading_is_total(program: str, words: list[str]) -> None:
    with contextlib.suppress(Refused):
        allowed.reading([program, *words])


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "--uid=0", "a b", "=" * 500, "armchair-\n", "short", MARK + "\n", MARK + "0", MARK[:-1], MARK.upper()),
        *("my-simulation-of-2026", "a-comment-of-somebodys-own", MARK.replace("abc123", "abc12"), f"x:{MARK}"),
    ],
)
def test_a_mark_is_what_the_portal_derives_and_nobodys_own_name_for_a_job(text: str) -> None:
    assert allowed.is_mark(MARK)
    assert not allowed.is_mark(text)
