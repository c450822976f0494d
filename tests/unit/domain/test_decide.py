"""How runs end, and what is done about it: one line per situation of the table of endings."""

from datetime import UTC, datetime, timedelta

import pytest

from armchair.domain import absorb
from armchair.domain.decide import (
    Cancel,
    Candidate,
    Conclude,
    Policy,
    ResolveIntent,
    conclusion,
    decide,
    overlays,
    resolve_intent,
)
from armchair.domain.run import JobRef, JobState, OutcomeKind, Overlay, Phase, ProcessEnd, Record, Run
from armchair.domain.session import By, Session

T0 = datetime(2026, 11, 1, 12, tzinfo=UTC)
POLICY = Policy()
JOB = JobRef(cluster="local", id="4711", submitted_at=T0)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def new() -> Record:
    session = Session(id="s" * 26, app="terminal", title="t", owner="ada", run_as="ada", created_by="ada", created_at=T0)
    return Record(session=session, runs=(Run(session=session.id, intended_at=T0),))


def seen(record: Record, state: JobState, when: float = 1, end: ProcessEnd | None = None, restarts: int = 0) -> Record:
    fact = absorb.JobSeen(job=JOB, state=state, host="127.0.0.1", end=end, restarts=restarts)
    return absorb.job_seen(record, fact, at(when))[0]


def submitted() -> Record:
    return absorb.job_submitted(new(), JOB, T0)[0]


def running() -> Record:
    return seen(submitted(), JobState.RUNNING)


def enrolled() -> Record:
    fact = absorb.Enrolment(port=7001, node="c12", nonce_hash="n", restarts=0)
    return absorb.enrolled(running(), fact, at(2))[0]


def ready() -> Record:
    return absorb.agent_heard(enrolled(), absorb.AgentNews(ready=True), at(3))[0]


def stopping(record: Record, when: float = 10) -> Record:
    return absorb.stop_asked(record, By.OWNER, at(when))[0]


def test_a_session_walks_through_its_phases() -> None:
    assert [r.phase for r in (new(), submitted(), running(), enrolled(), ready(), stopping(ready()))] == [
        Phase.ACCEPTED,
        Phase.QUEUED,
        Phase.STARTING,
        Phase.STARTING,
        Phase.READY,
        Phase.ENDING,
    ]


@pytest.mark.parametrize(
    ("end", "kind", "by"),
    [
        (ProcessEnd(at=at(5), exit_code=0), OutcomeKind.FINISHED, By.SYSTEM),
        (ProcessEnd(at=at(5), exit_code=1), OutcomeKind.FAILED, By.SYSTEM),
        (ProcessEnd(at=at(5), signal=11), OutcomeKind.FAILED, By.SYSTEM),
        (ProcessEnd(at=at(5), kind=OutcomeKind.TIMED_OUT), OutcomeKind.TIMED_OUT, By.SITE),
        (ProcessEnd(at=at(5), kind=OutcomeKind.OUT_OF_MEMORY, signal=9), OutcomeKind.OUT_OF_MEMORY, By.SYSTEM),
        (ProcessEnd(at=at(5), kind=OutcomeKind.NODE_FAILURE), OutcomeKind.NODE_FAILURE, By.SITE),
        (ProcessEnd(at=at(5), kind=OutcomeKind.CANCELLED, signal=15), OutcomeKind.CANCELLED, By.OPERATOR),
    ],
)
def test_every_ending_keeps_its_kind(end: ProcessEnd, kind: OutcomeKind, by: By) -> None:
    outcome = conclusion(seen(ready(), JobState.ENDED, 5, end), at(6), POLICY)
    assert outcome is not None
    assert (outcome.kind, outcome.by, outcome.at) == (kind, by, at(5))


def test_an_end_after_the_owner_asked_is_theirs_whatever_the_exit_code() -> None:
    outcome = conclusion(seen(stopping(ready()), JobState.ENDED, 12, ProcessEnd(at=at(11), exit_code=143)), at(12), POLICY)
    assert outcome is not None
    assert (outcome.kind, outcome.by) == (OutcomeKind.CANCELLED, By.OWNER)


def test_a_program_that_had_ended_before_the_owner_asked_ended_by_itself() -> None:
    outcome = conclusion(seen(stopping(ready()), JobState.ENDED, 12, ProcessEnd(at=at(9), exit_code=0)), at(12), POLICY)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.FINISHED


def test_out_of_memory_reported_by_the_agent_outlives_the_launchers_plain_signal() -> None:
    news = absorb.AgentNews(ready=False, end=ProcessEnd(at=at(5), kind=OutcomeKind.OUT_OF_MEMORY, signal=9))
    record = absorb.agent_heard(ready(), news, at(5))[0]
    outcome = conclusion(seen(record, JobState.ENDED, 6, ProcessEnd(at=at(6), signal=9)), at(6), POLICY)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY


def test_an_ended_job_without_a_reason_waits_for_one_and_then_says_what_is_known() -> None:
    record = seen(ready(), JobState.ENDED, 5)
    assert record.phase is Phase.ENDING
    assert conclusion(record, at(64), POLICY) is None
    outcome = conclusion(record, at(65), POLICY)
    assert outcome is not None
    assert (outcome.kind, outcome.detail) == (OutcomeKind.FAILED, "unexplained")


def test_an_absent_job_is_lost_only_after_a_grace_time_and_with_a_silent_agent() -> None:
    record = absorb.job_absent(ready(), at(100))[0]
    assert conclusion(record, at(129), POLICY) is None
    outcome = conclusion(record, at(130), POLICY)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.LOST
    heard = absorb.agent_heard(record, absorb.AgentNews(ready=True), at(120))[0]
    assert conclusion(heard, at(135), POLICY) is None


def test_a_job_listed_again_is_no_longer_absent() -> None:
    record = seen(absorb.job_absent(ready(), at(100))[0], JobState.RUNNING, 110)
    assert conclusion(record, at(500), POLICY) is None


def test_a_lost_job_that_lives_begins_a_new_run_and_nothing_is_killed() -> None:
    lost = absorb.job_absent(ready(), at(100))[0]
    outcome = conclusion(lost, at(200), POLICY)
    assert outcome is not None
    record = absorb.ended(lost, outcome, at(200))[0]
    found, events = absorb.job_seen(record, absorb.JobSeen(job=JOB, state=JobState.RUNNING), at(300))
    assert [run.attempt for run in found.runs] == [1, 2]
    assert found.runs[0].outcome == outcome
    assert found.phase is Phase.READY
    assert [event.code for event in events] == ["run.found_again"]
    assert decide(found, at(300), POLICY) == ()


def test_a_requeued_job_begins_a_new_run() -> None:
    record = seen(ready(), JobState.PENDING, 50, restarts=1)
    assert [run.attempt for run in record.runs] == [1, 2]
    first = record.runs[0].outcome
    assert first is not None
    assert first.kind is OutcomeKind.PREEMPTED
    assert record.phase is Phase.QUEUED


def test_a_stop_is_sent_repeated_and_at_last_forced() -> None:
    record = stopping(ready())
    assert decide(record, at(10), POLICY) == (Cancel(job=JOB),)
    sent = absorb.stop_sent(record, at(10))[0]
    assert decide(sent, at(20), POLICY) == ()
    assert decide(sent, at(41), POLICY) == (Cancel(job=JOB),)
    again = absorb.stop_sent(sent, at(175))[0]
    assert decide(again, at(206), POLICY) == (Cancel(job=JOB, force=True),)


def test_a_run_without_a_job_is_looked_for() -> None:
    assert decide(new(), at(1), POLICY) == (ResolveIntent(),)


def candidate(id_: str, when: float, state: JobState = JobState.RUNNING) -> Candidate:
    return Candidate(job=JobRef(cluster="local", id=id_, submitted_at=at(when)), state=state)


def test_no_job_anywhere_is_submitted_while_young_and_given_up_later() -> None:
    assert resolve_intent(new(), [], complete=True, now=at(59), policy=POLICY).submit
    late = resolve_intent(new(), [], complete=True, now=at(60), policy=POLICY)
    assert late.outcome is not None
    assert (late.outcome.kind, late.submit) == (OutcomeKind.NEVER_STARTED, False)


def test_nothing_is_concluded_from_an_incomplete_listing() -> None:
    resolution = resolve_intent(new(), [], complete=False, now=at(3600), policy=POLICY)
    assert (resolution.submit, resolution.outcome, resolution.adopt) == (False, None, None)


def test_a_stop_before_the_job_was_known_ends_without_one() -> None:
    resolution = resolve_intent(stopping(new(), 5), [], complete=True, now=at(6), policy=POLICY)
    assert resolution.outcome is not None
    assert resolution.outcome.kind is OutcomeKind.CANCELLED


def test_of_several_jobs_the_running_one_is_adopted_and_ours_among_the_rest_cancelled() -> None:
    pending, live, dead = candidate("1", 1, JobState.PENDING), candidate("2", 2), candidate("3", 0, JobState.ENDED)
    resolution = resolve_intent(new(), [dead, pending, live], complete=True, now=at(3), policy=POLICY)
    assert resolution.adopt == live.job
    assert resolution.cancel == (pending.job,)


def test_a_job_of_a_cluster_whose_clock_is_behind_is_ours_all_the_same() -> None:
    resolution = resolve_intent(new(), [candidate("1", -600)], complete=True, now=at(3), policy=POLICY)
    assert resolution.adopt == candidate("1", -600).job
    assert not resolution.submit


def test_a_refusal_rejects() -> None:
    record = absorb.job_refused(new(), "partition gpu is for group genomics", at(1))[0]
    actions = decide(record, at(1), POLICY)
    assert isinstance(actions[0], Conclude)
    assert actions[0].outcome.kind is OutcomeKind.REJECTED


def test_an_enrolment_is_good_once_but_its_agent_may_repeat_a_lost_answer() -> None:
    run = enrolled().run
    assert absorb.may_enrol(run, "n", 0)
    assert not absorb.may_enrol(run, "other", 0)
    assert not absorb.may_enrol(ready().run, "n", 0)
    assert absorb.may_enrol(ready().run, "other", 1)


def test_what_is_said_beside_the_phase() -> None:
    assert overlays(ready(), at(4), silent=False, policy=POLICY) == frozenset()
    assert overlays(ready(), at(44), silent=True, policy=POLICY) == {Overlay.UNHEARD, Overlay.SCHEDULER_SILENT}
    assert overlays(running(), at(70), silent=False, policy=POLICY) == {Overlay.SLOW}


def test_an_outcome_is_written_once() -> None:
    first = conclusion(seen(ready(), JobState.ENDED, 5, ProcessEnd(at=at(5), exit_code=1)), at(6), POLICY)
    assert first is not None
    record = absorb.ended(ready(), first, at(6))[0]
    second = conclusion(seen(ready(), JobState.ENDED, 5, ProcessEnd(at=at(5), exit_code=0)), at(6), POLICY)
    assert second is not None
    assert absorb.ended(record, second, at(7)) == (record, [])


def test_a_wish_that_only_silence_held_up_stays_one() -> None:
    assert resolve_intent(new(), [], complete=True, now=at(3600), policy=POLICY, kept=True).submit
    assert not resolve_intent(new(), [], complete=False, now=at(3600), policy=POLICY, kept=True).submit


@pytest.mark.parametrize(
    ("by_owner", "by", "detail"), [(True, By.OWNER, "cancelled_by_owner"), (False, By.OPERATOR, "cancelled_elsewhere")]
)
def test_who_cancelled_a_job_outside_the_portal_is_told(by_owner: bool, by: By, detail: str) -> None:
    end = ProcessEnd(at=at(50), kind=OutcomeKind.CANCELLED, params={"uid": 1, "by_owner": by_owner})
    outcome = conclusion(seen(ready(), JobState.ENDED, 50, end), at(51), POLICY)
    assert outcome is not None
    assert (outcome.kind, outcome.by, outcome.detail) == (OutcomeKind.CANCELLED, by, detail)


def test_a_scheduler_that_counts_whole_seconds_does_not_deny_our_stop() -> None:
    record, _ = absorb.stop_sent(stopping(ready(), 50.7), at(50.8))
    outcome = conclusion(seen(record, JobState.ENDED, 52, ProcessEnd(at=at(50), kind=OutcomeKind.CANCELLED)), at(52), POLICY)
    assert outcome is not None
    assert (outcome.kind, outcome.by, outcome.detail) == (OutcomeKind.CANCELLED, By.OWNER, "")


def test_a_program_that_fails_while_it_is_ended_has_ended_as_asked() -> None:
    """It ends with an error before the scheduler has heard of the stop, which then tells of a failure in whole seconds."""
    record, _ = absorb.stop_sent(stopping(ready(), 50.4), at(50.8))
    news = absorb.AgentNews(ready=True, end=ProcessEnd(at=at(50.6), kind=OutcomeKind.CANCELLED, exit_code=1))
    record, _ = absorb.agent_heard(record, news, at(50.7))
    outcome = conclusion(seen(record, JobState.ENDED, 51, ProcessEnd(at=at(50), exit_code=1)), at(51), POLICY)
    assert outcome is not None
    assert (outcome.kind, outcome.by, outcome.detail) == (OutcomeKind.CANCELLED, By.OWNER, "")


def test_a_crash_before_the_stop_stays_a_crash() -> None:
    record, _ = absorb.stop_sent(stopping(ready(), 50.4), at(50.8))
    record, _ = absorb.agent_heard(record, absorb.AgentNews(ready=True, end=ProcessEnd(at=at(49.9), exit_code=1)), at(50.5))
    outcome = conclusion(seen(record, JobState.ENDED, 51, ProcessEnd(at=at(49), exit_code=1)), at(51), POLICY)
    assert outcome is not None
    assert (outcome.kind, outcome.exit_code) == (OutcomeKind.FAILED, 1)


def ended_by(record: Record, when: float, **end: object) -> Record:
    return absorb.agent_heard(record, absorb.AgentNews(ready=True, end=ProcessEnd(at=at(when), **end)), at(when))[0]


def test_who_cancelled_it_is_waited_for_although_the_agent_was_told_to_end() -> None:
    """The agent's report is quicker than accounting, which alone knows that it was the owner's own scancel."""
    record = seen(ended_by(ready(), 50, kind=OutcomeKind.CANCELLED, signal=15), JobState.ENDED, 51)
    assert conclusion(record, at(55), POLICY) is None
    by_owner = ProcessEnd(at=at(50), kind=OutcomeKind.CANCELLED, params={"by_owner": True})
    known = conclusion(seen(record, JobState.ENDED, 54, by_owner), at(55), POLICY)
    assert known is not None
    assert (known.by, known.detail) == (By.OWNER, "cancelled_by_owner")
    never = conclusion(record, at(111), POLICY)
    assert never is not None
    assert (never.kind, never.detail) == (OutcomeKind.CANCELLED, "cancelled_elsewhere")
    asked = conclusion(
        seen(ended_by(stopping(ready(), 49), 50, kind=OutcomeKind.CANCELLED), JobState.ENDED, 51), at(51), POLICY
    )
    assert asked is not None
    assert (asked.by, asked.detail) == (By.OWNER, ""), "who asked for it is known and needs no waiting"


def test_a_job_that_is_gone_and_was_ended_by_others_was_not_ended_by_the_site() -> None:
    record = absorb.job_absent(ended_by(ready(), 50, kind=OutcomeKind.CANCELLED, signal=15), at(51))[0]
    outcome = conclusion(record, at(90), POLICY)
    assert outcome is not None
    assert (outcome.kind, outcome.by, outcome.detail) == (OutcomeKind.CANCELLED, By.OPERATOR, "cancelled_elsewhere")


def test_an_end_that_was_asked_for_and_that_nobody_explains_is_no_failure() -> None:
    record = seen(absorb.stop_sent(stopping(ready()), at(10))[0], JobState.ENDED, 12)
    assert conclusion(record, at(20), POLICY) is None
    outcome = conclusion(record, at(72), POLICY)
    assert outcome is not None
    assert (outcome.kind, outcome.by, outcome.at) == (OutcomeKind.CANCELLED, By.OWNER, at(12))


@pytest.mark.parametrize(
    ("previous", "kind", "detail"),
    [
        (ProcessEnd(at=at(9), kind=OutcomeKind.NODE_FAILURE), OutcomeKind.NODE_FAILURE, "requeued_after_failure"),
        (ProcessEnd(at=at(9), kind=OutcomeKind.PREEMPTED), OutcomeKind.PREEMPTED, "requeued_after_preemption"),
        (ProcessEnd(at=at(9), exit_code=1), OutcomeKind.PREEMPTED, "requeued"),
        (None, OutcomeKind.PREEMPTED, "requeued"),
    ],
)
def test_why_a_job_was_queued_again_is_said_where_it_is_known(
    previous: ProcessEnd | None, kind: OutcomeKind, detail: str
) -> None:
    fact = absorb.JobSeen(job=JOB, state=JobState.PENDING, restarts=1, previous=previous)
    outcome = absorb.job_seen(ready(), fact, at(10))[0].runs[0].outcome
    assert outcome is not None
    assert (outcome.kind, outcome.detail) == (kind, detail)


def test_a_lost_job_that_was_started_anew_meanwhile_has_another_agent() -> None:
    lost = absorb.job_absent(ready(), at(100))[0]
    outcome = conclusion(lost, at(200), POLICY)
    assert outcome is not None
    record = absorb.ended(lost, outcome, at(200))[0]
    found = seen(record, JobState.RUNNING, 300, restarts=1)
    assert (found.run.attempt, found.phase, found.run.enrolled_at) == (2, Phase.STARTING, None)
    assert absorb.may_enrol(found.run, "other", 0)


def test_a_session_that_is_ending_does_not_become_ready() -> None:
    _, told = absorb.agent_heard(stopping(enrolled()), absorb.AgentNews(ready=True), at(11))
    assert told == []
    _, told = absorb.agent_heard(seen(enrolled(), JobState.ENDED), absorb.AgentNews(ready=True), at(11))
    assert told == []


def test_an_ended_run_takes_no_agent_in() -> None:
    outcome = conclusion(seen(ready(), JobState.ENDED, 5, ProcessEnd(at=at(5), exit_code=1)), at(6), POLICY)
    assert outcome is not None
    record = absorb.ended(running(), outcome, at(6))[0]
    assert absorb.enrolled(record, absorb.Enrolment(port=1, node="n", nonce_hash="n", restarts=0), at(7)) == (record, [])


def test_a_job_that_is_queued_again_before_its_agent_called_is_nowhere() -> None:
    before = absorb.JobSeen(job=JOB, state=JobState.RUNNING, host="10.0.0.1", node="c1", started_at=at(5))
    record, _ = absorb.job_seen(submitted(), before, at(5))
    again = absorb.JobSeen(job=JOB, state=JobState.PENDING, restarts=1)
    run = absorb.job_seen(record, again, at(50))[0].run
    assert (run.attempt, run.host, run.node, run.started_at) == (1, None, "", None), "nobody looks for it at the old place"
