"""What a node has for containers and displays, told of nodes that have this or that."""

import os
import stat
from pathlib import Path

import pytest

from armchair.node import survey as room
from armchair.node.container import kernel, stage
from armchair.node.screen import xserver

SAYS = "#!/bin/sh\necho {}\n"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """node(bwrap="bubblewrap 0.8.0", …): the only programs, and what each says of itself."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for module in (room, xserver):
        monkeypatch.setattr(module, "SOCKETS", str(tmp_path / "tmp" / ".X11-unix"))
    monkeypatch.setattr(kernel, "user_namespaces", lambda: True)
    monkeypatch.setattr(stage, "_DEVICE", "/dev/null")
    (tmp_path / "tmp").mkdir()

    def install(**programs: str) -> dict[str, tuple[bool, dict]]:
        for name, words in programs.items():
            path = tmp_path / name.replace("_", "-")
            path.write_text(SAYS.format(words) if not words.startswith("#!") else words)
            path.chmod(0o755)
        return {code: (ok, facts) for code, ok, facts in room.survey()}

    install.sockets = Path(room.SOCKETS)
    return install


def test_a_bare_node_has_neither_containers_nor_displays(node) -> None:
    found = node()
    assert found["runtimes"] == (False, {"runtimes": ""})
    assert "images" not in found
    assert found["displays"] == (False, {"displays": "", "problem": ""})


def test_runtimes_are_named_with_their_versions(node) -> None:
    found = node(bwrap="bubblewrap 0.8.0", ch_run="0.31", podman="podman version 4.3.1", squashfuse="")
    assert found["runtimes"] == (True, {"runtimes": "podman 4.3.1, charliecloud 0.31, bubblewrap 0.8.0"})
    assert found["images"][0] is True


def test_a_runtime_that_tells_no_version_is_named_all_the_same(node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SECONDS", 0.2)
    found = node(
        bwrap="#!/bin/sh\nexit 3\n",
        ch_run="#!/bin/sh\necho 0.31; exec /bin/sleep 20\n",
        squashfuse="",
        Xvnc="none of your business",
    )
    assert found["runtimes"][1] == {"runtimes": "charliecloud, bubblewrap"}
    assert found["displays"][1]["displays"] == "Xvnc"


def test_images_of_one_file_need_squashfuse_or_a_runtime_that_does_without(node) -> None:
    ok, facts = node(bwrap="1.2", podman="1.2")["images"]
    assert ok is False
    assert facts["problem"] == "podman does not run such images; bubblewrap needs squashfuse for such images"
    assert node(apptainer="1.4.5")["images"][0] is True


def test_a_kernel_without_user_namespaces_is_told(node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "user_namespaces", lambda: False)
    ok, facts = node(bwrap="1.2", squashfuse="")["images"]
    assert (ok, "user namespaces" in facts["problem"]) == (False, True)


def test_display_servers_are_named_and_count_only_when_whole(node) -> None:
    ok, facts = node(xpra="xpra v3.1.3")["displays"]
    assert (ok, facts["problem"]) == (False, "There is xpra, which needs Xvfb.")
    ok, facts = node(Xvfb="", Xvnc="Xvnc TigerVNC 1.12.0 - built 2023-01-06 16:01")["displays"]
    assert (ok, facts) == (True, {"displays": "xpra 3.1.3, Xvnc 1.12.0", "problem": ""})


def sockets(node) -> tuple[bool, str]:
    ok, facts = node()["sockets"]
    assert facts["directory"] == str(node.sockets)
    return ok, facts["why"]


def test_a_directory_of_sockets_may_be_missing_where_it_can_be_made(node, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sockets(node) == (True, "")
    assert not node.sockets.exists(), "it is looked at, not made"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert sockets(node) == (False, "missing")


def test_a_directory_of_sockets_that_is_none_or_is_closed(node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.sockets.write_text("")
    assert sockets(node) == (False, "unusable")
    node.sockets.unlink()
    node.sockets.mkdir()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert sockets(node) == (False, "unusable")


@pytest.mark.parametrize(
    ("owner", "mode", "parent", "expected"),
    [
        (0, 0o1777, 0, ""),
        (0, 0o3777, 0, ""),
        (xserver.UNMAPPED, 0o1777, 0, ""),
        (0, 0o0777, 0, "unusable"),
        (1000, 0o0777, 1000, "unusable"),
        (0, 0o1755, 0, "mode"),
        (1005, 0o1777, 0, "owner"),
        (1000, 0o1777, 0, "owner"),
        (1000, 0o0755, 1000, ""),  # a /tmp of the job's own
    ],
)
def test_whose_a_directory_of_sockets_is_and_who_may_write_to_it(
    node, monkeypatch: pytest.MonkeyPatch, owner: int, mode: int, parent: int, expected: str
) -> None:
    def seen(mode: int, uid: int) -> os.stat_result:
        return os.stat_result((stat.S_IFDIR | mode, 1, 1, 1, uid, uid, 0, 0, 0, 0))

    monkeypatch.setattr(os, "access", lambda *_: True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(room.os, "lstat", lambda path: seen(mode, owner) if path == room.SOCKETS else seen(0o1777, 0))
    monkeypatch.setattr(room.os, "stat", lambda *_, **__: seen(0o1777, parent))
    _, ok, facts = room._sockets()
    assert (ok, facts["why"]) == (not expected, expected)
    assert ("mode" in facts["problem"]) is bool(expected)


def test_root_has_no_tmp_of_its_own(node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks as root sees what is closed to everybody else."""
    found = os.stat_result((stat.S_IFDIR | 0o755, 1, 1, 1, 0, 0, 0, 0, 0, 0))
    monkeypatch.setattr(os, "access", lambda *_: True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(room.os, "lstat", lambda _: found)
    monkeypatch.setattr(room.os, "stat", lambda *_, **__: found)
    assert room._sockets()[2]["why"] == "mode"
