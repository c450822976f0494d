"""Who gets a tunnel, and what ends it: another person, a token that is revoked, a session that ends."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from armchair.accounts.actor import Person, PortalRole
from armchair.accounts.logins import Accounts
from armchair.bootstrap import SystemClock
from armchair.client import Client, ClientSettings
from armchair.client.api import LocalTransport
from armchair.client.display import Display
from armchair.client.errors import ApiError
from armchair.client.models import Session
from armchair.client.tunnel import Ending, Tunnel
from armchair.store.store import Store
from armchair.testing.processes import Nursery
from integration.portal.portal_stage import Stage, eventually, new_home, stage_on

from .attach_stage import Attached, attached  # noqa: TID252 - one folder's own

# the promise is two seconds; looking takes a little on a busy machine
CUT_WITHIN = 2.5


async def settled(home: Path) -> str:
    """A home that knows Grace too; her token."""
    store = await Store.open(home, SystemClock())
    accounts = Accounts(store, SystemClock())
    await accounts.remember(Person(login="grace", name="Grace", roles=frozenset({PortalRole.USER})))
    token = await accounts.client_token("grace")
    await store.close()
    return token.reveal()


@pytest.fixture(scope="module")
def shared(nursery: Nursery) -> Iterator[tuple[Stage, str]]:
    """A portal of two people, and the token of the other."""
    with new_home() as home, stage_on(nursery, home) as made:
        token = asyncio.run(settled(home))
        made.up()
        yield made, token


@pytest.fixture
def session(shared: tuple[Stage, str]) -> Session:
    stage, _ = shared
    live = [one for one in stage.live() if one.app == "xterm" and one.ready]
    return live[0] if live else stage.launch("xterm")


def near(running: Attached) -> socket.socket:
    """A connection through the tunnel that has come about at the far end, of a client that says nothing yet."""
    return joined(running.socket())


def joined(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(20)
    made.connect(str(path))
    return made


def screen_clients(client: Client, session: Session) -> int:
    """How many clients the display has, as it says itself."""
    entry = client.entry(session.id)
    with httpx.Client(transport=LocalTransport(), trust_env=False) as http:
        url = f"{entry.url.partition('/.armchair')[0].rstrip('/')}/-/state"
        found: int = http.get(url, headers={"Cookie": f"{entry.name}={entry.value}"}).json()["clients"]
        return found


def spoken(connection: socket.socket) -> None:
    """Say something that Xpra takes for a hello of its own protocol, begun and not finished: it waits for the rest."""
    connection.sendall(b"P\x00\x00\x00\x00\x00\x10\x00")


def until_end(connection: socket.socket) -> float:
    """How long until the other side hangs up."""
    begun = time.monotonic()
    while connection.recv(65536):
        continue
    return time.monotonic() - begun


def as_other(stage: Stage, token: str) -> Client:
    return Client(ClientSettings(url=stage.client.settings.url, token=token))


def test_anothers_session_is_not_there(shared: tuple[Stage, str], session: Session) -> None:
    stage, token = shared
    own = {"ARMCHAIR_URL": stage.client.settings.url, "ARMCHAIR_TOKEN": token}
    for reference in (session.number, session.id):
        with attached(stage, reference, "--print", **own) as running:
            assert running.ended() == 1
            assert "There is no such session, or it is not yours." in running.output
            assert running.left_over() == []
    with as_other(stage, token) as client, pytest.raises(ApiError, match="no such session") as refused:
        client.display(session.id)
    assert refused.value.status == 404


def test_a_web_application_is_not_waited_for(shared: tuple[Stage, str]) -> None:
    stage, _ = shared
    hello = stage.launch("hello")
    with attached(stage, hello.number) as running:
        assert running.ended() == 1
        assert "draws no windows" in running.output
        assert "armchair open" in running.output
    stage.client.stop(hello.id)


def test_a_session_that_has_ended_is_said_to_have(shared: tuple[Stage, str]) -> None:
    stage, _ = shared
    failed = stage.launch("exits-at-once", phase="ended")
    with attached(stage, failed.number) as running:
        assert running.ended() == 3
        assert failed.outcome in running.output


def test_printing_serves_any_client_until_the_session_ends(shared: tuple[Stage, str], session: Session) -> None:
    stage, _ = shared
    with attached(stage, session.number, "--print", "--json") as running:
        path = running.socket()
        running.says('"command"')
        said = json.loads(running.output)
        assert said["socket"] == str(path)
        assert said["command"][:3] == ["xpra", "attach", f"socket:{path}"]
        with near(running) as one, near(running) as two:
            spoken(one)
            spoken(two)
            stage.client.stop(session.id)
            assert until_end(one) < 10
            assert until_end(two) < 10
        assert running.ended() == 0
        assert "You ended this" in running.output
        assert running.left_over() == []


def test_a_revoked_token_cuts_what_came_from_it(shared: tuple[Stage, str], session: Session, tmp_path: Path) -> None:
    """The tunnel alone, which would not end by itself: the gateway cuts it."""
    stage, _ = shared
    secret, token = stage.client.create_token("laptop", ["sessions:read", "sessions:write"])
    with as_other(stage, secret) as client, Tunnel(Display(client, session.id), tmp_path / "t") as tunnel:
        with joined(tmp_path / "t") as connection:
            spoken(connection)
            eventually(lambda: screen_clients(client, session) == 1, "the display has a client")
            stage.client.revoke_token(token.id)
            assert until_end(connection) < CUT_WITHIN
            assert tunnel.ending is Ending.CUT
        with joined(tmp_path / "t") as late:
            assert late.recv(1) == b"", "nor does a new one come about"
        assert isinstance(tunnel.trouble, ApiError)
        assert tunnel.trouble.code == "token_unknown"


def test_the_command_ends_with_its_token(shared: tuple[Stage, str], session: Session) -> None:
    stage, _ = shared
    secret, token = stage.client.create_token("desk", ["sessions:read", "sessions:write"])
    own = {"ARMCHAIR_URL": stage.client.settings.url, "ARMCHAIR_TOKEN": secret}
    with attached(stage, session.number, "--print", **own) as running, near(running):
        stage.client.revoke_token(token.id)
        assert running.ended() == 1
        assert "This token is not known or is over" in running.output
        assert running.left_over() == []
