"""The program on a screen: when it starts, when it is over, what it hears, and what is left of it."""

import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from .screens import until  # noqa: TID252 - one folder's own


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


async def test_it_starts_when_somebody_looks_and_has_their_screen(graphical: Any, home: Path) -> None:
    screen = graphical('xdpyinfo >sizes; xrdb -query >dpi; setxkbmap -query >layout; touch there; read -r wait <"$HOME/go"')
    os.mkfifo(home / "go")
    await screen.run.ready()
    assert (await screen.state())["program"] == "waiting"
    assert not (home / "there").exists()
    client = screen.client((1111, 777), dpi=192, xkbmap_layout="fr")
    await until((home / "there").exists, "the program")
    assert "1111x777 pixels" in (home / "sizes").read_text()
    assert "Xft.dpi:\t192" in (home / "dpi").read_text()
    assert "layout:     fr" in (home / "layout").read_text()
    assert (await screen.state())["program"] == "running"
    (home / "go").write_text("on\n")
    assert await screen.run.ended() == 0
    client.close()


async def test_its_exit_code_is_the_run_s(graphical: Any) -> None:
    screen = graphical("exit 7")
    await screen.run.ready()
    screen.client()
    assert await screen.run.ended() == 7
    assert screen.run.left() == []


async def test_it_makes_files_as_the_job_does(graphical: Any, home: Path) -> None:
    screen = graphical("touch made", ARMCHAIR_UMASK="0027")
    await screen.run.ready()
    screen.client()
    assert await screen.run.ended() == 0
    assert stat.S_IMODE((home / "made").stat().st_mode) == 0o640


async def test_one_that_crashes_ends_the_run(graphical: Any) -> None:
    screen = graphical("kill -SEGV $$")
    await screen.run.ready()
    screen.client()
    assert await screen.run.ended() == 128 + signal.SIGSEGV
    assert screen.trouble() == ""


async def test_a_question_on_standard_input_gets_no_answer(graphical: Any, home: Path) -> None:
    # whoever started us has an input on which nobody ever says anything
    silent = ("sh", "-c", 'mkfifo silent; exec "$@" <>silent', "sh")
    screen = graphical("read -r password || exit 9", before=silent)
    await screen.run.ready()
    screen.client()
    assert await screen.run.ended() == 9


async def test_a_launcher_that_leaves_a_window_does_not_end_the_run(graphical: Any) -> None:
    # a program that goes into the background, and takes its time before its window shows
    screen = graphical("(sleep 0.7; exec xclock) & exit 0")
    await screen.run.ready()
    client = screen.client()
    client.wait_for("new-window")
    await until(lambda: screen.windows() == 1, "the window")
    assert screen.run.process.poll() is None
    # whoever looks on may leave, and the window stays
    client.close()
    assert screen.windows() == 1
    os.kill(screen.pid_of("xclock"), signal.SIGTERM)
    assert await screen.run.ended() == 0
    assert screen.run.left() == []


async def test_a_launcher_that_fails_takes_what_it_started_along(graphical: Any) -> None:
    screen = graphical("setsid sleep 1000 & sleep 1001 & exit 5")
    await screen.run.ready()
    screen.client()
    assert await screen.run.ended() == 5
    assert screen.run.left() == []


async def test_a_stop_reaches_the_program_first_and_in_its_own_way(graphical: Any, home: Path) -> None:
    script = "trap 'xdpyinfo >saved; exit 0' INT; touch there; while :; do sleep 0.05; done"
    screen = graphical(script, '[stop]\nsignal = "INT"\n')
    await screen.run.ready()
    screen.client()
    await until((home / "there").exists, "the program")
    files = screen.files()
    await screen.run.stop()
    # its screen was still there when it heard of the end
    assert "dimensions" in (home / "saved").read_text()
    assert screen.run.left() == []
    assert not any(path.exists() for path in files)


async def test_one_that_does_not_hear_is_gone_before_the_agent_kills(graphical: Any, home: Path) -> None:
    screen = graphical("trap '' TERM; touch there; while :; do sleep 0.05; done", '[stop]\ngrace = "4s"\n')
    await screen.run.ready()
    screen.client()
    await until((home / "there").exists, "the program")
    files = screen.files()
    os.killpg(screen.run.process.pid, signal.SIGTERM)
    assert await screen.run.ended(4) == 128 + signal.SIGTERM
    assert screen.run.left() == []
    assert not any(path.exists() for path in files)


async def test_a_warning_reaches_the_program(graphical: Any, home: Path) -> None:
    script = "trap 'touch warned' USR1; touch there; while :; do sleep 0.05; done"
    screen = graphical(script, '[stop]\nwarning_signal = "USR1"\n')
    await screen.run.ready()
    screen.client()
    await until((home / "there").exists, "the program")
    os.killpg(screen.run.process.pid, signal.SIGUSR1)
    await until((home / "warned").exists, "the warning")
    assert screen.run.process.poll() is None


async def test_a_stop_before_anybody_has_looked(graphical: Any, home: Path) -> None:
    screen = graphical("touch there")
    await screen.run.ready()
    assert await screen.run.stop() == 128 + signal.SIGTERM
    assert screen.run.left() == []
    assert not (home / "there").exists()


async def test_a_script_without_an_interpreter_is_said(graphical: Any) -> None:
    screen = graphical("exit 0")
    script = screen.run.directory / "run.sh"
    script.write_text("#!/nonexistent/sh\n")
    script.chmod(stat.S_IRWXU)
    await screen.run.ready()
    screen.client()
    assert await screen.run.ended() == 1
    assert screen.trouble() == "not_executable"
