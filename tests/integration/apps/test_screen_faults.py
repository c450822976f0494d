"""What goes wrong with a screen: killed processes, a node without a place for X sockets, floods, and strangers' versions."""

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from armchair.node.screen import xserver
from armchair.node.screen.config import Config
from armchair.node.screen.displays.base import Surroundings
from armchair.node.screen.janitor import Janitor

from .screens import until  # noqa: TID252 - one folder's own

WAIT = "touch there; exec xclock"
MB = 1024**2


@pytest.mark.parametrize("victim", ["xpra", "Xvfb"])
async def test_a_killed_display_ends_the_run_and_is_said(graphical: Any, tmp_path: Path, victim: str) -> None:
    screen = graphical(WAIT)
    await screen.run.ready()
    screen.client().wait_for("new-window")
    files = screen.files()
    os.kill(screen.pid_of(victim), signal.SIGKILL)
    assert await screen.run.ended() == 1
    assert screen.trouble() == "display_died"
    assert screen.run.left() == []
    assert not any(path.exists() for path in files)
    assert not screen.run.socket.exists()


async def test_a_killed_supervisor_leaves_nothing(graphical: Any) -> None:
    # a part of the program that needs no screen does not end with it
    screen = graphical(f"sleep 1000 & {WAIT}")
    await screen.run.ready()
    screen.client().wait_for("new-window")
    files = screen.files()
    assert all(path.exists() for path in files)
    screen.run.process.kill()
    await until(lambda: not screen.run.left(), "the end of all")
    assert not any(path.exists() for path in files)


async def test_a_client_of_another_version_is_refused_and_the_others_stay(graphical: Any) -> None:
    screen = graphical(WAIT)
    await screen.run.ready()
    good = screen.client()
    good.wait_for("new-window")
    old = screen.client(version="0.10.0")

    await until(old.ended.is_set, "the refusal")
    assert "version error" in screen.run.log.read_text()
    strange = screen.client(bencode=False)
    await until(strange.ended.is_set, "the refusal")
    assert not good.ended.is_set()
    assert screen.windows() == 1


async def test_ten_look_at_the_same_windows(graphical: Any) -> None:
    screen = graphical(WAIT)
    await screen.run.ready()
    clients = [screen.client() for _ in range(10)]
    for client in clients:
        client.wait_for("new-window", 60)
    assert not any(client.ended.is_set() for client in clients)


async def test_fifty_windows(graphical: Any) -> None:
    screen = graphical("i=0; while [ $i -lt 50 ]; do i=$((i + 1)); xlogo & done; wait")
    await screen.run.ready()
    client = screen.client()
    await until(lambda: screen.windows() == 50, "fifty windows", 60)
    await until(lambda: len([one for one in client.packets if one[0] == "new-window"]) == 50, "fifty shown", 60)
    assert (await screen.state())["program"] == "running"
    await screen.run.stop()
    assert screen.run.left() == []


async def test_nothing_goes_past_the_exchange_of_files(graphical: Any, tmp_path: Path) -> None:
    """Xpra has ways of its own for files and commands, which know nothing of the site's policy."""
    home = tmp_path / "home"
    (home / "secret").write_text("not for the browser")
    screen = graphical(WAIT, '[display]\nfiles = "none"\n')
    await screen.run.ready()
    client = screen.client(**{"file-transfer": True, "file-size-limit": 10, "file-ask-timeout": 60, "printing": True})
    client.wait_for("new-window")
    client.send("send-file", "sent.txt", "text/plain", False, False, 4, b"data", {})
    client.send("request-file", str(home / "secret"), False)
    client.send("start-command", "x", ["touch", str(home / "started")], False)
    # packets are taken in one after the other
    client.send("ping", 1)
    client.wait_for("ping_echo")
    assert "send-file" not in {packet[0] for packet in client.packets}
    await screen.run.stop()
    assert not list(home.rglob("sent*"))
    assert not (home / "started").exists()


def memory(pid: int) -> int:
    """What a process holds, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_fifty_megabytes_in_the_clipboard(graphical: Any, tmp_path: Path) -> None:
    """What is too large is not passed on, and one who sends it is cut off. The session goes on."""
    screen = graphical('head -c 52428800 /dev/zero | tr "\\0" a | xclip -selection clipboard -loops 0 & exec xclock')
    await screen.run.ready()
    caps = {"clipboard": True, "clipboard.selections": ["CLIPBOARD"], "clipboard.greedy": False}
    client = screen.client(**caps)
    client.wait_for("new-window")
    client.wait_for("clipboard-token")
    before = memory(screen.pid_of("xpra"))
    client.send("clipboard-request", 1, "CLIPBOARD", "UTF8_STRING")
    await until(lambda: any(one[0].startswith("clipboard-contents") for one in client.packets), "an answer")
    assert max(len(str(one)) for one in client.packets if one[0].startswith("clipboard-contents")) < 20 * MB
    flood = screen.client(**caps)
    flood.wait_for("hello")
    with contextlib.suppress(OSError):  # it may be cut off in the middle of it
        flood.send("clipboard-token", "CLIPBOARD", ["UTF8_STRING"], "UTF8_STRING", "UTF8_STRING", 8, "bytes", b"b" * 50 * MB)
    await until(lambda: flood.ended.is_set() or flood.packets[-1][0] == "disconnect", "the cut")
    await until(lambda: "packet size requested" in screen.run.log.read_text(), "Xpra says why")
    assert screen.windows() == 1
    other = screen.client()
    other.wait_for("new-window")
    assert memory(screen.pid_of("xpra")) - before < 300 * MB


def surroundings(directory: Path) -> Surroundings:
    directory.mkdir(exist_ok=True)
    return Surroundings(str(directory), Config(display="xpra", program=("run.sh",)), Janitor())


class Chosen:
    """Random numbers that are none."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)

    def randrange(self, _: int) -> int:
        return self._numbers.pop(0)


async def test_a_number_that_another_job_has_is_left_to_it(
    graphical: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = graphical(WAIT)
    await screen.run.ready()
    taken = int(screen.display[1:])
    # one with a lock but no socket yet, as of a server that is just starting
    Path("/tmp/.X31999-lock").write_text(f"{os.getpid():>10}\n")
    around = surroundings(tmp_path)
    chosen = Chosen(taken - 100, 31899, taken - 100, 31898)
    monkeypatch.setattr(xserver.random, "SystemRandom", lambda: chosen)
    server = xserver.XServer(around, "Xvfb", ["-screen", "0", "800x600x24"])
    try:
        server.start()
        assert server.display == ":31998"
        await until(server.answers, "the server")
    finally:
        server.stop()
        around.janitor.dismiss()
        Path("/tmp/.X31999-lock").unlink()
    assert not Path("/tmp/.X11-unix/X31998").exists()
    assert screen.windows() == 0


async def test_two_that_want_the_same_number_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # both saw that it was free; the second finds the lock taken, and takes the next
    around = [surroundings(tmp_path / name) for name in ("one", "other")]
    monkeypatch.setattr(xserver.random, "SystemRandom", lambda: Chosen(31897))
    one, other = (xserver.XServer(each, "Xvfb", ["-screen", "0", "800x600x24"]) for each in around)
    try:
        one.start()
        exists = os.path.exists
        monkeypatch.setattr(xserver.os.path, "exists", lambda path: "31997" not in str(path) and exists(path))
        chosen = Chosen(31897, 31896)
        monkeypatch.setattr(xserver.random, "SystemRandom", lambda: chosen)
        other.start()
        assert (one.display, other.display) == (":31997", ":31996")
        monkeypatch.undo()
        await until(one.answers, "the first server, unharmed")
    finally:
        monkeypatch.undo()
        for server, each in zip((one, other), around, strict=True):
            server.stop()
            each.janitor.dismiss()


# a /tmp of its own, in which neither the tests' Python nor the person's home can be seen
OWN_TMP = "mount -t tmpfs none /tmp && chmod 1777 /tmp && cd / && "
SOMEWHERE_ELSE = {"base": "/var/tmp", "HOME": "/", "ARMCHAIR_AGENT_PYTHON": "/usr/bin/python3"}


async def test_a_node_without_the_directory_for_x_sockets_gets_one(graphical: Any) -> None:
    before = ("unshare", "--mount", "sh", "-c", OWN_TMP + '"$@"; ls -ld /tmp/.X11-unix >&2', "sh")
    screen = graphical("exit 3", before=before, **SOMEWHERE_ELSE)
    await screen.run.ready()
    screen.client()
    await screen.run.ended()
    assert "drwxrwxrwt" in screen.run.log.read_text()
    assert screen.trouble() == ""


@pytest.mark.parametrize(("owner", "told"), [("54321", True), ("0", False)])
async def test_a_directory_of_another_user_is_told_of(graphical: Any, owner: str, told: bool) -> None:
    made = f"mkdir -m 1777 /tmp/.X11-unix && chown {owner} /tmp/.X11-unix && "
    screen = graphical("exit 3", before=("unshare", "--mount", "sh", "-c", OWN_TMP + made + '"$@"', "sh"), **SOMEWHERE_ELSE)
    await screen.run.ready()
    screen.client()
    await screen.run.ended()
    assert ("belongs to another user (54321)" in screen.run.log.read_text()) is told
    assert screen.trouble() == ""


@pytest.mark.parametrize(
    "how",
    ["chmod 755 /tmp", "mkdir -m 755 /tmp/.X11-unix", "mkdir -m 777 /tmp/.X11-unix", "touch /tmp/.X11-unix"],
)
async def test_a_node_where_x_sockets_can_t_be_is_said(graphical: Any, how: str) -> None:
    as_nobody = 'exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"'
    command = f'chown -R 65534 "$ARMCHAIR_DIR"; {OWN_TMP} {how} && {as_nobody}'
    screen = graphical("exit 3", before=("unshare", "--mount", "sh", "-c", command, "sh"), **SOMEWHERE_ELSE)
    assert await screen.run.ended() == 1
    assert screen.trouble() == "x11_directory"
