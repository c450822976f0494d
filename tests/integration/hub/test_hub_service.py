"""`armchair hub run`: the hub as a service of the gateway's account, and its refusals in words."""

import os
import signal
import socket
import subprocess  # noqa: TID251 - the command itself, as a service manager runs it
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from armchair.testing.processes import eventually

from .hub_stage import free_port  # noqa: TID252 - one folder's own


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hub-", dir="/tmp") as name:
        yield Path(name)


def command(home: Path, settings: str) -> subprocess.Popen[str]:
    (home / "armchair.toml").write_text(f'[gateway]\nmanaged = false\nruntime_directory = "{home}/run"\n{settings}')
    argv = [sys.executable, "-m", "armchair.cli.main", "hub", "run", "--home", str(home)]
    return subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "LC_ALL": "C"}
    )


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_it_runs_in_the_foreground_and_ends_when_told(home: Path) -> None:
    port = free_port()
    service = command(home, f'[hub]\nlisten = "127.0.0.1:{port}"\nport = {free_port()}\n')
    try:
        eventually(lambda: service.poll() is not None or listens(port), "it listens", 20)
        assert service.poll() is None, service.communicate()[0]
        service.send_signal(signal.SIGTERM)
        said = service.communicate(timeout=20)[0]
        assert service.returncode == 0, said
        assert "hub.up" in said
        assert "hub.down" in said
        assert not (home / "run" / "hub.sock").exists()
    finally:
        service.kill()
        service.communicate()


@pytest.mark.parametrize("what", ["taken", "nowhere"])
def test_what_it_can_not_do_is_said(home: Path, what: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}" if what == "taken" else ""
        service = command(home, f'[hub]\nlisten = "{listen}"\nport = {free_port()}\n')
        said = service.communicate(timeout=30)[0]
    assert service.returncode != 0
    assert "Traceback" not in said
    assert ("in use" in said or str(other) in said) if what == "taken" else "hub.listen" in said
