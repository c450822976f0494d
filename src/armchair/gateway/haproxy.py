"""The Gateway port on HAProxy: finds, adopts, starts, reloads, watches and ends it, and tells it whom to refuse."""

import asyncio
import resource
import secrets
import signal
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import structlog

from armchair.domain.errors import ArmchairError, Unavailable
from armchair.gateway import config, files, master, ports, process
from armchair.gateway.doorkeeper import Doorkeeper, Traffic
from armchair.gateway.frontcerts import FrontCertificates
from armchair.gateway.keyfiles import Holder, files_of
from armchair.gateway.keys import Keys, PublicKeys
from armchair.gateway.names import Address, Names, agents_address, parse_address
from armchair.gateway.places import Places
from armchair.gateway.settings import GatewaySettings
from armchair.sessions.ports import Notice

START_TIME = 5.0
STOP_TIME = 5.0
WATCH_EVERY = 0.4
LOOK_EVERY = 2.0
CHORES_EVERY = 60.0
SLOWEST_RETRY = 30.0
SETTLE_TIME = 1.0
# the most that accounts.login_lifetime allows
LONGEST_TICKET = timedelta(days=365)
MARGIN = timedelta(days=2)

log = structlog.get_logger()


class Started(StrEnum):
    """How `start` came by a running HAProxy."""

    ADOPTED = "adopted"
    RELOADED = "reloaded"
    STARTED = "started"
    ATTACHED = "attached"


class HaproxyGateway:
    """One HAProxy for one home. Several objects (commands) may exist; the running HAProxy is the only state they share."""

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        names: Names,
        keys: Keys | PublicKeys,
        home: Path,
        runtime: Path,
        ticket_life: timedelta = LONGEST_TICKET,
    ) -> None:
        self._settings = settings
        self._names = names
        self._keys = keys
        self._places = Places.of(settings, home, runtime)
        self._ticket_life = ticket_life
        self._certificates = FrontCertificates(settings, names, self._places.directory)
        self._front = config.Front.of(settings, names, self._certificates.files)
        self._public = agents_address(settings)
        self._agents: Address | None = None
        self._pid: int | None = None
        self._seen: tuple[object, ...] = ()
        self._door = Doorkeeper(
            socket=self._places.master_socket,
            lists=self._places.lists,
            reference=self._places.lists_reference,
            keep=ticket_life + MARGIN,
        )

    @property
    def web_socket(self) -> Path:
        """Where the web process listens for browsers' requests."""
        return self._places.web_socket

    @property
    def agents_socket(self) -> Path:
        """Where the web process listens for agents' requests."""
        return self._places.agents_socket

    @property
    def agents_url(self) -> str:
        """Where agents call home. Known after `start`."""
        if self._agents is None:
            raise Unavailable("gateway_silent")
        return f"https://{self._public or self._agents}"

    async def start(self) -> Started:
        """Have HAProxy run with the present configuration: adopt, reload or start it.

        Raises Unavailable("port_in_use", address=, by=), Unavailable("haproxy_failed", output=) and BadSettings.
        """
        async with self._door.lock:
            how = await self._start()
        log.info("gateway.started", how=how.value, listen=str(self._front.listen), agents=str(self._agents))
        return how

    async def watch(self) -> None:
        """Never returns. Starts HAProxy again when it has died, follows changed keys and certificates, and bounds its log."""
        patience = WATCH_EVERY
        looked = chores = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(patience)
            patience = WATCH_EVERY
            now = asyncio.get_running_loop().time()
            try:
                if self._pid is None or not process.alive(self._pid):
                    log.warning("gateway.died")
                    await self.start()
                elif now - looked > LOOK_EVERY:
                    looked = now
                    await self._follow()
                if now - chores > CHORES_EVERY:
                    chores = now
                    process.bound_log(self._places.runtime)
                    if self._keys.refresh(datetime.now(UTC)):
                        await self.start()
            except (ArmchairError, OSError) as error:
                # told once for each attempt, and tried again: a full disk or a taken port may pass
                log.error("gateway.not_started", error=str(error))  # noqa: TRY400 - the traceback says nothing more
                patience = min(SLOWEST_RETRY, max(1.0, patience * 2))

    async def down(self) -> None:
        """End the master and every worker, with all open streams. Nothing running is no error."""
        async with self._door.lock:
            await self._end()

    async def revoke(self, entry: str, streams_to: Sequence[tuple[str, int]] = ()) -> None:
        """Refuse all tickets that carry this session, ticket id or login id, then cut the streams to these addresses."""
        await self._door.revoke(entry, streams_to)

    async def renew(self, run: str) -> None:
        """Send tickets of this run to be renewed. Raises Unavailable as `revoke` does."""
        await self._door.renew(run)

    async def traffic(self) -> dict[str, Traffic]:
        """What each session in use has moved, over all workers. Raises Unavailable."""
        return await self._door.traffic()

    async def notices(self) -> Sequence[Notice]:
        """What an administrator should know: a certificate that was not taken over, or that ends soon."""
        return self._certificates.notices(datetime.now(UTC))

    # --- starting --------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Take over keys and certificates that were changed since the last look."""
        if self._stamps() != self._seen:
            await self.start()
        # the next ticket key signs only now that the gateway knows it
        if self._keys.advance(datetime.now(UTC) + self._ticket_life):
            log.info("gateway.ticket_key_switched")

    def _stamps(self) -> tuple[object, ...]:
        keys = tuple(files.stamp(self._places.keys / file.name) for file in files_of(Holder.GATEWAY))
        return (keys, self._certificates.stamp())

    async def _start(self) -> Started:
        self._prepare()
        running = await self._settled()
        self._agents = self._agents_address(running=running is not None)
        text, fingerprint = self._rendered()
        same = running is not None and running[1] == fingerprint
        if running is not None and same and await self._certificates.hand_over(self._door.say):
            self._pid = running[0]
            return Started.ADOPTED
        program = await process.find_program(self._settings.haproxy, local=self._is_personal())
        if running is None:
            await self._end()
            for address in (self._front.listen, self._front.redirect_from, self._agents):
                if address is not None:
                    ports.require_free(address)
        await self._put(program, text)
        before = process.log_size(self._places.runtime)
        if running is not None:
            self._pid = running[0]
            process.send(running[0], signal.SIGUSR2)
        else:
            self._pid = process.spawn(program, self._places.directory, self._places.runtime, self._settings.group)
        if not await self._comes_up(fingerprint):
            raise Unavailable("haproxy_failed", output=process.log_tail(self._places.runtime, before))
        return Started.STARTED if running is None else Started.RELOADED

    def _is_personal(self) -> bool:
        """Whether browsers come only from this machine, to a portal of one person; nodes may call it from outside."""
        inside = self._agents is not None and self._agents.local
        return self._front.listen.local and (inside or not self._settings.public_origin)

    def _prepare(self) -> None:
        """Have all files in place that the configuration names."""
        now = datetime.now(UTC)
        self._seen = self._stamps()
        if self._places.separate:
            self._places.require_lists()
            # its mode is set-up's business: whoever signs may have to reach the keys in it
            self._places.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            files.shared_directory(self._places.lists, self._places.group)
            self._door.prepare()
        self._keys.refresh(now)
        self._certificates.take_over(now)
        self._front = config.Front.of(self._settings, self._names, self._certificates.files)
        if self._places.separate:
            files.write(self._places.report, self._certificates.report(), mode=0o640)

    def _rendered(self) -> tuple[str, str]:
        if self._agents is None:
            raise Unavailable("gateway_silent")
        facts = config.Facts(
            names=self._names,
            front=self._front,
            agents=self._agents,
            runtime=self._places.runtime,
            keys=self._places.keys_reference,
            ticket_keys=self._keys.tickets.accepted(),
            lists=self._places.lists_reference,
            group=self._settings.group,
            networks=config.checked_networks(self._settings.networks),
            maxconn=config.connections(self._settings.maxconn, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        )
        # HAProxy reads these once, at its start; the front's certificates it can be given while it runs
        read = [self._places.keys / file.name for file in files_of(Holder.GATEWAY)]
        depends = {path.name: path.read_bytes() for path in read if path.exists()}
        return config.render(facts, {**depends, "away.html": config.away_page()})

    async def _put(self, program: str, text: str) -> None:
        """Write the configuration where HAProxy reads it, once HAProxy has accepted it."""
        directory = self._places.directory
        files.write(directory / "away.html", config.away_page())
        draft = directory / f"draft-{secrets.token_hex(4)}.cfg"
        try:
            files.write(draft, text.encode())
            await process.check(program, directory, draft.name)
            draft.replace(directory / "haproxy.cfg")
        finally:
            draft.unlink(missing_ok=True)

    async def _comes_up(self, fingerprint: str) -> bool:
        deadline = asyncio.get_running_loop().time() + START_TIME
        while asyncio.get_running_loop().time() < deadline:
            running = await self._running()
            if running is not None and running[1] == fingerprint:
                return True
            if self._pid is None or not process.alive(self._pid):
                return False
            await asyncio.sleep(0.03)
        return False

    async def _settled(self) -> tuple[int, str] | None:
        """As `_running`, but gives a HAProxy that is just loading or ending the time to do so."""
        if not process.leftovers(self._places.runtime):
            return None  # a socket without a process is asked for a while in vain
        deadline = asyncio.get_running_loop().time() + SETTLE_TIME
        while (running := await self._running()) is None and process.leftovers(self._places.runtime):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.05)
        return running

    async def _running(self) -> tuple[int, str] | None:
        """The master's process id and the fingerprint of what it runs; None when no HAProxy of ours answers."""
        socket = self._places.master_socket
        try:
            found = await master.processes(socket)
            return found.master, await master.fingerprint(socket) if found.current else ""
        except Unavailable:
            return None

    def _agents_address(self, *, running: bool) -> Address:
        """Where agents call: as set, else the loopback port that was chosen at the first start."""
        if self._settings.agents_listen:
            return parse_address(self._settings.agents_listen, "gateway.agents_listen")
        kept = self._places.directory / "agents-port"
        with suppress(OSError, ValueError):
            address = Address(host="127.0.0.1", port=int(kept.read_text("ascii")))
            if running or address == self._agents or process.leftovers(self._places.runtime) or ports.is_free(address):
                return address
            # agents that call the old one stay unheard, but their sessions go on; refusing to start would end that too
            log.warning("gateway.agents_port_moved", address=str(address), by=ports.listener(address.port))
        while True:
            address = Address(host="127.0.0.1", port=secrets.choice(ports.KEPT_PORTS))
            if ports.is_free(address):
                files.write(kept, str(address.port).encode())
                return address

    async def _end(self) -> None:
        socket = self._places.master_socket
        pids = set(process.leftovers(self._places.runtime))
        if not pids:
            self._pid = None
            return
        with suppress(Unavailable):
            found = await master.processes(socket)
            pids |= {found.master, *found.workers}
        for pid in pids:
            process.send(pid, signal.SIGTERM)
        if not await process.until(lambda: not any(map(process.alive, pids)), STOP_TIME):
            for pid in pids:
                process.send(pid, signal.SIGKILL)
            await process.until(lambda: not any(map(process.alive, pids)), STOP_TIME)
        self._pid = None
