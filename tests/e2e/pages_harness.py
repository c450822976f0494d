"""A portal for the pages' tests: real routes, names and catalogue on a loopback port; store, launcher and gateway are fakes."""

import asyncio
import dataclasses
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import uvicorn
from playwright.sync_api import FloatRect, Locator

from armchair.accounts.logins import Accounts
from armchair.accounts.providers.single_user import SingleUser
from armchair.bootstrap import SystemClock
from armchair.catalogue.loader import DirectoryCatalogue
from armchair.catalogue.settings import CatalogueSettings
from armchair.domain.run import UsageSample
from armchair.gateway.names import Names
from armchair.gateway.settings import GatewaySettings
from armchair.sessions.launch import LaunchRequest, launch
from armchair.sessions.portal import Portal
from armchair.testing.launcher import FakeLauncher
from armchair.testing.portal import fake_portal
from armchair.testing.scheduler import FakeScheduler
from armchair.web.app import create_web


@dataclass(slots=True, kw_only=True)
class Harness:
    """A listening portal. `run` executes a coroutine in its loop."""

    portal: Portal
    loop: asyncio.AbstractEventLoop
    login: str
    login_id: str
    port: int
    server: uvicorn.Server

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    @contextmanager
    def outage(self) -> Iterator[None]:
        """The portal is gone; afterwards it answers again, at the same port and with what it had stored."""
        self.run(_quit(self.server))
        try:
            yield
        finally:
            self.run(self._listen_again())

    async def _listen_again(self) -> None:
        self.server = await _serve(self.portal, socket.create_server(("127.0.0.1", self.port)))

    def url(self, path: str = "/") -> str:
        return self.portal.names.portal_url(path)

    def login_url(self) -> str:
        code = self.run(Accounts(self.portal.accounts, self.portal.clock).login_link(self.login))
        return self.url(f"/login?code={code.reveal()}")

    def change(self, session: str, **facts: object):
        """Set facts of the session's last run, as absorbing them would."""

        def step(record, now):
            run = dataclasses.replace(record.run, **facts)
            return dataclasses.replace(record, runs=(*record.runs[:-1], run)), []

        return self.run(self.portal.apply(session, step))

    def launch(self, app: str = "terminal", title: str = ""):
        async def go():
            actor = await self.portal.accounts.actor_of_login(self.login_id, self.portal.clock.now())
            return await launch(self.portal, actor, LaunchRequest(app=app, answers={}, title=title, launch_key=title or app))

        return self.run(go()).record

    @property
    def scheduler(self) -> FakeScheduler:
        (launcher,) = self.portal.launchers.values()
        assert isinstance(launcher, FakeScheduler)
        return launcher

    def ready(self, session: str) -> None:
        now = self.portal.clock.now()
        usage = tuple(UsageSample(at=now, cpu=0.2 + (n % 7) / 8, memory=(200 + 9 * n) * 2**20) for n in range(30))
        self.change(
            session,
            host="127.0.0.1",
            port=9,
            started_at=now - timedelta(minutes=19),
            enrolled_at=now,
            ready_at=now,
            heard_at=now,
            usage=usage,
        )


async def _serve(portal: Portal, listener: socket.socket) -> uvicorn.Server:
    config = uvicorn.Config(create_web(portal), lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.finished = asyncio.create_task(server._serve([listener]))  # serve() would take over the signals
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
        await asyncio.sleep(0.01)
    return server


async def _quit(server: uvicorn.Server) -> None:
    server.should_exit = server.force_exit = True
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    await server.finished


def place_of(part: Locator) -> FloatRect:
    """Where it is on the page. A part that is being replaced at the moment is nowhere."""
    deadline = time.monotonic() + 5
    while (box := part.bounding_box()) is None:
        assert time.monotonic() < deadline, f"{part} is not to be seen"
        part.page.wait_for_timeout(20)
    return box


@contextmanager
def listening(
    tmp_path: Path, directories: Sequence[Path] = (), cluster: type[FakeLauncher] = FakeLauncher
) -> Iterator[Harness]:
    """Start on a port of the kernel's choice, with applications of `directories` too; end afterwards."""
    started, box = threading.Event(), []

    async def main() -> None:
        clock = SystemClock()
        portal = (await fake_portal(cluster=cluster)).portal
        portal.clock = clock
        for name in portal.launchers:
            portal.launchers[name]._now = clock.now
        portal.catalogue = DirectoryCatalogue(CatalogueSettings(directories=tuple(directories)), tmp_path)
        me = SingleUser().me
        accounts = Accounts(portal.accounts, clock)
        await accounts.remember(me)
        first = await accounts.exchange((await accounts.login_link(me.login)).reveal())
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        portal.names = Names.of(GatewaySettings(listen=f"127.0.0.1:{port}"), "test01")
        server = await _serve(portal, listener)
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        harness = Harness(portal=portal, loop=loop, login=me.login, login_id=first.login_id, port=port, server=server)
        box.extend([harness, over])
        started.set()
        await over.wait()
        await _quit(harness.server)

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield box[0]
    finally:
        box[0].loop.call_soon_threadsafe(box[1].set)
        thread.join(10)
