"""Private directories of runs that were killed go, and of all others none."""

import fcntl
import os
import signal
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from armchair.agent import leftovers


def private(base: Path, name: str) -> Path:
    path = base / name
    path.mkdir(mode=0o700)
    (path / "answers").write_text("private")
    return path


def cleans(path: Path) -> bool:
    """Whether systemd-tmpfiles would go into this directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def killed(path: Path) -> Path:
    """As a run leaves it that was killed."""
    heard, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        leftovers.hold(str(path))
        os.write(tell, b"x")
        signal.pause()
    try:
        assert os.read(heard, 1) == b"x"
        leftovers.sweep(str(path.parent))
        assert (path / "answers").exists(), "it lives yet"
        assert not cleans(path), "nor does the system clean it by age"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(heard)
        os.close(tell)
    return path


def test_what_a_killed_run_leaves_goes_when_it_is_dead(tmp_path: Path) -> None:
    path = killed(private(tmp_path, "armchair-0123abcd"))
    assert cleans(path)
    leftovers.sweep(str(tmp_path))
    assert not path.exists()


def test_what_says_nothing_of_a_run_stays(tmp_path: Path) -> None:
    silent = private(tmp_path, "armchair-0123abcd")
    begun = private(tmp_path, "armchair-0123abce")
    (begun / "alive.new").touch()
    leftovers.sweep(str(tmp_path))
    assert silent.exists()
    assert begun.exists()


@pytest.mark.parametrize("name", ["armchair-cluster", "armchair-0123abcd9", "other-0123abcd"])
def test_what_has_another_name_stays(tmp_path: Path, name: str) -> None:
    path = killed(private(tmp_path, name))
    leftovers.sweep(str(tmp_path))
    assert path.exists()


def test_what_is_open_to_others_or_a_link_stays(tmp_path: Path) -> None:
    path = killed(private(tmp_path, "armchair-0123abcd"))
    path.chmod(0o755)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "armchair-0123abce").symlink_to(killed(private(elsewhere, "armchair-0123abcf")))
    leftovers.sweep(str(tmp_path))
    assert path.exists()
    assert (elsewhere / "armchair-0123abcf").exists()


def test_what_is_somebody_elses_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = killed(private(tmp_path, "armchair-0123abcd"))
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    leftovers.sweep(str(tmp_path))
    assert path.exists()


def test_where_nothing_can_be_locked_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    path = private(tmp_path, "armchair-0123abcd")
    monkeypatch.setattr(leftovers.fcntl, "flock", refuse)
    leftovers.hold(str(path))
    assert not (path / "alive").exists()
    leftovers.sweep(str(tmp_path / "missing"))


def test_what_another_node_leaves_is_for_that_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = killed(private(tmp_path, "armchair-0123abcd"))
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "uname", lambda: SimpleNamespace(nodename="another-node"))
        leftovers.sweep(str(tmp_path))
        assert path.exists(), "a lock that is known to its own node alone says nothing here"
    leftovers.sweep(str(tmp_path))
    assert not path.exists()


def test_where_directories_can_not_be_locked_the_run_is_known_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock

    def as_on_a_file_server(descriptor: int, how: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(9, "Bad file descriptor")
        lock(descriptor, how)

    path = private(tmp_path, "armchair-0123abcd")
    monkeypatch.setattr(leftovers.fcntl, "flock", as_on_a_file_server)
    leftovers.hold(str(path))
    assert (path / "alive").read_text() == os.uname().nodename
