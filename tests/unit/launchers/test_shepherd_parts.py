"""The keeper's parts, each by itself."""

import os
import pwd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.launchers.local.environment import login_environment
from armchair.launchers.local.jobs import is_id
from armchair.launchers.shepherd import files, tree
from armchair.launchers.shepherd.group import Group
from armchair.launchers.shepherd.output import TAIL, Output


def test_a_failed_write_changes_nothing(tmp_path, monkeypatch):
    path = str(tmp_path / "file")
    files.write(path, b"before")

    def full(*_):
        raise OSError(28, "full")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="full"):
        files.write(path, b"after")
    monkeypatch.undo()
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("file", b"before")]


def test_a_reserved_file_is_absent_until_it_is_filled(tmp_path):
    path = str(tmp_path / "end.json")
    files.reserve(path, 2048)
    assert files.read_json(path) is None
    files.fill(path, {"a": "ü"})
    assert files.read_json(path) == {"a": "ü"}
    assert os.listdir(tmp_path) == ["end.json"]  # noqa: PTH208 - names are what is asked for
    files.fill(path, {"a": 2})
    assert files.read_json(path) == {"a": 2}


def test_filling_takes_no_new_room(tmp_path, monkeypatch):
    path = str(tmp_path / "end.json")
    files.reserve(path, 2048)

    def full(*_):
        raise OSError(28, "full")

    monkeypatch.setattr(os, "write", full)
    files.fill(path, {"a": 1})
    assert files.read_json(path) == {"a": 1}


@given(st.binary(max_size=200))
def test_reading_json_is_total(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "total.json"
    path.write_bytes(data)
    result = files.read_json(str(path))
    assert result is None or isinstance(result, dict)


def test_locks_are_seen_and_go_with_the_last_holder(tmp_path):
    path = str(tmp_path / "lock")
    assert files.is_locked(path) is None
    held = files.take_lock(path)
    heir = os.dup(held)
    assert files.is_locked(path) is True
    os.close(held)
    assert files.is_locked(path) is True
    os.close(heir)
    assert files.is_locked(path) is False


def test_a_process_is_its_number_and_its_start():
    found = tree.stat(os.getpid())
    assert found is not None
    parent, _, _, start = found
    assert parent == os.getppid()
    assert tree.is_alive(os.getpid(), start)
    assert not tree.is_alive(os.getpid(), start + 1)
    assert tree.send(os.getpid(), start, 0)
    assert not tree.send(os.getpid(), start + 1, 0)
    assert tree.stat(2**22 + 1) is None


def test_memory_asks_for_the_dear_figure_only_above_the_limit(monkeypatch):
    monkeypatch.setattr(tree, "_rss", lambda pid: 100)
    monkeypatch.setattr(tree, "_pss", lambda pid, rss: 40)
    assert tree.memory([1, 2, 3], 300) == 300
    assert tree.memory([1, 2, 3], 299) == 120


def test_output_keeps_its_end_in_a_bounded_file(tmp_path):
    source, sink = os.pipe()
    output = Output(source, str(tmp_path / "output"))
    for number in range(200):
        os.write(sink, b"%07d\n" % number * 1000)
        assert output.read()
        output.flush()
        assert (tmp_path / "output").stat().st_size <= 4 * TAIL
    os.close(sink)
    assert not output.read()
    output.finish()
    data = (tmp_path / "output").read_bytes()
    assert data.endswith(b"0000199\n")
    assert len(data) >= TAIL


def test_output_survives_a_disk_that_takes_nothing(tmp_path):
    source, sink = os.pipe()
    output = Output(source, str(tmp_path / "missing" / "output"))
    os.write(sink, b"x")
    assert output.read()
    output.flush()
    (tmp_path / "missing").mkdir()
    os.close(sink)
    output.finish()
    assert (tmp_path / "missing" / "output").read_bytes() == b"x"


def test_a_group_whose_kernel_counts_no_memory_leaves_it_to_us(tmp_path):
    group = Group.make(str(tmp_path), "1", 1000)
    assert group is not None
    assert not group.limits_memory
    assert not group.had_out_of_memory()
    (tmp_path / "armchair-1" / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    assert group.had_out_of_memory()
    assert Group.make(str(tmp_path), "1", 1000) is None


def test_login_environment_takes_language_and_runtime_directory_only(tmp_path):
    user = pwd.struct_passwd(("ann", "x", 1000, 1000, "", str(tmp_path), ""))
    (tmp_path / ".local/bin").mkdir(parents=True)
    portal = {"LANG": "de_DE.UTF-8", "XDG_RUNTIME_DIR": str(tmp_path), "SECRET": "x", "PATH": "/venv/bin"}
    assert login_environment(user, portal, "", {"A": "b"}) == {
        "HOME": str(tmp_path),
        "USER": "ann",
        "LOGNAME": "ann",
        "SHELL": "/bin/sh",
        "PATH": f"{tmp_path}/.local/bin:/usr/local/bin:/usr/bin:/bin",
        "LANG": "de_DE.UTF-8",
        "TERM": "dumb",
        "XDG_RUNTIME_DIR": str(tmp_path),
        "A": "b",
    }
    assert login_environment(user, {}, "/opt/bin", {})["PATH"] == "/opt/bin"


@pytest.mark.parametrize(
    "text", ["", "..", "../x", "20261123200057-f6c5c4d9699192eb\n", "20261123200057-F6C5C4D9699192EB", "/etc"]
)
def test_what_is_no_id_names_no_directory(text):
    assert not is_id(text)
    assert is_id("20261123200057-f6c5c4d9699192eb")
