"""Which key file who needs: the one list that set-up, helper and gateway go by.

On one's own machine all of them lie in `<home>/keys`. On a site each of three accounts has a directory with its part:
the signer (the helper) makes everything and passes on what the others need; nobody else can sign.
"""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from armchair.gateway import files


class Holder(StrEnum):
    """Who holds key files: the web process, the gateway, and whoever signs."""

    WEB = "web"
    GATEWAY = "gateway"
    SIGNER = "signer"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """One file. `held_by` besides the signer, who makes all of them. `always`: its absence is an error."""

    name: str
    held_by: frozenset[Holder]
    secret: bool = False
    always: bool = True


_WEB, _GATEWAY, _BOTH, _NOBODY = (
    frozenset({Holder.WEB}),
    frozenset({Holder.GATEWAY}),
    frozenset({Holder.WEB, Holder.GATEWAY}),
    frozenset[Holder](),
)
INSTANCE = "instance"
PORTAL_KEY = "portal.key"
TICKET_KEY, TICKET_NEXT_KEY = "ticket.key", "ticket.next.key"
TICKET_PUB, TICKET_NEXT_PUB, TICKET_PREVIOUS_PUB = "ticket.pub", "ticket.next.pub", "ticket.previous.pub"
GATEWAY_CLIENT, AGENTS_SERVER = "gateway-client.pem", "agents-server.pem"
FILES = (
    KeyFile(name=INSTANCE, held_by=_BOTH),
    # derives enrolment tokens and the marks of jobs, which the web process makes itself
    KeyFile(name=PORTAL_KEY, held_by=_WEB, secret=True),
    KeyFile(name=TICKET_KEY, held_by=_NOBODY, secret=True),
    KeyFile(name=TICKET_NEXT_KEY, held_by=_NOBODY, secret=True, always=False),
    KeyFile(name=TICKET_PUB, held_by=_BOTH),
    KeyFile(name=TICKET_NEXT_PUB, held_by=_BOTH, always=False),
    KeyFile(name=TICKET_PREVIOUS_PUB, held_by=_BOTH, always=False),
    *(
        KeyFile(name=f"{name}-ca.{suffix}", held_by=_NOBODY, secret=suffix == "next.pem", always=False)
        for name in ("sessions", "gateway", "agents")
        for suffix in ("next.pem", "previous.crt")
    ),
    KeyFile(name="sessions-ca.pem", held_by=_NOBODY, secret=True),
    KeyFile(name="sessions-ca.crt", held_by=_GATEWAY),
    KeyFile(name="gateway-ca.pem", held_by=_NOBODY, secret=True),
    KeyFile(name="gateway-ca.crt", held_by=_WEB),
    KeyFile(name=GATEWAY_CLIENT, held_by=_GATEWAY, secret=True),
    KeyFile(name="agents-ca.pem", held_by=_NOBODY, secret=True),
    KeyFile(name="agents-ca.crt", held_by=_WEB),
    KeyFile(name=AGENTS_SERVER, held_by=_GATEWAY, secret=True),
)


def files_of(holder: Holder) -> tuple[KeyFile, ...]:
    """The files that this holder needs."""
    return tuple(file for file in FILES if holder is Holder.SIGNER or holder in file.held_by)


def lay_out(source: Path, target: Path, holder: Holder, *, group: int | None = None) -> bool:
    """Bring `target` to what `holder` needs of `source`; True if something changed.

    Each file is whole at any moment, readable by us and, when given, by `group` (the id of a Unix group). What the holder does
    not need any more goes; files that are not ours stay. Raises StorageFull, and FileNotFoundError for one that must be there.
    """
    mode = 0o600 if group is None else 0o640
    changed = False
    for file in files_of(holder):
        here, there = source / file.name, target / file.name
        if not file.always and not here.exists():
            changed |= there.exists()
            there.unlink(missing_ok=True)
            continue
        data = here.read_bytes()
        if there.exists() and there.read_bytes() == data:
            continue
        files.write(there, data, mode=mode)
        if group is not None:
            os.chown(there, -1, group)
        changed = True
    return changed
