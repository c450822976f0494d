"""What `armchair serve` says once the portal listens, and the client settings that it leaves for the other commands."""

import os
from collections.abc import Sequence
from pathlib import Path

from armchair.bootstrap import Running
from armchair.client import ClientSettings, read, write
from armchair.settings import Settings
from armchair.welcome import welcome


async def greet(running: Running, home: Path, settings: Settings) -> Sequence[str]:
    """Write the client settings and return the lines to print. Raises Unavailable, OSError."""
    if settings.site.helper:
        return [f"Armchair is up at {running.names.portal_url()}", "Ctrl-C ends the portal; sessions go on."]
    before = read(home)
    made = await welcome(running, settings.accounts, settings.gateway, before.token if before else "")
    token = made.token.reveal()
    write(home, ClientSettings(url=made.url, token=token, socket=made.socket, home=str(home), pid=os.getpid()))
    program = running.portal.program
    lines = [f"Armchair is up. Log in with this link (once, within ten minutes; `{program} login` prints another):", ""]
    lines += [f"    {made.login_link.reveal()}", ""]
    if made.socket:
        lines.append(f"From your own computer: ssh -L 8000:{made.socket} THIS-MACHINE, then open the link there.")
    lines.append(f"Ctrl-C ends the portal; sessions go on. `{program} down` ends everything.")
    return lines


async def farewell(running: Running) -> str:
    """Wait for the portal's end and return what to say then: what goes on without it."""
    await running.stopped.wait()
    live = len(await running.portal.store.live())
    going = "No session runs." if not live else f"{live} session{'s go' if live > 1 else ' goes'} on."
    program = running.portal.program
    return f"The portal has ended. {going} `{program} serve` brings it back; `{program} down` ends everything."
