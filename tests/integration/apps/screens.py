"""Graphical programs of the tests' own, and what is to be known of their screens."""

import asyncio
import contextlib
import json
import os
import re
import subprocess  # noqa: TID251 - asks X programs
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from armchair.wire import trouble

from .xpra_client import XpraClient  # noqa: TID252 - one folder's own

DEFINITION = 'title = "Demo"\ndescription = "For tests."\ntype = "x11"\n'


class Screen:
    """A run of a graphical program, with Xpra."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self.clients: list[XpraClient] = []

    def pid_of(self, name: str) -> int:
        """The run's process of this name."""
        [pid] = self.pids_of(name)
        return pid

    def pids_of(self, name: str) -> list[int]:
        """All of the run's processes of this name, the oldest first."""
        found = []
        for pid in sorted(self.run.left()):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    found.append(pid)
        return found

    @property
    def display(self) -> str:
        """ ":117", from the command of the X server."""
        return Path(f"/proc/{self.pid_of('Xvfb')}/cmdline").read_bytes().split(b"\0")[1].decode()

    def files(self) -> list[Path]:
        """What the X server has in /tmp."""
        number = self.display[1:]
        return [Path(f"/tmp/.X11-unix/X{number}"), Path(f"/tmp/.X{number}-lock")]

    def ask(self, *command: str, data: bytes = b"") -> str:
        """What an X program says of this display, as the session's owner."""
        environment = {**os.environ, "DISPLAY": self.display, "XAUTHORITY": str(self.run.directory / "Xauthority")}
        done = subprocess.run(command, env=environment, input=data, capture_output=True, timeout=60, check=True)
        return done.stdout.decode()

    def client(self, size: tuple[int, int] = (1000, 700), **capabilities: Any) -> XpraClient:
        """Somebody who looks at it."""
        self.clients.append(XpraClient(self.run.directory / "xpra", size, **capabilities))
        return self.clients[-1]

    async def state(self) -> dict[str, Any]:
        """What the front says."""
        async with self.run.client() as client:
            return dict(json.loads((await client.get("/-/state")).text))

    def windows(self) -> int:
        """How many windows the program shows."""
        listed = self.ask("xprop", "-root", "_NET_CLIENT_LIST")
        return len(re.findall(r"0x[0-9a-f]+", listed))

    def trouble(self) -> str:
        """The code of the trouble that it has left for the agent."""
        return trouble.read(str(self.run.directory))[0]


@pytest.fixture
def graphical(start: Any, catalogue: Any, tmp_path: Path) -> Iterator[Callable[..., Screen]]:
    """graphical(script, toml, **as for start) → a Screen whose program is this shell script."""
    begun: list[Screen] = []

    def begin(script: str, toml: str = "", **options: Any) -> Screen:
        directory = tmp_path / "apps" / f"demo{len(begun)}"
        directory.mkdir()
        (directory / "app.toml").write_text(DEFINITION + toml)
        (directory / "run.sh").write_text(f"#!/bin/sh\n{script}\n")
        catalogue._looked = 0.0
        begun.append(Screen(start(directory.name, **options)))
        return begun[-1]

    yield begin
    for screen in begun:
        for client in screen.clients:
            client.close()


def keys_go_to(surroundings: Mapping[str, str]) -> str:
    """The title of the window that the window manager has given the keys to; empty while none has them."""
    asked = ["xdotool", "getactivewindow", "getwindowname"]
    return subprocess.run(asked, env=surroundings, capture_output=True, text=True, timeout=30, check=False).stdout.strip()


async def until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait for a condition, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"{what}: not within {seconds} s")
