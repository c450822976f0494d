"""What other users of the node put where X servers put theirs: it is told no cookie, and is not taken for ours."""

import os
import subprocess  # noqa: TID251  runs programs as another user, which is what is tested
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from armchair.node.screen import xauth, xclient, xserver

NUMBER = 31777
LOCK, SOCKET = Path(f"/tmp/.X{NUMBER}-lock"), Path(f"/tmp/.X11-unix/X{NUMBER}")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
# says what it hears, and that it lets everybody in
LISTENER = f"""
import os, socket
listener = socket.socket(socket.AF_UNIX)
listener.bind({str(SOCKET)!r})
os.chmod({str(SOCKET)!r}, 0o777)
listener.listen()
print("listens", flush=True)
heard = listener.accept()[0]
print(heard.recv(4096).hex(), flush=True)
"""


@contextmanager
def stranger(*command: str) -> Iterator["subprocess.Popen[str]"]:
    """A process of another user (the tests of this file run as root, as CI does)."""
    assert os.getuid() == 0, "this test needs root, to become somebody else"
    with subprocess.Popen([*NOBODY, *command], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
            for path in (LOCK, SOCKET):
                path.unlink(missing_ok=True)


def test_the_cookie_is_not_told_to_somebody_elses_socket(tmp_path: Path) -> None:
    xserver.make_directory()
    cookie = xauth.write(str(tmp_path / "Xauthority"))
    with stranger("/usr/bin/python3", "-c", LISTENER) as listener:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "listens\n"
        assert not xclient.is_ours(str(SOCKET), cookie)
        assert cookie.hex() not in listener.stdout.readline()


@pytest.mark.parametrize("planted", ["echo {pid} >{lock}", "mkfifo {lock}", "ln -s {other} {lock}"])
def test_a_lock_that_somebody_else_has_made_is_not_ours(planted: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(f"{os.getpid():>10}\n")
    script = planted.format(pid=os.getpid(), lock=LOCK, other=other)
    with stranger("sh", "-c", script) as made:
        assert made.wait(20) == 0
        assert os.path.lexists(LOCK)
        assert xserver.lock_owner(NUMBER) == 0


def test_our_own_lock_is(tmp_path: Path, monkeypatch: Any) -> None:
    lock = tmp_path / "lock"
    lock.write_text(f"{os.getpid():>10}\n")
    monkeypatch.setattr(xserver, "_lock", lambda _: str(lock))
    assert xserver.lock_owner(NUMBER) == os.getpid()
