"""`armchair attach` with stand-ins for portal, tunnel and client: when it tries again, when it gives up, and in which words."""

import json
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from armchair.cli import attach, main, overssh, viewers
from armchair.cli.viewers import VIEWERS
from armchair.client import Client, ClientSettings
from armchair.client.display import Display, DisplayState, _state
from armchair.client.errors import DisplayAway
from armchair.client.models import Session
from armchair.client.tunnel import Ending

XPRA = DisplayState(kind="xpra", server="xpra 3.1.3", program="running")


def session(phase: str = "ready", kind: str = "finished") -> dict[str, object]:
    outcome = {"kind": kind, "text": "The program ended by itself."} if phase == "ended" else None
    fields = {"id": "s" * 26, "number": 3, "title": "Fiji", "app": "fiji", "phase": phase, "url": "http://s.apps.test/"}
    return {
        **fields,
        "display": "xpra",
        "state": {"title": phase, "detail": ""},
        "created_at": "2026-01-02T03:04:05Z",
        "ready_at": None,
        "outcome": outcome,
    }


class Portal:
    """Shows the session in one phase after the other; the display's ticket is given or refused with a code."""

    def __init__(self, *phases: str, refusal: str = "") -> None:
        self.phases, self.refusal = list(phases) or ["ready"], refusal
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        self.asked.append(path)
        if path.endswith("/stream"):
            now = json.dumps(session(self.phases[0]))
            return httpx.Response(200, text=f"event: session\ndata: {now}\n\n")
        if path.endswith("/display") and self.refusal:
            problem = {"code": self.refusal, "message": f"It says {self.refusal}.", "fields": []}
            return httpx.Response(409, json={"error": problem})
        if path.endswith("/display"):
            cookie = {"name": "c", "value": "t", "host": "s.apps.test", "expires": "2026-01-02T03:04:05Z"}
            return httpx.Response(200, json={"url": "http://s.apps.test/-/display", "cookie": cookie})
        return httpx.Response(200, json=session(self.phases.pop(0) if len(self.phases) > 1 else self.phases[0]))

    def client(self) -> Client:
        return Client(ClientSettings(url="http://portal.test", token="arm_x"), httpx.MockTransport(self))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def call(portal: Portal, *arguments: str) -> int:
        monkeypatch.setattr(attach, "connect", portal.client)
        monkeypatch.setattr(sys, "argv", ["armchair", "attach", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return int(ended.value.code or 0)

    return call


@pytest.mark.parametrize("refusal", ["not_graphical", "not_joinable"])
def test_what_can_never_be_attached_is_not_waited_for(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str], refusal: str
) -> None:
    portal = Portal("queued", refusal=refusal)
    assert run(portal, "3") == 1
    assert f"It says {refusal}." in capsys.readouterr().err
    assert portal.asked == ["/sessions/3", f"/sessions/{'s' * 26}/display"]


def test_without_any_client_nothing_is_waited_for(
    run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    portal = Portal("queued", refusal="not_ready")
    assert run(portal, "3") == 1
    told = capsys.readouterr().err
    assert "sudo apt install xpra" in told
    assert "armchair open 3" in told
    assert not any(path.endswith("/stream") for path in portal.asked)


def test_a_session_that_has_ended_is_told_with_its_outcome(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Portal("ended"), "3") == 3
    assert "#3 Fiji has ended. The program ended by itself." in capsys.readouterr().err


def test_a_display_of_an_unknown_kind_is_a_matter_of_updating(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(attach.typer.Exit):
        attach._viewer(DisplayState(kind="holodeck"))
    assert "(holodeck)" in capsys.readouterr().err


# --- what a client is ---


def test_ones_own_options_come_last() -> None:
    command = VIEWERS["xpra"].command("/usr/bin/xpra", Path("/run/d"), ["--title=x"])
    assert command[:3] == ["/usr/bin/xpra", "attach", "socket:/run/d"]
    assert command.index("--title=@title@") < command.index("--title=x")
    assert VIEWERS["vnc"].command("xtigervncviewer", Path("/run/d"), ["-FullScreen"])[1:] == ["/run/d", "-FullScreen"]


def test_a_client_says_its_version_on_one_line(tmp_path: Path) -> None:
    program = tmp_path / "xpra"
    program.write_text("#!/bin/sh\necho xpra v3.1.3\necho more >&2\n")
    program.chmod(0o700)
    assert viewers.version(str(program)) == "xpra v3.1.3"
    assert viewers.version(str(tmp_path / "none")) == ""


def test_a_client_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewers, "_PATIENCE", 0.05)
    with viewers.running(["sh", "-c", "trap '' TERM; while :; do sleep 60; done"]) as process:
        assert process.poll() is None
    assert process.returncode < 0


def test_the_directory_is_private_short_and_gone_afterwards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    with attach._private_directory() as made:
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
        assert len(str(made / "display")) < 104
        (made / "display").touch()
    assert not made.exists()
    assert not list(long.iterdir())


# --- trying again ---


class FakeTunnel:
    """Ends each connection as the test says."""

    def __init__(self) -> None:
        self.ending, self.heard, self.accepted = Ending.NONE, False, 0

    def begin(self) -> None:
        pass


class FakeDisplay:
    """Answers, or not, as the test says."""

    def __init__(self, *states: DisplayState | None) -> None:
        self.states = list(states) or [XPRA]

    def state(self) -> DisplayState:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state is None:
            raise DisplayAway("gone")
        return state


class Process:
    def __init__(self, code: int) -> None:
        self.returncode = code

    def poll(self) -> int:
        return self.returncode


class Runs:
    """What each run of the client comes to: (exit code, how the connection ended, whether the display had said anything)."""

    def __init__(self, *runs: tuple[int, Ending, bool]) -> None:
        self.left = list(runs)
        self.tunnel = FakeTunnel()

    @contextmanager
    def running(self, command: object) -> Iterator[Process]:
        code, self.tunnel.ending, self.tunnel.heard = self.left.pop(0)
        self.tunnel.accepted += self.tunnel.ending is not Ending.NONE
        yield Process(code)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setattr(attach, "_END_SHOWS_WITHIN", 0.01)
    monkeypatch.setattr(attach, "_OUTCOME_WITHIN", 5)
    monkeypatch.setattr(attach.time, "sleep", lambda _: None)

    def call(runs: Runs, portal: Portal | None = None, display: FakeDisplay | None = None) -> int:
        monkeypatch.setattr(viewers, "running", runs.running)
        with (portal or Portal()).client() as client:
            used = attach._Use(
                client, Session.of(session()), cast("Display", display or FakeDisplay()), cast("Any", runs.tunnel)
            )
            return used.run(VIEWERS["xpra"], ["xpra"], XPRA)

    return call


def test_a_person_who_leaves_is_let_go(use: Callable[..., int]) -> None:
    assert use(Runs((0, Ending.LEFT, True))) == 0
    assert use(Runs((2, Ending.NONE, False))) == 2, "a mistake in the client's options is the client's to explain"
    assert use(Runs((-15, Ending.LEFT, True))) == 128 + 15


def test_a_lost_connection_is_made_again(use: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    runs = Runs((1, Ending.CUT, True), (1, Ending.REFUSED, False), (0, Ending.LEFT, True))
    assert use(runs, display=FakeDisplay(None, None, XPRA)) == 0
    assert runs.left == []
    assert "the connection is lost; trying again" in capsys.readouterr().err


def test_a_session_that_ended_meanwhile_is_told_with_its_outcome(
    use: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert use(Runs((1, Ending.CUT, True)), Portal("ended")) == 0
    assert "The program ended by itself." in capsys.readouterr().err


def test_a_client_that_was_told_of_the_end_first_is_no_person_who_left(
    use: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    over = DisplayState(kind="xpra", program="ended")
    assert use(Runs((0, Ending.LEFT, True)), Portal("ended"), FakeDisplay(over)) == 0
    assert "The program ended by itself." in capsys.readouterr().err


@pytest.mark.parametrize(
    "runs",
    [
        [(18, Ending.LEFT, True)],  # Xpra had time to say why
        [(1, Ending.CUT, False)] * 2,  # it had not
    ],
)
def test_two_versions_that_do_not_understand_each_other_are_named(
    use: Callable[..., int], capsys: pytest.CaptureFixture[str], runs: list[tuple[int, Ending, bool]]
) -> None:
    assert use(Runs(*runs)) == 1
    told = capsys.readouterr().err
    assert "does not talk to this Xpra client" in told
    assert "The session runs xpra 3.1.3" in told


def test_a_connection_that_breaks_again_and_again_is_given_up(
    use: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Runs(*[(1, Ending.CUT, True)] * 5)
    assert use(runs) == 1
    assert len(runs.left) == 2
    assert "3 times in a row" in capsys.readouterr().err


def test_a_network_that_is_away_for_long_is_no_reason_to_give_up(use: Callable[..., int]) -> None:
    runs = Runs((1, Ending.CUT, True), (0, Ending.LEFT, True))
    assert use(runs, display=FakeDisplay(*[None] * 200, XPRA)) == 0


# --- by ssh ---

THERE = DisplayState(kind="xpra", user="ada", socket="/tmp/armchair-x/xpra")


def at(node: str, host: str = "10.0.0.7") -> Session:
    return Session.of({**session(), "node": node, "host": host})


def test_ssh_asks_for_the_account_at_the_node_that_the_scheduler_names() -> None:
    assert overssh.destination(at("c12"), THERE) == "ada@c12"
    assert overssh.destination(at(""), THERE) == "ada@10.0.0.7"
    assert overssh.command("/run/d", "ada@c12", THERE.socket)[-3:] == ["/run/d:/tmp/armchair-x/xpra", "--", "ada@c12"]


@pytest.mark.parametrize(("node", "state"), [("", THERE), ("c12", XPRA)])
def test_a_session_that_does_not_tell_where_it_is_can_t_be_reached_by_ssh(node: str, state: DisplayState) -> None:
    with pytest.raises(DisplayAway, match="does not tell"):
        overssh.destination(at(node, ""), state)


def test_the_socket_to_use_later_is_where_nobody_else_can_have_made_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def printed() -> str:
        overssh.explain(at("c12"), THERE, VIEWERS["xpra"], (), as_json=True)
        said = json.loads(capsys.readouterr().out)
        place = str(said["ssh"][said["ssh"].index("-L") + 1]).partition(":")[0]
        assert f"socket:{place}" in said["client"]
        return place

    with attach._private_directory() as own:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(own))
        assert Path(printed()).parent == own
        assert printed() == printed()
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert printed() != printed()


def test_an_ssh_that_does_not_get_through_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ssh").write_text("#!/bin/sh\nexit 255\n")
    (tmp_path / "ssh").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        overssh.Forward(tmp_path / "d", "ada@c12", THERE.socket) as way,
        pytest.raises(DisplayAway, match="ssh ended with code 255"),
    ):
        way.begin()
    assert way.accepted == 0


# --- what a screen program says ---


def test_what_a_screen_program_says_of_itself() -> None:
    said = {"display": "vnc", "server": "Xvnc 1.12", "program": "running", "clients": 2}
    assert _state(httpx.Response(200, json=said)) == DisplayState(kind="vnc", server="Xvnc 1.12", program="running")


@pytest.mark.parametrize(
    "user",
    ["-oProxyCommand=x", "$(touch x)", "`id`", "a;b", "a b", "a/b", "ssh://evil.test", "a\nb", "a\x1b[2J", "a'b", "x" * 200],
)
def test_an_account_that_ssh_or_a_shell_could_obey_is_not_told_to_them(user: str) -> None:
    state = _state(httpx.Response(200, json={"display": "xpra", "user": user, "socket": "/tmp/armchair-x/xpra"}))
    assert overssh.destination(at("c12"), state) == "c12"


@pytest.mark.parametrize("account", ["ada", "ada.b_c-d", "ada@SITE.TEST", "_svc", "machine$", "1000"])
def test_accounts_of_all_kinds_are(account: str) -> None:
    state = _state(httpx.Response(200, json={"display": "xpra", "user": account, "socket": "/tmp/armchair-x/xpra"}))
    assert overssh.destination(at("c12"), state) == f"{account}@c12"


@pytest.mark.parametrize("path", ["evil.test:3389", "/tmp/x:evil.test:80", "x", "/tmp/\x07", "/" + "x" * 300])
def test_a_socket_that_is_no_path_is_none(path: str) -> None:
    assert _state(httpx.Response(200, json={"display": "xpra", "socket": path})).socket == ""


def test_a_terminal_gets_no_orders_from_a_session() -> None:
    state = _state(httpx.Response(200, json={"display": "\x1b[2J", "server": "\x1b]0;x\x07", "program": {"a": 1}}))
    assert state == DisplayState(kind="")


def test_what_goes_on_for_ever_is_not_read_to_its_end() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b" " * 4096

    with pytest.raises(DisplayAway):
        _state(httpx.Response(200, content=endless()))


def test_a_session_may_bring_no_files_or_addresses_to_this_machine() -> None:
    command = VIEWERS["xpra"].command("/usr/bin/xpra", Path("/run/d"))
    for what in ("file-transfer", "open-files", "open-url", "printing", "webcam", "remote-logging"):
        assert f"--{what}=no" in command


@pytest.mark.parametrize(
    "answer", [httpx.Response(503), httpx.Response(401), httpx.Response(200, text="<html>"), httpx.Response(200, json=[])]
)
def test_anything_else_is_no_display(answer: httpx.Response) -> None:
    with pytest.raises(DisplayAway):
        _state(answer)
