"""Is the portal well, and how much does it do: for monitoring."""

from collections import Counter

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from armchair.accounts.actor import Actor, Scope
from armchair.accounts.logins import Accounts
from armchair.domain.errors import Refused
from armchair.domain.run import Phase
from armchair.sessions.portal import Portal
from armchair.web.security import actor_of


def router(portal: Portal) -> APIRouter:
    """/healthz for everybody, /metrics for administrators."""
    made = APIRouter(include_in_schema=False)

    @made.get("/healthz")
    async def health() -> Response:
        return PlainTextResponse("ok\n")

    @made.get("/metrics")
    async def metrics(request: Request) -> Response:
        (await _caller(portal, request)).need(Scope.ADMIN)
        return Response(generate_latest(await _collect(portal)), media_type="text/plain; version=0.0.4; charset=utf-8")

    return made


async def _caller(portal: Portal, request: Request) -> Actor:
    """By token (monitoring) or login cookie (a person who looks)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        actor = await Accounts(portal.accounts, portal.clock, portal.accounts_settings).actor_of_token(token)
    else:
        actor = await actor_of(portal, request)
    if actor is None:
        raise Refused("token_missing")
    return actor


async def _collect(portal: Portal) -> CollectorRegistry:
    registry = CollectorRegistry()
    living = Gauge("armchair_sessions", "Living sessions by phase", ["phase"], registry=registry)
    counts = Counter(record.phase for record in await portal.store.live())
    for phase in Phase:
        if phase is not Phase.ENDED:
            living.labels(phase.value).set(counts[phase])
    silent = Gauge("armchair_launcher_silent", "1 while the launcher gives no answer", ["launcher"], registry=registry)
    for name in portal.launchers:
        silent.labels(name).set(portal.launcher_states[name].silent_since is not None)
    return registry
