"""When a session counts as used by nobody, and what follows: a warning, and later its end. Silence is not idleness (I4).

A session has ended for idleness only when it was seen, without a gap, to have neither input nor work for the whole time.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from armchair.domain.event import Event
from armchair.domain.run import JobState, Phase, Record, Run
from armchair.domain.session import By, Session, Wanted

Told = tuple[Record, list[Event]]
# windows come each minute; what lies between two that are further apart was not seen
GAP = timedelta(minutes=3)
# shorter is no time to be idle in
LEAST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleRules:
    """When a session ends because nobody uses it.

    `after` None: none does. `warn` is how long before that people are told. `only_chosen`: only sessions of applications that
    say so. Below `cpu` cores, `gpu` (share of all GPUs) and `input` bytes a minute from the browser nothing happens. `by`: who
    wants it so.
    """

    after: timedelta | None = None
    warn: timedelta = timedelta(minutes=30)
    cpu: float = 0.1
    gpu: float = 0.05
    input: int = 4096
    only_chosen: bool = False
    by: By = By.SITE


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What an agent saw in one window. None: it could not tell.

    `input` counts bytes from the browser, `cpu` is in cores, `gpu` the share of all GPUs, `busy` whether the application's own
    word is that it computes, or jobs of its own run.
    """

    input: int
    cpu: float
    gpu: float | None
    busy: bool | None


def own(session: Session, rules: IdleRules) -> IdleRules:
    """The rules for this session, whose owner may have chosen an earlier end than the site's; a later one does not count."""
    after = earlier(session.idle_after, rules.after)
    return rules if after == rules.after else replace(rules, after=after, by=By.OWNER)


def earlier(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    """The shorter of two times; None is no time at all."""
    return min((some for some in (one, other) if some is not None), default=None)


def is_active(seen: Activity, rules: IdleRules, gpus: int) -> bool:
    """Whether there is a sign of life. What could not be told counts as one."""
    if seen.busy is not False or seen.input >= rules.input or seen.cpu >= rules.cpu:
        return True
    if seen.gpu is None:
        return gpus > 0
    return seen.gpu >= rules.gpu


def seen(run: Run, active: bool, now: datetime) -> Run:
    """A window of the run's activity came in. After a gap nothing is known of what lies before.

    What a program does because it is ended is no sign of life.
    """
    if run.idle_stop_at is not None:
        return run
    gap = run.activity_at is None or now - run.activity_at > GAP
    if active or gap or run.active_at is None:
        return replace(run, active_at=now, activity_at=now, idle_ends_at=None)
    return replace(run, activity_at=now)


def kept(record: Record, now: datetime) -> Told:
    """Its owner wants to keep it: as good as using it."""
    run = record.run
    if record.phase in {Phase.ENDING, Phase.ENDED} or run.active_at is None:
        return record, []
    told = [_event(record, now, "idle.kept")] if run.idle_ends_at is not None else []
    return _with(record, replace(run, active_at=now, idle_ends_at=None)), told


def chosen(record: Record, after: timedelta | None, now: datetime) -> Told:
    """Its owner has chosen when it is to end for not being used; None: when the site says. Whoever chooses, uses it."""
    if record.session.idle_after == after:
        return record, []
    seconds = int(after.total_seconds()) if after is not None else 0
    told = _event(record, now, "idle.chosen", seconds=seconds)
    run = record.run
    if run.outcome is None:
        used = now if run.active_at is not None else None
        record = _with(record, replace(run, active_at=used, idle_ends_at=None))
    return replace(record, session=replace(record.session, idle_after=after)), [told]


def quiet(record: Record, now: datetime) -> bool:
    """Whether this run is seen at present, and may end for being idle at all."""
    run = record.run
    if record.phase is not Phase.READY or record.session.wanted is not Wanted.RUN or run.job_state is not JobState.RUNNING:
        return False
    return run.active_at is not None and run.activity_at is not None and now - run.activity_at <= GAP


def warning_due(record: Record, now: datetime, rules: IdleRules) -> bool:
    """Whether nobody has used this for so long that its end has to be announced."""
    run = record.run
    if rules.after is None or run.active_at is None or run.idle_ends_at is not None or not quiet(record, now):
        return False
    return now - run.active_at >= rules.after - min(rules.warn, rules.after)


def warned(record: Record, now: datetime, rules: IdleRules) -> Told:
    """The end is announced: never earlier than the whole time to react."""
    run = record.run
    if not warning_due(record, now, rules) or rules.after is None or run.active_at is None:
        return record, []
    end = max(run.active_at + rules.after, now + min(rules.warn, rules.after))
    minutes = round((now - run.active_at).total_seconds() / 60)
    told = _event(record, now, "idle.near", minutes=minutes, ends_at=end.isoformat(timespec="seconds"))
    return _with(record, replace(run, idle_ends_at=end)), [told]


def end_due(record: Record, now: datetime, rules: IdleRules) -> bool:
    """Whether the announced end has come and still nobody uses it."""
    end = record.run.idle_ends_at
    return rules.after is not None and end is not None and now >= end and quiet(record, now)


def ended(record: Record, now: datetime, rules: IdleRules) -> Told:
    """The wish that it ends, of whoever's rule it is. A sign of life up to this moment has taken the announced end away."""
    run = record.run
    if not end_due(record, now, rules) or run.active_at is None:
        return record, []
    session = replace(record.session, wanted=Wanted.STOP, wanted_by=rules.by, wanted_at=now)
    since = run.active_at.isoformat(timespec="seconds")
    stopped = replace(_with(record, replace(run, idle_stop_at=now)), session=session)
    return stopped, [_event(record, now, "idle.end", since=since, by=rules.by.value)]


def _with(record: Record, run: Run) -> Record:
    return replace(record, runs=(*record.runs[:-1], run))


def _event(record: Record, now: datetime, code: str, **params: object) -> Event:
    return Event(session=record.session.id, attempt=record.run.attempt, at=now, code=code, params=params)
