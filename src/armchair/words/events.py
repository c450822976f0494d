"""Lines of a session's timeline."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from armchair.domain.event import Event
from armchair.domain.run import Outcome, OutcomeKind
from armchair.domain.session import By
from armchair.words.language import gettext, mark
from armchair.words.outcomes import explained, outcome, signal_name
from armchair.words.quantities import duration

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # the label needs no time

PLAIN: dict[str, str] = {
    "session.accepted": mark("Asked for %(app)s"),
    "job.submitted": mark("Handed to the launcher as job %(job)s"),
    "job.adopted": mark("Found with the launcher, as job %(job)s"),
    "job.refused": mark("Refused: %(reason)s"),
    "job.running": mark("The job runs"),
    "job.ended": mark("The job has ended"),
    "agent.enrolled": mark("The session's agent has called from %(node)s"),
    "session.renamed": mark("Renamed to %(title)s"),
    "idle.kept": mark("Somebody wants to keep it"),
    "extend.refused": mark("No more time: %(reason)s"),
    "stop.sent": mark("The launcher was asked to end the job"),
    "run.found_again": mark("A job that we had lost is alive after all"),
    "run.started": mark("Attempt %(attempt)s begins"),
}


def event(one: Event) -> str:
    """What happened, as one line without its time. A code without words shows itself: better than nothing."""
    special = SPECIAL.get(one.code)
    if special is not None:
        return special(one.params)
    text = PLAIN.get(one.code)
    try:
        return gettext(text) % dict(one.params) if text else one.code
    except KeyError:
        return one.code


def _ready(params: Mapping[str, object]) -> str:
    seconds = params.get("seconds")
    span = duration(timedelta(seconds=seconds)) if isinstance(seconds, int | float) and seconds >= 10 else f"{seconds} s"
    return gettext("Ready, %(span)s after it was asked for") % {"span": span}


def _stop_asked(params: Mapping[str, object]) -> str:
    by = {"owner": gettext("You asked for its end"), "operator": gettext("An operator asked for its end")}
    return by.get(str(params.get("by")), gettext("Its end was asked for"))


def _agent_ended(params: Mapping[str, object]) -> str:
    if isinstance(params.get("signal"), int):
        return gettext("The program was ended by signal %(signal)s") % {"signal": signal_name(int(str(params["signal"])))}
    if params.get("exit_code") is not None:
        return gettext("The program ended with exit code %(code)s") % {"code": params["exit_code"]}
    return gettext("The program has ended")


def _run_ended(params: Mapping[str, object]) -> str:
    try:
        kind, by = OutcomeKind(str(params.get("kind"))), By(str(params.get("by")))
    except ValueError:
        return gettext("It has ended")
    code = params.get("exit_code")
    ended = Outcome(
        kind=kind,
        by=by,
        at=EPOCH,
        exit_code=code if isinstance(code, int) else None,
        detail=str(params.get("detail") or ""),
        params={name: params[name] for name in ("reason", "node") if name in params},
    )
    labels = {
        OutcomeKind.FINISHED: gettext("Ended: the program ended by itself"),
        OutcomeKind.FAILED: gettext("Ended: the program failed"),
        OutcomeKind.TIMED_OUT: gettext("Ended: its time was over"),
        OutcomeKind.OUT_OF_MEMORY: gettext("Ended: out of memory"),
    }
    if kind is OutcomeKind.CANCELLED and by is By.OWNER:
        labels[kind] = gettext("Ended as asked")
    if kind in labels and not explained(ended):
        return labels[kind]
    stem = outcome(ended).stem
    return gettext("Ended: %(why)s") % {"why": stem[:1].lower() + stem[1:]}


def _end_near(params: Mapping[str, object]) -> str:
    return gettext("Its time is over soon: %(span)s left") % {"span": _span(params.get("seconds"))}


def _extend_asked(params: Mapping[str, object]) -> str:
    return gettext("More time was asked for: %(span)s in all") % {"span": _span(params.get("seconds"))}


def _extended(params: Mapping[str, object]) -> str:
    return gettext("It has %(span)s in all now") % {"span": _span(params.get("seconds"))}


def _idle_near(params: Mapping[str, object]) -> str:
    minutes = params.get("minutes")
    span = duration(timedelta(minutes=minutes)) if isinstance(minutes, int) else "?"
    return gettext("Nobody has used it for %(span)s: its end is announced") % {"span": span}


def _idle_chosen(params: Mapping[str, object]) -> str:
    if not params.get("seconds"):
        return gettext("It is left to the site whether it ends without use")
    return gettext("It is to end after %(span)s without use") % {"span": _span(params.get("seconds"))}


def _idle_end(params: Mapping[str, object]) -> str:
    if params.get("by") == By.OWNER.value:
        return gettext("Nobody had used it: it ends, as was chosen")
    return gettext("Nobody had used it: the site ends it")


def _span(seconds: object) -> str:
    return duration(timedelta(seconds=seconds)) if isinstance(seconds, int) else "?"


SPECIAL: dict[str, Callable[[Mapping[str, object]], str]] = {
    "session.ready": _ready,
    "stop.asked": _stop_asked,
    "agent.ended": _agent_ended,
    "run.ended": _run_ended,
    "end.near": _end_near,
    "extend.asked": _extend_asked,
    "extend.done": _extended,
    "idle.near": _idle_near,
    "idle.chosen": _idle_chosen,
    "idle.end": _idle_end,
}
