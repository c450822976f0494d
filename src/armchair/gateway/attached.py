"""The Gateway port on a HAProxy that another account runs: tells it whom to refuse, and neither starts nor ends it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from armchair.domain.errors import BadSettings, Unavailable
from armchair.gateway import files, master
from armchair.gateway.doorkeeper import Doorkeeper, Traffic
from armchair.gateway.frontcerts import read_report
from armchair.gateway.haproxy import LONGEST_TICKET, MARGIN, Started
from armchair.gateway.names import agents_address
from armchair.gateway.places import Places
from armchair.gateway.settings import GatewaySettings
from armchair.sessions.ports import Notice

WATCH_EVERY = 5.0

log = structlog.get_logger()


class AttachedGateway:
    """What `HaproxyGateway` is, for a web process that may only talk to the gateway."""

    def __init__(
        self, *, settings: GatewaySettings, home: Path, runtime: Path, ticket_life: timedelta = LONGEST_TICKET
    ) -> None:
        self._places = Places.of(settings, home, runtime)
        self._door = Doorkeeper(
            socket=self._places.master_socket,
            lists=self._places.lists,
            reference=self._places.lists_reference,
            keep=ticket_life + MARGIN,
        )
        address = agents_address(settings)
        if address is None:
            problem = "a gateway of another account needs a fixed address for agents"
            raise BadSettings("bad_settings", key="gateway.agents_listen", origin="", problem=problem)
        self._agents_url = f"https://{address}"

    @property
    def web_socket(self) -> Path:
        return self._places.web_socket

    @property
    def agents_socket(self) -> Path:
        return self._places.agents_socket

    @property
    def agents_url(self) -> str:
        """Where agents call home."""
        return self._agents_url

    async def start(self) -> Started:
        """Make the lists that the gateway reads. It may come up later than the portal: the watch tells when it is there."""
        files.shared_directory(self._places.lists, self._places.group)
        self._door.prepare()
        if not await self._answers():
            log.warning("gateway.not_there", socket=str(self._places.master_socket))
        return Started.ATTACHED

    async def watch(self) -> None:
        """Never returns. Says when the gateway goes and comes."""
        there = True
        while True:
            await asyncio.sleep(WATCH_EVERY)
            now = await self._answers()
            if now != there:
                log.warning("gateway.there" if now else "gateway.gone", socket=str(self._places.master_socket))
            there = now

    async def down(self) -> None:
        """Nothing: its own service ends it."""

    async def revoke(self, entry: str, streams_to: Sequence[tuple[str, int]] = ()) -> None:
        await self._door.revoke(entry, streams_to)

    async def renew(self, run: str) -> None:
        await self._door.renew(run)

    async def traffic(self) -> dict[str, Traffic]:
        return await self._door.traffic()

    async def notices(self) -> Sequence[Notice]:
        """What the gateway's own process has left word of."""
        found = read_report(self._places.report, datetime.now(UTC))
        return found if await self._answers() else [Notice(code="gateway_silent", params={}), *found]

    async def _answers(self) -> bool:
        try:
            await master.processes(self._places.master_socket)
        except Unavailable:
            return False
        return True
