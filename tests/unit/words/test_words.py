"""Every code has words, and the words read as they should."""

import ast
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import armchair
from armchair import words
from armchair.domain import absorb, decide
from armchair.domain.errors import FieldError
from armchair.domain.event import Event
from armchair.domain.run import JobState, Outcome, OutcomeKind, Overlay, Phase, Record, Run
from armchair.domain.session import By, Resources, Session, Wanted
from armchair.words import errors, events, fielderrors, outcomes

ROOT = Path(armchair.__file__).parent
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ERROR_CLASSES = {
    "NotFound",
    "Refused",
    "Conflict",
    "Unavailable",
    "SchedulerSilent",
    "StorageFull",
    "JobRefused",
    "BadSettings",
    "CommandMissing",
    "CommandTimedOut",
    "CommandFailed",
}


def calls() -> list[tuple[str, ast.Call]]:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        if path.is_relative_to(ROOT / "testing"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                found.append((name, node))
    return found


CALLS = calls()


def literals(names: set[str], position: int, keyword: str = "") -> set[str]:
    found = set()
    for name, node in CALLS:
        if name not in names:
            continue
        arguments = [argument.value for argument in node.keywords if argument.arg == keyword]
        arguments += node.args[position : position + 1]
        found |= {a.value for a in arguments if isinstance(a, ast.Constant) and isinstance(a.value, str) and a.value}
    return found


def test_every_error_code_has_words() -> None:
    codes = (
        literals(ERROR_CLASSES, 0)
        | literals({"AgentError"}, 1)
        | literals({"BadCertificate"}, 0)
        | literals({"Notice"}, 0, "code")
    )
    assert len(codes) > 30, "the scan finds nothing: has the way errors are raised changed?"
    assert codes - set(errors.ERRORS) == set()


def test_every_field_error_has_words() -> None:
    codes = literals({"FieldError"}, 0, "code") | {
        c for c in literals({"_error", "error", "wrong"}, 0) if c.startswith("field_")
    }
    assert len(codes) > 8
    assert codes - set(fielderrors.FIELDS) == set()


def test_every_event_has_words() -> None:
    codes = {code for code in literals({"tell"}, 0) | literals({"Event"}, 0, "code") if "." in code}
    assert len(codes) > 10
    assert codes - set(events.PLAIN) - set(events.SPECIAL) == set()


def test_every_outcome_detail_has_words() -> None:
    codes = literals({"Outcome", "ProcessEnd"}, 0, "detail") | literals({"CannotStart"}, 0)
    assert codes - set(outcomes.DETAILS) - {"before_ready"} == set()


@pytest.mark.parametrize("kind", list(OutcomeKind))
@pytest.mark.parametrize("by", list(By))
def test_every_ending_is_a_whole_sentence(kind: OutcomeKind, by: By) -> None:
    asked = Resources(cores=4, memory=16 * 2**30, walltime=timedelta(hours=4))
    line = words.outcome(Outcome(kind=kind, by=by, at=NOON, exit_code=1), asked)
    assert line.title[0].isupper()
    assert line.title.endswith(".")
    assert "%" not in line.title + line.detail
    for word in ("oops", "please", "!", "None", "unknown error"):
        assert word not in line.title + line.detail


def test_endings_say_what_to_do() -> None:
    asked = Resources(memory=16 * 2**30, walltime=timedelta(hours=4))
    memory = words.outcome(Outcome(kind=OutcomeKind.OUT_OF_MEMORY, by=By.SYSTEM, at=NOON), asked)
    assert memory.stem == "It needed more than its 16 GB and was stopped"
    assert memory.detail == "Start again with a larger size."
    late = words.outcome(Outcome(kind=OutcomeKind.TIMED_OUT, by=By.SITE, at=NOON), asked)
    assert late.stem == "Its time of 4 h was over"
    failed = words.outcome(Outcome(kind=OutcomeKind.FAILED, by=By.SYSTEM, at=NOON, signal=11))
    assert "11 (SEGV)" in failed.title


def test_exit_codes_of_the_job_script_are_explained() -> None:
    line = words.outcome(Outcome(kind=OutcomeKind.FAILED, by=By.SYSTEM, at=NOON, exit_code=97, detail="before_ready"))
    assert "no Python" in line.title


@pytest.mark.parametrize("code", sorted(errors.ERRORS))
def test_every_error_reads_without_its_parameters(code: str) -> None:
    message = words.error(code, {})
    assert message.title
    assert "%(" not in message.title + message.detail


def test_field_errors_name_what_is_allowed() -> None:
    problem = FieldError(field="size", code="size_unknown", params={"allowed": ["small", "large"]})
    assert words.field_error(problem) == "There is no such size. Choose one of: small, large."
    unknown = FieldError(field="sise", code="field_unknown", params={"suggestion": "size"})
    assert words.field_error(unknown) == "This application has no such field. Did you mean size?"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (2**30, "1 GB"), (3 * 2**29, "1.5 GB"), (16 * 2**30, "16 GB"), (2**20, "1 MB")],
)
def test_memory(size: int, text: str) -> None:
    assert words.memory(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (13260, "3 h 41 min"),
        (172800, "2 d"),
        (-5, "0 s"),
        (86400 + 300, "1 d"),
    ],
)
def test_durations(seconds: int, text: str) -> None:
    assert words.duration(timedelta(seconds=seconds)) == text


def test_sizes_in_short_form() -> None:
    assert words.resources(Resources(cores=4, memory=16 * 2**30, gpus=1)) == "4 cores · 16 GB · 1 GPU"
    assert words.resources(Resources(cores=1, walltime=timedelta(hours=4))) == "1 core · 4 h"


class View:
    """What `words.state` needs, made by hand."""

    def __init__(self, run: Run, overlays: frozenset[Overlay] = frozenset(), wanted: Wanted = Wanted.RUN) -> None:
        session = Session(
            id="s" * 26,
            app="lab",
            app_title="JupyterLab",
            title="t",
            owner="a",
            run_as="a",
            created_by="a",
            created_at=NOON,
            wanted=wanted,
        )
        self.record = Record(session=session, runs=(run,))
        self.phase = self.record.phase
        self.overlays = overlays
        self.silent_since = NOON if Overlay.SCHEDULER_SILENT in overlays else None
        self.usual_start = timedelta(seconds=3)
        self.now = NOON + timedelta(seconds=70)


def test_every_state_has_a_line() -> None:
    base = Run(session="s" * 26, intended_at=NOON)
    job = decide.JobRef(cluster="local", id="1", submitted_at=NOON)
    runs = {
        Phase.ACCEPTED: base,
        Phase.QUEUED: replace(base, job=job),
        Phase.STARTING: replace(base, job=job, job_state=JobState.RUNNING, host="c12"),
        Phase.READY: replace(base, job=job, enrolled_at=NOON, ready_at=NOON, heard_at=NOON, port=1, host="c12"),
        Phase.ENDED: replace(base, outcome=Outcome(kind=OutcomeKind.FINISHED, by=By.SYSTEM, at=NOON)),
    }
    for phase, run in runs.items():
        for extra in ({}, {Overlay.SCHEDULER_SILENT}, {Overlay.UNHEARD}, {Overlay.SLOW}):
            view = View(run, frozenset(extra))
            assert view.phase is phase
            assert words.state(view).title
    assert words.state(View(runs[Phase.STARTING])).title == "Starting on c12…"
    assert words.state(View(replace(runs[Phase.STARTING], host="10.0.0.7", node="c12"))).title == "Starting on c12…"
    assert words.state(View(replace(runs[Phase.STARTING], host="127.0.0.1", node="c12"))).title == "Starting on this machine…"
    assert words.state(View(base, wanted=Wanted.STOP)).title == "Ending…"
    assert "not been heard" in words.state(View(runs[Phase.READY], frozenset({Overlay.UNHEARD}))).title


def test_the_timeline_reads_well() -> None:
    ready = Event(session="s", attempt=1, at=NOON, code="session.ready", params={"seconds": 2.4})
    assert words.event(ready) == "Ready, 2.4 s after it was asked for"
    ended = Event(session="s", attempt=1, at=NOON, code="run.ended", params={"kind": "lost", "by": "system", "detail": ""})
    assert words.event(ended).startswith("Ended: we lost sight")
    assert words.event(Event(session="s", attempt=1, at=NOON, code="a.plugin", params={})) == "a.plugin"


def test_an_idle_end_says_since_when_nobody_had_used_it() -> None:
    since = NOON - timedelta(hours=4)
    ended = Outcome(kind=OutcomeKind.IDLE, by=By.SITE, at=NOON, params={"since": since.isoformat(timespec="seconds")})
    assert f"Nobody had used this since {since.astimezone():%H:%M}" in words.outcome(ended).title
    assert "for a long time" in words.outcome(replace(ended, params={"since": "x"})).title


def ended_line(**params: object) -> str:
    return words.event(
        Event(session="s", attempt=1, at=NOON, code="run.ended", params={"by": "system", "detail": "", **params})
    )


def test_the_timeline_and_letters_say_of_an_end_what_is_known_and_no_more() -> None:
    assert ended_line(kind="cancelled", by="owner") == "Ended as asked"
    assert ended_line(kind="cancelled", by="operator") == "Ended: an operator ended this"
    elsewhere = ended_line(kind="cancelled", by="operator", detail="cancelled_elsewhere")
    assert elsewhere == "Ended: the job was cancelled outside the portal", "perhaps by its owner: nobody said by whom"
    assert ended_line(kind="failed", detail="before_ready") == "Ended: the program failed"
    assert ended_line(kind="failed", detail="unexplained") == "Ended: the job has ended; nobody could say how"
    assert ended_line(kind="failed", exit_code=97, node="c12").startswith("Ended: node c12 has no Python 3.6 or newer")
    assert ended_line(kind="rejected", detail="launcher_refused", reason="no such account") == (
        "Ended: it was refused: no such account"
    )
    assert ended_line(kind="node_failure", detail="requeued_after_failure").startswith("Ended: the node failed; ")
    assert ended_line(kind="node_failure", detail="requeued_after_failure", node="c1").startswith("Ended: node c1 failed; ")


def test_what_an_end_is_told_with_is_enough_for_its_words() -> None:
    session = View(Run(session="s" * 26, intended_at=NOON)).record
    for params, text in (
        ({"kind": OutcomeKind.REJECTED, "detail": "launcher_refused", "params": {"reason": "too big"}}, "too big"),
        ({"kind": OutcomeKind.FAILED, "exit_code": 97, "detail": "before_ready"}, "no Python"),
        ({"kind": OutcomeKind.NODE_FAILURE, "detail": "requeued_after_failure", "params": {"node": "c7"}}, "node c7"),
    ):
        _, (told,) = absorb.ended(session, Outcome(by=By.SITE, at=NOON, **params), NOON)
        assert text in words.event(told)


def test_a_paused_session_says_so() -> None:
    job = decide.JobRef(cluster="local", id="1", submitted_at=NOON)
    facts = {"job": job, "job_state": JobState.SUSPENDED, "job_state_at": NOON, "host": "c12", "enrolled_at": NOON}
    run = Run(session="s" * 26, intended_at=NOON, **facts)
    for paused in (run, replace(run, ready_at=NOON, port=1)):
        line = words.state(View(paused, frozenset({Overlay.UNHEARD})))
        assert line.title.startswith("The cluster has paused this since ")
