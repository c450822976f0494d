"""The end of a session's time: seen from the launcher's word, warned of once, and moved when that is allowed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.domain import absorb, lasting
from armchair.domain.decide import Extend, Policy, WarnOfEnd, decide, overlays
from armchair.domain.errors import Conflict, Refused
from armchair.domain.lasting import ExtendPolicy
from armchair.domain.run import JobRef, JobState, Overlay, Record
from armchair.domain.session import Resources, Wanted
from armchair.testing.clock import START
from armchair.testing.samples import some_outcome, some_session

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
JOB = JobRef(cluster="local", id="1", submitted_at=START)
POLICY = Policy()


def running(walltime: timedelta | None = 4 * HOUR, **facts: object) -> Record:
    record = some_session(resources=Resources(walltime=walltime))
    known = {"job": JOB, "job_state": JobState.RUNNING, "started_at": START, "enrolled_at": START, "ready_at": START}
    return replace(record, runs=(replace(record.run, **(known | facts)),))


def told(step: lasting.Told) -> list[str]:
    return [event.code for event in step[1]]


def test_the_launchers_word_counts_more_than_our_reckoning() -> None:
    assert lasting.ends_at(running()) == START + 4 * HOUR
    assert lasting.ends_at(running(ends_at=START + 5 * HOUR)) == START + 5 * HOUR
    assert lasting.ends_at(running(walltime=None)) is None
    assert lasting.ends_at(running(started_at=None)) is None
    assert lasting.ends_at(running(outcome=some_outcome())) is None


def test_the_end_is_warned_of_once_and_again_when_it_has_moved() -> None:
    record, soon = running(), START + 4 * HOUR - 9 * MINUTE
    assert WarnOfEnd() not in decide(record, START + 3 * HOUR, POLICY)
    assert WarnOfEnd() in decide(record, soon, POLICY)
    warned, events = lasting.end_warned(record, soon, POLICY.warning)
    assert [(event.code, event.params) for event in events] == [("end.near", {"seconds": 540})]
    assert WarnOfEnd() not in decide(warned, soon, POLICY)
    assert told(lasting.end_warned(warned, soon, POLICY.warning)) == []
    jittered = replace(warned, runs=(replace(warned.run, ends_at=START + 4 * HOUR + timedelta(seconds=20)),))
    assert WarnOfEnd() not in decide(jittered, soon, POLICY)
    moved = replace(warned, runs=(replace(warned.run, ends_at=START + 6 * HOUR),))
    assert WarnOfEnd() not in decide(moved, soon, POLICY)
    assert WarnOfEnd() in decide(moved, soon + 2 * HOUR, POLICY)


def test_a_short_session_is_not_warned_from_its_start_on() -> None:
    short = running(walltime=8 * MINUTE)
    assert Overlay.ENDS_SOON not in overlays(short, START, False, POLICY)
    assert Overlay.ENDS_SOON in overlays(short, START + 6 * MINUTE, False, POLICY)
    assert Overlay.ENDS_SOON not in overlays(short, START + HOUR, False, POLICY), "that end has been"


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"job_state": JobState.SUSPENDED}, "extend_not_now"),
        ({"job_state": JobState.PENDING, "ready_at": None, "enrolled_at": None}, "extend_not_now"),
        ({"outcome": some_outcome()}, "extend_not_now"),
        ({"walltime": 24 * HOUR}, "extend_too_long"),
        ({"extensions": 3}, "extend_too_often"),
        ({"walltime_wanted": 6 * HOUR}, "extend_under_way"),
        ({}, "extend_too_early"),
    ],
)
def test_each_rule_is_named(facts: dict[str, object], code: str) -> None:
    policy = ExtendPolicy(most=24 * HOUR, times=3, before=HOUR)
    with pytest.raises((Conflict, Refused)) as no:
        lasting.extended_limit(running(**facts), HOUR, START, policy)
    assert no.value.code == code


def test_more_than_the_site_adds_is_refused() -> None:
    policy = ExtendPolicy(step=2 * HOUR, most=5 * HOUR)
    assert lasting.extendable(running(), START, policy) == HOUR
    for by, code in ((3 * HOUR, "extend_too_much"), (2 * HOUR, "extend_too_long"), (timedelta(0), "extend_nothing")):
        with pytest.raises((Conflict, Refused)) as no:
            lasting.extended_limit(running(), by, START, policy)
        assert no.value.code == code
    with pytest.raises(Refused, match="extend_off"):
        lasting.extendable(running(), START, ExtendPolicy(step=timedelta(0)))


@given(
    st.timedeltas(timedelta(0), timedelta(days=9)),
    st.timedeltas(timedelta(minutes=-5), timedelta(days=9)),
    st.timedeltas(timedelta(0), timedelta(days=9)),
    st.none() | st.timedeltas(timedelta(minutes=1), timedelta(days=9)),
)
def test_no_wish_goes_beyond_the_sites_rules(
    walltime: timedelta, by: timedelta, step: timedelta, most: timedelta | None
) -> None:
    try:
        given_limit = lasting.extended_limit(running(walltime=walltime), by, START, ExtendPolicy(step=step, most=most))
    except (Conflict, Refused):
        return
    assert walltime < given_limit <= walltime + step
    assert most is None or given_limit <= most


def test_a_wish_stays_until_it_is_answered() -> None:
    record, events = lasting.extend_asked(running(), 6 * HOUR, START)
    assert [event.code for event in events] == ["extend.asked"]
    assert Extend(job=JOB, walltime=6 * HOUR) in decide(record, START, POLICY)
    done, events = lasting.extended(record, 6 * HOUR, START)
    assert [event.code for event in events] == ["extend.done"]
    assert (done.run.walltime, done.run.walltime_wanted, done.run.extensions) == (6 * HOUR, None, 1)
    assert lasting.ends_at(done) == START + 6 * HOUR
    assert not decide(done, START, POLICY)
    assert told(lasting.extended(done, 6 * HOUR, START)) == [], "an answer that comes twice says nothing new"
    refused, _ = lasting.extension_refused(record, "no", START)
    assert (refused.run.walltime_wanted, refused.run.extend_refused, refused.run.extensions) == (None, "no", 0)


def test_the_limit_shows_that_the_wish_was_granted_and_an_end_that_moved_does_not() -> None:
    record, _ = lasting.extend_asked(running(ends_at=START + 4 * HOUR), 6 * HOUR, START)
    assert not lasting.is_extended(record)
    paused = absorb.JobSeen(job=JOB, state=JobState.RUNNING, walltime=4 * HOUR, ends_at=START + 7 * HOUR)
    assert not lasting.is_extended(absorb.job_seen(record, paused, START)[0]), "it was suspended for three hours"
    granted = replace(paused, walltime=6 * HOUR - timedelta(seconds=30))
    assert lasting.is_extended(absorb.job_seen(record, granted, START)[0])


def test_the_limit_is_the_launchers_word_and_whole_minutes_are_no_news() -> None:
    seen = absorb.JobSeen(job=JOB, state=JobState.RUNNING, walltime=4 * HOUR + timedelta(seconds=30))
    assert absorb.job_seen(running(), seen, START)[0].run.walltime is None
    more, _ = absorb.job_seen(running(), replace(seen, walltime=10 * HOUR), START)
    assert lasting.limit(more) == 10 * HOUR
    assert lasting.extended_limit(more, HOUR, START, ExtendPolicy()) == 11 * HOUR, "an operator's longer limit is not shortened"
    assert lasting.limit(absorb.job_seen(more, replace(seen, walltime=None), START)[0]) == 10 * HOUR
    unknown, _ = absorb.job_seen(running(walltime=None), seen, START)
    assert lasting.limit(unknown) == seen.walltime, "a default of the site's or the scheduler's"


def test_a_session_that_is_cut_short_under_way_is_warned_at_once() -> None:
    seen = absorb.JobSeen(job=JOB, state=JobState.RUNNING, walltime=2 * MINUTE, ends_at=START + 2 * MINUTE)
    cut, _ = absorb.job_seen(running(), seen, START)
    assert WarnOfEnd() in decide(cut, START, POLICY)


def test_a_suspended_session_has_no_end_to_warn_of() -> None:
    paused = running(job_state=JobState.SUSPENDED, ends_at=START + 4 * HOUR)
    assert lasting.ends_at(paused) is None
    assert decide(paused, START + 4 * HOUR - MINUTE, POLICY) == ()
    assert Overlay.ENDS_SOON not in overlays(paused, START + 4 * HOUR - MINUTE, False, POLICY)


def test_a_job_that_is_queued_again_keeps_the_time_that_it_was_given() -> None:
    record = running(walltime=8 * HOUR, extensions=2, walltime_wanted=9 * HOUR, started_at=START)
    record = replace(record, runs=(replace(record.run, walltime=8 * HOUR),))
    again, _ = absorb.job_seen(record, absorb.JobSeen(job=JOB, state=JobState.PENDING, restarts=1), START)
    assert (again.run.attempt, again.run.extensions, again.run.walltime_wanted) == (2, 2, 9 * HOUR)
    assert lasting.limit(again) == 8 * HOUR


def test_a_session_that_is_to_end_gets_no_more_time() -> None:
    record, _ = lasting.extend_asked(running(), 6 * HOUR, START)
    stopped = replace(record, session=replace(record.session, wanted=Wanted.STOP))
    assert not any(isinstance(action, Extend) for action in decide(stopped, START, POLICY))
