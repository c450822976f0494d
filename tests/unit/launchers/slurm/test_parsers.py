"""Slurm's answers, as real releases give them and as nobody would wish them: parsers never raise and never invent a job."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.launchers.slurm import answers, facts, marks, parse, states
from armchair.launchers.slurm.answers import Verdict
from armchair.launchers.slurm.parse import Row

from .samples import NOW, REF, SEPARATOR, done, queue_answer, queue_line, sacct_line  # noqa: TID252 - one folder's own

ANY = st.text(max_size=400)


# --- squeue ---


def test_a_line_is_read_field_by_field():
    (row,) = parse.queue(queue_answer(queue_line(Reason="None", RestartCnt="2", exit_code="512")), SEPARATOR)
    assert (row.id, row.state, row.reason, row.restarts) == ("100", "RUNNING", "", 2)
    assert row.submitted == NOW
    assert row.limit == timedelta(hours=1)
    assert (row.uid, row.node, row.exit_code, row.signal) == (1001, "node1", 2, None)
    assert row.comment == "mark-1"


@pytest.mark.parametrize(
    "reason", ["ReqNodeNotAvail, UnavailableNodes:node[1-3]", "launch failed requeued held", "QOSMaxCpuPerUserLimit"]
)
def test_a_reason_may_hold_blanks_and_commas(reason):
    (row,) = parse.queue(queue_answer(queue_line(State="PENDING", Reason=reason)), SEPARATOR)
    assert row.reason == reason


def test_no_name_reads_like_another_jobs_line():
    forged = queue_line(JobID="200", State="FAILED").replace(SEPARATOR, "\x1f")
    lines = queue_line(JobID="300", Name=f"x\n{forged}", Comment=f"\n{forged}\n"), queue_line(JobID="200")
    rows = {row.id: row for row in parse.queue(queue_answer(*lines), SEPARATOR)}
    assert rows.keys() == {"300", "200"}
    assert rows["200"].state == "RUNNING"


def test_separators_differ_from_query_to_query():
    assert len({parse.new_separator() for _ in range(100)}) == 100


def test_an_answer_that_was_cut_off_has_only_whole_lines():
    text = queue_answer(queue_line(JobID="1"), queue_line(JobID="2"))
    for end in range(len(text) // 2, len(text) - len(SEPARATOR)):
        assert [row.id for row in parse.queue(text[:end], SEPARATOR)] == ["1"]


def test_a_clusters_name_before_the_first_line_is_dropped():
    (row,) = parse.queue("CLUSTER: hpc\n" + queue_answer(queue_line()), SEPARATOR)
    assert row.id == "100"


def test_the_query_with_letters_tells_less():
    values = [value for (_, letter), value in zip(parse.QUEUE_FIELDS, queue_line().split(SEPARATOR), strict=False) if letter]
    (row,) = parse.queue("".join(value + SEPARATOR for value in values) + "\n", SEPARATOR, basic=True)
    assert (row.id, row.restarts, row.exit_code, row.comment) == ("100", 0, None, "mark-1")


@given(ANY)
def test_parsers_never_raise(text):
    glued = text.replace("|", SEPARATOR)
    parse.queue(glued, SEPARATOR)
    parse.queue(glued, SEPARATOR, basic=True)
    parse.accounting(glued, SEPARATOR)
    parse.controller(text)
    parse.config(text)
    parse.submitted(text)
    parse.moment(text)
    parse.span(text)
    parse.exit_status(text)
    parse.wait_status(text)
    answers.sentence(done(1, stderr=text))
    answers.verdict(done(1, stderr=text))
    states.canceller(text)


@given(st.dictionaries(st.sampled_from([name for name, _ in parse.QUEUE_FIELDS]), st.text(max_size=30)))
def test_whatever_the_fields_hold_there_is_a_fact_or_none(fields):
    lines = queue_answer(queue_line(**{name: value.replace(SEPARATOR, "") for name, value in fields.items()}))
    for row in parse.queue(lines, SEPARATOR):
        facts.fact(row, REF, NOW)
        facts.is_same_job(row, REF)
        facts.lifetimes([row], REF)
    facts.ahead(parse.queue(lines, SEPARATOR))


# --- times, spans, exit codes ---


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("2:00", timedelta(minutes=2)),
        ("1:02:03", timedelta(hours=1, minutes=2, seconds=3)),
        ("2-00:00:00", timedelta(days=2)),
        ("69-10:39:00", timedelta(days=69, hours=10, minutes=39)),
        ("1-12", timedelta(days=1, hours=12)),
        ("30", timedelta(minutes=30)),
        ("00:02:00", timedelta(minutes=2)),
        ("UNLIMITED", None),
        ("Partition_Limit", None),
        ("INVALID", None),
        ("", None),
    ],
)
def test_time_limits(text, span):
    assert parse.span(text) == span


def test_moments_in_seconds_and_in_words():
    assert parse.moment("1795633749") == datetime(2026, 11, 25, 19, 9, 9, tzinfo=UTC)
    assert parse.moment("2026-11-25T19:09:09") == datetime(2026, 11, 25, 19, 9, 9, tzinfo=UTC)
    for none in ("N/A", "Unknown", "NONE", "None", "0", "-1", "99999999999999999999", ""):
        assert parse.moment(none) is None


def test_exit_codes_in_both_spellings():
    assert [parse.wait_status(text) for text in ("0", "512", "9", "15", "137", "x")] == [
        (0, None), (2, None), (None, 9), (None, 15), (None, 9), (None, None),
    ]  # fmt: skip
    assert [parse.exit_status(text) for text in ("0:0", "2:0", "0:9", "137:0", "0:125", "0:53", "")] == [
        (0, None), (2, None), (None, 9), (137, None), (None, None), (None, None), (None, None),
    ]  # fmt: skip


# --- sacct ---


def test_accounting_rows_survive_line_ends_in_names():
    rows = parse.accounting(sacct_line(JobName="a\nb", Comment="\n\n") + sacct_line(JobIDRaw="101"), SEPARATOR)
    assert [row.id for row in rows] == ["100", "101"]
    assert rows[0].name == "a\nb"


def test_who_cancelled_is_read():
    (row,) = parse.accounting(sacct_line(State="CANCELLED by 1000"), SEPARATOR)
    end = facts.end_of(row, NOW)
    assert end is not None
    assert (end.kind, end.params) == ("cancelled", {"uid": 1000, "by_owner": False})
    assert states.word("CANCELLED+") == "CANCELLED"


# --- scontrol ---


def test_one_job_from_the_controller():
    text = (
        "JobId=100 JobName=x UserId=alice(1001) GroupId=alice(1002) Priority=1 JobState=FAILED Reason=NonZeroExitCode "
        "Dependency=(null) Requeue=0 Restarts=1 BatchFlag=1 ExitCode=4:0 TimeLimit=01:00:00 SubmitTime=1795633749 "
        "StartTime=1795633749 EndTime=1795633760 NodeList=node1 BatchHost=node1 Comment=mark-1 \n"
    )
    row = parse.controller(text)
    assert row is not None
    assert (row.id, row.state, row.uid, row.restarts, row.exit_code, row.comment) == ("100", "FAILED", 1001, 1, 4, "mark-1")
    assert parse.controller("slurm_load_jobs error: Invalid job id specified") is None


def test_the_configuration():
    text = (
        "Configuration data as of 1795633749\nPrivateData             = jobs,usage\nSlurmctldHost[0]        = vm(10.0.0.1)\n\n"
    )
    assert parse.config(text) == {"PrivateData": "jobs,usage", "SlurmctldHost[0]": "vm(10.0.0.1)"}


def test_what_sbatch_prints():
    assert parse.submitted("123\n") == "123"
    assert parse.submitted("welcome to hpc!\n123;cluster1\n") == "123"
    for none in ("", "Submitted batch job x", "-1", "0", "../1"):
        assert parse.submitted(none) is None


# --- marks ---


@given(st.text(min_size=1))
def test_every_mark_is_found_again_and_no_other(mark):
    token = marks.encode(mark)
    assert token.isascii()
    assert len(token) < 400
    assert not set(token) & set(" \n\t'\"$`;:,|")
    assert marks.carries(token, "job", mark)
    assert marks.carries("", f"job:{token}", mark)
    assert not marks.carries(token, "job", mark + "x")
    assert len(mark.encode("utf-8", "surrogatepass")) > 255 or marks.decode(token) == mark


def test_a_mark_that_the_site_moved():
    mark = f"armchair-ab12-{'0123456789abcdef' * 2}"
    assert marks.mark_of(f"[wckey=web] {mark}; checked", "job") == mark
    assert marks.mark_of("(replaced by the site)", f"armchair-1-lab:{mark}") == mark
    assert marks.mark_of("", "my job") == ""
    assert not marks.carries("", "", "")


@given(st.text(), st.text())
def test_marks_are_read_from_anything(comment, name):
    marks.mark_of(comment, name)


# --- refusals ---


FAILED = "sbatch: error: Batch job submission failed: "
REFUSED = (
    FAILED + "Invalid partition name specified",
    FAILED + "Invalid account or account/partition combination specified",
    FAILED + "Invalid qos specification",
    FAILED + "Requested node configuration is not available",
    FAILED + "Access denied to requested reservation",
    FAILED + "Required partition not available (inactive or drain)",
    f"sbatch: error: QOSMaxSubmitJobPerUserLimit\n{FAILED}Job violates accounting/QOS policy (job submit limit, …)",
    f"sbatch: error: The authentication of your project has expired, says munge\n{FAILED}Invalid account or …",
)
DOUBTFUL = (FAILED + "Unspecified error", "sbatch: error: Say which project pays", "")
SILENT = (
    FAILED + "Unable to contact slurm controller (connect failure)",
    FAILED + "Socket timed out on send/recv operation",
    FAILED + "Zero Bytes were transmitted or received",
    FAILED + "Protocol authentication error",
    FAILED + "Resource temporarily unavailable",
    "sbatch: error: If munged is up, restart with --num-threads=10\nsbatch: fatal: munge encode failed",
    "sbatch: fatal: Could not establish a configuration source",
)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        *((Verdict.REFUSED, words) for words in REFUSED),
        *((Verdict.DOUBTFUL, words) for words in DOUBTFUL),
        *((Verdict.SILENT, words) for words in SILENT),
    ],
)
def test_what_a_failed_submission_means(words, verdict):
    assert answers.verdict(done(1, stderr=words)) is verdict


def test_a_killed_sbatch_says_nothing():
    assert answers.verdict(done(-9, stderr="")) is Verdict.SILENT


def test_the_schedulers_sentence_without_its_decoration():
    words = (
        "sbatch: error: invalid partition specified: x\nsbatch: error: Batch job submission failed: Invalid partition name\n"
    )
    assert answers.sentence(done(1, stderr=words)) == "invalid partition specified: x; Invalid partition name"
    assert answers.sentence(done(1, stderr="slurm_load_jobs error: Invalid job id specified")) == "Invalid job id specified"
    assert answers.sentence(done(3, stderr=" \n")) == "sbatch ended with exit code 3"


def test_an_error_with_exit_code_0_is_one():
    assert answers.is_error(done(0, stderr="squeue: error: Unable to contact slurm controller"))
    assert not answers.is_error(done(0, stderr=""))


# --- identity ---


@pytest.mark.parametrize(
    ("row", "same"),
    [
        (Row(id="100", state="RUNNING", submitted=NOW), True),
        (Row(id="101", state="RUNNING", submitted=NOW), False),
        (Row(id="100", state="RUNNING", submitted=NOW + timedelta(seconds=9)), False),
        (Row(id="100", state="RUNNING", submitted=NOW + timedelta(seconds=9), restarts=1), True),
        (Row(id="100", state="RUNNING", submitted=NOW - timedelta(seconds=9), restarts=1), False),
    ],
)
def test_an_id_alone_is_nobody(row, same):
    assert facts.is_same_job(row, REF) is same
