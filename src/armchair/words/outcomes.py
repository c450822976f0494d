"""How a run ended, in the order: what happened, what it means, what to do."""

import signal
from collections.abc import Mapping
from datetime import datetime

from armchair.domain.run import Outcome, OutcomeKind
from armchair.domain.session import By, Resources
from armchair.words.language import gettext, mark
from armchair.words.line import Line, Tone
from armchair.words.quantities import clock, clock_time, duration, memory

# what became of a run before or beside its application's own end: sentence, what to do
DETAILS: dict[str, tuple[str, str]] = {
    "no_room": (
        mark("%(place)s has neither memory nor disk for the session's key: /dev/shm and /tmp are full or closed"),
        mark("Start again; if it happens there once more, tell the help desk and quote %(quote)s."),
    ),
    "no_interface": (
        mark("%(place)s has no such network interface as the portal's settings say agents listen on"),
        mark("Tell the help desk and quote %(quote)s."),
    ),
    "no_port": (
        mark("%(place)s has no free port in the range of the portal's settings"),
        mark("Start again in a while; tell the help desk that the range is too small."),
    ),
    "no_python": (
        mark("%(place)s has no Python 3.6 or newer, so the session could not start"),
        mark("Tell the help desk, or choose another place to run."),
    ),
    "no_portal": (
        mark("%(place)s can't reach the portal"),
        mark("Tell the help desk and quote %(quote)s."),
    ),
    "enrolment_refused": (
        mark("The portal did not admit the job"),
        mark("Start again. If it happens twice, send the details for support to the help desk."),
    ),
    "not_executable": (mark("The application could not be started"), mark("Its log says why. Tell whoever looks after it.")),
    "disk_full": (
        mark("%(place)s has no disk space for the session: its /tmp is full or closed"),
        mark("Start again; if it happens there once more, tell the help desk and quote %(quote)s."),
    ),
    "home_missing": (
        mark("Its working directory does not exist on the node"),
        mark("Choose another folder, or tell the help desk if it is your home directory."),
    ),
    "no_isolation": (
        mark("This machine can't give the application a network of its own, and without it others could reach it"),
        mark("Ask the administrator for user namespaces."),
    ),
    "image_missing": (
        mark("%(place)s does not see the container image"),
        mark("Check its path: it must be the same on the nodes. Then start again."),
    ),
    "image_unreadable": (
        mark("%(place)s may not read the container image"),
        mark("Ask whoever looks after it for the right to read it and the directories above it."),
    ),
    "image_corrupt": (
        mark("The container image is damaged, not copied to its end, or of an unknown kind"),
        mark("Its log says more. Copy or build it again."),
    ),
    "image_architecture": (
        mark("The container image is for another kind of processor than the node has"),
        mark("Build it for this kind, or choose another place to run."),
    ),
    "no_runtime": (
        mark("%(place)s has no container runtime that runs this image"),
        mark("The log names each that was tried. Tell the help desk, or choose another place to run."),
    ),
    "no_namespaces": (
        mark("%(place)s does not let people start containers, as it gives them no user namespaces"),
        mark("Tell the help desk and quote %(quote)s, or choose another place to run."),
    ),
    "bind_missing": (
        mark("The node lacks a directory that the container is to see"),
        mark("The log names it. Tell whoever looks after the application."),
    ),
    "display_died": (
        mark("What shows the program's windows has ended unexpectedly, and the program with it"),
        mark("Start again. If it happens twice, send the details for support to the help desk."),
    ),
    "x11_directory": (
        mark("%(place)s has no place for the sockets of graphical programs: /tmp/.X11-unix can't be used"),
        mark("Start again on another node if you can; tell the help desk and quote %(quote)s."),
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
    "cancelled_by_owner": (mark("You cancelled the job outside the portal"), mark("Start again.")),
    "not_launched": (
        mark("The scheduler could not start the job on its node"),
        mark("Start again. If it happens twice, send the details for support to the help desk."),
    ),
    "unexplained": (
        mark("The job has ended; nobody could say how"),
        mark("Its log may tell. Send the details for support to the help desk."),
    ),
    "requeued_after_failure": (mark("%(place)s failed; the job has been queued again by itself"), ""),
    "requeued_after_preemption": (mark("A job with priority took its place; it has been queued again by itself"), ""),
    "requeued": (mark("The cluster has stopped the job and queued it again"), ""),
}
EXIT_DETAILS = {
    94: "no_room",
    95: "no_interface",
    96: "no_port",
    97: "no_python",
    98: "no_portal",
    99: "enrolment_refused",
}


def outcome(ended: Outcome, asked: Resources | None = None, *, node: str = "", number: int = 0) -> Line:
    """How a run ended. `asked` is what it had asked for, to name limits; `node` where it ran, `number` the session's."""
    names = _names(node or str(ended.params.get("node") or ""), number)
    stem, detail, tone = _words(ended, asked or Resources(), names)
    title = gettext("%(sentence)s at %(time)s.") % {"sentence": stem, "time": clock_time(ended.at)}
    return Line(title=title, detail=detail, tone=tone, stem=stem, at=ended.at)


def _names(node: str, number: int) -> dict[str, object]:
    place = gettext("Node %(node)s") % {"node": node} if node else gettext("The node")
    return {"node": node, "place": place, "quote": f"#{number}" if number else gettext("the session's number")}


def explained(ended: Outcome) -> str:
    """The code in DETAILS that says more than the outcome's kind; "" when there is none."""
    code = ended.detail
    if ended.kind is OutcomeKind.FAILED and code in {"", "before_ready"} and ended.exit_code in EXIT_DETAILS:
        code = EXIT_DETAILS[ended.exit_code]
    return code if code in DETAILS else ""


def _words(ended: Outcome, asked: Resources, names: Mapping[str, object]) -> tuple[str, str, Tone]:
    if code := explained(ended):
        sentence, advice = DETAILS[code]
        tone = Tone.CALM if ended.kind in {OutcomeKind.CANCELLED, OutcomeKind.PREEMPTED} else Tone.BAD
        params = {"reason": "", **names, **ended.params}
        return gettext(sentence) % params, gettext(advice) % params if advice else "", tone
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


def _idle(ended: Outcome, _asked: Resources) -> tuple[str, str, Tone]:
    try:
        since = datetime.fromisoformat(str(ended.params.get("since")))
    except ValueError:
        sentence = gettext("Nobody had used this for a long time; it was ended")
    else:
        sentence = gettext("Nobody had used this since %(time)s; it was ended") % {"time": clock(since, ended.at)}
    return sentence, gettext("Start again."), Tone.CALM


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
