"""Programs on a VNC screen: the first picture, typing, sizes, closed to others, and gone without a trace."""

import asyncio
import os
import signal
import stat
import subprocess  # noqa: TID251  runs programs as another user, which is what is tested
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from armchair.catalogue.loader import DirectoryCatalogue
from armchair.catalogue.settings import CatalogueSettings

from .screens import keys_go_to  # noqa: TID252 - one folder's own

NOBODY = 65534
CONTROL = 0xFFE3
APP = """
title = "Typing"
description = "A terminal that writes what is typed into a file."
version = "1"
category = "Desktop"
type = "x11"
command = '''sh -c "xterm -title typing -e 'cat > typed'; exit 7"'''

[display]
backend = "vnc"
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> DirectoryCatalogue:
    """With a program of the site's on VNC."""
    app = tmp_path / "apps" / "typing"
    app.mkdir(parents=True)
    (app / "app.toml").write_text(APP)
    return DirectoryCatalogue(CatalogueSettings(directories=(tmp_path / "apps",)), tmp_path)


async def until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


def xvnc_of(run: Any) -> tuple[int, str]:
    """Its process and its display."""
    for pid in run.left():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if words[0].endswith(b"Xvnc"):
            return pid, words[1].decode()
    pytest.fail("no Xvnc runs")


def surroundings(run: Any) -> Mapping[str, str]:
    """The environment of the run's X clients."""
    return {**os.environ, "DISPLAY": xvnc_of(run)[1], "XAUTHORITY": str(run.directory / "Xauthority")}


def width_of(run: Any) -> int:
    """The width of the program's window; 0 while there is none."""
    asked = subprocess.run(
        ["xdotool", "search", "--onlyvisible", "--name", "typing", "getwindowgeometry", "--shell"],
        capture_output=True, text=True, env=surroundings(run), check=False,
    )  # fmt: skip
    return next((int(line[6:]) for line in asked.stdout.splitlines() if line.startswith("WIDTH=")), 0)


def as_nobody(*argv: str, **environment: str) -> int:
    """The command's exit code under another uid (the tests of this file run as root, as CI does)."""
    assert os.getuid() == 0, "this test needs root, to become somebody else"
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *argv]
    known = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, capture_output=True, timeout=20, env=known, check=False).returncode


def traces(display: str) -> list[Path]:
    return [path for path in (Path(f"/tmp/.X11-unix/X{display[1:]}"), Path(f"/tmp/.X{display[1:]}-lock")) if path.exists()]


async def test_a_picture_comes_typing_arrives_and_the_exit_code_is_the_programs(start: Any, tmp_path: Path) -> None:
    typed = tmp_path / "home" / "typed"
    run = start("typing")
    await run.ready()
    async with run.client() as client:
        state = (await client.get("/-/state")).json()
    assert state["display"] == "vnc"
    assert state["server"].startswith("TigerVNC 1.")
    async with run.vnc_client() as rfb:
        await asyncio.to_thread(rfb.until_drawn, 3)
        # the window manager sees to both, one after the other
        await until(lambda: 1240 < width_of(run) <= 1280, "the window fills the screen")
        await until(lambda: keys_go_to(surroundings(run)) == "typing", "the window has the keys")
        rfb.type("Hello | ~World\n")
        await until(lambda: typed.read_text() == "Hello | ~World\n", "it is typed")
        _, display = xvnc_of(run)
        rfb.key(CONTROL, ord("d"))  # the end of its input
        assert await run.ended() == 7
    assert run.left() == []
    assert traces(display) == []


async def test_the_programs_window_fills_the_screen_whatever_its_size(start: Any) -> None:
    run = start("typing")
    await run.ready()
    async with run.vnc_client() as rfb:
        assert (rfb.width, rfb.height) == (1280, 800)
        await until(lambda: 1240 < width_of(run) <= 1280, "the window fills the first size")
        await asyncio.to_thread(rfb.resize, 1777, 999)
        await until(lambda: 1740 < width_of(run) <= 1777, "the window follows the screen")
        await asyncio.to_thread(rfb.until_drawn, 3)
    async with run.vnc_client() as again:
        assert (again.width, again.height) == (1777, 999)
        await asyncio.to_thread(again.until_drawn, 3)


async def test_two_clients_see_the_same_and_two_programs_have_screens_of_their_own(start: Any) -> None:
    one, two = start("typing"), start("typing")
    await one.ready()
    await two.ready()
    assert xvnc_of(one)[1] != xvnc_of(two)[1]
    async with one.vnc_client() as left, one.vnc_client() as right:
        await asyncio.to_thread(left.until_drawn, 3)
        await asyncio.to_thread(right.until_drawn, 3)
        await asyncio.to_thread(left.resize, 800, 600)
        await asyncio.to_thread(right.until_drawn, 3)
        assert (right.width, right.height) == (800, 600)
        async with one.client() as client:
            assert (await client.get("/-/state")).json()["clients"] == 2
            assert xvnc_of(two)


async def test_another_user_gets_neither_at_the_display_nor_at_the_sockets(start: Any) -> None:
    run = start("typing")
    await run.ready()
    _, display = xvnc_of(run)
    cookie = {"DISPLAY": display, "XAUTHORITY": str(run.directory / "Xauthority")}
    owner = subprocess.run(["xrandr"], capture_output=True, timeout=20, env={**os.environ, **cookie}, check=False)
    assert owner.returncode == 0, owner.stderr
    assert as_nobody("xrandr", **cookie) != 0
    assert as_nobody("xrandr", DISPLAY=display, XAUTHORITY="/dev/null") != 0
    assert f"@/tmp/.X11-unix/X{display[1:]}" not in Path("/proc/net/unix").read_text()
    # also where the directory does not stand before them, the sockets are closed themselves
    run.directory.chmod(0o711)
    for name in ("s", "rfb"):
        path = run.directory / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(path)!r})"
        assert subprocess.run(["/usr/bin/python3", "-c", code], check=False).returncode == 0
        assert as_nobody("/usr/bin/python3", "-c", code) != 0
    assert run.listening() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_an_x_server_that_dies_ends_the_run_and_says_so(start: Any, number: signal.Signals) -> None:
    run = start("typing")
    await run.ready()
    pid, display = xvnc_of(run)
    os.kill(pid, number)
    assert await run.ended() == 1
    assert (run.directory / "trouble").read_text().startswith("display_died\n")
    assert run.left() == []
    assert traces(display) == []


async def test_a_program_that_fails_before_a_hanging_x_server_is_not_blamed(start: Any) -> None:
    run = start("typing")
    await run.ready()
    await until(lambda: width_of(run) > 0, "the program runs")
    pid, display = xvnc_of(run)
    os.kill(pid, signal.SIGSTOP)
    xterm = next(one for one in run.left() if Path(f"/proc/{one}/comm").read_text() == "xterm\n")
    os.kill(xterm, signal.SIGKILL)
    assert await run.ended() == 1
    assert (run.directory / "trouble").read_text().startswith("display_died\n")
    assert run.left() == []
    assert traces(display) == []


async def test_a_stop_and_a_killed_supervisor_leave_nothing(start: Any) -> None:
    stopped, killed = start("typing"), start("typing")
    await stopped.ready()
    await killed.ready()
    displays = [xvnc_of(run)[1] for run in (stopped, killed)]
    async with stopped.vnc_client():
        await stopped.stop()
    killed.process.kill()
    await until(lambda: not stopped.left() and not killed.left(), "all processes end")
    await until(lambda: not any(traces(display) for display in displays), "nothing is left in /tmp")
    assert not stopped.socket.exists()


async def test_a_window_manager_that_is_killed_harms_nobody(start: Any) -> None:
    run = start("typing")
    await run.ready()
    manager = next(pid for pid in run.left() if b"openbox" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(manager, signal.SIGKILL)
    async with run.vnc_client() as rfb:
        await asyncio.to_thread(rfb.until_drawn, 2)
    assert run.process.poll() is None


async def test_without_openbox_there_is_a_screen_all_the_same(start: Any, tmp_path: Path) -> None:
    """Nodes differ: what is greyed on one may still be started on another."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("Xvnc", "xkbcomp", "xterm", "sh", "cat", "python3"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    run = start("typing", PATH=str(programs))
    await run.ready()
    async with run.vnc_client() as rfb:
        await asyncio.to_thread(rfb.until_drawn, 2)
    assert "no openbox" in run.log.read_text()
