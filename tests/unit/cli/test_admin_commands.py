"""`armchair admin` against a stand-in for the portal: what it asks for, and the question before many sessions end."""

import json
import sys
from collections.abc import Callable

import httpx
import pytest

from armchair.cli import admin, main
from armchair.client import Client, ClientSettings

ONE = {
    "number": 3,
    "owner": "eve",
    "title": "hers",
    "resources": {"text": "1 core"},
    "cluster": "slurm",
    "partition": "gpu",
    "node": "c12",
    "state": {"title": "Ready"},
}
PAGE = {"sessions": [ONE], "total": 1, "page": 1, "page_size": 200}


class Portal:
    """Answers by (method, path) and remembers what was asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], httpx.Response] = {}
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answers[request.method, request.url.path.removeprefix("/api/v1")]


Run = Callable[..., int]


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Portal:
    made = Portal()
    settings = ClientSettings(url="http://portal.test", token="arm_x")
    monkeypatch.setattr(admin, "connect", lambda: Client(settings, httpx.MockTransport(made)))
    return made


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["armchair", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return int(ended.value.code or 0)

    return call


def body(portal: Portal) -> object:
    return json.loads(portal.asked[-1].content)


def test_everybodys_sessions_are_listed(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    portal.answers["GET", "/admin/sessions"] = httpx.Response(200, json=PAGE)
    assert run("admin", "sessions", "--search", "eve") == 0
    assert "#3  eve    hers   1 core  slurm/gpu c12  Ready" in capsys.readouterr().out
    assert portal.asked[-1].url.params["text"] == "eve"
    assert run("admin", "sessions", "--json") == 0
    assert json.loads(capsys.readouterr().out) == PAGE


def test_a_session_is_ended(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    portal.answers["DELETE", "/admin/sessions/3"] = httpx.Response(202, json={**ONE, "state": {"title": "Ending…"}})
    assert run("admin", "end", "#3") == 0
    assert capsys.readouterr().out == "#3 hers of eve: Ending…\n"


def test_all_of_somebody_end_after_a_question(
    portal: Portal, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    portal.answers["GET", "/admin/sessions"] = httpx.Response(200, json=PAGE)
    portal.answers["POST", "/admin/people/eve/end-sessions"] = httpx.Response(202, json={"ended": 1})
    asked: list[str] = []

    def no(text: str, **_: object) -> bool:
        asked.append(text)
        raise SystemExit(1)

    monkeypatch.setattr("typer.confirm", no)
    assert run("admin", "end-all", "eve") == 1
    assert asked == ["End 1 session of eve?"]
    assert not any(request.method == "POST" for request in portal.asked)
    assert run("admin", "end-all", "eve", "--yes") == 0
    assert "1 session of eve" in capsys.readouterr().out
    assert run("admin", "end-all", "ev") == 0  # somebody whose login is part of another's has none of hers
    assert "ev has no running session." in capsys.readouterr().err
    assert run("admin", "end-all", "ev", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"ended": 0}


def test_drain_and_banner(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for key in (("PUT", "/admin/drain"), ("PUT", "/admin/banner")):
        portal.answers[key] = httpx.Response(200, json={})
    for key in (("DELETE", "/admin/drain"), ("DELETE", "/admin/banner")):
        portal.answers[key] = httpx.Response(204)
    assert run("admin", "drain", "slurm", "--text", "Back at 15:00.") == 0
    assert body(portal) == {"cluster": "slurm", "text": "Back at 15:00."}
    assert run("admin", "banner", "Soon.", "--warning", "--hours", "2") == 0
    assert body(portal) == {"text": "Soon.", "level": "warning", "lifetime": 7200}
    assert run("admin", "drain", "slurm", "--off") == 0
    assert portal.asked[-1].url.params["cluster"] == "slurm"
    capsys.readouterr()
    assert run("admin", "banner", "--off", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"banner": None}
    assert run("admin", "banner") == 2


def test_the_portal_is_shown(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = {
        "name": "slurm",
        "problem": "",
        "silent_since": None,
        "answered_at": "x",
        "queries": 9,
        "took": 0.02,
        "living": 4,
    }
    found = {
        "clusters": [{**cluster, "drained": True}],
        "drains": [{"cluster": "slurm", "text": "Memory.", "by": "op"}],
        "banner": {"text": "Soon.", "by": "op"},
        "people": [{"login": "eve"}],
        "problems": [{"file": "app.toml", "line": 3, "message": "Wrong."}],
        "troubles": [{"at": "now", "level": "warning", "text": "event=launcher.silent"}],
    }
    portal.answers["GET", "/admin/portal"] = httpx.Response(200, json=found)
    assert run("admin", "portal") == 0
    shown = capsys.readouterr().out
    for words in ("answers (20 ms), drained", "Takes no new sessions: slurm. Memory.", "Logged in: eve", "launcher.silent"):
        assert words in shown
