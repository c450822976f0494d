"""xterm through Xpra: ready, closed to other users of the machine, and gone without a trace."""

import contextlib
import os
import re
import stat
import subprocess  # noqa: TID251  runs programs as another user, which is what is tested
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534


def as_nobody(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command under another uid (the tests of this file run as root, as CI does)."""
    assert os.getuid() == 0, "this test needs root, to become somebody else"
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *argv]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=20, env={"PATH": os.environ["PATH"], **environment}, check=False
    )


def display_of(run: Any) -> str:
    """The display's number, from the environment of the run's Xpra."""
    for pid in run.left():
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        for index, word in enumerate(command):
            if word == b"start" and command[index + 1].startswith(b":"):
                return command[index + 1].decode()
    pytest.fail("no Xpra runs")


async def test_it_is_ready_and_serves_the_client(start: Any) -> None:
    run = start("xterm")
    await run.ready()
    async with run.client() as client:
        assert "ready" in (await client.get("/Status")).text
        assert "xpra" in (await client.get("/")).text.lower()
        assert (await client.get("/js/lib/jquery.js")).status_code == 200


async def test_the_client_s_files_are_xpra_s_own_and_may_be_kept(start: Any) -> None:
    run = start("xterm")
    await run.ready()
    script = Path("/usr/share/xpra/www/js/Client.js").read_bytes()
    async with run.client() as client:
        got = await client.get("/js/Client.js")
        assert got.content == script
        assert (got.headers["cache-control"], got.headers["content-encoding"]) == ("private, max-age=600", "gzip")
        again = await client.get("/js/Client.js", headers={"If-None-Match": got.headers["etag"]})
        assert again.status_code == 304


async def test_another_user_can_open_neither_display_nor_socket(start: Any) -> None:
    run = start("xterm")
    await run.ready()
    display = display_of(run)
    cookie = {"DISPLAY": display, "XAUTHORITY": str(run.directory / "Xauthority")}
    # the question, asked by the owner, is answered, so that the refusal is not one of everybody
    owner = subprocess.run(["xrandr"], capture_output=True, timeout=20, env={**os.environ, **cookie}, check=False)
    assert owner.returncode == 0, owner.stderr
    stranger = as_nobody("xrandr", **cookie)
    assert stranger.returncode != 0
    assert as_nobody("xrandr", DISPLAY=display, XAUTHORITY="/dev/null").returncode != 0
    assert f"@/tmp/.X11-unix/X{display[1:]}" not in Path("/proc/net/unix").read_text()
    # also where the directory does not stand before them, sockets and cookie are closed themselves
    run.directory.chmod(0o711)
    assert as_nobody("xrandr", **cookie).returncode != 0
    for path in (run.socket, run.directory / "xpra"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        ask = ("curl", "-sS", "--unix-socket", str(path), "http://x/Status")
        assert subprocess.run(ask, capture_output=True, timeout=20, check=False).returncode == 0
        assert as_nobody(*ask).returncode != 0


async def test_the_cookie_is_in_no_argument_or_environment(start: Any) -> None:
    run = start("xterm")
    await run.ready()
    cookie = re.search(rb"MIT-MAGIC-COOKIE-1\0\x10(.{16})", (run.directory / "Xauthority").read_bytes(), re.DOTALL)
    assert cookie
    for pid in run.left():
        for name in ("cmdline", "environ"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                assert cookie[1].hex().encode() not in Path(f"/proc/{pid}/{name}").read_bytes()


async def test_no_port_is_open(start: Any) -> None:
    run = start("xterm")
    await run.ready()
    assert run.listening() == []


async def test_a_stop_leaves_neither_processes_nor_sockets(start: Any) -> None:
    run = start("xterm")
    await run.ready()
    display = display_of(run)[1:]
    await run.stop()
    assert run.left() == []
    assert not run.socket.exists()
    assert not Path(f"/tmp/.X11-unix/X{display}").exists()
    assert not Path(f"/tmp/.X{display}-lock").exists()


async def test_two_at_once_have_displays_of_their_own(start: Any) -> None:
    one, two = start("xterm"), start("xterm")
    await one.ready()
    await two.ready()
    assert display_of(one) != display_of(two)
