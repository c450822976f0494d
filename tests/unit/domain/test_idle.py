"""A session ends for idleness only when it was seen to be idle, without a gap, for the whole time, and was announced."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.domain import absorb, idle
from armchair.domain.absorb import AgentNews
from armchair.domain.decide import Cancel, Conclude, EndIdle, Policy, WarnOfIdleness, decide, overlays
from armchair.domain.idle import Activity, IdleRules, is_active
from armchair.domain.run import JobRef, JobState, OutcomeKind, Overlay, ProcessEnd, Record
from armchair.domain.session import By, Wanted
from armchair.testing.clock import START
from armchair.testing.samples import some_session

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
JOB = JobRef(cluster="local", id="1", submitted_at=START)
RULES = IdleRules(after=2 * HOUR, warn=30 * MINUTE)
POLICY = Policy(idle=RULES)
NOTHING = Activity(input=0, cpu=0.0, gpu=None, busy=False)


def ready() -> Record:
    record = some_session()
    facts = {"job": JOB, "job_state": JobState.RUNNING, "started_at": START, "enrolled_at": START, "ready_at": START}
    return replace(record, runs=(replace(record.run, **facts),))


def lived(windows: list[bool | None], record: Record | None = None, begin: int = 0, site: IdleRules = RULES) -> Record:
    """A record after these minutes: each with a sign of life, without one, or (None) without a report."""
    record = record or ready()
    for minute, active in enumerate(windows, start=begin):
        now = START + minute * MINUTE
        if active is not None:
            record, _ = absorb.agent_heard(record, AgentNews(ready=True, active=active), now)
        rules = idle.own(record.session, site)
        for action in decide(record, now, Policy(idle=rules)):
            if isinstance(action, WarnOfIdleness):
                record, _ = idle.warned(record, now, rules)
            if isinstance(action, EndIdle):
                record, _ = idle.ended(record, now, rules)
    return record


@pytest.mark.parametrize(
    ("seen", "gpus", "active"),
    [
        (NOTHING, 0, False),
        (replace(NOTHING, input=4096), 0, True),
        (replace(NOTHING, input=4095), 0, False),
        (replace(NOTHING, cpu=0.1), 0, True),
        (replace(NOTHING, gpu=0.05), 1, True),
        (replace(NOTHING, gpu=0.01), 1, False),
        (replace(NOTHING, busy=True), 0, True),
        (replace(NOTHING, busy=None), 0, True),  # it could not be told
        (NOTHING, 1, True),  # nobody can say what its GPU does
    ],
)
def test_every_sign_of_life_counts_and_so_does_what_is_not_known(seen: Activity, gpus: int, active: bool) -> None:
    assert is_active(seen, RULES, gpus) is active


def test_two_quiet_hours_are_announced_and_end_it() -> None:
    warned = lived([True] + [False] * 90)
    assert warned.run.idle_ends_at == START + 2 * HOUR
    assert Overlay.IDLE in overlays(warned, START + 91 * MINUTE, False, POLICY)
    over = lived([False] * 30, warned, 91)
    assert over.session.wanted is Wanted.STOP
    assert over.session.wanted_by is By.SITE
    now = START + 121 * MINUTE
    assert decide(over, now, POLICY) == (Cancel(job=JOB),)
    end = ProcessEnd(at=now, kind=OutcomeKind.CANCELLED, signal=15)
    ended = replace(over, runs=(replace(over.run, job_state=JobState.ENDED, job_state_at=now, job_end=end),))
    (done,) = decide(ended, now, POLICY)
    assert isinstance(done, Conclude)
    assert (done.outcome.kind, done.outcome.by) == (OutcomeKind.IDLE, By.SITE)
    assert done.outcome.params == {"since": START.isoformat(timespec="seconds")}


def test_a_sign_of_life_takes_the_announced_end_back_up_to_the_last_moment() -> None:
    warned = lived([True] + [False] * 119)
    assert warned.run.idle_ends_at is not None
    used, _ = absorb.agent_heard(warned, AgentNews(ready=True, active=True), START + 2 * HOUR)
    assert used.run.idle_ends_at is None
    assert idle.ended(used, START + 2 * HOUR, RULES) == (used, [])


def test_an_end_that_is_announced_late_comes_as_much_later() -> None:
    quiet = lived([True] + [False] * 119, site=IdleRules(after=10 * HOUR))
    warned, _ = idle.warned(quiet, START + 119 * MINUTE, RULES)
    assert warned.run.idle_ends_at == START + (119 + 30) * MINUTE


def test_whoever_keeps_it_has_the_whole_time_again() -> None:
    warned = lived([True] + [False] * 100)
    kept, events = idle.kept(warned, START + 101 * MINUTE)
    assert [event.code for event in events] == ["idle.kept"]
    assert kept.run.idle_ends_at is None
    again = lived([False] * 118, kept, 102)
    assert again.session.wanted is Wanted.RUN
    assert lived([False] * 3, again, 220).session.wanted is Wanted.STOP


def test_without_the_sites_word_nothing_ends() -> None:
    record = lived([True] + [False] * 60)
    assert not decide(record, START + 100 * HOUR, Policy())
    assert idle.warned(record, START + 61 * MINUTE, IdleRules()) == (record, [])


@given(st.lists(st.sampled_from([False, False, False, False, True, None]), min_size=1, max_size=400))
def test_no_session_ends_that_was_not_seen_to_be_idle_for_the_whole_time(windows: list[bool | None]) -> None:
    # long stretches make ends likely; a gap of several minutes or a sign of life must begin the time anew
    stretched = [window for one in windows for window in ([one] * (25 if one is False else 1 if one else 5))]
    record = lived(stretched)
    stopped = record.session.wanted_at
    if stopped is None:
        return
    last = int((stopped - START) / MINUTE)
    seen = stretched[last - 120 : last + 1]
    assert len(seen) == 121
    assert True not in seen[1:]
    assert not any(seen[index : index + 4] == [None] * 4 for index in range(len(seen)))


def test_an_agent_that_falls_silent_is_not_idle() -> None:
    quiet = lived([True] + [False] * 100)
    assert not idle.end_due(quiet, START + 50 * HOUR, RULES)
    heard, _ = absorb.agent_heard(quiet, AgentNews(ready=True, active=False), START + 50 * HOUR)
    assert heard.run.active_at == START + 50 * HOUR, "what happened meanwhile nobody knows"


def test_an_agent_that_reports_but_no_longer_says_what_it_sees_is_not_idle() -> None:
    record = lived([True] + [False] * 80)
    for minute in range(81, 300):
        record, _ = absorb.agent_heard(record, AgentNews(ready=True), START + minute * MINUTE)
        assert not decide(record, START + minute * MINUTE, POLICY)


def choosing(after: timedelta | None, record: Record | None = None, minute: int = 0) -> Record:
    return idle.chosen(record or lived([True]), after, START + minute * MINUTE)[0]


@pytest.mark.parametrize(
    ("site", "chosen", "after", "by"),
    [
        (None, None, None, By.SITE),
        (None, 8, 8, By.OWNER),
        (4, None, 4, By.SITE),
        (4, 1, 1, By.OWNER),
        (4, 4, 4, By.SITE),
        (4, 8, 4, By.SITE),  # as when the site has shortened its own since
    ],
)
def test_an_owner_may_choose_an_earlier_end_and_never_a_later_one(site, chosen, after, by) -> None:
    def hours(number: int | None) -> timedelta | None:
        return None if number is None else number * HOUR

    rules = idle.own(some_session(idle_after=hours(chosen)).session, IdleRules(after=hours(site)))
    assert (rules.after, rules.by) == (hours(after), by)


def test_an_end_that_its_owner_chose_is_theirs() -> None:
    warned = lived([False] * 40, choosing(HOUR), 1, IdleRules())
    assert warned.run.idle_ends_at == START + HOUR
    over = lived([False] * 25, warned, 41, IdleRules())
    assert (over.session.wanted, over.session.wanted_by) == (Wanted.STOP, By.OWNER)
    end = ProcessEnd(at=over.session.wanted_at, kind=OutcomeKind.CANCELLED, signal=15)
    ended = replace(over, runs=(replace(over.run, job_state=JobState.ENDED, job_state_at=end.at, job_end=end),))
    (done,) = decide(ended, end.at, Policy())
    assert isinstance(done, Conclude)
    assert (done.outcome.kind, done.outcome.by) == (OutcomeKind.IDLE, By.OWNER)


def test_whoever_chooses_uses_it() -> None:
    warned = lived([True] + [False] * 100)
    assert warned.run.idle_ends_at is not None
    for after in (HOUR, None):
        chosen, events = idle.chosen(choosing(3 * HOUR, warned, 100), after, START + 101 * MINUTE)
        assert chosen.run.idle_ends_at is None
        assert chosen.run.active_at == START + 101 * MINUTE
        assert [(event.code, event.params) for event in events] == [("idle.chosen", {"seconds": 3600 if after else 0})]


def test_choosing_the_same_again_changes_nothing() -> None:
    assert idle.chosen(ready(), None, START) == (ready(), [])
    record = choosing(HOUR)
    assert idle.chosen(record, HOUR, START + MINUTE) == (record, [])


def test_before_it_was_ever_seen_nothing_is_known_of_its_use() -> None:
    assert choosing(HOUR, ready()).run.active_at is None


def test_what_it_does_while_it_is_ended_is_no_use_of_it_and_keeping_it_comes_too_late() -> None:
    record = lived([True] + [False] * 150)
    assert record.session.wanted is Wanted.STOP
    now = START + 151 * MINUTE
    busy, _ = absorb.agent_heard(record, AgentNews(ready=True, active=True), now)
    assert busy.run.active_at == record.run.active_at
    assert idle.kept(busy, now) == (busy, [])
    news = AgentNews(ready=True, end=ProcessEnd(at=now, kind=OutcomeKind.CANCELLED, signal=15))
    ended, _ = absorb.agent_heard(busy, news, now)
    ended, _ = absorb.job_seen(ended, absorb.JobSeen(job=JOB, state=JobState.ENDED), now)
    (action,) = decide(ended, now, POLICY)
    assert isinstance(action, Conclude)
    assert (action.outcome.kind, action.outcome.params) == (OutcomeKind.IDLE, {"since": START.isoformat(timespec="seconds")})
