"""Whom a running HAProxy refuses, told through its master socket and kept in two files that it reads at each start."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from armchair.domain.errors import Unavailable
from armchair.gateway import master
from armchair.gateway.lists import IdList, check

TELL_TIME = 1.0
KEPT_AT_LEAST = timedelta(days=62)
REVOKED, STALE = "revoked.acl", "stale.acl"
_WORKER_GONE = "find the target"
_TABLE_LIFE = timedelta(hours=24)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What went through for one session since its row began: bytes both ways, and the time since anything did."""

    connections: int
    requests: int
    bytes_in: int
    bytes_out: int
    idle: timedelta


class Doorkeeper:
    """Refuses tickets and cuts streams. Several objects may exist; files and HAProxy are the only state they share.

    `lists` is the directory of the two files; `reference` is how the configuration names that directory ("" for its own).
    """

    def __init__(self, *, socket: Path, lists: Path, reference: str, keep: timedelta) -> None:
        self._socket = socket
        self._reference = reference
        # also when tickets were longer-lived until lately
        keep = max(keep, KEPT_AT_LEAST)
        self.revoked = IdList(lists / REVOKED, keep)
        self.stale = IdList(lists / STALE, keep)
        self.lock = asyncio.Lock()

    async def revoke(self, entry: str, streams_to: Sequence[tuple[str, int]] = ()) -> None:
        """Refuse all tickets that carry this session, ticket id or login id, then cut the streams to these addresses."""
        async with self.lock:
            self.revoked.add(entry, datetime.now(UTC))
            try:
                await self._tell(self.revoked, entry)
            finally:  # a worker that does not confirm in time is no reason to leave what is open with the others
                await self._cut(streams_to)
        log.info("gateway.revoked", streams_to=len(streams_to))

    async def renew(self, run: str) -> None:
        """Send tickets of this run to be renewed. Raises Unavailable as `revoke` does."""
        async with self.lock:
            self.stale.add(run, datetime.now(UTC))
            await self._tell(self.stale, run)

    async def traffic(self) -> dict[str, Traffic]:
        """What each session in use has moved, over all workers. Raises Unavailable."""
        rows: dict[str, Traffic] = {}
        for worker in await self._workers():
            for session, row in master.parse_table(await self.say(f"{worker} show table st_sess")).items():
                rows[session] = _sum(rows.get(session), row)
        return rows

    async def say(self, text: str) -> str:
        """The answer to one line on the master socket. Raises Unavailable("gateway_silent")."""
        return await master.command(self._socket, text)

    def prepare(self) -> None:
        """Have both files, without what no ticket can carry any more."""
        now = datetime.now(UTC)
        for ids in (self.revoked, self.stale):
            ids.prepare(now)

    async def _workers(self) -> list[str]:
        """How the master socket addresses each worker, old ones too."""
        found = await master.processes(self._socket)
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
        name = self._reference + ids.path.name
        try:
            for worker in await self._workers():
                await self.say(f"{worker} add acl {name} {entry}")
                answer = await self.say(f"{worker} get acl {name} {entry}")
                # an old worker may end at any moment, and then lets nobody in any more
                if "match=yes" not in answer and _WORKER_GONE not in answer:
                    return False
        except Unavailable:
            return False
        return True

    async def _cut(self, targets: Sequence[tuple[str, int]]) -> None:
        for worker in await self._workers() if targets else ():
            streams = master.parse_streams(await self.say(f"{worker} show sess all"), targets)
            await asyncio.gather(*(self.say(f"{worker} shutdown session {stream}") for stream in streams))


def _sum(known: Traffic | None, row: dict[str, int]) -> Traffic:
    idle = max(timedelta(0), _TABLE_LIFE - timedelta(milliseconds=row.get("exp", 0)))
    return Traffic(
        connections=row.get("conn_cur", 0) + (known.connections if known else 0),
        requests=row.get("http_req_cnt", 0) + (known.requests if known else 0),
        bytes_in=row.get("bytes_in_cnt", 0) + (known.bytes_in if known else 0),
        bytes_out=row.get("bytes_out_cnt", 0) + (known.bytes_out if known else 0),
        idle=min(idle, known.idle) if known else idle,
    )
