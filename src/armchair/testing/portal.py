"""A portal whose every port is a fake: for tests of use cases and pages, and for trying a page without a gateway."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from armchair.accounts.actor import Actor, Person, PortalRole, Scope
from armchair.accounts.logins import Accounts
from armchair.domain.application import Application, AppType, Plan, Size
from armchair.domain.decide import Policy
from armchair.domain.errors import DefinitionProblem, NotFound
from armchair.domain.secret import Secret
from armchair.domain.session import Resources
from armchair.sessions.launcherports import NO_MANDATE
from armchair.sessions.portal import Portal
from armchair.sessions.ports import Identity, JobScript, Notice, SpecContext, TicketClaims
from armchair.sessions.tokens import Derived
from armchair.testing.clock import FakeClock
from armchair.testing.launcher import FakeLauncher
from armchair.testing.scheduler import FakeScheduler
from armchair.testing.store import MemoryStore
from armchair.wire.runspec import RunSpec


def fake_application(name: str = "hello", title: str = "Hello") -> Application:
    """An application with two sizes and no fields."""
    small = Size(name="small", title="Small", resources=Resources(cores=1, memory=2**30, walltime=timedelta(hours=1)))
    large = Size(name="large", title="Large", resources=Resources(cores=4, memory=16 * 2**30, walltime=timedelta(hours=4)))
    return Application(
        name=name,
        version="1",
        title=title,
        description="Says hello.",
        category="Tests",
        type=AppType.WEB,
        directory="/nowhere",
        sizes=(small, large),
    )


class FakeCatalogue:
    """A catalogue of the applications it is given."""

    def __init__(self, *applications: Application) -> None:
        self._applications = {application.name: application for application in applications or (fake_application(),)}

    def applications(self) -> Sequence[Application]:
        return sorted(self._applications.values(), key=lambda application: application.title)

    def problems(self) -> Sequence[DefinitionProblem]:
        return ()

    def get(self, name: str) -> Application:
        try:
            return self._applications[name]
        except KeyError:
            raise NotFound("no_such_application", app=name) from None

    async def check(self, application: Application, plan: Plan, *, here: bool) -> None:
        """Everything is there."""

    def spec(self, application: Application, plan: Plan, context: SpecContext) -> RunSpec:
        return RunSpec(
            argv=("true",),
            environment={**plan.environment, "ARMCHAIR_SESSION": context.session},
            unset=(),
            directory="~",
            files=(),
            transport=application.transport.value,
            host="localhost",
            ready_path="/",
            ready_statuses=((200, 399),),
            stop_signal="TERM",
            stop_grace=10.0,
            log_directory=context.state_directory,
            memory=None,
        )


class FakeTickets:
    """Tickets without a signature: readable by anybody, refused by every real gateway."""

    async def sign(
        self,
        claims: TicketClaims,
        assertion: Secret | None = None,  # noqa: ARG002 - the port's
        mandate: Secret = NO_MANDATE,  # noqa: ARG002 - the port's
    ) -> str:
        fields = {name: getattr(claims, name) for name in TicketClaims.__slots__}
        return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()

    def read(self, ticket: str) -> TicketClaims | None:
        try:
            return TicketClaims(**json.loads(base64.urlsafe_b64decode(ticket)))
        except (ValueError, TypeError):
            return None


class FakeAuthority:
    """Hands out texts where certificates belong."""

    async def identity(self, session: str, run: str, mandate: Secret = NO_MANDATE) -> Identity:  # noqa: ARG002 - the port's
        return Identity(certificate=f"certificate of {session}", key=Secret(f"key of {run}"))

    def gateway_ca(self) -> str:
        return "gateway CA"

    def agents_ca(self) -> str:
        return "agents CA"


@dataclass(slots=True, kw_only=True)
class FakeGateway:
    """Remembers what it was asked to revoke, cut and renew."""

    revoked: list[str] = field(default_factory=list)
    cut: list[tuple[str, int]] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    told: list[Notice] = field(default_factory=list)

    async def revoke(self, entry: str, streams_to: Sequence[tuple[str, int]] = ()) -> None:
        self.revoked.append(entry)
        self.cut.extend(streams_to)

    async def renew(self, run: str) -> None:
        self.renewed.append(run)

    async def notices(self) -> Sequence[Notice]:
        return self.told


class FakeNames:
    """Names under .test."""

    ticket_cookie = "__Host-armchair-test"
    cli_cookie = "armchair-test-cli"
    login_cookie = "__Host-armchair-test-login"
    portal_host = "portal.test"
    portal_origin = "http://portal.test"

    def portal_url(self, path: str = "/") -> str:
        return f"{self.portal_origin}{path}"

    def session_host(self, session: str) -> str:
        return f"{session}.apps.test"

    def session_origin(self, session: str) -> str:
        return f"http://{self.session_host(session)}"

    def session_url(self, session: str, path: str = "/") -> str:
        return f"{self.session_origin(session)}{path}"

    def is_portal(self, host: str) -> bool:
        return host.partition(":")[0].lower() == self.portal_host

    def session_of(self, host: str) -> str | None:
        name = host.partition(":")[0].lower()
        return name.removesuffix(".apps.test") if name.endswith(".apps.test") else None


class FakeScripts:
    """Job scripts that only hold their token."""

    def render(self, token: Secret, cluster: str) -> JobScript:  # noqa: ARG002 - the port's
        return JobScript(script=Secret(f"#!/bin/sh\n# {token.reveal()}\n"), shown="#!/bin/sh\n# <enrolment token>\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class FakePortal:
    """A portal on fakes, and the fakes to drive it with. `actor` is Ada, who has every role and a login."""

    portal: Portal
    clock: FakeClock
    store: MemoryStore
    launcher: FakeLauncher
    gateway: FakeGateway
    actor: Actor

    @property
    def scheduler(self) -> FakeScheduler:
        """The launcher, of a portal that was made with a scheduler."""
        assert isinstance(self.launcher, FakeScheduler)  # noqa: S101 - tests ask for what they made
        return self.launcher


async def fake_portal(*applications: Application, cluster: type[FakeLauncher] = FakeLauncher) -> FakePortal:
    """A portal in memory in which Ada is logged in. `cluster`: what it runs its sessions on, alone."""
    clock = FakeClock()
    store, launcher, gateway = MemoryStore(), cluster(now=clock.now), FakeGateway()
    portal = Portal(
        instance="test42",
        clock=clock,
        store=store,
        accounts=store,
        catalogue=FakeCatalogue(*applications),
        launchers={launcher.name: launcher},
        tickets=FakeTickets(),
        ca=FakeAuthority(),
        gateway=gateway,
        names=FakeNames(),
        scripts=FakeScripts(),
        derived=Derived(b"k" * 32, "test42"),
        policy=Policy(),
    )
    accounts = Accounts(store, clock)
    await accounts.remember(Person(login="ada", name="Ada", roles=frozenset(PortalRole)))
    login = await accounts.exchange((await accounts.login_link("ada")).reveal())
    return FakePortal(portal=portal, clock=clock, store=store, launcher=launcher, gateway=gateway, actor=login.actor)


def stranger() -> Actor:
    """Somebody who was given nothing."""
    return Actor(
        login="mallory", name="Mallory", roles=frozenset({PortalRole.USER}), scopes=frozenset(Scope), login_id="m" * 32
    )
