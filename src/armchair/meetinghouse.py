"""The composition root of how agents and gateway meet: the networks of each cluster, and the hub where agents connect out."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from armchair import gatehouse
from armchair.gateway.hub import address
from armchair.gateway.hub.keeper import HubKeeper
from armchair.gateway.hub.places import Places, public
from armchair.gateway.hub.service import run as run_hub
from armchair.gateway.keys import Keys, PublicKeys
from armchair.gateway.runtime_directory import prepare
from armchair.launchers.slurm.settings import Reach, SlurmSettings
from armchair.sessions.agentscript import AgentNetwork
from armchair.sessions.ports import Route
from armchair.settings import Settings


def networks(settings: Settings) -> Mapping[str, AgentNetwork]:
    """How agents and portal reach each other, for each cluster that is not this machine. Raises BadSettings."""
    return {name: _network(settings, cluster) for name, cluster in _clusters(settings)}


def routes(settings: Settings) -> Mapping[str, Route]:
    """Where the gateway finds the runs of each cluster that is reached by way of the hub."""
    return {name: partial(_on_hub, settings.hub.port) for name, cluster in _clusters(settings) if cluster.reach is Reach.HUB}


def make_hub(settings: Settings, home: Path, keys: Keys | PublicKeys) -> HubKeeper | None:
    """The hub, for a portal that runs its gateway itself; None: there is none, or a service runs it. Raises BadSettings."""
    if not settings.hub.listen or not settings.gateway.managed:
        return None
    return HubKeeper(_places(settings, home, keys.instance))


async def run(settings: Settings, home: Path) -> None:
    """Run the hub in the foreground, for a service of the gateway's account. Raises BadSettings, Unavailable."""
    keys = gatehouse.gateway_keys(settings, home)
    await run_hub(_places(settings, home, keys.instance))


async def end(settings: Settings, home: Path) -> None:
    """End the hub of this home. Nothing happens when it does not run, or a service runs it."""
    if (home / "keys").is_dir() and settings.gateway.managed and settings.hub.listen:
        hub = make_hub(settings, home, gatehouse.load_keys(settings, home))
        if hub is not None:
            await hub.down()


def _places(settings: Settings, home: Path, instance: str) -> Places:
    own = settings.gateway.keys_directory
    keys = Path(own).absolute() if own else home / "keys"
    return Places.of(settings.hub, settings.gateway, keys, prepare(settings.gateway, instance))


def _clusters(settings: Settings) -> Iterator[tuple[str, SlurmSettings]]:
    for name, (launcher, values) in settings.cluster_launchers().items():
        if launcher == "slurm":
            yield name, SlurmSettings.model_validate(values)


def _network(settings: Settings, cluster: SlurmSettings) -> AgentNetwork:
    portal, give_up = cluster.portal_address_from_nodes, cluster.portal_wait.total_seconds()
    if cluster.reach is Reach.HUB:
        # nobody comes to the node: nothing of the agent's is open to its network
        return AgentNetwork(portal=portal, give_up=give_up, hub=public(settings.hub, settings.gateway))
    return AgentNetwork(
        listen="0.0.0.0",  # noqa: S104 - the relay lets in nobody but the gateway's certificate
        ports=cluster.agent_ports,
        interface=cluster.agent_interface,
        portal=portal,
        give_up=give_up,
    )


def _on_hub(port: int, run: str) -> tuple[str, int]:
    return address.address(run), port
