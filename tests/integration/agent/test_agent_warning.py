"""The agent near the end of its time, and what it tells of the session's use: real processes, real signals."""

import json
import os
import signal
import subprocess  # noqa: TID251 - a program of the session's
import sys
import threading
from pathlib import Path

import pytest

from armchair.agent import activity
from armchair.agent.activity import Watch, answer, gpu_share, has_launchers
from armchair.wire.messages import Activity
from armchair.wire.runspec import SpecFile

from .agent_jobs import SERVE, SERVER_PY, Start, get, until  # noqa: TID252 - one folder's own

TRAPS = (
    """
import os, signal, threading
count = []
def heard(number, frame):
    count.append(number)
    open(os.environ["HEARD"], "a").write("%d %s\\n" % (number, open(os.environ["ARMCHAIR_DIR"] + "/ends.json").read()))
signal.signal(signal.SIGUSR2, heard)
"""
    + SERVER_PY
)


def test_the_schedulers_signal_warns_the_application_once_and_ends_nothing(start: Start, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    portal, job = start(
        SERVE,
        environment={"PY": sys.executable, "HEARD": str(heard)},
        files=(SpecFile("run.sh", "#!/bin/sh\n" + SERVE, 0o700), SpecFile("server.py", TRAPS, 0o600)),
        warning_signal="USR2",
    )
    portal.wait_ready()
    os.kill(job.pid, signal.SIGUSR1)
    portal.wait(lambda: any(report["warned"] for report in portal.reports))
    until(heard.exists)
    with portal.changed:
        portal.commands = [{"number": 5, "verb": "warn", "ends_at": 1234.5}]
        portal.changed.notify_all()
    private = Path(json.loads(json.dumps(_variable(job.pid, "ARMCHAIR_DIR"))))
    until(lambda: json.loads((private / "ends.json").read_text())["ends_at"] == 1234.5)
    assert get(portal) == (200, b"hello"), "a warning is no stop"
    assert job.poll() is None
    assert len(heard.read_text().splitlines()) == 1, "the portal's own warning is the same one"
    os.kill(job.pid, signal.SIGTERM)
    assert portal.end()["kind"] == "cancelled"


def test_a_warning_before_there_is_anything_to_warn_does_not_end_the_job(start: Start) -> None:
    portal, job = start(prepare=lambda portal: portal.refusals.extend([409] * 20))
    portal.wait(lambda: portal.bearers)
    os.kill(job.pid, signal.SIGUSR1)
    portal.wait_ready()
    portal.wait(lambda: any(report["warned"] for report in portal.reports))
    assert get(portal) == (200, b"hello")


def _variable(root: int, name: str) -> str:
    for entry in Path("/proc").iterdir():
        try:
            found = (entry / "environ").read_bytes().split(b"\0") if entry.name.isdecimal() else []
        except OSError:
            continue
        values = dict(pair.split(b"=", 1) for pair in found if b"=" in pair)
        if b"HEARD" in values and name.encode() in values:
            return values[name.encode()].decode()
    raise AssertionError(f"nobody has {name}")


def watched(asks: list[str], count: list[int], windows: int = 1) -> list[Activity]:
    seen: list[Activity] = []
    over = threading.Event()

    def tell(window: Activity) -> None:
        seen.append(window)
        if len(seen) == windows:
            over.set()

    Watch(lambda: count.pop(0), asks, {"PATH": os.environ["PATH"]}, tell, window=0.05).run(over)
    return seen


def test_a_window_counts_the_bytes_from_the_browser() -> None:
    first, second = watched([], [100, 350, 350], windows=2)
    assert (first.input, second.input) == (250, 0)
    assert (first.busy, first.gpu) == (False, None)


@pytest.mark.parametrize(
    ("script", "busy"),
    [
        ("echo busy", True),
        ("echo idle", False),
        ("echo perhaps", None),
        ("exit 1", None),
        (":", None),
        ("echo idle; kill -9 $$", False),
    ],
)
def test_the_applications_own_word(script: str, busy: bool | None) -> None:
    assert watched(["/bin/sh", "-c", script], [0, 0])[0].busy is busy


def test_no_script_and_one_that_never_ends_are_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(["/nowhere/at/all"], [0, 0])[0].busy is None
    monkeypatch.setattr(activity, "PATIENCE", 0.2)
    assert answer(["/bin/sh", "-c", "echo idle; sleep 60 & sleep 60"], {"PATH": os.environ["PATH"]}) is None


def test_a_script_hears_of_its_children_though_the_agent_holds_its_signals_back() -> None:
    held = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGTERM])
    try:
        assert answer(["/bin/dash", "-c", "sleep 0.1 & wait; echo idle"], {"PATH": os.environ["PATH"]}) == "idle\n"
        assert signal.SIGCHLD in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def test_whoever_waits_for_a_job_of_its_own_is_busy(tmp_path: Path) -> None:
    srun = tmp_path / "srun"
    srun.symlink_to("/bin/sleep")
    waiting = subprocess.Popen([srun, "60"])
    try:
        until(lambda: has_launchers([waiting.pid]))
    finally:
        waiting.kill()
        waiting.wait()


def test_the_share_of_the_gpus_comes_from_the_cards_own_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpu_share({}) is None
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\necho "$*" > "$0.asked"\nprintf "40\\n20\\n"\n')
    tool.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert gpu_share({**os.environ, "CUDA_VISIBLE_DEVICES": "0,1"}) == pytest.approx(0.3)
    assert "--id=0,1" in (tmp_path / "nvidia-smi.asked").read_text()
    tool.write_text("#!/bin/sh\necho 'No devices were found'\n")
    assert gpu_share(dict(os.environ)) is None
