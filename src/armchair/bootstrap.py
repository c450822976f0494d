"""The composition root: builds each room from the settings, joins them into one portal and runs it.

Order of the start: lock the home, load keys, open the store, build the portal, adopt or start the gateway, listen, then the
reconciler. The order of the end is the reverse; gateway and sessions go on without the portal (I12).
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI

from armchair.catalogue.loader import DirectoryCatalogue
from armchair.catalogue.requirements import program
from armchair.gateway.certificates import Authority
from armchair.gateway.haproxy import HaproxyGateway
from armchair.gateway.keys import Keys
from armchair.gateway.names import Names
from armchair.gateway.runtime_directory import prepare as prepare_runtime_directory
from armchair.gateway.tickets import Es256Tickets
from armchair.launchers import registry
from armchair.launchers.registry import LauncherRow
from armchair.sessions.agentscript import AgentScripts
from armchair.sessions.portal import Portal
from armchair.sessions.ports import Launcher
from armchair.sessions.reconcile import Reconciler
from armchair.sessions.tokens import Derived
from armchair.settings import Settings
from armchair.store.lock import HomeLock
from armchair.store.store import Store
from armchair.web.agents import create_agents
from armchair.web.app import create_web

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Where tests reach in: `on_commit` is called with a name around each commit, `launcher` wraps each launcher."""

    on_commit: Callable[[str], None]
    launcher: Callable[[Launcher], Launcher]


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A portal that listens: what the command that started it needs to go on."""

    portal: Portal
    store: Store
    gateway: HaproxyGateway
    names: Names
    launcher_rows: tuple[LauncherRow, ...]
    stopped: asyncio.Event


@asynccontextmanager
async def running(settings: Settings, home: Path, probes: Probes | None = None) -> AsyncIterator[Running]:
    """Run a portal on this home for as long as the context lasts.

    `probes` lets tests end the process around each commit and each order to a launcher.
    Raises Conflict("home_in_use"), BadSettings, Unavailable("port_in_use"), StorageFull.
    """
    async with contextlib.AsyncExitStack() as stack:
        clock = SystemClock()
        stack.enter_context(HomeLock(home, clock))
        keys = Keys.load_or_create(home)
        names = Names.of(settings.gateway, keys.instance)
        runtime = prepare_runtime_directory(settings.gateway, keys.instance)
        gateway = HaproxyGateway(settings=settings.gateway, names=names, keys=keys, home=home, runtime=runtime)
        store = await Store.open(home, clock, on_commit=probes.on_commit if probes else None)
        stack.push_async_callback(store.close)
        rows = registry.load(home, keys.instance, settings.launcher_settings())
        launchers = {row.name: row.launcher for row in rows if row.launcher is not None}
        if probes is not None:
            launchers = {name: probes.launcher(launcher) for name, launcher in launchers.items()}
        portal = _portal(settings, home, keys, gateway, store, launchers)
        stopped = asyncio.Event()
        started = await gateway.start()
        log.info("gateway.up", how=str(started), agents=gateway.agents_url)
        await stack.enter_async_context(_listening(create_web(portal), gateway.web_socket, stopped))
        await stack.enter_async_context(_listening(create_agents(portal), gateway.agents_socket, stopped))
        for work in (gateway.watch(), Reconciler(portal, settings.sessions.tick_seconds).run()):
            await stack.enter_async_context(_in_background(work, stopped))
        yield Running(portal=portal, store=store, gateway=gateway, names=names, launcher_rows=rows, stopped=stopped)
        log.info("portal.down")


def _portal(
    settings: Settings,
    home: Path,
    keys: Keys,
    gateway: HaproxyGateway,
    store: Store,
    launchers: Mapping[str, Launcher],
) -> Portal:
    names = Names.of(settings.gateway, keys.instance)
    authority = Authority(keys, names.apps_domain)
    return Portal(
        instance=keys.instance,
        clock=SystemClock(),
        store=store,
        accounts=store,
        catalogue=DirectoryCatalogue(settings.catalogue, home),
        launchers=launchers,
        tickets=Es256Tickets(keys),
        ca=authority,
        gateway=gateway,
        names=names,
        scripts=AgentScripts(agents_url=lambda: gateway.agents_url, agents_ca=authority.agents_ca()),
        derived=Derived(keys.portal_key, keys.instance),
        policy=settings.sessions.policy(),
        accounts_settings=settings.accounts,
        program=program(),
        submitting=asyncio.Semaphore(settings.sessions.launch_concurrency),
    )


class _CutOff(logging.Filter):
    """Streams that the portal's end cuts off are no errors: nobody who presses Ctrl-C wants to read their tracebacks."""

    def filter(self, record: logging.LogRecord) -> bool:
        cut = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
        return not cut and "timeout graceful shutdown exceeded" not in str(record.msg)


_CUT_OFF = _CutOff()


class _Server(uvicorn.Server):
    """Leaves signals to the composition root: two servers share one process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = asyncio.Event()
        logging.getLogger("uvicorn.error").addFilter(_CUT_OFF)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        # uvicorn's own asks ten times a second whether to end: half of what an idle portal would use
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._leaving.wait()

    def leave(self) -> None:
        """End `serve`."""
        self.should_exit = True
        self._leaving.set()


@asynccontextmanager
async def _listening(app: FastAPI, path: Path, stopped: asyncio.Event) -> AsyncIterator[None]:
    """Serve `app` on a unix socket that only this account can open."""
    listener = _bind(path)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=65536,
    )
    server = _Server(config)
    async with _in_background(server.serve(sockets=[listener]), stopped) as task:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has a flag, no event
            await asyncio.sleep(0.005)
        try:
            yield
        finally:
            server.leave()
            await asyncio.wait([task], timeout=3)


def _bind(path: Path) -> socket.socket:
    """A listening socket, mode 0600, put in place of an old one in one step: connections never find a gap."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    previous = os.umask(0o177)
    try:
        listener.bind(str(new))
    finally:
        os.umask(previous)
    listener.listen(1024)
    new.rename(path)
    return listener


@asynccontextmanager
async def _in_background(work: Awaitable[None], stopped: asyncio.Event) -> AsyncIterator[asyncio.Task[None]]:
    """Run `work` beside the context. If it ends by itself, that is an error that ends the portal."""

    async def watched() -> None:
        try:
            await work
        except Exception:  # the edge of a background task: say it and end, rather than limp on
            log.exception("portal.part_failed")
        finally:
            stopped.set()

    task = asyncio.create_task(watched())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=5)


async def serve(settings: Settings, home: Path, when_up: Callable[[Running], Awaitable[None]]) -> Running:
    """Run the portal until it is told to end by SIGINT or SIGTERM. `when_up` is called once it listens.

    Raises as `running`. Sessions and gateway go on afterwards.
    """
    async with running(settings, home) as portal:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, portal.stopped.set)
        await when_up(portal)
        await portal.stopped.wait()
        return portal
