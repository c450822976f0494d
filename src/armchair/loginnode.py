"""The composition root of a portal on a login node: how it and the compute nodes reach each other, where nobody has said so.

Whoever tries Armchair on a cluster should not have to know its networks. The controller knows the nodes' addresses; the kernel
knows from which of this machine's addresses it goes there.
"""

import ipaddress
import json
import secrets
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from armchair.domain.errors import BadSettings, SchedulerSilent
from armchair.gateway.names import Address, parse_address
from armchair.gateway.ports import KEPT_PORTS, is_free
from armchair.gateway.settings import GatewaySettings
from armchair.launchers.slurm.door import DirectDoor
from armchair.launchers.slurm.nodes import NodeAddresses
from armchair.launchers.slurm.queries import Queries
from armchair.launchers.slurm.settings import Reach, SlurmSettings
from armchair.settings import Settings

log = structlog.get_logger()

FILE = "login-node.json"
_DISCARD = 9  # a port for the question which address would be used: nothing is sent
_PATIENCE = timedelta(seconds=12)  # a dead controller is given up by the commands after 9
_WIDTHS = {4: 24, 6: 64}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """`agents` is where nodes reach this portal (ADDRESS:PORT), `networks` where the nodes are."""

    agents: str
    networks: tuple[str, ...]


async def fitted(settings: Settings, home: Path) -> Settings:
    """The settings with `gateway.agents_listen` and `gateway.networks` for the nodes of the clusters, as far as they are unset.

    What was found is kept in `<home>/login-node.json`, because running jobs call that address. Raises BadSettings when the
    nodes can't be asked for and nothing is kept.
    """
    clusters = list(_clusters(settings))
    gateway, plain = settings.gateway, GatewaySettings()
    unset = gateway.agents_listen == plain.agents_listen or gateway.networks == plain.networks
    if not clusters or not unset or not gateway.managed or settings.site.helper:
        return settings
    kept = _kept(home / FILE)
    nodes = await _node_addresses(clusters)
    if not nodes and kept is None:
        raise _unknown(clusters)
    agents = _agents(kept, nodes)
    around = Surroundings(agents=agents, networks=_networks(nodes) or (kept.networks if kept else ()))
    if around != kept:
        _keep(home / FILE, around)
        log.info("login_node.fitted", agents=around.agents, networks=" ".join(around.networks))
    changes: dict[str, object] = {}
    if gateway.agents_listen == plain.agents_listen:
        changes["agents_listen"] = around.agents
    if gateway.networks == plain.networks:
        changes["networks"] = (*plain.networks, *around.networks)
    return settings.model_copy(update={"gateway": gateway.model_copy(update=changes)})


def _clusters(settings: Settings) -> Iterable[SlurmSettings]:
    for launcher, values in settings.cluster_launchers().values():
        if launcher == "slurm" and (cluster := SlurmSettings.model_validate(values)).reach is Reach.DIRECT:
            yield cluster


async def _node_addresses(clusters: Sequence[SlurmSettings]) -> list[str]:
    """The addresses of all nodes, as far as the controllers answer."""
    found: list[str] = []
    for cluster in clusters:
        door = DirectDoor(bin_directory=cluster.bin_directory, slurm_conf=cluster.slurm_conf)
        patience = min(cluster.query_timeout, _PATIENCE)
        queries = Queries(door, name=cluster.cluster or "slurm", cluster=cluster.cluster, timeout=patience)
        try:
            nodes = await queries.node_addresses(())
        except SchedulerSilent as silence:
            log.warning("login_node.no_answer", reason=silence.params.get("reason"))
            continue
        found += (await NodeAddresses(queries, cluster.node_address).of(nodes)).values()
    return found


def _networks(nodes: Iterable[str]) -> tuple[str, ...]:
    """The networks around these addresses: nodes that are added later are mostly their neighbours."""
    around = (ipaddress.ip_interface(f"{node}/{_WIDTHS[ipaddress.ip_address(node).version]}").network for node in nodes)
    return tuple(str(network) for network in sorted(set(around), key=str))


def _agents(kept: Surroundings | None, nodes: Sequence[str]) -> str:
    """Where nodes call: as before while that address is this machine's, else at the one that leads to them."""
    if kept is not None and _is_ours(parse_address(kept.agents, "gateway.agents_listen").host):
        return kept.agents
    host = next((address for node in nodes if (address := _towards(node))), "")
    if not host:
        problem = "This machine has no address from which it reaches the cluster's nodes. Set it by hand."
        raise BadSettings("bad_settings", key="gateway.agents_listen", origin="", problem=problem)
    while not is_free(place := Address(host=host, port=secrets.choice(KEPT_PORTS))):
        log.info("login_node.port_taken", address=str(place))
    return str(place)


def _towards(node: str) -> str:
    """The address of this machine on the way to the node; "" when there is no way."""
    family = socket.AF_INET6 if ":" in node else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((node, _DISCARD))
        return str(probe.getsockname()[0])
    return ""


def _is_ours(host: str) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return True
    return False


def _keep(path: Path, around: Surroundings) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"agents": around.agents, "networks": around.networks}, indent=1) + "\n")
    new.replace(path)


def _kept(path: Path) -> Surroundings | None:
    try:
        data: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
        networks = tuple(str(ipaddress.ip_network(network)) for network in data["networks"])
        return Surroundings(agents=str(parse_address(data["agents"], FILE)), networks=networks)
    except (OSError, ValueError, TypeError, KeyError, BadSettings):
        return None


def _unknown(clusters: Sequence[SlurmSettings]) -> BadSettings:
    conf = clusters[0].slurm_conf
    problem = (
        "Slurm did not say where its nodes are, so neither the address for their agents nor their networks are known. "
        f"Try `sinfo`{f' with SLURM_CONF={conf}' if conf else ''} on this machine; or set gateway.agents_listen and "
        "gateway.networks."
    )
    return BadSettings("bad_settings", key="gateway.agents_listen", origin="", problem=problem)
