"""`armchair attach` with Debian's Xpra client: windows on a screen of one's own, through gateway and agent."""

import os
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from armchair.client.models import Session
from armchair.testing.processes import processes_of
from integration.portal.portal_stage import Stage, eventually

from .attach_stage import PATIENCE, Line, Screen, attached, typed  # noqa: TID252 - one folder's own

# how each ticket begins: the head of an ES256 JWT
TICKET = b"eyJhbGciOiJFUzI1NiI"


def test_windows_come_keys_go_and_coming_back_finds_all_as_it_was(lasting: Stage, xterm: Session, screen: Screen) -> None:
    with attached(lasting, xterm.number, screen=screen) as first:
        screen.type("kept=alive; echo $kept > first")
        assert typed(lasting.home / "user", "first") == "alive"
        assert stat.S_IMODE(first.socket().stat().st_mode) == 0o600
        assert stat.S_IMODE(first.socket().parent.stat().st_mode) == 0o700
        assert first.leave() == 0
        assert first.left_over() == []
    eventually(lambda: not screen.windows(), "the windows have gone", PATIENCE)
    assert lasting.client.session(xterm.id).ready, "the session goes on"
    with attached(lasting, f"#{xterm.number}", "--", "--title=mine", screen=screen) as again:
        screen.type("echo $kept again > second; exit")
        assert typed(lasting.home / "user", "second") == "alive again"
        assert again.ended() == 0
        assert "The program ended by itself" in again.output
        assert again.left_over() == []


def test_no_secret_is_in_an_argument_an_environment_or_a_log(lasting: Stage, xterm: Session, screen: Screen) -> None:
    token = lasting.client.settings.token.encode()
    with attached(lasting, xterm.number, screen=screen) as running:
        eventually(screen.windows, "a window", PATIENCE)
        for process in (entry for entry in Path("/proc").iterdir() if entry.name.isdigit()):
            for name in ("cmdline", "environ"):
                try:
                    text = (process / name).read_bytes()
                except OSError:
                    continue
                assert TICKET not in text, f"{process.name}: a ticket in {name}"
                assert token not in text, f"{process.name}: the token in {name}"
        assert running.leave() == 0
        said = running.output.encode()
    logs = [path for path in lasting.home.rglob("*") if path.is_file() and path.name != "client.json"]
    assert any(path.suffix == ".log" or "out" in path.name for path in logs)
    for text, where in [(said, "the command"), *((path.read_bytes(), str(path)) for path in logs)]:
        assert TICKET not in text, where
        assert token not in text, where


def test_whoever_ends_the_command_ends_its_client(lasting: Stage, xterm: Session, screen: Screen) -> None:
    with attached(lasting, xterm.number, screen=screen) as running:
        eventually(screen.windows, "a window", PATIENCE)
        assert running.leave(signal.SIGTERM) == 128 + signal.SIGTERM
        assert running.left_over() == []
        assert processes_of(running.directory) == []
    eventually(lambda: not screen.windows(), "the windows have gone", PATIENCE)


def test_a_client_of_another_version_is_refused_in_words(
    lasting: Stage, xterm: Session, screen: Screen, tmp_path: Path
) -> None:
    real = shutil.which("xpra")
    old = tmp_path / "xpra"
    # the real client, which says that it is an older one
    old.write_text(
        f"#!/usr/bin/python3\nimport runpy, sys, xpra\nxpra.__version__ = '0.13'\nsys.argv[0] = {real!r}\n"
        f"runpy.run_path({real!r}, run_name='__main__')\n"
    )
    old.chmod(0o700)
    with attached(lasting, xterm.number, screen=screen, PATH=f"{tmp_path}:{os.environ['PATH']}") as running:
        assert running.ended(60) == 1, running.output
        assert "does not talk to this Xpra client" in running.output
        assert "xpra v0.13" in running.output
        assert running.left_over() == []
    assert lasting.client.session(xterm.id).ready


def test_without_a_client_it_says_how_to_get_one(lasting: Stage, xterm: Session, tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to("/usr/bin/python3")
    with attached(lasting, xterm.number, PATH=str(tmp_path)) as running:
        assert running.ended() == 1
        assert "apt install xpra" in running.output
        assert f"armchair open {xterm.number}" in running.output


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


def test_a_network_that_was_cut_brings_the_windows_back(line: Line, home_stage: Stage, screen: Screen) -> None:
    settings = home_stage.home / "armchair.toml"
    origin = f'[gateway]\npublic_origin = "http://armchair-attach.localhost:{line.port}"\napps_domain = "apps-attach.localhost"'
    settings.write_text(settings.read_text().replace("[gateway]", origin))
    line.lead_to(home_stage.port)
    home_stage.up()
    session = home_stage.launch("xterm")
    with attached(home_stage, session.number, screen=screen) as running:
        screen.type("kept=alive; echo $kept > first")
        assert typed(home_stage.home / "user", "first") == "alive"
        line.cut()
        running.says("trying again")
        assert running.process.poll() is None
        line.mend()
        screen.type("echo $kept again > second")
        assert typed(home_stage.home / "user", "second") == "alive again"
        assert running.leave() == 0
