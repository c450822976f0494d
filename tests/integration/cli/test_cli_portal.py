"""The commands against a real portal: serve, launch, reach the application, kill the portal, end everything."""

import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess  # noqa: TID251 - the commands are run from outside, as a person runs them
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "src"


def until(get: Callable[[], object], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if get():
            return
        time.sleep(0.05)
    pytest.fail(f"{what}: not within {seconds} s")


@dataclass
class Commands:
    """Runs `armchair` on a home of its own, as somebody would who has just installed it."""

    home: Path
    port: int
    environment: dict[str, str]
    portals: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, *arguments: str, good: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "armchair.cli.main", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == good, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if good == 0 else done.stdout + done.stderr

    def json(self, *arguments: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.run(*arguments, "--json"))
        return found

    def serve(self) -> subprocess.Popen[str]:
        output = self.home / "printed"
        with output.open("w") as file:
            portal = subprocess.Popen(
                [sys.executable, "-m", "armchair.cli.main", "serve", "--listen", f"127.0.0.1:{self.port}"],
                env=self.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.portals.append(portal)
        until(lambda: "/login?code=" in output.read_text() or portal.poll() is not None, "the portal is up")
        assert portal.poll() is None, output.read_text()
        return portal


@pytest.fixture
def commands() -> Iterator[Commands]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = Path(tempfile.mkdtemp(prefix="armchair-cli-"))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ARMCHAIR")},
        "ARMCHAIR_HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        # a shell without anybody's start-up files
        "ARMCHAIR__LAUNCHERS__LOCAL__ENVIRONMENT": json.dumps({"HOME": str(home)}),
        "PYTHONPATH": str(SOURCE),
    }
    made = Commands(home, port, environment)
    yield made
    with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
        made.run("down", "--yes")
    for portal in made.portals:
        portal.kill()
        portal.wait()
    shutil.rmtree(home, ignore_errors=True)


def curl(jar: Path, url: str) -> str:
    done = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-b", str(jar), url],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.stdout


def test_from_serve_to_down(commands: Commands) -> None:
    commands.serve()
    assert stat.S_IMODE((commands.home / "client.json").stat().st_mode) == 0o600
    assert "login?code=" in commands.run("login")
    launched = commands.json("launch", "terminal", "--wait", "--timeout", "60s", "--title", 'it\'s $(mine)\n"ünï"')
    assert launched["phase"] == "ready"
    assert launched["title"] == 'it\'s $(mine) "ünï"'
    number, jar = str(launched["number"]), commands.home / "jar"
    url = str(commands.json("open", number, "--cookie-jar", str(jar))["url"])
    assert curl(jar, url) == "200"
    assert curl(Path(os.devnull), url) != "200"
    assert commands.json("show", number)["events"]
    assert "size" in commands.run("launch", "terminal", "--size", "nope", good=2)
    ended = commands.run("launch", "web-command", "--set", "command=echo last words; exit 7", "--wait", good=3)
    assert "exit code 7" in ended
    assert commands.json("stop", number, "--wait")["phase"] == "ended"
    assert curl(jar, url) != "200"
    assert commands.json("ls")["total"] == 0
    assert commands.json("down")["portal_ended"] is True
    assert commands.portals[0].wait(20) == 0
    assert "armchair serve" in commands.run("ls", good=1)


def test_a_killed_portal_comes_back_and_down_needs_none(commands: Commands) -> None:
    portal = commands.serve()
    token = json.loads((commands.home / "client.json").read_text())["token"]
    number = str(commands.json("launch", "terminal", "--wait", "--timeout", "60s")["number"])
    jar = commands.home / "jar"
    url = str(commands.json("open", number, "--cookie-jar", str(jar))["url"])
    portal.kill()
    portal.wait()
    assert curl(jar, url) == "200"  # gateway and session go on
    assert "does not answer" in commands.run("ls", good=1)
    again = commands.serve()
    assert json.loads((commands.home / "client.json").read_text())["token"] == token
    assert commands.json("show", number)["phase"] == "ready"
    assert "runs on this home" in commands.run("serve", good=1)
    again.kill()
    again.wait()
    assert commands.json("down") == {"sessions_ended": 1, "sessions_left": [], "portal_ended": False}
    assert curl(jar, url) == "000"
