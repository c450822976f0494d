"""Where a session stands, in one line with its live detail."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol

from armchair.domain.run import Overlay, Phase, Record
from armchair.words.language import gettext
from armchair.words.line import Line, Tone
from armchair.words.outcomes import outcome
from armchair.words.quantities import clock_time, duration, time_left

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
        stem = gettext("Waiting for the launcher, which gives no answer")
        title = gettext("%(sentence)s since %(time)s.") % {"sentence": stem, "time": clock_time(view.silent_since)}
        return Line(title=title, detail=gettext("Your request is kept."), tone=Tone.WARN)
    return Line(title=gettext("Asking for a place to run…"), tone=Tone.BUSY)


def _queued(view: View) -> Line:
    if view.silent_since is not None:
        return _accepted(view)
    return Line(title=gettext("Waiting for its turn…"), tone=Tone.BUSY)


def _starting(view: View) -> Line:
    run, app = view.record.run, view.record.session.app_title or view.record.session.app
    began = run.started_at or run.enrolled_at or run.job_state_at or view.now
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
    if Overlay.UNHEARD in view.overlays:
        return _unheard(view)
    left = remaining(view.record, view.now)
    if left is None:
        return Line(title=gettext("Ready"), tone=Tone.GOOD)
    return Line(title=gettext("Ready"), detail=time_left(left), tone=Tone.GOOD)


def _unheard(view: View) -> Line:
    heard = view.record.run.heard_at or view.now
    where = _where(view) or gettext("The session's agent")
    title = gettext("%(place)s has not been heard of for %(span)s.") % {"place": where, "span": duration(view.now - heard)}
    detail = gettext("Your session may still be running; we keep looking.")
    return Line(title=title, detail=detail, tone=Tone.WARN)


def _ending(view: View) -> Line:
    run = view.record.run
    if run.job_state is not None and run.job_state.value == "ended" and not (run.job_end or run.agent_end):
        return Line(title=gettext("It has ended. Finding out why…"), tone=Tone.BUSY)
    if view.silent_since is not None:
        detail = gettext("The launcher gives no answer since %(time)s. It is asked again.") % {
            "time": clock_time(view.silent_since)
        }
        return Line(title=gettext("Ending…"), detail=detail, tone=Tone.WARN)
    return Line(title=gettext("Ending…"), tone=Tone.BUSY)


def _ended(view: View) -> Line:
    ended = view.record.run.outcome
    if ended is None:
        return Line(title=gettext("It has ended."), tone=Tone.CALM)
    return outcome(ended, view.record.session.resources)


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
    walltime, started = record.session.resources.walltime, record.run.started_at
    return None if walltime is None or started is None else max(timedelta(0), started + walltime - now)


def _where(view: View) -> str:
    host = view.record.run.host or ""
    return "" if host in ON_THIS_MACHINE else host
