"""The address at which the gateway reaches a node: from the scheduler and the configuration, never from a job (I8)."""

import asyncio
import ipaddress
import re
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from armchair.domain.errors import SchedulerSilent
from armchair.launchers.slurm.queries import Queries

log = structlog.get_logger()

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)
_KEEP, _AGAIN = 600.0, 10.0
_RESOLVE = 5.0
_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    address: str | None
    until: float


class NodeAddresses:
    """Finds and keeps addresses. `pattern` makes a host name of `{node}` or `{address}` (the scheduler's own NodeAddr)."""

    def __init__(self, queries: Queries, pattern: str) -> None:
        self._queries = queries
        self._pattern = pattern
        self._known: dict[str, _Known] = {}

    async def of(self, nodes: Iterable[str]) -> Mapping[str, str]:
        """The addresses of these nodes, as far as they can be found; nobody waits long for a name server."""
        now = time.monotonic()
        wanted = {node for node in nodes if _NAME.fullmatch(node)}
        missing = [node for node in sorted(wanted) if node not in self._known or self._known[node].until <= now]
        for begin in range(0, len(missing), _AT_ONCE):
            await self._find(missing[begin : begin + _AT_ONCE])
        return {node: known.address for node in wanted if (known := self._known.get(node)) and known.address is not None}

    async def _find(self, nodes: list[str]) -> None:
        hosts = await self._hosts(nodes)
        found = await asyncio.gather(*(_resolve(hosts[node]) if node in hosts else _nothing() for node in nodes))
        now = time.monotonic()
        for node, address in zip(nodes, found, strict=True):
            if address is None:
                log.warning("slurm.node_without_address", node=node, host=hosts.get(node, ""))
                old = self._known.get(node)
                self._known[node] = _Known(address=old.address if old else None, until=now + _AGAIN)
            else:
                self._known[node] = _Known(address=address, until=now + _KEEP)

    async def _hosts(self, nodes: list[str]) -> dict[str, str]:
        """The host name or address of each node, by the pattern."""
        addresses: Mapping[str, str] = {}
        if "{address}" in self._pattern:
            try:
                addresses = await self._queries.node_addresses(nodes)
            except SchedulerSilent:
                return {}
        return {
            node: self._pattern.replace("{node}", node).replace("{address}", addresses.get(node, ""))
            for node in nodes
            if "{address}" not in self._pattern or addresses.get(node)
        }


async def _nothing() -> None:
    return None


async def _resolve(host: str) -> str | None:
    """The first address of a host name, those of IPv4 first; None when it has none or the name server is slow."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        async with asyncio.timeout(_RESOLVE):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return None
    addresses = sorted((family != socket.AF_INET, str(address[0])) for family, _, _, _, address in found)
    return addresses[0][1] if addresses else None
