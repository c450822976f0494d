"""Ends sessions, portal and gateway of a home, also when the portal is dead."""

import asyncio
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from armchair import bootstrap, gatehouse, meetinghouse, offline
from armchair.cli.greeting import greet
from armchair.client import Client, PortalAway, read
from armchair.client.models import Session
from armchair.domain.errors import Conflict
from armchair.settings import Settings

_LIVE = ("accepted", "queued", "starting", "ready", "ending")
_SESSIONS_TIME = 120.0
_PORTAL_TIME = 15.0
_STEP = 0.1
_PAGE = 200

Agreed = Callable[[int], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How many sessions ended, the numbers of those that did not in time, and whether a portal was there to be ended."""

    sessions: int = 0
    left: list[int] = field(default_factory=list)
    portal: bool = False


def end_everything(settings: Settings, home: Path, agreed: Agreed, *, keep_sessions: bool) -> Ended:
    """End the sessions (unless they are kept), then the portal, then the gateway. `agreed` is asked with their number.

    Nothing is ended when it says no. Raises Conflict("home_in_use") when the portal runs on another machine.
    """
    ended = Ended() if keep_sessions else _end_sessions(settings, home, agreed)
    if ended is None:
        return Ended()
    portal = end_portal(home)
    asyncio.run(gatehouse.end(settings, home))
    asyncio.run(meetinghouse.end(settings, home))
    return Ended(sessions=ended.sessions, left=ended.left, portal=portal or ended.portal)


def _end_sessions(settings: Settings, home: Path, agreed: Agreed) -> Ended | None:
    """By way of the portal; a dead one is run for as long as it takes."""
    if offline.portal_process(home) is not None:
        return _by_portal(home, agreed)

    async def meanwhile(own: Settings) -> Ended | None:
        async with bootstrap.running(own, home) as portal:
            await greet(portal, home, own)
            return await asyncio.to_thread(_by_portal, home, agreed)

    with tempfile.TemporaryDirectory(prefix="armchair-") as directory:
        # on a socket of its own: the portal's port may be somebody else's by now
        gateway = settings.gateway.model_copy(update={"listen": f"unix:{directory}/front"})
        return asyncio.run(meanwhile(settings.model_copy(update={"gateway": gateway})))


def _by_portal(home: Path, agreed: Agreed) -> Ended | None:
    kept = read(home)
    if kept is None:
        raise PortalAway(str(home), "it has left no client settings")
    with Client(kept) as client:
        live = _live(client)
        if not agreed(len(live)):
            return None
        for session in live:
            client.stop(session.id)
        left, deadline = live, time.monotonic() + _SESSIONS_TIME
        while left and time.monotonic() < deadline:
            time.sleep(_STEP)
            left = _live(client)
    return Ended(sessions=len(live) - len(left), left=[session.number for session in left])


def _live(client: Client) -> list[Session]:
    """All the caller's sessions that have not ended."""
    found: list[Session] = []
    while True:
        page = client.sessions(phase=_LIVE, page=len(found) // _PAGE + 1, page_size=_PAGE)
        found += page.sessions
        if len(found) >= page.total or len(page.sessions) < _PAGE:
            return found


def end_portal(home: Path) -> bool:
    """Tell the portal of this home to end, and wait until it has: after 15 s it is killed. False when there is none.

    Raises Conflict("home_in_use", pid, host) when it runs on another machine.
    """
    found = offline.portal_process(home)
    if found is None or found[0] == os.getpid():
        return False
    pid, host = found
    if host != socket.gethostname():
        raise Conflict("home_in_use", pid=pid, host=host, since="")
    try:
        process = os.pidfd_open(pid)  # a handle that no later process with this number can take the place of
    except ProcessLookupError:
        return False
    try:
        for order, patience in ((signal.SIGTERM, _PORTAL_TIME), (signal.SIGKILL, _PORTAL_TIME)):
            signal.pidfd_send_signal(process, order)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                if offline.portal_process(home) is None:
                    return True
                time.sleep(_STEP)
    except ProcessLookupError:
        return True
    finally:
        os.close(process)
    return True
