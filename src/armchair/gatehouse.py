"""The composition root of the gateway: its keys, the object that runs or only orders it, and its own service."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import structlog

from armchair.domain.errors import BadSettings, NotFound
from armchair.gateway.attached import AttachedGateway
from armchair.gateway.haproxy import HaproxyGateway
from armchair.gateway.hub.address import NETWORK as HUB_NETWORK
from armchair.gateway.hub.places import public
from armchair.gateway.keys import Keys, PublicKeys
from armchair.gateway.names import Names, agents_names
from armchair.gateway.runtime_directory import prepare
from armchair.settings import Settings

log = structlog.get_logger()


def load_keys(settings: Settings, home: Path) -> Keys:
    """All keys of this home, made now if need be. Raises as Keys.load_or_create, and BadSettings."""
    return Keys.load_or_create(home, agents_names=agents_hosts(settings))


def agents_hosts(settings: Settings) -> Sequence[str]:
    """The hosts that the certificate of the agents listener, and of the hub, has to carry. Raises BadSettings."""
    urls = [values.get("portal_address_from_nodes") for _, values in settings.cluster_launchers().values()]
    urls += [f"https://{public(settings.hub, settings.gateway)}"] if settings.hub.listen else []
    return agents_names(settings.gateway, (url for url in urls if isinstance(url, str)))


def make_gateway(settings: Settings, home: Path, keys: Keys | PublicKeys) -> HaproxyGateway | AttachedGateway:
    """The gateway as the portal sees it. Raises BadSettings, Conflict("runtime_directory_unsafe")."""
    if settings.gateway.managed:
        return _haproxy(settings, home, keys)
    runtime = prepare(settings.gateway, keys.instance)
    return AttachedGateway(settings=settings.gateway, home=home, runtime=runtime, ticket_life=settings.accounts.login_lifetime)


async def run(settings: Settings, home: Path) -> None:
    """Run the gateway in the foreground, for a service of an account of its own.

    SIGTERM ends it with all streams. SIGHUP starts this program anew in place, with new settings and perhaps a new version,
    while HAProxy and every stream go on. Raises BadSettings, and Unavailable as HaproxyGateway.start.
    """
    if settings.gateway.managed:
        problem = "the portal runs the gateway itself; set it to false to have a service for it"
        raise BadSettings("bad_settings", key="gateway.managed", origin="", problem=problem)
    gateway = _haproxy(settings, home, gateway_keys(settings, home))
    told: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told.put_nowait, number)
    await gateway.start()
    watching = asyncio.create_task(gateway.watch())
    try:
        number = await told.get()
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    if number is signal.SIGHUP:
        log.info("gateway.starts_anew")
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the program itself, as it was called
    await gateway.down()


async def end(settings: Settings, home: Path) -> None:
    """End the gateway of this home, whoever started it. Nothing happens when it does not run, or a service runs it."""
    if not (home / "keys").is_dir() or not settings.gateway.managed:
        return
    await _haproxy(settings, home, load_keys(settings, home)).down()


def rotate(settings: Settings, home: Path, now: datetime, *, compromised: bool) -> None:
    """Have tickets signed with a new key from soon on: the portal that runs, or the next one, switches to it.

    `compromised`: what the present key signed counts no more, and everybody comes in again by way of the portal.
    Raises NotFound("no_keys", path=…), Conflict("rotation_running", until=…).
    """
    if not (home / "keys").is_dir():
        raise NotFound("no_keys", path=str(home / "keys"))
    tickets = load_keys(settings, home).tickets
    if compromised:
        tickets.replace(now)
    else:
        tickets.prepare(now)


def rotate_authorities(settings: Settings, home: Path, now: datetime, agreed: Callable[[datetime], bool]) -> bool:
    """Take the next step in changing the authorities; True: it was the first, and a second will follow.

    The second is taken when `agreed` says so: sessions that began before the moment that it is asked about know only the
    present authorities and would be lost. Portal and helper have to be started again after either.
    Raises NotFound("no_keys", path=…).
    """
    if not (home / "keys").is_dir():
        raise NotFound("no_keys", path=str(home / "keys"))
    authorities = load_keys(settings, home).authorities
    since = authorities.prepared()
    if since is None:
        authorities.prepare(now)
    elif agreed(since):
        authorities.switch()
        load_keys(settings, home)  # the gateway's two certificates follow
    return since is None


def ticket_keys(settings: Settings, home: Path) -> Sequence[tuple[str, str, str]]:
    """(id, state, until when tickets of it are accepted) of each ticket key, the signing one first."""
    if not (home / "keys").is_dir():
        raise NotFound("no_keys", path=str(home / "keys"))
    tickets = load_keys(settings, home).tickets
    until = tickets.previous_until()
    states = {"ticket.pub": "signs", "ticket.next.pub": "signs soon", "ticket.previous.pub": "accepted"}
    ends = {"ticket.previous.pub": until.isoformat(timespec="minutes") if until else ""}
    return [(key.kid, states[key.file], ends.get(key.file, "")) for key in tickets.accepted()]


def gateway_keys(settings: Settings, home: Path) -> Keys | PublicKeys:
    """The keys as the gateway's account has them."""
    own = settings.gateway.keys_directory
    return PublicKeys.load(Path(own).absolute()) if own else load_keys(settings, home)


def _haproxy(settings: Settings, home: Path, keys: Keys | PublicKeys) -> HaproxyGateway:
    gateway = settings.gateway
    if settings.hub.listen:
        gateway = gateway.model_copy(update={"networks": (*gateway.networks, str(HUB_NETWORK))})
    return HaproxyGateway(
        settings=gateway,
        names=Names.of(settings.gateway, keys.instance),
        keys=keys,
        home=home,
        runtime=prepare(settings.gateway, keys.instance),
        ticket_life=settings.accounts.login_lifetime,
    )
