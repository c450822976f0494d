"""Every code for which Slurm lets a job wait has words, and they say what to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair import words
from armchair.domain.cluster import Estimate, Starts
from armchair.domain.run import JobRef, JobState, Phase, Record
from armchair.domain.session import Placement, Resources
from armchair.testing.samples import some_session
from armchair.words import reasons
from armchair.words.line import Tone

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
# all codes of Slurm 22.05 (read out of its library) and those that releases up to 26.05 have added
CODES = (Path(__file__).parents[2] / "fixtures" / "slurm" / "reasons.txt").read_text().split()
WAITING = words.Waiting(
    placement=Placement(partition="short", account="genomics", qos="small"), resources=Resources(cores=4), job="4711"
)
BARE = words.Waiting(placement=Placement(), resources=Resources(gpus=1))


def test_the_list_is_all_of_slurm() -> None:
    assert len(CODES) > 180


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_words(code: str) -> None:
    assert reasons.is_known(code)
    for waiting in (WAITING, BARE):
        found = words.why(code, waiting)
        for text in (found.title, found.detail):
            assert "%" not in text
            assert "None" not in text
            assert code not in text or code in {"Resources", "Reservation", "Priority"}
            assert not any(word in text.lower() for word in ("please", "!", "oops", "tres", "association"))
        assert found.title.endswith(".")
        assert found.title[0].isupper() or found.title.startswith("short")
        assert found.never == found.title.startswith("This can't start")
        if found.never or found.held:
            assert found.detail


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("Resources", "Waiting for free cores."),
        (
            "AssocGrpCpuLimit",
            (
                "Your group genomics is using all the cores that it may use at once. "
                "It starts when one of your group's jobs ends."
            ),
        ),
        (
            "AssocGrpGRES",
            (
                "Your group genomics is using all the GPUs that it may use at once. "
                "It starts when one of your group's jobs ends."
            ),
        ),
        (
            "QOSMaxCpuPerUserLimit",
            (
                "You are using all the cores that the QOS small gives to one person at once. "
                "It starts when one of your jobs ends."
            ),
        ),
        (
            "QOSMaxMemoryPerUser",
            (
                "You are using all the memory that the QOS small gives to one person at once. "
                "It starts when one of your jobs ends."
            ),
        ),
        (
            "MaxCpuPerAccount",
            (
                "Your group genomics is using all the cores that the QOS small gives to one group at once. "
                "It starts when one of your group's jobs ends."
            ),
        ),
        (
            "AssocMaxCpuPerJobLimit",
            ("This can't start: it asks for more cores than your group genomics may use for one job. Change the size."),
        ),
        ("QOSMaxWallDurationPerJobLimit", "This can't start: its time is longer than the QOS small allows. Change the size."),
        ("PartitionTimeLimit", "This can't start: its time is longer than short allows. Change the size."),
        ("PartitionDown", "short is closed at present. It starts when the operators open it again."),
        (
            "AssocGrpCPUMinutesLimit",
            (
                "Your group genomics has used up its budget (cores times hours). "
                "Ask whoever manages the group's budget, or choose another group account."
            ),
        ),
        (
            "AssocGrpCPURunMinutesLimit",
            (
                "The running jobs of your group have taken all that it may have under way "
                "(cores times hours). It starts when some of them end. A shorter time may start sooner."
            ),
        ),
        (
            "QOSMaxJobsPerUserLimit",
            ("You have as many jobs with the QOS small as one person may have at once. It starts when one of your jobs ends."),
        ),
        (
            "AssocMaxJobsLimit",
            ("You have as many jobs in this group account as you may have at once. It starts when one of your jobs ends."),
        ),
        ("QOSMinCpuNotSatisfied", "This can't start: it asks for fewer cores than the QOS small demands. Change the size."),
        ("QOSMinGRES", "This can't start: it asks for fewer GPUs than the QOS small demands. Change the size."),
        ("JobHeldAdmin", "An operator has put this on hold. Ask the help desk and quote job 4711."),
        (
            "launch failed requeued held",
            ("Its node could not start it, so the cluster holds it. Ask the help desk and quote job 4711."),
        ),
        (
            "ReqNodeNotAvail, UnavailableNodes:c[1-3]",
            (
                "The nodes that fit are not available now: switched off, reserved, or kept "
                "free for maintenance. A shorter time, or another partition, may start sooner."
            ),
        ),
        (
            "Reserved for maintenance",
            (
                "The nodes that fit are not available now: switched off, reserved, or kept "
                "free for maintenance. A shorter time, or another partition, may start sooner."
            ),
        ),
    ],
)
def test_codes_say_whose_limit_of_what_is_reached(code: str, text: str) -> None:
    found = words.why(code, WAITING)
    assert f"{found.title} {found.detail}".strip() == text


def test_who_waits_for_gpus_waits_for_gpus() -> None:
    assert words.why("Resources", BARE).title == "Waiting for free GPUs."


def test_jobs_ahead_are_counted_where_they_are_known() -> None:
    assert words.why("Priority", replace(WAITING, position=12)).title == "12 jobs are ahead of yours."
    assert words.why("Priority", replace(WAITING, position=1)).title == "1 job is ahead of yours."
    assert words.why("Priority", WAITING).title == "Other jobs are ahead of yours."


def test_a_code_that_nobody_knows_shows_itself() -> None:
    found = words.why("QuantumFlux,x", WAITING)
    assert found.title == "Waiting. The cluster says: QuantumFlux,x."
    assert "help desk" in found.detail


@given(st.text(max_size=300))
def test_any_text_has_words(code: str) -> None:
    found = words.why(code, WAITING)
    assert found.title
    assert len(found.title) < 400


# --- on the page -----------------------------------------------------------------------------------------------------


class Seen:
    """A session that waits, as the words see it."""

    overlays = ()
    silent_since = None
    usual_start = timedelta(seconds=3)
    now = NOON
    phase = Phase.QUEUED

    def __init__(self, reason: str, expected: datetime | None = None, position: int | None = None) -> None:
        whole = some_session(placement=Placement(partition="short", account="genomics"))
        job = JobRef(cluster="hpc", id="4711", submitted_at=NOON)
        run = replace(whole.run, job=job, job_state=JobState.PENDING, reason=reason, expected_start=expected, position=position)
        self.record = Record(session=whole.session, runs=(run,))


def test_the_line_has_reason_and_expected_start() -> None:
    clock = words.clock(NOON + timedelta(minutes=22), NOON)
    line = words.state(Seen("Resources", NOON + timedelta(minutes=22)))
    assert line.text == f"Waiting for free cores. Expected start {clock} (in about 20 min)."
    assert words.state(Seen("Priority", position=12)).text == "12 jobs are ahead of yours. The cluster gives no estimate yet."
    assert words.state(Seen("Resources", NOON - timedelta(minutes=2))).detail == "It is expected to start any moment."


def test_what_never_starts_is_a_warning_and_has_no_expected_start() -> None:
    line = words.state(Seen("PartitionTimeLimit", NOON + timedelta(minutes=20)))
    assert (line.title, line.detail, line.tone) == (
        "This can't start: its time is longer than short allows.",
        "Change the size.",
        Tone.WARN,
    )


def test_without_a_reason_it_waits_for_its_turn() -> None:
    assert words.state(Seen("")).text == "Waiting for its turn."


# --- estimates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guess", "short", "sentence"),
    [
        (Estimate(starts=Starts.NOW), "starts now", "Starts now."),
        (Estimate(starts=Starts.UNKNOWN, asking=True), "asking the cluster…", "Asking the cluster when it would start…"),
        (Estimate(starts=Starts.UNKNOWN), "no estimate", "The cluster gives no estimate."),
        (Estimate(starts=Starts.NEVER), "can't start", "This can't start."),
        (
            Estimate(starts=Starts.UNKNOWN, reason="QOSMaxCpuPerUserLimit"),
            "when a job of yours ends",
            "You are using all the cores that its QOS gives to one person at once. It starts when one of your jobs ends.",
        ),
        (
            Estimate(starts=Starts.UNKNOWN, reason="AssocGrpGRES", asking=True),
            "when a job of your group ends",
            "Your group is using all the GPUs that it may use at once. It starts when one of your group's jobs ends.",
        ),
        (
            Estimate(starts=Starts.UNKNOWN, reason="PartitionDown"),
            "not at present",
            "The partition is closed at present. It starts when the operators open it again.",
        ),
        (Estimate(starts=Starts.NEVER, reason="Invalid qos"), "can't start", "The cluster says: Invalid qos."),
        (Estimate(starts=Starts.LATER, at=NOON + timedelta(seconds=30)), "starts now", "Starts now."),
        (
            Estimate(starts=Starts.LATER, at=NOON + timedelta(minutes=22)),
            "likely in about 20 min",
            f"Likely starts in about 20 min, at {words.clock(NOON + timedelta(minutes=22), NOON)}.",
        ),
        (
            Estimate(starts=Starts.LATER, at=NOON + timedelta(days=1)),
            "not before tomorrow",
            f"Likely not before {words.clock(NOON + timedelta(days=1), NOON)}.",
        ),
        (
            Estimate(starts=Starts.LATER, at=NOON + timedelta(days=9)),
            "not before 2026-11-10",
            f"Likely not before {words.clock(NOON + timedelta(days=9), NOON)}.",
        ),
    ],
)
def test_every_estimate_has_words(guess: Estimate, short: str, sentence: str) -> None:
    assert words.estimate(guess, NOON) == short
    assert words.estimate_sentence(guess, NOON) == sentence


def test_shortly_before_midnight_the_next_hours_are_not_tomorrow() -> None:
    late = NOON.astimezone().replace(hour=23, minute=30)
    guess = Estimate(starts=Starts.LATER, at=late + timedelta(hours=2))
    assert words.estimate(guess, late) == "likely in about 2 h"
    assert (
        words.estimate_sentence(guess, late)
        == f"Likely starts in about 2 h, at {words.clock(late + timedelta(hours=2), late)}."
    )


def test_what_would_start_sooner_is_said() -> None:
    asked = Resources(walltime=timedelta(hours=4))
    place = Placement(partition="long")
    later = Estimate(starts=Starts.LATER, at=NOON + timedelta(minutes=31))
    assert words.sooner(later, NOON, asked=asked, resources=asked, placement=place) == "In long it would start in about 30 min."
