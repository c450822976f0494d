"""The agent among hostile clients, full disks and hasty commands."""

import os
import shutil
import signal
import socket
import ssl
import subprocess  # noqa: TID251 - mounting is no work of the portal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from .agent_jobs import SERVE, Start, get, until  # noqa: TID252 - one folder's own
from .agents_portal import SESSION_HOST, AgentsPortal  # noqa: TID252 - one folder's own

ECHO = """
import os, socket, threading
listener = socket.socket(socket.AF_UNIX)
listener.bind(os.environ["ARMCHAIR_SOCKET"])
listener.listen(64)
def one(peer):
    head = b""
    while b"\\r\\n\\r\\n" not in head:
        head += peer.recv(65536)
    if b"Upgrade" not in head:
        peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        return peer.close()
    peer.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\n\\r\\n")
    while True:
        data = peer.recv(65536)
        if not data:
            break
        peer.sendall(data)
    peer.sendall(b"last words after the half-close")
    peer.close()
while True:
    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()
"""


def dial(portal: AgentsPortal) -> ssl.SSLSocket:
    raw = socket.create_connection(("127.0.0.1", portal.agent_port), 10)
    return portal.client_context().wrap_socket(raw, server_hostname=SESSION_HOST)


class HalfOpen:
    """A client that can say, in TLS, that it will send no more, and goes on reading.

    It moves the bytes itself: Python's TLS sockets wait for the other side's last word, or fail when it has more to say.
    """

    def __init__(self, portal: AgentsPortal) -> None:
        self._socket = socket.create_connection(("127.0.0.1", portal.agent_port), 20)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = portal.client_context()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=SESSION_HOST)
        self._do(self._tls.do_handshake)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def sendall(self, data: bytes) -> None:
        self._do(lambda: self._tls.write(data))

    def recv(self, size: int) -> bytes:
        return self._do(lambda: self._tls.read(size))

    def say_no_more(self) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._socket.sendall(self._outgoing.read())

    def _do(self, step: Callable[[], Any]) -> Any:
        """Repeat the step, with what the other side sends, until it is done."""
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._socket.sendall(self._outgoing.read())
                data = self._socket.recv(65536)
                self._incoming.write(data)
                if not data:
                    self._incoming.write_eof()
                continue
            self._socket.sendall(self._outgoing.read())
            return done


def read(peer: socket.socket | HalfOpen, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = peer.recv(size - len(data))
        assert part, f"cut off after {len(data)} of {size} bytes"
        data += part
    return data


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_bytes_after_an_upgrade_pass_unchanged(start: Start) -> None:
    portal, _job = start(f"exec \"$PY\" -c '{ECHO}'\n")
    portal.wait_ready()
    with dial(portal) as peer:
        peer.sendall(b"GET /ws HTTP/1.1\r\nUpgrade: x\r\n\r\n")
        assert read(peer, 36).startswith(b"HTTP/1.1 101")
        for size in (1, 125, 70_000, 300_000):
            sent = os.urandom(size)
            peer.sendall(sent)
            assert read(peer, size) == sent


def test_what_an_application_says_after_the_clients_end_arrives(start: Start) -> None:
    portal, _job = start(f"exec \"$PY\" -c '{ECHO}'\n")
    portal.wait_ready()
    with HalfOpen(portal) as peer:
        peer.sendall(b"GET /ws HTTP/1.1\r\nUpgrade: x\r\n\r\n")
        read(peer, 36)
        peer.say_no_more()
        assert read(peer, 31) == b"last words after the half-close"


def test_clients_that_never_shake_hands_hold_up_nobody_and_are_closed(start: Start) -> None:
    portal, job = start()
    portal.wait_ready()
    silent = [socket.create_connection(("127.0.0.1", portal.agent_port), 15) for _ in range(50)]
    silent[0].sendall(b"\x16\x03\x01")
    assert get(portal) == (200, b"hello")
    # the answer came while they were still waited for
    silent[-1].setblocking(False)
    with pytest.raises(BlockingIOError):
        silent[-1].recv(1)
    assert silent[0].recv(1) == b""
    until(lambda: len(list(Path(f"/proc/{job.pid}/fd").iterdir())) < 30)
    for peer in silent:
        peer.close()


# a connection takes two descriptors: with one of the two limits it is the first of them that is missing
@pytest.mark.parametrize("limit", [40, 41])
def test_no_free_descriptor_neither_spins_nor_ends_the_door(start: Start, limit: int) -> None:
    portal, job = start("ulimit -n 64\n" + SERVE)
    portal.wait_ready()
    # the agent's own limit, from outside
    subprocess.run(["prlimit", "--pid", str(job.pid), f"--nofile={limit}:{limit}"], check=True)
    silent = [socket.create_connection(("127.0.0.1", portal.agent_port), 15) for _ in range(60)]
    before, began = cpu(job.pid), time.monotonic()
    # those over the limit are turned away at once, the others when their time to shake hands is over
    for peer in silent:
        assert peer.recv(1) == b""
        peer.close()
    assert cpu(job.pid) - before < 0.2 * (time.monotonic() - began) + 0.1
    assert get(portal) == (200, b"hello")


def test_kill_does_not_wait_for_the_grace(start: Start) -> None:
    portal, job = start("trap '' TERM\n" + SERVE, stop_grace=600.0)
    portal.wait_ready()
    with portal.changed:
        portal.commands = [{"number": 1, "verb": "kill"}]
        portal.changed.notify_all()
    assert job.wait(10) == -signal.SIGKILL
    assert portal.end()["kind"] == "cancelled"


def test_a_portal_that_answers_at_once_is_not_asked_in_a_tight_loop(start: Start) -> None:
    asked: list[float] = []

    def answer_at_once(portal: AgentsPortal) -> None:
        answer = portal.answer

        def count(method: str, path: str, bearer: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            if path.endswith("/commands"):
                asked.append(time.monotonic())
                return 200, {"commands": []}
            return answer(method, path, bearer, body)

        portal.answer = count  # type: ignore[method-assign]  # this portal is a hasty one

    portal, _job = start(prepare=answer_at_once)
    portal.wait_ready()
    until(lambda: len(asked) >= 4)
    assert asked[-1] - asked[0] > 2.0


def test_a_lost_enrolment_answer_is_asked_for_with_the_same_nonce(start: Start) -> None:
    def refuse(portal: AgentsPortal) -> None:
        portal.refusals = [503, 409, 429, 500]

    portal, _job = start(prepare=refuse)
    portal.wait_ready()
    assert len(portal.bearers) == 5
    assert len(portal.enrolments[-1]["nonce"]) == 32


def test_an_end_that_nobody_heard_because_of_others_on_the_node_is_told_again(start: Start) -> None:
    portal, job = start("exit 5\n", prepare=lambda portal: setattr(portal, "report_status", 429))
    portal.wait(lambda: sum(1 for report in portal.reports if report["end"]) >= 2)
    portal.report_status = 200
    assert job.wait(20) == 5


@pytest.fixture
def full_disk() -> Iterator[Path]:
    """A small file system without room, writable otherwise."""
    directory = Path(tempfile.mkdtemp(prefix="full", dir="/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(directory)], check=True)
    with (directory / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                continue
        except OSError:
            pass
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)
    directory.rmdir()


def test_a_full_temporary_directory_is_not_used(start: Start, full_disk: Path) -> None:
    portal, _job = start(temporary=full_disk)
    portal.wait_ready()
    assert not list(full_disk.glob("armchair-*"))


def test_the_private_directory_is_gone_afterwards(start: Start, tmp_path: Path) -> None:
    place = Path(tempfile.mkdtemp(prefix="p", dir="/tmp"))
    portal, job = start('trap \'exit 3\' TERM\n"$PY" "$ARMCHAIR_DIR/server.py" & while :; do wait; done\n', temporary=place)
    portal.wait_ready()
    assert [entry.stat().st_mode & 0o777 for entry in place.iterdir()] == [0o700]
    job.send_signal(signal.SIGTERM)
    assert job.wait(10) == 3
    assert not list(place.iterdir())
    shutil.rmtree(place)


def test_a_log_that_is_not_taken_holds_back_neither_ready_nor_end(start: Start) -> None:
    def refuse(portal: AgentsPortal) -> None:
        portal.refuse_logs = True

    portal, job = start(prepare=refuse)
    # before the report that comes every 15 s in any case
    portal.wait(lambda: any(report["ready"] for report in portal.reports), 10)
    os.kill(job.pid, signal.SIGTERM)
    assert portal.end()["kind"] == "cancelled"
    job.wait(10)
