"""Pages of operators at /admin: everybody's sessions, the portal and its clusters, who is logged in. Others find nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from armchair import words
from armchair.accounts.actor import Actor
from armchair.domain.announcement import AnnouncementKind, Level
from armchair.domain.errors import InvalidInput
from armchair.domain.run import Phase
from armchair.sessions import admin as use
from armchair.sessions import show
from armchair.sessions.announcements import board
from armchair.sessions.portal import Portal
from armchair.sessions.ports import ListQuery
from armchair.web.facts import facts
from armchair.web.pages.desk import sender, text, visitor
from armchair.web.rendering import render

PAGE_SIZE = 50
FILTERS = {
    "living": frozenset(Phase) - {Phase.ENDED},
    "waiting": frozenset({Phase.ACCEPTED, Phase.QUEUED, Phase.STARTING}),
    "ready": frozenset({Phase.READY}),
    "ended": frozenset({Phase.ENDED}),
    "all": None,
}
_HOURS = {"1": 1, "8": 8, "24": 24, "168": 168, "": None}


def router(portal: Portal) -> APIRouter:
    """/admin and what is below it."""
    made = APIRouter(include_in_schema=False, prefix="/admin")
    _add_sessions(made, portal)
    _add_people(made, portal)
    _add_portal(made, portal)
    return made


async def _operator(portal: Portal, request: Request) -> Actor:
    """The visitor, if the administration exists for them. Raises LoginNeeded, NotFound("not_found")."""
    actor = await visitor(portal, request)
    use.demand_operator(actor)
    return actor


def _add_sessions(made: APIRouter, portal: Portal) -> None:
    @made.get("")
    async def sessions(request: Request, q: str = "", state: str = "living", page: str = "1") -> Response:
        actor = await _operator(portal, request)
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1
        state = state if state in FILTERS else "living"
        query = ListQuery(
            subject=actor.login, text=q[:200].strip(), phases=FILTERS[state], page=max(1, number), page_size=PAGE_SIZE
        )
        found = await use.listing(portal, actor, query)
        params = {
            "views": [show.view(portal, record) for record in found.records],
            "total": found.total,
            "page": found.page,
            "pages": max(1, -(-found.total // PAGE_SIZE)),
            "q": q[:200],
            "state": state,
            "states": tuple(FILTERS),
        }
        return render(portal, request, "admin_sessions.html", params)

    @made.get("/sessions/{reference}")
    async def one(request: Request, reference: str) -> Response:
        actor = await _operator(portal, request)
        record, events = await use.find(portal, actor, reference)
        params = {"view": show.view(portal, record), "events": events, "facts": facts(portal, record)}
        return render(portal, request, "admin_session.html", params)

    @made.get("/sessions/{reference}/end")
    async def ask(request: Request, reference: str) -> Response:
        actor = await _operator(portal, request)
        record, _ = await use.find(portal, actor, reference)
        return render(portal, request, "admin_end.html", {"record": record})

    @made.post("/sessions/{reference}/end")
    async def end(request: Request, reference: str) -> Response:
        actor, _ = await sender(portal, request)
        record = await use.end(portal, actor, reference)
        return RedirectResponse(f"/admin/sessions/{record.session.id}", 303)


def _add_people(made: APIRouter, portal: Portal) -> None:
    @made.get("/people")
    async def people(request: Request) -> Response:
        actor = await _operator(portal, request)
        return render(portal, request, "admin_people.html", {"people": await use.people(portal, actor)})

    @made.get("/people/{login}/end-all")
    async def ask(request: Request, login: str) -> Response:
        actor = await _operator(portal, request)
        living = await use.living_of(portal, actor, login)
        return render(portal, request, "admin_end_all.html", {"login": login, "living": living})

    @made.post("/people/{login}/end-all")
    async def end_all(request: Request, login: str) -> Response:
        actor, _ = await sender(portal, request)
        await use.end_all(portal, actor, login)
        return RedirectResponse(f"/admin?state=all&q={quote(login, safe='')}", 303)


def _add_portal(made: APIRouter, portal: Portal) -> None:
    async def page(
        request: Request, actor: Actor, problem: str = "", sent: Mapping[str, str] | None = None, status: int = 200
    ) -> Response:
        """`problem`: what is wrong with the form that was `sent`, which stays as it was filled in."""
        params: dict[str, Any] = {
            "clusters": await use.clusters(portal, actor),
            "problems": portal.catalogue.problems(),
            "gateway": [words.error(one.code, one.params) for one in await use.gateway_notices(portal, actor)],
            "troubles": use.troubles(portal, actor),
            "board": board(portal),
            "levels": [level.value for level in Level],
            "hours": tuple(_HOURS),
            "problem": problem,
            "sent": sent,
        }
        return render(portal, request, "admin_portal.html", params, status)

    @made.get("/portal")
    async def state(request: Request) -> Response:
        return await page(request, await _operator(portal, request))

    @made.post("/drain")
    async def drain(request: Request) -> Response:
        actor, form = await sender(portal, request)
        cluster = text(form, "cluster")
        try:
            if text(form, "open"):
                await use.take_back(portal, actor, AnnouncementKind.DRAIN, cluster)
            else:
                await use.drain(portal, actor, cluster, text(form, "text"))
        except InvalidInput as invalid:
            sent = {"form": "drain", "cluster": cluster, "text": text(form, "text")}
            return await page(request, actor, words.field_error(invalid.errors[0]), sent, 422)
        return RedirectResponse("/admin/portal", 303)

    @made.post("/banner")
    async def banner(request: Request) -> Response:
        actor, form = await sender(portal, request)
        try:
            if text(form, "remove"):
                await use.take_back(portal, actor, AnnouncementKind.BANNER)
            else:
                level = Level.WARNING if text(form, "level") == Level.WARNING else Level.INFO
                await use.put_banner(portal, actor, text(form, "text"), level, _until(portal, text(form, "hours")))
        except InvalidInput as invalid:
            sent = {name: text(form, name) for name in ("text", "level", "hours")}
            return await page(request, actor, words.field_error(invalid.errors[0]), {"form": "banner", **sent}, 422)
        return RedirectResponse("/admin/portal", 303)


def _until(portal: Portal, hours: str) -> datetime | None:
    span = _HOURS.get(hours)
    return None if span is None else (portal.clock.now() + timedelta(hours=span)).astimezone(UTC)
