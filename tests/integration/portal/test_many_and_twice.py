"""Much at once and the same twice: fifty sessions, a double click, two portals on one home, a port that is taken."""

import os
import signal
import socket
import subprocess  # noqa: TID251 - runs the portal's own command as a person does
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from armchair.client import Client, read

from .portal_stage import Stage, eventually, free_port, processes_of, typed  # noqa: TID252 - one folder's own

MANY = 50


def serve(stage: Stage, port: int) -> subprocess.CompletedProcess[str]:
    """`armchair serve` on this home, which is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "armchair.cli.main", "serve", "--home", str(stage.home), "--listen", f"127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "XDG_CONFIG_HOME": str(stage.home / "config")},
        check=False,
    )


def test_fifty_sessions_started_at_once_are_all_ready_and_all_end(stage: Stage) -> None:
    def start(number: int) -> str:
        kept = read(stage.home)
        assert kept is not None
        with Client(kept) as client:
            return client.launch("hello", title=f"number {number}").id

    begin = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        started = list(pool.map(start, range(MANY)))
    accepted = time.monotonic() - begin
    assert len(set(started)) == MANY
    eventually(lambda: stage.client.sessions(phase="ready").total == MANY, "all are ready", 60)
    ready = time.monotonic() - begin
    assert len(stage.jobs()) == MANY
    assert {one.number for one in stage.live()} == set(range(1, MANY + 1))
    assert stage.get(started[-1]) == (200, "hello")
    for session in started:
        stage.client.stop(session)
    eventually(lambda: stage.client.sessions(phase="ended").total == MANY, "all have ended", 60)
    kinds = {one.data["outcome"]["kind"] for one in stage.client.sessions(page_size=MANY).sessions}
    assert kinds == {"cancelled"}
    assert stage.jobs() == []
    print(f"{MANY} accepted {accepted:.1f} s, ready {ready:.1f} s, ended {time.monotonic() - begin:.1f} s")  # noqa: T201 - measured


def test_a_double_click_is_one_session(stage: Stage) -> None:
    together = threading.Barrier(4)

    def click(_: int) -> str:
        kept = read(stage.home)
        assert kept is not None
        with Client(kept) as client:
            together.wait(10)
            return client.launch("hello", key="one wish").id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(click, range(4)))) == 1
    assert stage.client.sessions().total == 1
    [session] = stage.live()
    stage.reach(session.id, "ready")
    assert len(stage.jobs()) == 1
    stage.client.stop(session.id)
    stage.reach(session.id, "ended")
    assert stage.client.launch("hello", key="one wish").id == session.id, "also long afterwards"


def test_a_second_portal_on_the_same_home_names_the_first_and_disturbs_nothing(stage: Stage) -> None:
    session = stage.launch()
    assert stage.portal is not None
    with stage.stream(session.id) as connection:
        second = serve(stage, free_port())
        assert second.returncode == 1
        assert str(stage.portal.pid) in second.stderr
        assert socket.gethostname() in second.stderr
        assert "Traceback" not in second.stderr
        typed(connection, b"undisturbed\n")
    assert stage.client.healthy()


def test_a_port_that_is_taken_is_named_with_who_has_it(home_stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", home_stage.port)):
        refused = serve(home_stage, home_stage.port)
    assert refused.returncode == 1
    assert f"127.0.0.1:{home_stage.port}" in refused.stderr
    assert str(os.getpid()) in refused.stderr
    assert "--listen" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert processes_of(home_stage.home) == []
    home_stage.up()


@pytest.mark.parametrize("only_master", [False, True])
def test_the_gateway_killed_is_back_with_all_sessions(stage: Stage, only_master: bool) -> None:
    session = stage.launch()
    entry = stage.client.entry(session.id)
    killed = [one.pid for one in processes_of(stage.home) if "haproxy" in one.command]
    assert len(killed) >= 2, "a master and a worker"
    for pid in killed[: 1 if only_master else None]:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not set(killed) & {one.pid for one in processes_of(stage.home)}, "the old one has gone", 60)
    eventually(lambda: stage.get(session.id, entry=entry) == (200, "hello"), "the session is reachable again", 60)
    eventually(lambda: stage.client.session(session.id).phase == "ready", "the portal answers again", 60)
