"""What the use cases work with: the ports, filled by the composition root, and the little state that lives in memory."""

import asyncio
import functools
import pwd
import random
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from armchair.accounts.ports import AccountStore, PasswordCheck
from armchair.accounts.settings import AccountSettings
from armchair.domain.announcement import Announcement
from armchair.domain.decide import Policy
from armchair.domain.errors import NotFound, SchedulerSilent
from armchair.domain.event import Event
from armchair.domain.run import Record
from armchair.domain.session import Resources
from armchair.domain.telling import Always, Channel
from armchair.sessions.changes import Changes, SessionChanged
from armchair.sessions.launcherports import JobFact, Launcher, OneMachine, Scheduler
from armchair.sessions.letters import Notifier
from armchair.sessions.pace import Pace
from armchair.sessions.ports import (
    Catalogue,
    CertificateAuthority,
    Change,
    Clock,
    Gateway,
    JobScripts,
    Mandates,
    Names,
    NoMandates,
    Route,
    SessionStore,
    Tickets,
)
from armchair.sessions.tokens import Derived
from armchair.sessions.trouble import Troubles

log = structlog.get_logger()

BACK_OFF_MAX = 60.0
NEVER = datetime.min.replace(tzinfo=UTC)
Absorb = Callable[[Record, datetime], tuple[Record, list[Event]]]
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(slots=True, kw_only=True)
class LauncherState:
    """What is remembered of a launcher between queries.

    `silent_since`: it has given no answer since then, and `silence` says why. `took` is how many seconds the last answer took.
    `shown_at`: its last answer that showed all jobs. `gives_no_time`: it has said that people may not extend their jobs.
    """

    silent_since: datetime | None = None
    silence: str = ""
    failures: int = 0
    queries: int = 0
    answered_at: datetime | None = None
    shown_at: datetime = NEVER
    took: float = 0.0
    gives_no_time: bool = False

    def fell_silent(self, now: datetime, code: str, tick_seconds: float) -> float:
        """A query was not answered. Returns how many seconds to wait before the next: longer each time, with jitter."""
        self.queries, self.failures, self.silence = self.queries + 1, self.failures + 1, code
        if self.silent_since is None:
            self.silent_since = now
            log.warning("launcher.silent", code=code)
        pause: float = min(BACK_OFF_MAX, tick_seconds * 2 ** min(self.failures, 10))
        return pause * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, no secret

    def answered(self, now: datetime, took: float) -> None:
        """A query was answered."""
        if self.silent_since is not None:
            log.info("launcher.answers_again", since=self.silent_since.isoformat())
        self.silent_since, self.silence, self.failures = None, "", 0
        self.queries, self.answered_at, self.took = self.queries + 1, now, took


@functools.lru_cache(maxsize=4096)
def uid_of(account: str) -> int | None:
    """The account's uid on this machine; None when it has no such account."""
    try:
        return pwd.getpwnam(account).pw_uid
    except KeyError:
        return None


@dataclass(slots=True, kw_only=True)
class Portal:
    """The bundle that every use case takes first.

    `passwords` is how people log in where there are several; None: by a link from the command line only.
    `news` wakes the reconciler (see `look_soon`). `paces` says how often each cluster is asked; absent: as the tick is.
    `wishes` are the sessions without a job that only a launcher's silence has held up since they were asked for, each with
    the time of the last try.
    `launcher_problems` says why a cluster of the settings is not among `launchers`; `announcements`: see their module.
    `notifiers` are the ways that letters can take, `always` what the site tells owners without being asked.
    """

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
    mandates: Mandates = field(default_factory=NoMandates)
    passwords: PasswordCheck | None = None
    accounts_settings: AccountSettings = field(default_factory=AccountSettings)
    site_name: str = "Armchair"
    program: str = "armchair"
    submitting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))
    changes: Changes = field(default_factory=Changes)
    launcher_states: dict[str, LauncherState] = field(default_factory=lambda: defaultdict(LauncherState))
    locks: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    news: asyncio.Event = field(default_factory=asyncio.Event)
    paces: Mapping[str, Pace] = field(default_factory=dict)
    routes: Mapping[str, Route] = field(default_factory=dict)
    uid_of: Callable[[str], int | None] = uid_of
    announcements: Sequence[Announcement] = ()
    launcher_problems: Mapping[str, str] = field(default_factory=dict)
    troubles: Troubles = field(default_factory=Troubles)
    wishes: dict[str, datetime] = field(default_factory=dict)
    launching: set["asyncio.Task[Record]"] = field(default_factory=set)
    notifiers: Mapping[Channel, Notifier] = field(default_factory=dict)
    always: Always = field(default_factory=dict)
    _hurried: set[str] = field(default_factory=set)

    def look_soon(self, cluster: str) -> None:
        """Something has happened to a session there: the reconciler asks at once."""
        self._hurried.add(cluster)
        self.news.set()

    def take_news(self) -> frozenset[str]:
        """The clusters to be asked at once, since the last call."""
        found = frozenset(self._hurried)
        self._hurried.clear()
        self.news.clear()
        return found

    def is_ours(self, record: Record, fact: JobFact) -> bool:
        """Whether this job belongs to the session: it carries the mark of one of its runs (a requeued or found-again job keeps
        that of the attempt that submitted it) and runs as the session's account (I5).
        """
        marks = [self.derived.mark(record.session.id, run.attempt) for run in record.runs]
        if fact.mark not in marks:
            return False
        expected = self.uid_of(record.session.run_as) if fact.uid is not None else None
        return expected is None or expected == fact.uid

    def address(self, record: Record) -> tuple[str, int] | None:
        """Where the gateway finds the session's application; None while nobody knows.

        The host is the launcher's word or our own, never the job's (I8).
        """
        run = record.run
        route = self.routes.get(record.session.cluster)
        if route is not None:
            return route(run.id)
        return (run.host, run.port) if run.host is not None and run.port is not None else None

    def scheduler(self, cluster: str) -> Scheduler | None:
        """The cluster's launcher when it has a queue; None for others and for clusters that are not there."""
        launcher = self.launchers.get(cluster)
        return launcher if isinstance(launcher, Scheduler) else None

    def machine(self, cluster: str) -> Resources | None:
        """What the one machine of this cluster has; None where there are many, or a queue."""
        launcher = self.launchers.get(cluster)
        return launcher.machine() if isinstance(launcher, OneMachine) else None

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
