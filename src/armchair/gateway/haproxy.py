"""The Gateway port on HAProxy: finds, adopts, starts, reloads, watches and ends it, and tells it whom to refuse."""

import asyncio
import resource
import secrets
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import structlog

from armchair.domain.errors import ArmchairError, Unavailable
from armchair.gateway import config, files, master, ports, process
from armchair.gateway.keys import Keys
from armchair.gateway.lists import IdList, check
from armchair.gateway.names import Address, Names, parse_address
from armchair.gateway.settings import GatewaySettings

START_TIME = 5.0
STOP_TIME = 5.0
WATCH_EVERY = 0.4
CHORES_EVERY = timedelta(minutes=1)
SLOWEST_RETRY = 30.0
TELL_TIME = 1.0
SETTLE_TIME = 1.0
_WORKER_GONE = "find the target"
_TABLE_LIFE = timedelta(hours=24)

log = structlog.get_logger()


class Started(StrEnum):
    """How `start` came by a running HAProxy."""

    ADOPTED = "adopted"
    RELOADED = "reloaded"
    STARTED = "started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What went through for one session since its row began: bytes both ways, and the time since anything did."""

    connections: int
    requests: int
    bytes_in: int
    bytes_out: int
    idle: timedelta


class HaproxyGateway:
    """One HAProxy for one home. Several objects (commands) may exist; the running HAProxy is the only state they share."""

    def __init__(self, *, settings: GatewaySettings, names: Names, keys: Keys, home: Path, runtime: Path) -> None:
        self._settings = settings
        self._names = names
        self._keys = keys
        self._runtime = runtime
        self._directory = home / "gateway"
        self._revoked = IdList(self._directory / "revoked.acl")
        self._stale = IdList(self._directory / "stale.acl")
        self._front = parse_address(settings.listen, "gateway.listen")
        self._agents: Address | None = None
        self._pid: int | None = None
        self._lock = asyncio.Lock()

    @property
    def web_socket(self) -> Path:
        """Where the web process listens for browsers' requests."""
        return self._runtime / "web.sock"

    @property
    def agents_socket(self) -> Path:
        """Where the web process listens for agents' requests."""
        return self._runtime / "agents.sock"

    @property
    def agents_url(self) -> str:
        """Where agents call home. Known after `start`."""
        if self._agents is None:
            raise Unavailable("gateway_silent")
        return f"https://{self._agents}"

    async def start(self) -> Started:
        """Have HAProxy run with the present configuration: adopt, reload or start it.

        Raises Unavailable("port_in_use", address=, by=), Unavailable("haproxy_failed", output=) and BadSettings.
        """
        async with self._lock:
            how = await self._start()
        log.info("gateway.started", how=how.value, listen=str(self._front), agents=str(self._agents))
        return how

    async def watch(self) -> None:
        """Never returns. Starts HAProxy again when it has died, renews its certificates, and bounds its log."""
        patience = WATCH_EVERY
        chores = datetime.now(UTC)
        while True:
            await asyncio.sleep(patience)
            patience = WATCH_EVERY
            try:
                if self._pid is None or not process.alive(self._pid):
                    log.warning("gateway.died")
                    await self.start()
                elif datetime.now(UTC) - chores > CHORES_EVERY:
                    chores = datetime.now(UTC)
                    process.bound_log(self._runtime)
                    if self._keys.refresh(chores):
                        await self.start()
            except (ArmchairError, OSError) as error:
                # told once for each attempt, and tried again: a full disk or a taken port may pass
                log.error("gateway.not_started", error=str(error))  # noqa: TRY400 - the traceback says nothing more
                patience = min(SLOWEST_RETRY, max(1.0, patience * 2))

    async def down(self) -> None:
        """End the master and every worker, with all open streams. Nothing running is no error."""
        async with self._lock:
            await self._end()

    async def revoke(self, entry: str, streams_to: Sequence[tuple[str, int]] = ()) -> None:
        """Refuse all tickets that carry this session, ticket id or login id, then cut the streams to these addresses."""
        async with self._lock:
            self._revoked.add(entry, datetime.now(UTC))
            await self._tell(self._revoked, entry)
            if streams_to:
                await self._cut(streams_to)
        log.info("gateway.revoked", streams_to=len(streams_to))

    async def renew(self, run: str) -> None:
        """Send tickets of this run to be renewed. Raises Unavailable as `revoke` does."""
        async with self._lock:
            self._stale.add(run, datetime.now(UTC))
            await self._tell(self._stale, run)

    async def traffic(self) -> dict[str, Traffic]:
        """What each session in use has moved, over all workers. Raises Unavailable."""
        rows: dict[str, Traffic] = {}
        for worker in await self._workers():
            for session, row in master.parse_table(await self._say(f"{worker} show table st_sess")).items():
                rows[session] = _sum(rows.get(session), row)
        return rows

    # --- starting --------------------------------------------------------------------------------------------------

    async def _start(self) -> Started:
        now = datetime.now(UTC)
        files.private_directory(self._directory)
        self._keys.refresh(now)
        for ids in (self._revoked, self._stale):
            ids.prepare(now)
        running = await self._settled()
        self._agents = self._agents_address(running=running is not None)
        text, fingerprint = self._rendered()
        if running is not None and running[1] == fingerprint:
            self._pid = running[0]
            return Started.ADOPTED
        program = await process.find_program(self._settings.haproxy, local=self._front.local and self._agents.local)
        if running is None:
            await self._end()
            ports.require_free(self._front)
            ports.require_free(self._agents)
        await self._put(program, text)
        before = process.log_size(self._runtime)
        if running is not None:
            self._pid = running[0]
            process.send(running[0], signal.SIGUSR2)
        else:
            self._pid = process.spawn(program, self._directory, self._runtime)
        if not await self._comes_up(fingerprint):
            raise Unavailable("haproxy_failed", output=process.log_tail(self._runtime, before))
        return Started.STARTED if running is None else Started.RELOADED

    def _rendered(self) -> tuple[str, str]:
        if self._agents is None:
            raise Unavailable("gateway_silent")
        facts = config.Facts(
            names=self._names,
            front=self._front,
            agents=self._agents,
            runtime=self._runtime,
            keys="../keys",
            networks=config.checked_networks(self._settings.networks),
            maxconn=config.connections(self._settings.maxconn, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        )
        # HAProxy reads these once, at its start
        read = ("ticket.pub", "sessions-ca.crt", "gateway-client.pem", "agents-server.pem")
        depends = {name: (self._keys.directory / name).read_bytes() for name in read}
        return config.render(facts, {**depends, "away.html": config.away_page()})

    async def _put(self, program: str, text: str) -> None:
        """Write the configuration where HAProxy reads it, once HAProxy has accepted it."""
        files.write(self._directory / "away.html", config.away_page())
        draft = self._directory / f"draft-{secrets.token_hex(4)}.cfg"
        try:
            files.write(draft, text.encode())
            await process.check(program, self._directory, draft.name)
            draft.replace(self._directory / "haproxy.cfg")
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
        deadline = asyncio.get_running_loop().time() + SETTLE_TIME
        while (running := await self._running()) is None and process.leftovers(self._runtime):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.05)
        return running

    async def _running(self) -> tuple[int, str] | None:
        """The master's process id and the fingerprint of what it runs; None when no HAProxy of ours answers."""
        socket = process.master_socket(self._runtime)
        try:
            found = await master.processes(socket)
            return found.master, await master.fingerprint(socket) if found.current else ""
        except Unavailable:
            return None

    def _agents_address(self, *, running: bool) -> Address:
        """Where agents call: as set, else the loopback port that was chosen at the first start."""
        if self._settings.agents_listen:
            return parse_address(self._settings.agents_listen, "gateway.agents_listen")
        kept = self._directory / "agents-port"
        with suppress(OSError, ValueError):
            address = Address(host="127.0.0.1", port=int(kept.read_text("ascii")))
            if running or address == self._agents or process.leftovers(self._runtime) or ports.is_free(address):
                return address
            # agents that call the old one stay unheard, but their sessions go on; refusing to start would end that too
            log.warning("gateway.agents_port_moved", address=str(address), by=ports.listener(address.port))
        while True:
            address = Address(host="127.0.0.1", port=secrets.choice(ports.KEPT_PORTS))
            if ports.is_free(address):
                files.write(kept, str(address.port).encode())
                return address

    async def _end(self) -> None:
        socket = process.master_socket(self._runtime)
        pids = set(process.leftovers(self._runtime))
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

    # --- talking ---------------------------------------------------------------------------------------------------

    async def _say(self, text: str) -> str:
        return await master.command(process.master_socket(self._runtime), text)

    async def _workers(self) -> list[str]:
        """How the master socket addresses each worker, old ones too."""
        found = await master.processes(process.master_socket(self._runtime))
        return [f"@!{pid}" for pid in found.workers]

    async def _tell(self, ids: IdList, entry: str) -> None:
        """Have every worker know the id. Repeated until each says that it does: a reload may drop an order half-way."""
        check(entry)
        deadline = asyncio.get_running_loop().time() + TELL_TIME
        while not await self._know(ids, entry):
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable("gateway_silent")
            await asyncio.sleep(0.05)

    async def _know(self, ids: IdList, entry: str) -> bool:
        try:
            for worker in await self._workers():
                await self._say(f"{worker} add acl {ids.name} {entry}")
                answer = await self._say(f"{worker} get acl {ids.name} {entry}")
                # an old worker may end at any moment, and then lets nobody in any more
                if "match=yes" not in answer and _WORKER_GONE not in answer:
                    return False
        except Unavailable:
            return False
        return True

    async def _cut(self, targets: Sequence[tuple[str, int]]) -> None:
        for worker in await self._workers():
            streams = master.parse_streams(await self._say(f"{worker} show sess all"), targets)
            await asyncio.gather(*(self._say(f"{worker} shutdown session {stream}") for stream in streams))


def _sum(known: Traffic | None, row: dict[str, int]) -> Traffic:
    idle = max(timedelta(0), _TABLE_LIFE - timedelta(milliseconds=row.get("exp", 0)))
    return Traffic(
        connections=row.get("conn_cur", 0) + (known.connections if known else 0),
        requests=row.get("http_req_cnt", 0) + (known.requests if known else 0),
        bytes_in=row.get("bytes_in_cnt", 0) + (known.bytes_in if known else 0),
        bytes_out=row.get("bytes_out_cnt", 0) + (known.bytes_out if known else 0),
        idle=min(idle, known.idle) if known else idle,
    )
