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
from armchair.sessions.portal import Portal
from armchair.sessions.ports import Identity, JobScript, SpecContext, TicketClaims
from armchair.sessions.tokens import Derived
from armchair.testing.clock import FakeClock
from armchair.testing.launcher import FakeLauncher
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

    def sign(self, claims: TicketClaims) -> str:
        fields = {name: getattr(claims, name) for name in TicketClaims.__slots__}
        return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()

    def read(self, ticket: str) -> TicketClaims | None:
        try:
            return TicketClaims(**json.loads(base64.urlsafe_b64decode(ticket)))
        except (ValueError, TypeError):
            return None


class FakeAuthority:
    """Hands out texts where certificates belong."""

    def identity(self, session: str, run: str) -> Identity:
        return Identity(certificate=f"certificate of {session}", key=Secret(f"key of {run}"))

    def gateway_ca(self) -> str:
        return "gateway CA"

    def agents_ca(self) -> str:
        return "agents CA"


@dataclass(slots=True, kw_only=True)
class FakeGateway:
    """Remembers what it was asked to revoke and renew."""

    revoked: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)

    async def revoke(self, entry: str, streams_to: Sequence[tuple[str, int]] = ()) -> None:  # noqa: ARG002 - the port's
        self.revoked.append(entry)

    async def renew(self, run: str) -> None:
        self.renewed.append(run)


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

    def render(self, token: Secret) -> JobScript:
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


async def fake_portal(*applications: Application) -> FakePortal:
    """A portal in memory in which Ada is logged in."""
    clock = FakeClock()
    store, launcher, gateway = MemoryStore(), FakeLauncher(now=clock.now), FakeGateway()
    portal = Portal(
        instance="test42",
        clock=clock,
        store=store,
        accounts=store,
        catalogue=FakeCatalogue(*applications),
        launchers={"local": launcher},
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
