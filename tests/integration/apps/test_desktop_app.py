"""The desktop from its definition: Xfce and Openbox, drawn in a fresh home, without questions, and gone without a trace."""

import asyncio
import os
import subprocess  # noqa: TID251  asks the X server what it shows
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

SECONDS = 60


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


def surroundings(run: Any) -> dict[str, str]:
    """What a program needs to draw on the run's display."""
    for pid in run.left():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if words[0].endswith(b"Xvnc"):
            return {**os.environ, "DISPLAY": words[1].decode(), "XAUTHORITY": str(run.directory / "Xauthority")}
    pytest.fail("no Xvnc runs")


def windows(run: Any) -> list[str]:
    """The names of the windows that the window manager has, with their kinds: "_NET_WM_WINDOW_TYPE_DOCK xfce4-panel"."""
    place = surroundings(run)
    listed = subprocess.run(
        ["xprop", "-root", "_NET_CLIENT_LIST"], capture_output=True, text=True, env=place, check=False
    ).stdout
    found = []
    for window in (word.strip(" ,") for word in listed.partition("#")[2].split()):
        told = subprocess.run(
            ["xprop", "-id", window, "-notype", "_NET_WM_WINDOW_TYPE", "WM_CLASS"],
            capture_output=True, text=True, env=place, check=False,
        )  # fmt: skip
        found.append(" ".join(line.partition("=")[2].strip() for line in told.stdout.splitlines()))
    return found


def programs(run: Any) -> set[str]:
    names = set()
    for pid in run.left():
        with suppress(OSError):  # it has just ended
            names.add(Path(f"/proc/{pid}/comm").read_text().strip())
    return names


async def test_openbox_has_a_terminal_a_menu_of_what_is_there_and_a_way_out(start: Any) -> None:
    run = start("desktop", {"desktop": "openbox"})
    await run.ready()
    await until(lambda: any("xterm" in window for window in windows(run)), "a terminal is there")
    assert (run.directory / "desktop" / "menu.xml").read_text().count("xterm -fa Monospace") == 1
    async with run.vnc_client() as rfb:
        await asyncio.to_thread(rfb.until_drawn, 4)
        # in the corner the menu opens upwards, and its last line is the way out
        rfb.click(rfb.width - 1, rfb.height - 1)
        await until(lambda: "OPENBOX" in _override_windows(run), "the menu is there")
        for key in ("Up", "Return"):
            subprocess.run(["xdotool", "key", key], env=surroundings(run), check=True)
        assert await run.ended() == 0
    assert run.left() == []


def _override_windows(run: Any) -> str:
    """Windows that a program puts above all others itself, as menus are: those that are shown and have a size."""
    tree = subprocess.run(["xwininfo", "-root", "-tree"], capture_output=True, text=True, env=surroundings(run), check=False)
    shown = [line for line in tree.stdout.splitlines() if "(has no name)" in line and "1x1+" not in line and "x" in line]
    return "OPENBOX" if shown else ""


def autostart(directory: Path, *names: str) -> Path:
    """A directory of settings whose autostart has these programs; each makes a file of its name."""
    place = directory / "xdg" / "autostart"
    place.mkdir(parents=True)
    for name in names:
        (place / f"{name}.desktop").write_text(f"[Desktop Entry]\nType=Application\nName=x\nExec=touch {directory / name}\n")
    return place.parent


async def test_xfce_asks_nothing_in_a_fresh_home_and_leaves_what_is_for_a_machines_own_screen(
    start: Any, tmp_path: Path
) -> None:
    places = autostart(tmp_path, "test-screensaver", "test-power-manager", "site-greeting")
    run = start("desktop", {"desktop": "xfce"}, XDG_CONFIG_DIRS=f"{places}:/etc/xdg")
    await run.ready()
    await until(lambda: {"xfce4-panel", "xfdesktop", "xfwm4"} <= programs(run), "its parts run")
    await until(
        lambda: any("DESKTOP" in one for one in windows(run)) and sum("DOCK" in one for one in windows(run)) == 2,
        f"background and panels are there, not {windows(run)}",
    )
    async with run.vnc_client() as rfb:
        await asyncio.to_thread(rfb.until_drawn, 30)
    assert [one for one in windows(run) if "DESKTOP" not in one and "DOCK" not in one] == []
    await until((tmp_path / "site-greeting").exists, "what the site starts is started")
    assert not list(tmp_path.glob("test-*"))
    assert programs(run).isdisjoint(
        {"xscreensaver", "light-locker", "xfce4-power-manager", "ssh-agent", "gpg-agent", "at-spi-bus-laun"}
    )
    assert not (tmp_path / "home" / ".ICEauthority").exists()
    await run.stop()
    assert run.left() == []


async def test_an_xfce_that_is_asked_for_and_missing_is_said(start: Any, tmp_path: Path) -> None:
    places = tmp_path / "bin"
    places.mkdir()
    for name in ("Xvnc", "xkbcomp", "xterm", "openbox", "sh", "mkdir", "python3", "awk", "sed", "find", "tr"):
        (places / name).symlink_to(f"/usr/bin/{name}")
    run = start("desktop", {"desktop": "xfce"}, PATH=str(places))
    assert await run.ended() == 2
    assert "Xfce is not installed on this node" in run.log.read_text()
    assert run.left() == []


async def test_without_xfce_it_is_openbox(start: Any, tmp_path: Path) -> None:
    places = tmp_path / "bin"
    places.mkdir()
    for name in ("Xvnc", "xkbcomp", "xterm", "openbox", "sh", "mkdir", "python3", "awk", "sed", "find", "xargs", "sort", "tr"):
        (places / name).symlink_to(f"/usr/bin/{name}")
    run = start("desktop", PATH=str(places))
    await run.ready()
    await until(lambda: any("xterm" in window for window in windows(run)), "a terminal is there")
    assert "xfwm4" not in programs(run)
