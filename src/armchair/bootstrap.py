"""The composition root: builds each room from the settings, joins them into one portal and runs it.

Order of the start: lock the home, load keys, open the store, build the portal, adopt or start the gateway, listen, then the
reconciler. The order of the end is the reverse; gateway and sessions go on without the portal (I12).
"""

import asyncio
import contextlib
import functools
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

from armchair.accounts.rollcall import RollCall
from armchair.catalogue.loader import DirectoryCatalogue
from armchair.catalogue.requirements import program
from armchair.domain.telling import Channel
from armchair.gatehouse import make_gateway
from armchair.gateway.attached import AttachedGateway
from armchair.gateway.haproxy import HaproxyGateway
from armchair.gateway.names import Names
from armchair.gateway.places import group_id
from armchair.launchers import registry
from armchair.launchers.registry import LauncherRow
from armchair.loginnode import fitted
from armchair.meetinghouse import make_hub, networks, routes
from armchair.notify.mail import Mail
from armchair.notify.webhook import Webhook
from armchair.sessions import announcements
from armchair.sessions.agentscript import AgentScripts
from armchair.sessions.join import leave_if_possible
from armchair.sessions.launcherports import Closing, Launcher, Paced, Scheduler
from armchair.sessions.letters import Notifier
from armchair.sessions.portal import Portal
from armchair.sessions.reconcile import Reconciler
from armchair.sessions.telling import Postman
from armchair.sessions.tokens import Derived
from armchair.settings import Settings
from armchair.site import OwnKeys, Site, signing
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
    gateway: HaproxyGateway | AttachedGateway
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
        settings = await fitted(settings, home)
        signs = signing(settings, home)
        keys = signs.keys
        names = Names.of(settings.gateway, keys.instance)
        gateway = make_gateway(settings, home, keys)
        store = await Store.open(home, clock, on_commit=probes.on_commit if probes else None)
        stack.push_async_callback(store.close)
        rows = registry.load(home, keys.instance, settings.cluster_launchers(), signs.door)
        launchers = {row.name: row.launcher for row in rows if row.launcher is not None}
        paces = {name: launcher.pace for name, launcher in launchers.items() if isinstance(launcher, Paced)}
        if probes is not None:
            launchers = {name: probes.launcher(launcher) for name, launcher in launchers.items()}
        portal = _portal(settings, home, signs, gateway, store, launchers)
        portal.paces = paces
        _listen(portal)
        for launcher in launchers.values():
            if isinstance(launcher, Closing):
                stack.push_async_callback(launcher.close)
        _notify(settings, portal)
        portal.launcher_problems = {row.name: row.problem for row in rows if row.launcher is None}
        logging.getLogger().addHandler(portal.troubles)
        stack.callback(logging.getLogger().removeHandler, portal.troubles)
        await announcements.read(portal)
        stopped = asyncio.Event()
        group = group_id(settings.gateway.group, "gateway.group")
        started = await gateway.start()
        log.info("gateway.up", how=str(started), agents=gateway.agents_url)
        hub = make_hub(settings, home, keys)
        if hub is not None:
            log.info("hub.up", how=await hub.start())
            await stack.enter_async_context(_in_background(hub.watch(), stopped))
        await stack.enter_async_context(_listening(create_web(portal), gateway.web_socket, stopped, group))
        await stack.enter_async_context(_listening(create_agents(portal), gateway.agents_socket, stopped, group))
        if signs.standing is not None:
            asking = RollCall(store, clock, signs.standing, functools.partial(leave_if_possible, portal))
            await stack.enter_async_context(_in_background(asking.run(settings.site.ask_again), stopped))
        for work in (gateway.watch(), Reconciler(portal, settings.sessions.tick_seconds).run(), Postman(portal).run()):
            await stack.enter_async_context(_in_background(work, stopped))
        yield Running(portal=portal, store=store, gateway=gateway, names=names, launcher_rows=rows, stopped=stopped)
        log.info("portal.down")


def _portal(
    settings: Settings,
    home: Path,
    signs: Site | OwnKeys,
    gateway: HaproxyGateway | AttachedGateway,
    store: Store,
    launchers: Mapping[str, Launcher],
) -> Portal:
    instance = signs.keys.instance
    return Portal(
        instance=instance,
        clock=SystemClock(),
        store=store,
        accounts=store,
        catalogue=DirectoryCatalogue(
            settings.catalogue,
            home,
            same_account=isinstance(signs, OwnKeys),
            here=frozenset(name for name, launcher in launchers.items() if not isinstance(launcher, Scheduler)),
        ),
        launchers=launchers,
        tickets=signs.tickets,
        ca=signs.authority,
        mandates=signs.mandates,
        passwords=signs.passwords,
        gateway=gateway,
        names=Names.of(settings.gateway, instance),
        scripts=AgentScripts(
            agents_url=lambda: gateway.agents_url, agents_ca=signs.authority.agents_ca(), networks=networks(settings)
        ),
        routes=routes(settings),
        derived=Derived(signs.portal_key, instance),
        policy=settings.sessions.policy(),
        accounts_settings=settings.accounts,
        program=program(),
        submitting=asyncio.Semaphore(settings.sessions.launch_concurrency),
    )


def _notify(settings: Settings, portal: Portal) -> None:
    """The ways that letters can take on this portal."""
    mail, webhook = settings.notices.mail, settings.notices.webhook
    ways: dict[Channel, Notifier] = {}
    if mail.server:
        ways[Channel.MAIL] = Mail(mail, portal.instance, portal.site_name)
        portal.always = {Channel.MAIL: frozenset(mail.always)}
    if webhook.enabled:
        ways[Channel.WEBHOOK] = Webhook(webhook, portal.derived.webhook_secret)
    portal.notifiers = ways


def _listen(portal: Portal) -> None:
    """Pages that wait for a cluster's answer hear of it."""
    for name in portal.launchers:
        scheduler = portal.scheduler(name)
        if scheduler is not None:
            scheduler.watch(functools.partial(portal.changes.cluster, name))


class _CutOff(logging.Filter):
    """Streams that the portal's end cuts off are no errors: nobody who presses Ctrl-C wants to read their tracebacks."""

    def filter(self, record: logging.LogRecord) -> bool:
        cut = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
        return not cut and "timeout graceful shutdown exceeded" not in str(record.msg)


_CUT_OFF = _CutOff()


# Seconds that a connection of HAProxy's may be idle. HAProxy keeps it for as long as its own client's (`timeout
# http-keep-alive`) and must be the one to close it: where we do, it may just be sending the next request, which is then lost.
KEPT_OPEN = 120


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
async def _listening(app: FastAPI, path: Path, stopped: asyncio.Event, group: int | None) -> AsyncIterator[None]:
    """Serve `app` on a unix socket that only this account, and the group when there is one, can open."""
    listener = bind(path, group)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEPT_OPEN,
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


def bind(path: Path, group: int | None) -> socket.socket:
    """A listening socket (mode 0600, with a group 0660) that takes an old one's place in one step: nobody finds a gap."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    previous = os.umask(0o177)
    try:
        listener.bind(str(new))
    finally:
        os.umask(previous)
    if group is not None:
        os.chown(new, -1, group)
        new.chmod(0o660)
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
