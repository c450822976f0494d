"""Nodes that the gateway can't reach: their sessions go over the hub, and nobody notices a difference."""

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from armchair.gateway.hub.address import NETWORK, address
from armchair.testing.processes import eventually
from cluster.names import NODES
from cluster.program import Program
from cluster.rig import Cluster
from integration.portal.portal_stage import free_port

from .slurm_portal import SlurmPortal, portal_of  # noqa: TID252 - one folder's own

pytestmark = pytest.mark.timeout(180)
MIB = 1 << 20
CLOSED = (20_000, 20_099)


@pytest.fixture
def hub_portal(slurm: Cluster, program: Program) -> Iterator[SlurmPortal]:
    """A portal with a hub, on a cluster whose nodes take no connection from outside."""
    for node in NODES:
        slurm.close_ports(node, *CLOSED)
    outside, inside = free_port(), free_port()
    more = f'reach = "hub"\nagent_ports = {[*CLOSED]}\n[hub]\nlisten = "{slurm.host_address}:{outside}"\nport = {inside}\n'
    with portal_of(slurm, program, more) as made:
        yield made


def stream(portal: SlurmPortal, session: str) -> socket.socket:
    """An open WebSocket to the application, by way of the gateway."""
    entry = portal.client.entry(session)
    host = urlsplit(entry.url).netloc
    lines = ["GET /ws HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Cookie: {entry.name}={entry.value}"]
    made = socket.create_connection(("127.0.0.1", portal.port), 10)
    made.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = made.recv(1)
        assert byte, head
        head += byte
    assert head.startswith(b"HTTP/1.1 101"), head
    return made


def echoed(connection: socket.socket, data: bytes) -> bytes:
    """Send all while reading as much."""
    connection.setblocking(False)
    left, back = memoryview(data), bytearray()

    def moved() -> bool:
        nonlocal left
        with suppress(BlockingIOError):
            left = left[connection.send(left[:65536]) :] if left else left
        with suppress(BlockingIOError):
            more = connection.recv(1 << 18)
            assert more
            back.extend(more)
        return len(back) == len(data)

    while not moved():
        pass
    connection.setblocking(True)
    return bytes(back)


def test_without_the_hub_it_could_not_be_reached(slurm: Cluster, program: Program) -> None:
    for node in NODES:
        slurm.close_ports(node, *CLOSED)
    with portal_of(slurm, program, f"agent_ports = {[*CLOSED]}") as portal:
        session = portal.launch()
        assert portal.get(session.id)[0] == 503


def test_a_session_over_the_hub(slurm: Cluster, hub_portal: SlurmPortal) -> None:
    session = hub_portal.launch(answers={"word": "over the hub"})
    # the agent's port is not even open to the node's network
    node = slurm.job(hub_portal.job(session.id))["NodeList"]
    listening = slurm.exec_on(node, ["ss", "-Hltn"], check=False).stdout
    assert "127.0.0.1" in listening or not listening

    eventually(lambda: hub_portal.get(session.id) == (200, "over the hub"), "HTTP over the hub", 15)
    data = os.urandom(10 * MIB)
    with stream(hub_portal, session.id) as connection:
        back = echoed(connection, data)
        assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()
        hub_portal.kill()
        assert echoed(connection, b"the portal is dead") == b"the portal is dead"
        hub_portal.clients.pop().close()
        hub_portal.up()
        assert echoed(connection, b"and back") == b"and back"
    hub_portal.client.stop(session.id)
    assert hub_portal.outcome(session.id)[0] == "cancelled"


def test_a_hub_that_dies_is_back_before_anybody_complains(slurm: Cluster, hub_portal: SlurmPortal) -> None:
    session = hub_portal.launch()
    eventually(lambda: hub_portal.get(session.id)[0] == 200, "HTTP over the hub", 15)
    killed = slurm.run(["pkill", "-9", "-u", hub_portal.program.user, "-f", f"armchair.gateway.hub.main.*{hub_portal.home}"])
    assert killed.returncode == 0
    eventually(lambda: hub_portal.get(session.id)[0] == 200, "HTTP again", 8)
    assert hub_portal.client.session(session.id).phase == "ready"


def test_another_user_of_the_portals_machine_gets_nothing(slurm: Cluster, hub_portal: SlurmPortal) -> None:
    session = hub_portal.launch()
    eventually(lambda: hub_portal.get(session.id)[0] == 200, "HTTP over the hub", 15)
    port = int(
        next(line.split("=")[1] for line in (hub_portal.home / "armchair.toml").read_text().splitlines() if "port =" in line)
    )
    host = urlsplit(hub_portal.client.entry(session.id).url).hostname
    there = address(f"{session.id}-1")
    for where in (there, str(NETWORK[5])):
        said = slurm.run(
            ["curl", "-sk", "-m", "5", "--resolve", f"{host}:{port}:{where}", f"https://{host}:{port}/"],
            user="armbob",
            check=False,
        )
        assert said.returncode != 0
        assert "hello" not in said.stdout
