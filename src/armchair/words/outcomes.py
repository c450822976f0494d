"""How a run ended, in the order: what happened, what it means, what to do."""

import signal

from armchair.domain.run import Outcome, OutcomeKind
from armchair.domain.session import By, Resources
from armchair.words.language import gettext, mark
from armchair.words.line import Line, Tone
from armchair.words.quantities import clock_time, duration, memory

# what became of a run before or beside its application's own end: sentence, what to do
DETAILS: dict[str, tuple[str, str]] = {
    "no_python": (
        mark("The node has no Python 3.6 or newer, so the session could not start"),
        mark("Tell the help desk, or choose another place to run."),
    ),
    "no_portal": (
        mark("The node could not reach the portal"),
        mark("Tell the help desk and quote the session's number."),
    ),
    "enrolment_refused": (
        mark("The portal did not admit the job"),
        mark("Start again. If it happens twice, send the details for support to the help desk."),
    ),
    "not_executable": (mark("The application could not be started"), mark("Its log says why. Tell whoever looks after it.")),
    "disk_full": (
        mark("The disk is full, so it could not start"),
        mark("Free some space in your home directory and start again."),
    ),
    "home_missing": (
        mark("Its working directory does not exist on the node"),
        mark("Choose another folder, or tell the help desk if it is your home directory."),
    ),
    "no_isolation": (
        mark("This machine can't give the application a network of its own, and without it others could reach it"),
        mark("Ask the administrator for user namespaces."),
    ),
    "shepherd_killed": (
        mark("The process that kept the job was killed from outside"),
        mark("Nothing is left running. Start again."),
    ),
    "rebooted": (mark("The machine was started anew"), mark("Nothing you did. Start again.")),
    "never_started": (mark("The job was accepted but its process never came to life"), mark("Start again.")),
    "portal_was_down": (mark("It never reached a place to run: the portal was down"), mark("Start again.")),
    "launcher_refused": (mark("It was refused: %(reason)s"), mark("Change the size, or tell the help desk.")),
    "cancelled_elsewhere": (mark("The job was cancelled outside the portal"), mark("Start again.")),
    "unexplained": (
        mark("The job has ended; nobody could say how"),
        mark("Its log may tell. Send the details for support to the help desk."),
    ),
    "requeued": (mark("A job with priority took its place; it has been queued again by itself"), ""),
}
EXIT_DETAILS = {97: "no_python", 98: "no_portal", 99: "enrolment_refused"}


def outcome(ended: Outcome, asked: Resources | None = None) -> Line:
    """How a run ended. `asked` is what it had asked for, to name limits."""
    stem, detail, tone = _words(ended, asked or Resources())
    title = gettext("%(sentence)s at %(time)s.") % {"sentence": stem, "time": clock_time(ended.at)}
    return Line(title=title, detail=detail, tone=tone, stem=stem, at=ended.at)


def _words(ended: Outcome, asked: Resources) -> tuple[str, str, Tone]:
    code = ended.detail
    if ended.kind is OutcomeKind.FAILED and code in {"", "before_ready"} and ended.exit_code in EXIT_DETAILS:
        code = EXIT_DETAILS[ended.exit_code]
    if code in DETAILS:
        sentence, advice = DETAILS[code]
        tone = Tone.CALM if ended.kind in {OutcomeKind.CANCELLED, OutcomeKind.PREEMPTED} else Tone.BAD
        return gettext(sentence) % {"reason": ended.params.get("reason", "")}, gettext(advice) if advice else "", tone
    return _KINDS[ended.kind](ended, asked)


def _finished(ended: Outcome, _asked: Resources) -> tuple[str, str, Tone]:
    if ended.detail == "before_ready":
        return (
            gettext("The program ended by itself before it was ready (exit code 0)"),
            gettext("Its log may say why."),
            Tone.WARN,
        )
    return gettext("The program ended by itself (exit code 0)"), "", Tone.CALM


def _failed(ended: Outcome, _asked: Resources) -> tuple[str, str, Tone]:
    if ended.signal is not None:
        sentence = gettext("The program was ended by signal %(signal)s") % {"signal": signal_name(ended.signal)}
    else:
        sentence = gettext("The program ended with an error (exit code %(code)s)") % {"code": ended.exit_code}
    if ended.detail == "before_ready":
        sentence += gettext(", before it was ready")
    return (
        sentence,
        gettext("Its last lines say more. Start again, or send the details for support to the help desk."),
        Tone.BAD,
    )


def _cancelled(ended: Outcome, _asked: Resources) -> tuple[str, str, Tone]:
    by = {
        By.OWNER: gettext("You ended this"),
        By.OPERATOR: gettext("An operator ended this"),
        By.SITE: gettext("The site ended this"),
        By.SYSTEM: gettext("Armchair ended this"),
    }
    return by[ended.by], "", Tone.CALM


def _rejected(_ended: Outcome, _asked: Resources) -> tuple[str, str, Tone]:
    return gettext("This was refused"), gettext("Change the size, or tell the help desk."), Tone.BAD


def _timed_out(_ended: Outcome, asked: Resources) -> tuple[str, str, Tone]:
    if asked.walltime is None:
        sentence = gettext("Its time was over")
    else:
        sentence = gettext("Its time of %(span)s was over") % {"span": duration(asked.walltime)}
    return sentence, gettext("Start again; choose a longer size next time."), Tone.WARN


def _out_of_memory(_ended: Outcome, asked: Resources) -> tuple[str, str, Tone]:
    if asked.memory is None:
        return gettext("It needed more memory than there is and was stopped"), gettext("Start again with more."), Tone.BAD
    sentence = gettext("It needed more than its %(memory)s and was stopped") % {"memory": memory(asked.memory)}
    return sentence, gettext("Start again with a larger size."), Tone.BAD


def _node_failure(_ended: Outcome, _asked: Resources) -> tuple[str, str, Tone]:
    return gettext("The node failed"), gettext("Nothing you did. Start again."), Tone.BAD


def _preempted(_ended: Outcome, _asked: Resources) -> tuple[str, str, Tone]:
    return gettext("A job with priority took its place"), gettext("Start again."), Tone.WARN


def _idle(_ended: Outcome, _asked: Resources) -> tuple[str, str, Tone]:
    return gettext("Nobody had used this for a long time; it was ended"), gettext("Start again."), Tone.CALM


def _never_started(_ended: Outcome, _asked: Resources) -> tuple[str, str, Tone]:
    return gettext("It never started"), gettext("Start again."), Tone.BAD


def _lost(_ended: Outcome, _asked: Resources) -> tuple[str, str, Tone]:
    sentence = gettext("We lost sight of this job, and its launcher no longer knows it")
    return sentence, gettext("It may have ended. Send the details for support to the help desk."), Tone.BAD


_KINDS = {
    OutcomeKind.FINISHED: _finished,
    OutcomeKind.FAILED: _failed,
    OutcomeKind.CANCELLED: _cancelled,
    OutcomeKind.REJECTED: _rejected,
    OutcomeKind.TIMED_OUT: _timed_out,
    OutcomeKind.OUT_OF_MEMORY: _out_of_memory,
    OutcomeKind.NODE_FAILURE: _node_failure,
    OutcomeKind.PREEMPTED: _preempted,
    OutcomeKind.IDLE: _idle,
    OutcomeKind.NEVER_STARTED: _never_started,
    OutcomeKind.LOST: _lost,
}


def signal_name(number: int) -> str:
    """A signal's number with its name, like `9 (KILL)`; only the number when it has none."""
    try:
        return f"{number} ({signal.Signals(number).name.removeprefix('SIG')})"
    except ValueError:
        return str(number)
