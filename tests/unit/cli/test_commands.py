"""Commands against a stand-in for the portal: output, exit codes, and what mistakes look like."""

import io
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from armchair.cli import accounts, applications, clusters, configuration, launch, main, sessions
from armchair.cli.jar import write_jar
from armchair.client import Client, ClientSettings
from armchair.client.models import Entry

Answer = Callable[[httpx.Request], httpx.Response]


def session(phase: str = "queued", **more: object) -> dict[str, object]:
    return {
        "id": "s" * 26,
        "number": 3,
        "title": "mine",
        "app": "terminal",
        "app_title": "Terminal",
        "phase": phase,
        "state": {"title": f"it is {phase}", "detail": ""},
        "url": "http://s.apps.test/",
        "join_url": "http://portal.test/sessions/s/join",
        "created_at": "2026-01-02T03:04:05Z",
        "ready_at": None,
        "outcome": {"text": "It ended badly."} if phase == "ended" else None,
        "resources": {"text": "1 core"},
        **more,
    }


class Portal:
    """Answers by (method, path); `stream` is what a followed session says."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], httpx.Response] = {}
        self.stream: list[dict[str, object]] = []
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path.removeprefix("/api/v1")
        if path.endswith("/stream"):
            return httpx.Response(200, text="".join(f"event: session\ndata: {json.dumps(one)}\n\n" for one in self.stream))
        return self.answers[request.method, path]


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Portal:
    made = Portal()

    def connect() -> Client:
        return Client(ClientSettings(url="http://portal.test", token="arm_x"), httpx.MockTransport(made))

    for module in (accounts, applications, clusters, configuration, launch, sessions):
        monkeypatch.setattr(module, "connect", connect)
    return made


Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["armchair", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return int(ended.value.code or 0)

    return call


@contextmanager
def launched(portal: Portal, *stream: dict[str, object]) -> Iterator[None]:
    portal.answers["POST", "/sessions"] = httpx.Response(201, json=session())
    portal.answers["GET", f"/sessions/{'s' * 26}/log"] = httpx.Response(200, text="one\nlast words\n")
    portal.stream = list(stream)
    yield


def test_launch_and_wait_until_ready(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with launched(portal, session("starting"), session("ready")):
        assert run("launch", "terminal", "--set", "a=1=2", "--size", "small", "--wait", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["id"], printed["number"], printed["phase"], printed["url"]) == ("s" * 26, 3, "ready", "http://s.apps.test/")
    wish = json.loads(portal.asked[0].content)
    assert wish == {"app": "terminal", "size": "small", "answers": {"a": "1=2"}, "title": ""}
    assert portal.asked[0].headers["Idempotency-Key"]


def test_launch_says_where_and_how_much(portal: Portal, run: Run) -> None:
    options = [
        "--cluster",
        "hpc",
        "--partition",
        "gpu",
        "--account",
        "physics",
        "--gpus",
        "a100:2",
        "--time",
        "4h",
        "--cores",
        "8",
    ]
    with launched(portal):
        assert run("launch", "terminal", *options) == 0
    wish = json.loads(portal.asked[0].content)
    assert wish["cluster"] == "hpc"
    assert wish["placement"] == {"partition": "gpu", "account": "physics", "gpu_type": "a100"}
    assert wish["resources"] == {"cores": "8", "walltime": "4h", "gpus": "2"}


def test_clusters_are_listed_and_shown(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"name": "hpc", "queue": True, "silent_since": None}
    portal.answers["GET", "/clusters"] = httpx.Response(200, json={"clusters": [row]})
    assert run("cluster") == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["hpc", "with", "a", "queue"]
    assert run("cluster", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"clusters": [row]}
    none = {"total": 0, "used": 0, "down": 0, "free": 0}
    cores, memory = {"total": 192, "used": 64, "down": 64, "free": 64}, {"total": 2**38, "used": 0, "down": 0, "free": 2**37}
    load = {"name": "short", "up": True, "cores": cores, "memory": memory, "gpus": none, "running": 2, "waiting": 1}
    job = {"id": "7", "name": "align", "state": "PENDING", "partition": "short", "reason_text": "Waiting for free cores."}
    offer = {"known": True, "accounts": [{"name": "genomics", "default": True}]}
    whole = {**row, "partitions": [load], "offer": offer, "jobs": [job]}
    portal.answers["GET", "/clusters/hpc"] = httpx.Response(200, json=whole)
    assert run("cluster", "hpc") == 0
    printed = capsys.readouterr().out
    assert "64 of 192" in printed
    assert "128 of 256 GB" in printed
    assert "genomics (default)" in printed
    assert "Waiting for free cores." in printed


def test_launch_that_ends_before_it_is_ready(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with launched(portal, session("ended")):
        assert run("launch", "terminal", "--wait") == 3
    told = capsys.readouterr().err
    assert "It ended badly." in told
    assert "last words" in told


def test_a_launch_that_is_refused_at_once_is_no_success(portal: Portal, run: Run) -> None:
    with launched(portal):
        portal.answers["POST", "/sessions"] = httpx.Response(201, json=session("ended"))
        assert run("launch", "terminal") == 3


def test_a_followed_log_goes_on_after_the_portal_was_away(
    portal: Portal, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("armchair.cli.waiting._RETRY", 0.0)
    turns = [
        [("session", session("ready")), ("log", {"text": "one\n"}), ("log", {"text": "two\n"})],
        None,
        [("log", {"text": "one\ntwo\nthree\n"}), ("session", session("ready"))],
        [("log", {"text": "one\ntwo\nthree\n"}), ("session", session("ready")), ("session", session("ended"))],
    ]

    def stream(request: httpx.Request) -> httpx.Response:
        turn = turns.pop(0)
        if turn is None:
            raise httpx.ConnectError("nobody there")
        return httpx.Response(200, text="".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in turn))

    monkeypatch.setattr(Portal, "__call__", lambda _, request: stream(request))
    assert run("logs", "3", "--follow") == 0
    assert capsys.readouterr().out == "one\ntwo\nthree\n"
    assert turns == []


def test_a_portal_that_was_never_there_is_not_waited_for(portal: Portal, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_portal: Portal, _request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there")

    monkeypatch.setattr(Portal, "__call__", away)
    assert run("logs", "3", "--follow") == 1


def test_launch_gives_up_waiting(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with launched(portal, session("starting")):
        assert run("launch", "terminal", "--wait", "--timeout", "0.2s") == 4
    assert "goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [["--set", "nothing"], ["--set", "=x"], ["--set", "a=1", "--set", "a=2"], ["--wait", "--timeout", "soon"], ["--bogus"]],
)
def test_bad_options_are_refused_before_anything_is_asked(portal: Portal, run: Run, wrong: list[str]) -> None:
    assert run("launch", "terminal", *wrong) == 2
    assert portal.asked == []


def test_the_portal_s_field_errors_are_shown(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    problem = {
        "code": "invalid_input",
        "message": "Look.",
        "fields": [{"field": "size", "code": "c", "message": "No such size."}],
    }
    portal.answers["POST", "/sessions"] = httpx.Response(422, json={"error": problem})
    assert run("launch", "terminal") == 2
    assert "size: No such size." in capsys.readouterr().err
    assert run("launch", "terminal", "--json") == 2
    assert json.loads(capsys.readouterr().err)["error"]["fields"][0]["field"] == "size"


def test_a_portal_that_is_away_is_explained(
    portal: Portal, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    monkeypatch.setattr(Portal, "__call__", lambda _, request: refuse(request))
    assert run("ls") == 1
    assert "armchair serve" in capsys.readouterr().err


def test_ls_shows_titles_on_one_line(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    page = {"sessions": [session("ready", title="evil\x1b[2J\ntitle")], "total": 1}
    portal.answers["GET", "/sessions"] = httpx.Response(200, json=page)
    assert run("ls") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "\x1b" not in lines[1]
    assert portal.asked[0].url.params.get_list("phase") == ["accepted", "queued", "starting", "ready", "ending"]


def test_stop_and_wait(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    portal.answers["DELETE", "/sessions/3"] = httpx.Response(202, json=session("ending"))
    portal.stream = [session("ended")]
    assert run("stop", "#3", "--wait") == 0
    assert "It ended badly." in capsys.readouterr().out


ORDERS = "\x1b]0;owned\x07\x1b[2J\x9b31m\x08\x7f"


@pytest.mark.parametrize("arguments", [("show", "3"), ("stop", "3"), ("--json", "show", "3"), ("ls",)], ids=" ".join)
def test_a_terminal_takes_no_orders_from_what_others_have_written(
    run: Run, portal: Portal, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    as_json = arguments[0] == "--json"
    arguments = (*arguments[1:], "--json") if as_json else arguments
    ended = session("ended", title=f"a{ORDERS}b", outcome={"text": f"It{ORDERS}ended."})
    portal.answers["GET", "/sessions/3"] = httpx.Response(200, json=ended)
    portal.answers["GET", "/sessions"] = httpx.Response(200, json={"sessions": [ended], "total": 1})
    portal.answers["DELETE", "/sessions/3"] = httpx.Response(200, json=ended)
    portal.answers["GET", "/sessions/3/events"] = httpx.Response(200, json={"events": []})
    assert run(*arguments) == 0
    printed = capsys.readouterr().out
    assert "a" in printed
    assert not set(printed) & set("\x1b\x07\x9b\x08\x7f")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_shows_a_terminal_its_colours_and_nothing_else(
    run: Run, portal: Portal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = f"\x1b[1;31mred\x1b[0m\tok\r\n{ORDERS}end\n"
    portal.answers["GET", "/sessions/3/log"] = httpx.Response(200, text=log)
    assert run("logs", "3") == 0
    assert capsys.readouterr().out == log, "a file or another program gets what there is"
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert run("logs", "3") == 0
    assert terminal.getvalue().startswith("\x1b[1;31mred\x1b[0m\tok\r\n")
    left = terminal.getvalue().replace("\x1b[1;31m", "").replace("\x1b[0m", "")
    assert not set(left) & set("\x1b\x07\x08\x7f\x9b")
    assert left.endswith("end\n")


def test_the_browser_gets_a_link_that_no_argument_holds(
    portal: Portal, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    portal.answers["GET", "/sessions/3"] = httpx.Response(200, json=session("ready"))
    portal.answers["POST", "/sessions/3/join"] = httpx.Response(200, json={"url": "http://portal.test/in/s3cret?a=1&b"})
    assert run("open", "3") == 0
    page = Path(opened[0].removeprefix("file://"))
    assert "s3cret" not in opened[0]
    assert 'url=http://portal.test/in/s3cret?a=1&amp;b"' in page.read_text()
    assert (stat.S_IMODE(page.stat().st_mode), stat.S_IMODE(page.parent.stat().st_mode)) == (0o600, 0o700)
    printed = capsys.readouterr()
    assert "http://portal.test/sessions/s/join" in printed.err
    assert "s3cret" not in printed.out + printed.err

    os.utime(page, (0, 0))
    assert run("open", "3") == 0
    assert not page.exists(), "the next one tidies up"


def test_without_a_browser_the_link_is_printed(
    portal: Portal, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    portal.answers["GET", "/sessions/3"] = httpx.Response(200, json=session("ready"))
    portal.answers["POST", "/sessions/3/join"] = httpx.Response(200, json={"url": "http://portal.test/in/s3cret"})
    assert run("open", "3") == 0
    assert capsys.readouterr().out == "http://portal.test/in/s3cret\n"


def test_open_writes_a_private_cookie_file(
    portal: Portal, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cookie = {"name": "armchair-x-cli", "value": "v.v.v", "host": "s.apps.test", "expires": "2030-01-01T00:00:00Z"}
    portal.answers["POST", "/sessions/3/entry"] = httpx.Response(200, json={"url": "http://s.apps.test/", "cookie": cookie})
    jar = tmp_path / "jar"
    assert run("open", "3", "--cookie-jar", str(jar)) == 0
    assert capsys.readouterr().out == "http://s.apps.test/\n"
    assert jar.read_text().splitlines()[1].split("\t") == [
        "#HttpOnly_s.apps.test",
        "FALSE",
        "/",
        "FALSE",
        "1893456000",
        "armchair-x-cli",
        "v.v.v",
    ]


def test_a_cookie_file_replaces_one_that_others_could_read(tmp_path: Path) -> None:
    jar = tmp_path / "jar"
    jar.write_text("old")
    jar.chmod(0o644)
    write_jar(jar, Entry(url="", name="n", value="v", host="h", expires=datetime(2030, 1, 1, tzinfo=UTC)))
    assert stat.S_IMODE(jar.stat().st_mode) == 0o600
    assert "old" not in jar.read_text()
    assert list(tmp_path.iterdir()) == [jar]


def test_apps_names_the_cure(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    missing = [{"what": "xpra", "cure": "apt-get install xpra"}]
    one = {"name": "xterm", "title": "xterm", "description": "", "sizes": [{"name": "small"}], "missing": missing, "unseen": []}
    other = {**one, "name": "gimp", "missing": [], "unseen": ["gimp"]}
    portal.answers["GET", "/applications"] = httpx.Response(200, json={"applications": [one, other], "problems": []})
    assert run("apps") == 0
    told = capsys.readouterr()
    assert "apt-get install xpra" in told.err
    assert ["can't be started" in line for line in told.out.splitlines()] == [False, True, False]
    assert "if the nodes have it" in told.out.splitlines()[2]


def test_config_show_names_origins(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "armchair.toml").write_text("[gateway]\nmaxconn = 9\n")
    assert run("config", "show", "--home", str(tmp_path), "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["gateway.maxconn"] == {"value": "9", "origin": f"{tmp_path}/armchair.toml:2"}
    (tmp_path / "armchair.toml").write_text("[gateway]\nmaxcon = 9\n")
    assert run("config", "show", "--home", str(tmp_path)) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path}/armchair.toml:2 gateway.maxcon" in told
    assert "gateway.maxconn" in told


def asked_json(portal: Portal) -> dict[str, object]:
    found: dict[str, object] = json.loads(portal.asked[-1].content)
    return found


@pytest.mark.parametrize(("by", "seconds"), [("2h", 7200), ("30m", 1800), ("1 d", 86400)])
def test_extend_sends_the_time_in_seconds(
    portal: Portal, run: Run, capsys: pytest.CaptureFixture[str], by: str, seconds: int
) -> None:
    portal.answers["POST", "/sessions/3/extend"] = httpx.Response(200, json=session("ready"))
    assert run("extend", "3", "--by", by) == 0
    assert asked_json(portal) == {"by": seconds}
    assert "#3 mine: it is ready" in capsys.readouterr().out


def test_extend_without_a_time_asks_for_what_is_offered(portal: Portal, run: Run) -> None:
    portal.answers["GET", "/sessions/3"] = httpx.Response(200, json=session("ready", extend_by=3600))
    portal.answers["POST", "/sessions/3/extend"] = httpx.Response(200, json=session("ready"))
    assert run("extend", "3") == 0
    assert asked_json(portal) == {"by": 3600}


@pytest.mark.parametrize("by", ["2", "h", "-2h", "2 weeks", "0h"])
def test_a_time_that_is_none_is_not_sent(portal: Portal, run: Run, by: str) -> None:
    assert run("extend", "3", "--by", by) == 2
    assert portal.asked == []


@pytest.mark.parametrize(
    ("said", "asked", "found", "shown"),
    [
        ("2h", 7200, 7200, "it ends after 2h without use."),
        ("90m", 5400, 5400, "it ends after 90m without use."),
        ("site", None, 86400, "it ends after 1d without use."),
        ("site", None, None, "it goes on when nobody uses it."),
    ],
)
def test_idle(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str], said, asked, found, shown) -> None:
    answer = session("ready", idle={"after": found, "site": None, "chosen": asked})
    portal.answers["PUT", "/sessions/3/idle"] = httpx.Response(200, json=answer)
    assert run("idle", "3", said) == 0
    assert asked_json(portal) == {"after": asked}
    assert shown in capsys.readouterr().out


def test_idle_takes_times_only(portal: Portal, run: Run) -> None:
    assert run("idle", "3", "never") == 2
    assert portal.asked == []


def test_keep_and_tell(portal: Portal, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    portal.answers["POST", "/sessions/3/keep"] = httpx.Response(200, json=session("ready"))
    assert run("keep", "3") == 0
    told = {"channel": "webhook", "occasions": ["start"], "target": "https://x.test/", "secret": "key"}
    portal.answers["PUT", "/sessions/3/tell"] = httpx.Response(200, json=told)
    assert run("tell", "3", "--webhook", "https://x.test/", "--on", "start, end") == 0
    assert asked_json(portal) == {"channel": "webhook", "occasions": ["start", "end"], "target": "https://x.test/"}
    assert "signed with the key key" in capsys.readouterr().out
    assert run("tell", "3", "--mail", "--on", "nothing") == 0
    assert asked_json(portal)["occasions"] == []
    assert run("tell", "3") == 2
