"""What the use cases work with: the ports, filled by the composition root, and the little state that lives in memory."""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from armchair.accounts.ports import AccountStore
from armchair.accounts.settings import AccountSettings
from armchair.domain.decide import Policy
from armchair.domain.errors import NotFound, SchedulerSilent
from armchair.domain.event import Event
from armchair.domain.run import Record
from armchair.sessions.changes import Changes, SessionChanged
from armchair.sessions.ports import (
    Catalogue,
    CertificateAuthority,
    Change,
    Clock,
    Gateway,
    JobScripts,
    Launcher,
    Names,
    SessionStore,
    Tickets,
)
from armchair.sessions.tokens import Derived

Absorb = Callable[[Record, datetime], tuple[Record, list[Event]]]
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(slots=True, kw_only=True)
class LauncherState:
    """What is remembered of a launcher between queries. `silent_since`: it has given no answer since then."""

    silent_since: datetime | None = None
    failures: int = 0


@dataclass(slots=True, kw_only=True)
class Portal:
    """The bundle that every use case takes first. `nudge` is set to make the reconciler look at once."""

    instance: str
    clock: Clock
    store: SessionStore
    accounts: AccountStore
    catalogue: Catalogue
    launchers: Mapping[str, Launcher]
    tickets: Tickets
    ca: CertificateAuthority
    gateway: Gateway
    names: Names
    scripts: JobScripts
    derived: Derived
    policy: Policy
    accounts_settings: AccountSettings = field(default_factory=AccountSettings)
    site_name: str = "Armchair"
    program: str = "armchair"
    submitting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))
    changes: Changes = field(default_factory=Changes)
    launcher_states: dict[str, LauncherState] = field(default_factory=lambda: defaultdict(LauncherState))
    locks: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    nudge: asyncio.Event = field(default_factory=asyncio.Event)

    def launcher(self, cluster: str) -> Launcher:
        """The launcher of this cluster. Raises SchedulerSilent when it is not there (any more): nothing can be concluded."""
        try:
            return self.launchers[cluster]
        except KeyError:
            raise SchedulerSilent("no_such_cluster", cluster=cluster) from None

    async def apply(self, session: str, step: Absorb) -> Record:
        """Store what the pure `step` makes of the session and tell the live pages. Nothing is stored when nothing changed.

        Raises NotFound when the session does not exist.
        """
        now = self.clock.now()
        stored = False

        def change(record: Record) -> Change | None:
            nonlocal stored
            after, events = step(record, now)
            stored = after != record or bool(events)
            return Change(record=after, events=events) if stored else None

        record = await self.store.change(session, change)
        if record is None:
            raise NotFound("no_such_session")
        if stored:
            self.tell(record)
        return record

    def tell(self, record: Record) -> None:
        """Tell the live pages that this session stands differently now."""
        session = record.session
        self.changes.publish(
            SessionChanged(session=session.id, number=session.number, owner=session.owner, version=session.version)
        )


def new_session_id() -> str:
    """26 characters of base32: 130 random bits, and a valid DNS label."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(26))
