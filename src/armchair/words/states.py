"""Where a session stands, in one line with its live detail."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from armchair.domain import lasting
from armchair.domain.run import JobState, Overlay, Phase, Record
from armchair.words.estimates import about
from armchair.words.language import gettext
from armchair.words.line import Line, Tone
from armchair.words.outcomes import outcome
from armchair.words.quantities import clock, clock_time, duration, time_left
from armchair.words.reasons import Waiting, why

ON_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


class View(Protocol):
    """What of a session the words need; `sessions.show.SessionView` has it."""

    @property
    def record(self) -> Record: ...
    @property
    def phase(self) -> Phase: ...
    @property
    def overlays(self) -> Collection[Overlay]: ...
    @property
    def silent_since(self) -> datetime | None: ...
    @property
    def usual_start(self) -> timedelta: ...
    @property
    def now(self) -> datetime: ...


def state(view: View) -> Line:
    """The state line of a session."""
    return _LINES[view.phase](view)


def _accepted(view: View) -> Line:
    if view.silent_since is not None:
        cluster = gettext("Waiting for the cluster's controller, which has not answered")
        stem = cluster if _on_a_cluster(view) else gettext("Waiting for the launcher, which gives no answer")
        title = gettext("%(sentence)s since %(time)s.") % {"sentence": stem, "time": clock_time(view.silent_since)}
        return Line(title=title, detail=gettext("Your request is kept."), tone=Tone.WARN)
    asking = gettext("Asking the cluster for a place…") if _on_a_cluster(view) else gettext("Asking for a place to run…")
    return Line(title=asking, tone=Tone.BUSY)


def _on_a_cluster(view: View) -> bool:
    """Whether this goes to a cluster's queue: on one's own machine nobody wants to read cluster words."""
    return bool(view.record.session.placement.partition)


def _queued(view: View) -> Line:
    if view.silent_since is not None:
        return _accepted(view)
    run, session = view.record.run, view.record.session
    waiting = Waiting(
        placement=session.placement,
        resources=session.resources,
        position=run.position,
        job=run.job.id if run.job is not None else "",
    )
    reason = why(run.reason, waiting)
    detail = " ".join(part for part in (reason.detail, _expected(view) if reason.turn else "") if part)
    return Line(title=reason.title, detail=detail, tone=Tone.WARN if reason.never or reason.held else Tone.BUSY)


def _expected(view: View) -> str:
    """When the scheduler expects it to start, if it says so. Nothing is said of a cluster that gives no reasons either."""
    run = view.record.run
    if run.expected_start is None:
        return gettext("The cluster gives no estimate yet.") if run.reason else ""
    left = run.expected_start - view.now
    if left <= timedelta(minutes=1):
        return gettext("It is expected to start any moment.")
    time, span = clock(run.expected_start, view.now), about(left)
    return gettext("Expected start %(time)s (in about %(span)s).") % {"time": time, "span": span}


def _starting(view: View) -> Line:
    run, app = view.record.run, view.record.session.app_title or view.record.session.app
    began = run.started_at or run.enrolled_at or run.job_state_at or view.now
    if run.job_state is JobState.SUSPENDED:
        return _suspended(view)
    if Overlay.UNHEARD in view.overlays:
        return _unheard(view)
    if Overlay.SLOW in view.overlays:
        title = gettext("Still starting after %(span)s.") % {"span": duration(view.now - began)}
        return Line(
            title=title, detail=gettext("Its last lines are in the log. Nothing ends only for being slow."), tone=Tone.WARN
        )
    where = _where(view)
    title = gettext("Starting on %(place)s…") % {"place": where} if where else gettext("Starting on this machine…")
    usual = gettext("%(app)s usually takes %(span)s.") % {"app": app, "span": duration(view.usual_start)}
    return Line(title=title, detail=usual, tone=Tone.BUSY)


def _ready(view: View) -> Line:
    if view.record.run.job_state is JobState.SUSPENDED:
        return _suspended(view)
    if Overlay.UNHEARD in view.overlays:
        return _unheard(view)
    left = remaining(view.record, view.now)
    if left is not None and Overlay.ENDS_SOON in view.overlays:
        title = gettext("Ready · %(left)s") % {"left": time_left(left)}
        return Line(title=title, detail=gettext("Then it ends. Save your work."), tone=Tone.WARN)
    if Overlay.IDLE in view.overlays:
        return _idle(view)
    if left is None:
        return Line(title=gettext("Ready"), tone=Tone.GOOD)
    return Line(title=gettext("Ready"), detail=time_left(left), tone=Tone.GOOD)


def _idle(view: View) -> Line:
    run = view.record.run
    used, end = run.active_at or view.now, run.idle_ends_at or view.now
    title = gettext("Nobody has used this for %(span)s.") % {"span": duration(view.now - used)}
    detail = gettext("It ends at %(time)s unless somebody uses or keeps it.") % {"time": clock(end, view.now)}
    return Line(title=title, detail=detail, tone=Tone.WARN)


def _suspended(view: View) -> Line:
    since = view.record.run.job_state_at or view.now
    title = gettext("The cluster has paused this since %(time)s.") % {"time": clock(since, view.now)}
    return Line(title=title, detail=gettext("It goes on by itself, as it was."), tone=Tone.WARN)


def _unheard(view: View) -> Line:
    heard = view.record.run.heard_at or view.now
    where = _where(view) or gettext("The session's agent")
    title = gettext("%(place)s has not been heard of for %(span)s.") % {"place": where, "span": duration(view.now - heard)}
    detail = gettext("Your session may still be running; we keep looking.")
    return Line(title=title, detail=detail, tone=Tone.WARN)


def _ending(view: View) -> Line:
    run = view.record.run
    if run.job_state is JobState.ENDED and run.job_end is None:
        return Line(title=gettext("It has ended. Finding out why…"), tone=Tone.BUSY)
    if view.silent_since is not None:
        cluster = gettext("The cluster's controller has not answered since %(time)s. It is asked again.")
        silence = cluster if _on_a_cluster(view) else gettext("The launcher gives no answer since %(time)s. It is asked again.")
        detail = silence % {"time": clock_time(view.silent_since)}
        return Line(title=gettext("Ending…"), detail=detail, tone=Tone.WARN)
    return Line(title=gettext("Ending…"), tone=Tone.BUSY)


def _ended(view: View) -> Line:
    ended = view.record.run.outcome
    if ended is None:
        return Line(title=gettext("It has ended."), tone=Tone.CALM)
    session, run = view.record.session, view.record.run
    asked = replace(session.resources, walltime=lasting.limit(view.record))
    return outcome(ended, asked, node=run.node, number=session.number)


_LINES = {
    Phase.ACCEPTED: _accepted,
    Phase.QUEUED: _queued,
    Phase.STARTING: _starting,
    Phase.READY: _ready,
    Phase.ENDING: _ending,
    Phase.ENDED: _ended,
}


def remaining(record: Record, now: datetime) -> timedelta | None:
    """How long the session may still run; None without a limit or before it runs."""
    end = lasting.ends_at(record)
    return None if end is None else max(timedelta(0), end - now)


def _where(view: View) -> str:
    """The node, by the name that the cluster gives it; an address only where there is no name."""
    run = view.record.run
    return "" if run.host in ON_THIS_MACHINE else run.node or run.host or ""
