"""The roles that the use cases need filled. Each docstring says what success and each exception mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from armchair.domain.announcement import Announcement, AnnouncementKind
from armchair.domain.application import Application, Plan
from armchair.domain.errors import DefinitionProblem
from armchair.domain.event import Event
from armchair.domain.run import Phase, Record
from armchair.domain.secret import Secret
from armchair.domain.session import Grant
from armchair.domain.thumbnail import Thumbnail
from armchair.sessions.launcherports import NO_MANDATE
from armchair.sessions.letters import Outbox
from armchair.wire.runspec import RunSpec


class Clock(Protocol):
    """The time, so that tests can hold it still."""

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        ...


# --- store ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one pure step makes of a record: the new record and the events that tell of it."""

    record: Record
    events: Sequence[Event] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Which sessions to list. `text` is looked for in title, application and #number; `page` counts from 1.

    `everybody`: those of all people, and `text` is looked for in their owners' logins and in clusters' names too.
    """

    subject: str
    everybody: bool = False
    text: str = ""
    phases: frozenset[Phase] | None = None
    sort: str = "newest"
    page: int = 1
    page_size: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """One page of a listing: running above ended, then in the order asked for. `total` counts all that match."""

    records: Sequence[Record]
    total: int
    page: int
    page_size: int


class SessionReader(Protocol):
    """Reads sessions. All methods raise Unavailable when the store does not answer."""

    async def get(self, session: str) -> Record | None:
        """The session with this id, or None."""
        ...

    async def by_number(self, number: int) -> Record | None:
        """The session with this number, or None."""
        ...

    async def live(self) -> Sequence[Record]:
        """All sessions whose last run has no outcome."""
        ...

    async def listing(self, query: ListQuery) -> ListPage:
        """The sessions that `query.subject` owns or was given."""
        ...

    async def events(self, session: str) -> Sequence[Event]:
        """The session's timeline, oldest first."""
        ...

    async def document(self, session: str, attempt: int, name: str) -> str:
        """A text kept with a run: "log" (≤ 64 KiB), "script" (with placeholders), "spec" (JSON). "" when there is none."""
        ...

    async def grants(self, session: str) -> Sequence[Grant]:
        """What others were given of this session, also what is over by now."""
        ...


class SessionWriter(Protocol):
    """Writes sessions. Each call is one transaction; StorageFull means that nothing was stored."""

    async def create(self, record: Record, events: Sequence[Event], documents: Mapping[str, str]) -> tuple[Record, bool]:
        """Store a new session with its first run and give it a number.

        When the owner already has a session with this launch_key, that one is returned with False instead.
        """
        ...

    async def change(self, session: str, step: Callable[[Record], Change | None]) -> Record | None:
        """Read, apply the pure `step` and store, in one transaction. None from `step`: nothing is stored.

        Returns the record as it then stands; None when there is no such session. An outcome that is already there is
        never changed: an attempt raises Conflict("outcome_is_final").
        """
        ...

    async def keep(self, session: str, attempt: int, name: str, text: str) -> None:
        """Store a text beside a run, replacing the one with that name. Nothing is stored when there is no such run."""
        ...

    async def give(self, grant: Grant) -> None:
        """Store a grant, replacing the one that its subject had on this session. Raises NotFound("no_such_session")."""
        ...

    async def take_back(self, session: str, subject: str) -> None:
        """Remove a subject's grant on a session; none is no error."""
        ...


class Thumbnails(Protocol):
    """Keeps the last picture of each session's screen. Both methods raise Unavailable."""

    async def thumbnail(self, session: str) -> Thumbnail | None:
        """The session's picture, or None."""
        ...

    async def keep_thumbnail(self, picture: Thumbnail) -> None:
        """Store a picture in place of the session's last. Nothing is stored when there is no such session."""
        ...


class Announcements(Protocol):
    """Keeps what operators tell everybody. All methods raise Unavailable."""

    async def announcements(self) -> Sequence[Announcement]:
        """All announcements, also those whose time is over."""
        ...

    async def post(self, announcement: Announcement) -> None:
        """Store an announcement in place of the one of its kind and cluster."""
        ...

    async def withdraw(self, kind: AnnouncementKind, cluster: str = "") -> None:
        """Remove an announcement; none is no error."""
        ...


class SessionStore(SessionReader, SessionWriter, Thumbnails, Announcements, Outbox, Protocol):
    """A store that does all of it."""


# --- applications --------------------------------------------------------------------------------------------------


class Catalogue(Protocol):
    """The applications that can be started, read from their directories; changes are seen without a restart."""

    def applications(self) -> Sequence[Application]:
        """All valid applications, by title."""
        ...

    def problems(self) -> Sequence[DefinitionProblem]:
        """What is wrong with the invalid ones."""
        ...

    def get(self, name: str) -> Application:
        """The application of this name. Raises NotFound("no_such_application")."""
        ...

    async def check(self, application: Application, plan: Plan, *, here: bool) -> None:
        """Look at what the plan needs beside the form, such as a container image. `here`: it is to run on this machine.

        Raises InvalidInput when it certainly can't run; what can't be told from here, or not at once, passes.
        """
        ...

    def spec(self, application: Application, plan: Plan, context: "SpecContext") -> RunSpec:
        """What the agent is to run. Raises BadDefinition when a file of the application has gone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecContext:
    """What a RunSpec needs to know beyond application and plan.

    `state_directory` is where the agent keeps the session's log on the node (may start with `~`); `url` is the
    origin under which the browser will see the application;
    """

    session: str
    number: int
    attempt: int
    user: str
    url: str
    state_directory: str


# --- gateway -------------------------------------------------------------------------------------------------------


class Mandates(Protocol):
    """Gets the mandate with which a session's jobs can be acted on later, also when its owner has left."""

    async def mandate(self, assertion: Secret | None, session: str, mark: str, cluster: str) -> Secret:
        """For this person's new session, whose jobs carry the mark.

        Raises Refused for whom the helper does not know (any more), Unavailable when it does not answer.
        """
        ...


class NoMandates:
    """Where the portal acts as itself nobody needs one."""

    async def mandate(self, assertion: Secret | None, session: str, mark: str, cluster: str) -> Secret:  # noqa: ARG002 - the port's
        return NO_MANDATE


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketClaims:
    """What a ticket says. Times are seconds since 1970, as in a JWT. `login` names the portal login it came from."""

    session: str
    run: str
    subject: str
    role: str
    address: str
    port: int
    login: str
    id: str
    issued_at: int
    expires_at: int


class Tickets(Protocol):
    """Signs and reads the tickets that the gateway lets browsers in with."""

    async def sign(self, claims: TicketClaims, assertion: Secret | None = None, mandate: Secret = NO_MANDATE) -> str:
        """The ticket as a compact ES256 JWT.

        Where a site's helper signs, it wants the bearer's `assertion` and the session's `mandate`, and raises Refused when
        they do not go together and Unavailable when it does not answer.
        """
        ...

    def read(self, ticket: str) -> TicketClaims | None:
        """The claims of a ticket with a good signature, also an expired one; None for anything else."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate (PEM, server authentication) with its key (PEM), made for one run and not kept."""

    certificate: str
    key: Secret


Route = Callable[[str], tuple[str, int]]
"""Where the gateway finds a run (by its id) that it does not reach at its node: an address of the portal's own."""


class CertificateAuthority(Protocol):
    """Makes the certificates that agents show to the gateway."""

    async def identity(self, session: str, run: str, mandate: Secret = NO_MANDATE) -> Identity:
        """A new key and a certificate for the session's host name `<session>.<apps domain>`, valid for 90 days.

        Where a site's helper signs, it wants the session's `mandate`, and raises Refused or Unavailable.
        """
        ...

    def gateway_ca(self) -> str:
        """PEM of the CA whose one client certificate an agent lets in."""
        ...

    def agents_ca(self) -> str:
        """PEM of the CA that an agent pins when it calls the portal's agents listener."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that an administrator should know and may have to act on: a code with parameters."""

    code: str
    params: Mapping[str, str]


class Gateway(Protocol):
    """The running gateway, as far as sessions need it."""

    async def notices(self) -> Sequence[Notice]:
        """What an administrator should know of the gateway now; nothing: all is well."""
        ...

    async def revoke(self, entry: str, streams_to: Sequence[tuple[str, int]] = ()) -> None:
        """Refuse all tickets that carry this session, ticket id or login id, in every worker, also after a reload.

        Then cut the open streams to the (address, port) pairs given. Takes at most 2 s. Raises Unavailable when the gateway
        does not answer; the entry is then on file and counts when it is back.
        """
        ...

    async def renew(self, run: str) -> None:
        """Send tickets of this (superseded) run to be renewed."""
        ...


class Names(Protocol):
    """The host names, addresses and cookie names of this portal."""

    def portal_url(self, path: str = "/") -> str:
        """An address on the portal's own origin."""
        ...

    def session_url(self, session: str, path: str = "/") -> str:
        """An address on the origin of this session's application."""
        ...

    def session_host(self, session: str) -> str:
        """The host name of this session's application, without port: what its certificate carries."""
        ...

    def is_portal(self, host: str) -> bool:
        """Whether this Host header (with or without port) names the portal."""
        ...

    def session_of(self, host: str) -> str | None:
        """The session whose host this Host header names, or None."""
        ...

    @property
    def portal_origin(self) -> str:
        """The portal's origin, without a slash at the end."""
        ...

    @property
    def login_cookie(self) -> str:
        """Name of the portal's own login cookie (`__Host-` prefix)."""
        ...

    @property
    def ticket_cookie(self) -> str:
        """Name of the cookie that browsers carry the ticket in (`__Host-` prefix)."""
        ...

    @property
    def cli_cookie(self) -> str:
        """Name of the ticket's cookie for command-line clients, which the gateway refuses from browsers."""
        ...


# --- job scripts ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class JobScript:
    """The script that is submitted, and the same with placeholders where its secrets are."""

    script: Secret
    shown: str


class JobScripts(Protocol):
    """Renders the script that brings the agent to the node."""

    def render(self, token: Secret, cluster: str) -> JobScript:
        """A POSIX-sh script that holds the whole agent, for the run that `token` enrols on this cluster."""
        ...
