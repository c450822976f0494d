"""Each template with each state a session can have; and that no text passes by gettext."""

import gettext
import itertools
import re
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po
from jinja2 import nodes
from starlette.requests import Request

import armchair
from armchair.domain.event import Event
from armchair.domain.run import JobRef, JobState, Outcome, OutcomeKind, Overlay, Phase, ProcessEnd, Record, Run, UsageSample
from armchair.domain.session import By, Resources, Session, Wanted
from armchair.sessions.show import Action, SessionView
from armchair.testing.clock import START
from armchair.testing.portal import fake_application
from armchair.web import rendering
from armchair.words import outcomes
from armchair.words.line import Tone

ROOT = Path(armchair.__file__).parents[2]
TEMPLATES = ROOT / "src/armchair/web/templates"
LATER = START + timedelta(minutes=10)
JOB = JobRef(cluster="local", id="j1", submitted_at=START)
STARTED: dict[str, Any] = {"job": JOB, "job_state": JobState.RUNNING, "job_state_at": START, "host": "c12", "started_at": START}
READY: dict[str, Any] = {**STARTED, "enrolled_at": START, "ready_at": START, "heard_at": START, "port": 7001}
FACTS: dict[Phase, dict[str, Any]] = {
    Phase.ACCEPTED: {},
    Phase.QUEUED: {"job": JOB, "job_state": JobState.PENDING},
    Phase.STARTING: STARTED,
    Phase.READY: READY,
    Phase.ENDING: {**READY, "job_state": JobState.ENDED},
    Phase.ENDED: READY,
}
USAGE = (UsageSample(at=START, cpu=0.5, memory=2**30), UsageSample(at=LATER, cpu=9.0, memory=2**34))


def outcome(kind: OutcomeKind, by: By = By.OWNER, detail: str = "", **facts: Any) -> Outcome:
    return Outcome(kind=kind, by=by, at=LATER, detail=detail, **facts)


OUTCOMES = [
    *(outcome(kind, by, exit_code=1) for kind in OutcomeKind for by in By),
    *(outcome(OutcomeKind.FAILED, detail=detail, signal=9) for detail in (*outcomes.DETAILS, "before_ready", "of_a_plugin")),
]


def some_view(phase: Phase, ended: Outcome | None = None, resources: Resources | None = None, **more: Any) -> SessionView:
    run = Run(session="s1", intended_at=START, outcome=ended, **FACTS[phase], **more.pop("facts", {}))
    wanted = Wanted.STOP if phase is Phase.ENDING else Wanted.RUN
    session = Session(
        id="s1",
        number=7,
        app="hello",
        app_title="Hello",
        title="Mine",
        owner="ada",
        run_as="ada",
        created_by="ada",
        created_at=START,
        wanted=wanted,
        resources=resources or Resources(cores=2, memory=2**34, walltime=timedelta(hours=4)),
    )
    record = Record(session=session, runs=(run,))
    assert record.phase is phase
    given: dict[str, Any] = {
        "record": record,
        "phase": phase,
        "overlays": frozenset(),
        "joinable": phase is Phase.READY,
        "actions": frozenset(Action),
        "silent_since": None,
        "usual_start": timedelta(seconds=3),
        "now": LATER,
        "app_known": True,
    }
    return SessionView(**{**given, **more})


def views() -> list[SessionView]:
    found = []
    for phase in Phase:
        end = outcome(OutcomeKind.FINISHED) if phase is Phase.ENDED else None
        for size in range(len(Overlay) + 1):
            for some in itertools.combinations(Overlay, size):
                silent = START if Overlay.SCHEDULER_SILENT in some else None
                found.append(some_view(phase, end, overlays=frozenset(some), silent_since=silent))
        found.append(some_view(phase, end, Resources(), actions=frozenset(), app_known=False))
        found.append(some_view(phase, end, facts={"usage": USAGE}))
        found.append(some_view(phase, end, facts={"usage": USAGE[:1]}))
    found += [some_view(Phase.ENDED, one) for one in OUTCOMES]
    ending = ProcessEnd(at=LATER, exit_code=0)
    found += [some_view(Phase.ENDING, facts={"agent_end": ending}), some_view(Phase.STARTING, facts={"enrolled_at": START})]
    return found


def request(portal: Any, actor: Any) -> Request:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"cookie", f"{portal.names.login_cookie}=x".encode())],
    }
    made = Request(scope)
    made.state.actor = actor
    return made


PAGES = [
    "session.html",
    "session_live.html",
    "session_row.html",
    "end.html",
    "waiting.html",
    "waiting_live.html",
    "sessions.html",
]


@pytest.mark.parametrize("page", PAGES)
async def test_every_page_shows_every_state(guest, page) -> None:
    ask = request(guest.portal, guest.fake.actor)
    large = fake_application().sizes[1]
    event = Event(session="s1", attempt=1, at=START, code="session.accepted", params={"app": "Hello"})
    common = {
        "launch_key": "k",
        "next": "/",
        "script": "#!/bin/sh",
        "title_error": "",
        "title_sent": "Mine",
        "channels": ["browser", "mail"],
        "wishes": {"mail": {"end"}},
        "targets": {},
        "refused_channel": "",
        "act_error": "",
        "steps": [timedelta(minutes=30)],
        "step": timedelta(minutes=30),
        "idle_choices": [timedelta(hours=1)],
        "facts": [("job", "1")],
        "events": [event],
        "log": "",
        "larger": None,
    }
    listing = {
        "folded": [],
        "total": 1,
        "page": 1,
        "pages": 1,
        "q": "",
        "sort": "newest",
        "sorts": ("newest", "title", "app"),
        "invitations": [],
    }
    for number, view in enumerate(views()):
        more = {
            "larger": large if number % 2 else None,
            "log": "text" if number % 3 else "",
            "title_error": "" if number % 2 else "Too long.",
        }
        shown = rendering.text(guest.portal, ask, page, {**common, **listing, **more, "view": view, "views": [view]})
        assert "Mine" in shown or page in {"session_live.html", "waiting_live.html"}
        assert not re.search(r"%\(\w+\)|Phase\.|OutcomeKind\.|\bNone\b|&lt;bound method", shown), shown


def test_every_tone_has_its_colour() -> None:
    style = (ROOT / "frontend/src/style.css").read_text()
    used = {rendering.words.state(view).tone for view in views()}
    assert used == set(Tone)
    for tone in set(Tone) - {Tone.CALM}:  # calm is what text looks like anyway
        assert re.search(rf"\.{tone} \.dot", style), tone


# --- no text passes by gettext -------------------------------------------------------------------------------------

READ_ALOUD = {"alt", "aria-label", "data-ask", "data-summary", "placeholder", "title"}
NO_WORDS = {"code", "kbd", "pre", "style", "script"}
NAMES = {"Armchair"}


class _Texts(HTMLParser):
    """Collects what people read or hear, outside of code and keys."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in NO_WORDS:
            self._inside.append(tag)
        self.found += [value for name, value in attrs if name in READ_ALOUD and value]

    def handle_endtag(self, tag: str) -> None:
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.found.append(data)


def bare_words(template: str) -> list[str]:
    """Words of a template that stand outside of `_()` and `{% trans %}`. A path is no word."""
    pieces: list[str] = []
    for output in rendering._pages.parse(template).find_all(nodes.Output):
        for part in output.nodes:
            pieces += [part.data] if isinstance(part, nodes.TemplateData) else _constants(part)
    reader = _Texts()
    reader.feed("".join(pieces))
    return [word for text in reader.found for word in re.findall(r"(?<![/\w])[^\W\d_]{2,}", text) if word not in NAMES]


def _constants(part: nodes.Expr) -> list[str]:
    """A text that an expression shows as it stands; calls are gettext's or another function's business."""
    if isinstance(part, nodes.CondExpr):
        return _constants(part.expr1) + (_constants(part.expr2) if part.expr2 else [])
    return [part.value] if isinstance(part, nodes.Const) and isinstance(part.value, str) else ["\0"]


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_no_text_of_a_template_passes_by_gettext(template: Path) -> None:
    assert bare_words(template.read_text()) == []


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("<p>Hello {{ name }}</p>", ["Hello"]),
        ('<a title="Go {{ x }}">{{ _("Go") }}</a>', ["Go"]),
        ('{{ "Yes" if x else _("No") }}', ["Yes"]),
        ("{% if x %}<b>One</b>{% else %}Two{% endif %}", ["One", "Two"]),
        ('<p class="some words">{% trans %}Fine{% endtrans %} {{ _("Fine") }} <kbd>Enter</kbd> · 12</p>', []),
    ],
)
def test_the_search_for_bare_words_finds_them(template: str, words: list[str]) -> None:
    assert bare_words(template) == words


def test_all_texts_can_be_extracted_and_translated(tmp_path, monkeypatch) -> None:
    pot = tmp_path / "armchair.pot"
    monkeypatch.chdir(ROOT)
    sources = ["src/armchair/words", "src/armchair/web"]
    CommandLineInterface().run(["pybabel", "-q", "extract", "-F", "babel.toml", "-k", "mark", "-o", str(pot), *sources])
    with pot.open("rb") as file:
        found = read_po(file)
    texts = {message.id for message in found}
    assert "Skip to the content" in texts, "templates"
    assert ("%(count)s session", "%(count)s sessions") in texts, "plurals of templates"
    assert "The portal's disk is full; nothing was stored." in texts, "tables of words"
    assert "{app} on {cores}" in texts, "modules of pages"
    compiled = translated(tmp_path, monkeypatch, pot)
    assert compiled.gettext("Skip to the content") == "Zum Inhalt"


def translated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pot: Path) -> gettext.NullTranslations:
    """The build's own compiler on a translation of the extracted texts."""
    monkeypatch.syspath_prepend(str(ROOT))
    import hatch_build  # noqa: PLC0415 - a file beside the package, found through the path above

    place = tmp_path / hatch_build.LOCALES / "de/LC_MESSAGES"
    place.mkdir(parents=True)
    text = pot.read_text().replace('msgid "Skip to the content"\nmsgstr ""', 'msgid "Skip to the content"\nmsgstr "Zum Inhalt"')
    (place / "armchair.po").write_text(text.replace("#, fuzzy\n", ""))
    hatch_build.compile_catalogues(tmp_path)
    sys.modules.pop("hatch_build")
    return gettext.translation("armchair", tmp_path / hatch_build.LOCALES, ["de"])


@pytest.mark.parametrize("when", [START, START - timedelta(days=3), START + timedelta(hours=2)])
def test_a_moment_is_absolute_and_relative(when: datetime) -> None:
    shown = rendering.moment(when, START)
    assert when.strftime('datetime="%Y-%m-%dT%H:%M:%S+00:00"') in shown


def test_a_spark_line_stays_in_its_box() -> None:
    samples = tuple(replace(USAGE[0], cpu=cpu) for cpu in (0.0, 1.0, 99.0))
    assert rendering.spark(samples, "cpu", 2) == "0.0,19.0 40.0,10.0 80.0,1.0"
    assert rendering.spark(samples[:1], "cpu", 2) == ""
    assert rendering.spark(samples, "cpu", 0) == ""
