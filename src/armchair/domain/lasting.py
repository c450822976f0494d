"""How long a session lasts: the end of its time, the warning before it, and more time when it is asked for."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from armchair.domain.errors import Conflict, Refused
from armchair.domain.event import Event
from armchair.domain.run import JobState, Phase, Record, Run
from armchair.domain.session import Wanted

# schedulers count whole minutes, and a job's end moves by seconds from one look to the next
SLACK = timedelta(seconds=60)
_LASTING = frozenset({Phase.STARTING, Phase.READY})

Told = tuple[Record, list[Event]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendPolicy:
    """What the site lets people add to a session's time.

    `step` is the most that is added at once (zero: nothing), `most` the longest time in all, `before` how long before the end
    it may be asked for at the earliest, `times` how often. None: without such a limit.
    """

    step: timedelta = timedelta(hours=2)
    most: timedelta | None = None
    before: timedelta | None = None
    times: int | None = None


def limit(record: Record) -> timedelta | None:
    """How long the present run may last in all; None: without limit, or not known here."""
    return record.run.walltime or record.session.resources.walltime


def limit_said(record: Record, walltime: timedelta | None) -> timedelta | None:
    """The limit to keep after the launcher's word: also operators give time. None from it says nothing."""
    known = limit(record)
    if walltime is None or (known is not None and abs(walltime - known) < SLACK):
        return record.run.walltime
    return walltime


def ends_at(record: Record) -> datetime | None:
    """When the time of a run that has started is over: by the launcher's word, else counted from its start.

    None also while it is suspended: its time stands still, and nobody knows when it goes on.
    """
    run, walltime = record.run, limit(record)
    if run.outcome is not None or run.started_at is None or run.job_state is JobState.SUSPENDED:
        return None
    if run.ends_at is not None:
        return run.ends_at
    return run.started_at + walltime if walltime is not None else None


# --- the warning before the end ------------------------------------------------------------------------------------


def lead(record: Record, warning: timedelta) -> timedelta:
    """How long before its end this session is warned: short ones are not warned from their start on.

    One that was made short under way was not asked for as such.
    """
    known = [one for one in (limit(record), record.session.resources.walltime) if one is not None]
    return min(warning, max(known) / 4) if known else warning


def ends_soon(record: Record, now: datetime, warning: timedelta) -> bool:
    """Whether the end of a running session is near."""
    end = ends_at(record)
    return end is not None and record.phase in _LASTING and end - lead(record, warning) <= now < end + SLACK


def warning_due(record: Record, now: datetime, warning: timedelta) -> bool:
    """Whether this end is near and was not warned of. Another end (more time was given) is another warning."""
    end, before = ends_at(record), record.run.warned_for
    return end is not None and ends_soon(record, now, warning) and (before is None or abs(end - before) > SLACK)


def end_warned(record: Record, now: datetime, warning: timedelta) -> Told:
    """Everybody concerned is told of the near end, once for each end."""
    end = ends_at(record)
    if end is None or not warning_due(record, now, warning):
        return record, []
    left = max(0, round((end - now).total_seconds()))
    return _with(record, replace(record.run, warned_for=end)), [_event(record, now, "end.near", seconds=left)]


# --- more time -----------------------------------------------------------------------------------------------------


def extendable(record: Record, now: datetime, policy: ExtendPolicy) -> timedelta:
    """How much may be added now: at most the policy's step. Raises Conflict and Refused as `extended_limit`."""
    run, walltime = record.run, limit(record)
    if policy.step <= timedelta(0):
        raise Refused("extend_off")
    if record.phase not in _LASTING or run.job is None or run.job_state is not JobState.RUNNING:
        raise Conflict("extend_not_now")
    end = ends_at(record)
    if walltime is None or end is None:
        raise Conflict("extend_no_limit")
    if run.walltime_wanted is not None:
        raise Conflict("extend_under_way")
    if policy.times is not None and run.extensions >= policy.times:
        raise Refused("extend_too_often", times=policy.times)
    room = policy.step if policy.most is None else min(policy.step, policy.most - walltime)
    if policy.most is not None and room <= timedelta(0):
        raise Refused("extend_too_long", most=int(policy.most.total_seconds()))
    if policy.before is not None and now < end - policy.before:
        raise Refused("extend_too_early", before=int(policy.before.total_seconds()))
    return room


def extended_limit(record: Record, by: timedelta, now: datetime, policy: ExtendPolicy) -> timedelta:
    """The limit in all after adding `by`.

    Raises Conflict when there is nothing to extend now, Refused with the site's rule that is against it.
    """
    room, walltime = extendable(record, now, policy), limit(record)
    if by <= timedelta(0) or walltime is None:
        raise Conflict("extend_nothing")
    if by > policy.step:
        raise Refused("extend_too_much", step=int(policy.step.total_seconds()))
    if by > room and policy.most is not None:
        raise Refused("extend_too_long", most=int(policy.most.total_seconds()))
    return walltime + by


def extend_asked(record: Record, walltime: timedelta, now: datetime) -> Told:
    """The wish is stored before anybody is asked, and stays until there is an answer."""
    run = record.run
    if run.outcome is not None or run.walltime_wanted == walltime:
        return record, []
    changed = replace(run, walltime_wanted=walltime, extend_refused="")
    return _with(record, changed), [_event(record, now, "extend.asked", seconds=int(walltime.total_seconds()))]


def is_extended(record: Record) -> bool:
    """Whether the launcher's own word shows that the wish was granted: its answer may have been lost.

    The end says nothing of this: it moves also when the job is suspended.
    """
    wanted, known = record.run.walltime_wanted, limit(record)
    return wanted is not None and known is not None and known > wanted - SLACK


def extended(record: Record, walltime: timedelta, now: datetime) -> Told:
    """The launcher gave the time."""
    run = record.run
    if run.outcome is not None or run.walltime_wanted != walltime:
        return record, []
    before = limit(record)
    given = max(walltime, before) if before is not None else walltime
    end = run.started_at + given if run.started_at is not None else None
    later = max((one for one in (end, run.ends_at) if one is not None), default=None)
    changed = replace(run, walltime=given, walltime_wanted=None, extensions=run.extensions + 1, ends_at=later)
    return _with(record, changed), [_event(record, now, "extend.done", seconds=int(given.total_seconds()))]


def extension_refused(record: Record, reason: str, now: datetime) -> Told:
    """The launcher said no: the wish is over."""
    run = record.run
    if run.outcome is not None or run.walltime_wanted is None:
        return record, []
    changed = replace(run, walltime_wanted=None, extend_refused=reason or "no reason given")
    return _with(record, changed), [_event(record, now, "extend.refused", reason=reason)]


def extension_due(record: Record) -> timedelta | None:
    """The limit that is still to be asked for; None when there is none, or the session is to end anyway."""
    run = record.run
    going = run.outcome is None and run.job is not None and run.job_state is not JobState.ENDED
    return run.walltime_wanted if going and record.session.wanted is Wanted.RUN else None


def _with(record: Record, run: Run) -> Record:
    return replace(record, runs=(*record.runs[:-1], run))


def _event(record: Record, now: datetime, code: str, **params: object) -> Event:
    return Event(session=record.session.id, attempt=record.run.attempt, at=now, code=code, params=params)
