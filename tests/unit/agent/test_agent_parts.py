"""The agent's small parts: log, usage, answers of the probe."""

import os
import pwd
import subprocess  # noqa: TID251 - a Python of another language
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from armchair.agent import forward, kernel, login, start, usage
from armchair.agent.log import FILE_LIMIT, Log
from armchair.agent.report import _commands
from armchair.agent.start import CannotStart, Place, _trouble, argv_of, environment_of
from armchair.agent.stop import signal_named
from armchair.wire import runspec
from armchair.wire.messages import LOG_TAIL
from armchair.wire.runspec import RunSpec, SpecFile

PR_GET_DUMPABLE = 3


def fed(log: Log, *parts: bytes) -> None:
    reading, writing = os.pipe()
    thread = log.follow(reading)
    for part in parts:
        os.write(writing, part)
    os.close(writing)
    thread.join(10)
    assert not thread.is_alive()


def test_the_log_is_taken_once_until_it_changes(tmp_path: Path) -> None:
    log = Log(str(tmp_path))
    fed(log, b"one\n")
    assert log.take() == "one\n"
    assert log.take() is None
    fed(log, b"two\n")
    assert log.take() == "one\ntwo\n"
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_bytes_that_are_no_text_become_marks() -> None:
    log = Log("")
    fed(log, b"a\xff\x00b")
    assert log.take() == "a\ufffd\ufffdb"


def test_a_flood_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    log = Log(str(tmp_path))
    fed(log, b"first", *[b"x" * (1 << 20)] * 24, b"last")
    assert (tmp_path / "log.1").read_bytes().startswith(b"first")
    assert (tmp_path / "log").read_bytes().endswith(b"last")
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 3 * FILE_LIMIT
    text = log.take()
    assert text is not None
    assert len(text) == LOG_TAIL
    assert text.endswith("last")


def test_a_log_that_can_not_be_written_is_counted_and_its_tail_kept() -> None:
    log = Log("/dev/full/nowhere")
    fed(log, b"x" * 1000)
    assert log.lost == 1000
    assert log.take() == "x" * 1000


def test_usage_of_what_has_gone_is_nothing() -> None:
    assert usage.memory([2**22 + 1]) == 0
    assert usage.cpu_seconds([]) >= 0
    assert usage.memory([os.getpid()]) > 1 << 20


def test_much_memory_is_looked_at_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    looks: list[float] = []

    def slow(_: list[int]) -> int:
        looks.append(clock[0])
        clock[0] += 8.0  # as a hundred gigabytes take
        return len(looks)

    monkeypatch.setattr(usage, "memory", slow)
    monkeypatch.setattr(usage, "_spent", lambda: clock[0])
    meter = usage.Meter(os.getpid())
    told = []
    while clock[0] < 2000.0:
        told.append(meter.read(clock[0])[1])
        clock[0] += 15.0
    assert len(looks) == 2
    assert looks[1] - looks[0] >= 800.0
    assert set(told) == {1, 2}


def test_a_limit_costs_nothing_while_memory_is_far_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [os.getpid()]
    assert usage.exceeds(own, 1 << 20)
    looks: list[int] = []
    monkeypatch.setattr(usage, "memory", lambda _: looks.append(1) or 0)
    assert not usage.exceeds(own, 1 << 40)
    assert looks == []
    assert not usage.exceeds(own, 1 << 20), "shared pages are counted once"
    assert looks == [1]


@pytest.mark.parametrize("commands", [[], None, [{}], ["x"], 5, [{"number": "x", "verb": "stop"}]])
def test_malformed_commands_are_none(commands: object) -> None:
    assert _commands({"commands": commands}) == []


def test_an_unknown_signal_name_is_term() -> None:
    assert signal_named("INT") == 2
    assert signal_named("NO_SUCH") == 15


def spec(**changes: object) -> RunSpec:
    base = RunSpec(
        argv=("run.sh", "a b"), environment={"X": "1", "ARMCHAIR_DIR": "/forged"}, unset=("SECRET",), directory="~",
        files=(SpecFile("run.sh", "", 0o700),), transport="unix", host="h", ready_path="/", ready_statuses=(),
        stop_signal="TERM", stop_grace=1.0, log_directory="~", memory=None,
    )  # fmt: skip
    return base._replace(**changes)  # type: ignore[arg-type]  # tests name real fields


def test_arguments_and_environment_of_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s")
    place = Place("/p", "", "/")
    assert argv_of(spec().argv, spec(), place) == ["/p/run.sh", "a b"]
    assert argv_of(("sh", "-c"), spec(), place) == ["sh", "-c"]
    environment = environment_of(spec(), place, "/p/app.sock", 5)
    assert "SECRET" not in environment
    assert (environment["X"], environment["ARMCHAIR_DIR"], environment["ARMCHAIR_PORT"]) == ("1", "/p", "5")
    assert environment["ARMCHAIR_SOCKET"] == "/p/app.sock"


def test_answers_reach_the_application_whatever_the_nodes_language() -> None:
    program = """
import os, sys
from armchair.agent.start import Place, environment_of
from armchair.wire import runspec
assert sys.getfilesystemencoding() == "ascii"
environment = environment_of(runspec.load(sys.stdin.read()), Place("/p", "", "/"), "/p/app.sock", None)
os.execve("/bin/sh", ["sh", "-c", 'printf %s "$ANSWER"'], environment)
"""
    english = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    asked = runspec.dump(spec(environment={"ANSWER": "Grüße €"})).encode()
    done = subprocess.run([sys.executable, "-c", program], env=english, input=asked, capture_output=True, check=False)
    assert done.stdout.decode() == "Grüße €", done.stderr


def test_what_can_not_be_said_to_a_program_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="null"):
        start.start(spec(argv=("true",), environment={"X": "a\0b"}), Place(str(tmp_path), "", "/"), [])


def test_a_full_disk_has_its_own_code() -> None:
    trouble = _trouble(OSError(28, "No space left on device"), "write")
    assert isinstance(trouble, CannotStart)
    assert trouble.detail == "disk_full"


@pytest.mark.parametrize(("mode", "used"), [(0o700, True), (0o755, True), (0o1777, True), (0o777, False), (0o770, False)])
def test_where_others_could_replace_it_no_session_keeps_its_files(
    monkeypatch: pytest.MonkeyPatch, mode: int, used: bool
) -> None:
    with tempfile.TemporaryDirectory(prefix="a", dir="/tmp") as base:
        Path(base).chmod(mode)
        monkeypatch.setenv("TMPDIR", base)
        assert (start._short_base() == base) is used


def test_no_session_keeps_its_files_where_they_go_with_a_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("TMPDIR", raising=False)
    assert start._short_base() == "/tmp"
    monkeypatch.setattr(start, "_has_room", lambda base: base == str(tmp_path))
    monkeypatch.setattr(start, "LONGEST_SOCKET", 200)
    assert start._short_base() == str(tmp_path), "better than nowhere"


def test_the_forwarder_hides_what_it_remembers_of_the_agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    heard, tell = os.pipe()
    monkeypatch.setattr(kernel, "isolate_network", lambda: None)
    monkeypatch.setattr(forward, "serve", lambda _listener, _port: os.write(tell, b"%d" % kernel._libc.prctl(PR_GET_DUMPABLE)))
    application = start.start(spec(argv=("true",), transport="tcp_isolated"), Place(str(tmp_path), "", "/"), [])
    assert os.read(heard, 1) == b"0"
    os.waitpid(application.pid, 0)
    for one in (heard, tell, application.output):
        os.close(one)


@pytest.mark.parametrize(("owner", "keeps"), [(1000, True), (0, True), (54321, False)])
def test_what_belongs_to_somebody_else_keeps_nothing(monkeypatch: pytest.MonkeyPatch, owner: int, keeps: bool) -> None:
    status = SimpleNamespace(st_mode=0o41777, st_uid=owner)
    monkeypatch.setattr(start, "os", SimpleNamespace(stat=lambda _: status, geteuid=lambda: 1000))
    assert start._keeps("/scratch") is keeps


def test_what_is_not_there_keeps_nothing(tmp_path: Path) -> None:
    assert not start._keeps(str(tmp_path / "gone"))


def test_a_job_without_a_logins_environment_gets_one() -> None:
    known = pwd.getpwuid(os.geteuid())
    environment = {"HOME": "", "USER": "other", "SLURM_JOB_ID": "5"}
    login.complete(environment)
    assert environment == {
        "HOME": known.pw_dir,
        "USER": "other",
        "LOGNAME": known.pw_name,
        "SHELL": known.pw_shell,
        "PATH": login.PATH,
        "SLURM_JOB_ID": "5",
    }


def test_what_a_login_has_set_stays_and_an_unknown_account_is_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(login.pwd, "getpwuid", unknown)
    whole = dict.fromkeys(("HOME", "USER", "LOGNAME", "SHELL", "PATH"), "x")
    login.complete(whole)
    assert set(whole.values()) == {"x"}
    bare: dict[str, str] = {}
    login.complete(bare)
    assert bare == {"PATH": login.PATH}
