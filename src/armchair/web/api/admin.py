"""API: what operators do. Everything needs the scope "operate", and to whoever is no operator it is not there."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from armchair.accounts.actor import Actor, Scope
from armchair.domain.announcement import Announcement, AnnouncementKind
from armchair.domain.run import Phase, Record
from armchair.sessions import admin as use
from armchair.sessions import show
from armchair.sessions.announcements import board
from armchair.sessions.portal import Portal
from armchair.sessions.ports import ListQuery
from armchair.web.api import speech
from armchair.web.api.access import caller
from armchair.web.api.admin_models import (
    AnnouncementJson,
    AnySessionJson,
    AnySessionsJson,
    BannerJson,
    ClusterStateJson,
    DrainJson,
    EndedJson,
    LoginJson,
    PortalJson,
    TroubleJson,
)
from armchair.web.api.models import StateJson
from armchair.web.api.present import problem_json, resources_json


def add(router: APIRouter, portal: Portal) -> None:
    """Add the routes."""
    _add_sessions(router, portal)
    _add_portal(router, portal)


def _add_sessions(router: APIRouter, portal: Portal) -> None:
    operator = caller(portal, Scope.OPERATE)

    @router.get("/admin/sessions", tags=["administration"], summary="List everybody's sessions")
    async def list_all_sessions(
        actor: Annotated[Actor, Depends(operator)],
        text: Annotated[
            str, Query(max_length=200, description="Looked for in title, application, #number, owner and cluster.")
        ] = "",
        phase: Annotated[list[Phase] | None, Query(description="Only these phases; may be repeated.")] = None,
        page: Annotated[int, Query(ge=1, le=100_000)] = 1,
        page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> AnySessionsJson:
        phases = frozenset(phase) if phase else None
        query = ListQuery(subject=actor.login, text=text, phases=phases, page=page, page_size=page_size)
        found = await use.listing(portal, actor, query)
        sessions = [_session(portal, record) for record in found.records]
        return AnySessionsJson(sessions=sessions, total=found.total, page=found.page, page_size=found.page_size)

    @router.delete("/admin/sessions/{reference}", tags=["administration"], summary="End anybody's session", status_code=202)
    async def end_any_session(reference: str, actor: Annotated[Actor, Depends(operator)]) -> AnySessionJson:
        """Its owner reads that an operator ended it. Repeating it changes nothing."""
        return _session(portal, await use.end(portal, actor, reference))

    @router.post(
        "/admin/people/{login}/end-sessions", tags=["administration"], summary="End all sessions of one person", status_code=202
    )
    async def end_all_sessions(login: str, actor: Annotated[Actor, Depends(operator)]) -> EndedJson:
        return EndedJson(ended=await use.end_all(portal, actor, login))


def _add_portal(router: APIRouter, portal: Portal) -> None:
    operator = caller(portal, Scope.OPERATE)

    @router.get("/admin/portal", tags=["administration"], summary="Clusters, people, notices and the last troubles")
    async def show_portal(actor: Annotated[Actor, Depends(operator)]) -> PortalJson:
        return await _portal(portal, actor)

    @router.put("/admin/drain", tags=["administration"], summary="Let a cluster take no new sessions")
    async def drain(wish: DrainJson, actor: Annotated[Actor, Depends(operator)]) -> AnnouncementJson:
        """Running sessions go on."""
        return _announcement(await use.drain(portal, actor, wish.cluster, wish.text))

    @router.delete("/admin/drain", tags=["administration"], summary="Let a cluster take sessions again", status_code=204)
    async def undrain(
        actor: Annotated[Actor, Depends(operator)], cluster: Annotated[str, Query(max_length=200)] = ""
    ) -> Response:
        await use.take_back(portal, actor, AnnouncementKind.DRAIN, cluster)
        return Response(status_code=204)

    @router.put("/admin/banner", tags=["administration"], summary="Show a sentence on all pages")
    async def put_banner(wish: BannerJson, actor: Annotated[Actor, Depends(operator)]) -> AnnouncementJson:
        until = portal.clock.now() + timedelta(seconds=wish.lifetime) if wish.lifetime is not None else None
        return _announcement(await use.put_banner(portal, actor, wish.text, wish.level, until))

    @router.delete("/admin/banner", tags=["administration"], summary="Remove the banner", status_code=204)
    async def remove_banner(actor: Annotated[Actor, Depends(operator)]) -> Response:
        await use.take_back(portal, actor, AnnouncementKind.BANNER)
        return Response(status_code=204)


async def _portal(portal: Portal, actor: Actor) -> PortalJson:
    rows, people, seen = await use.clusters(portal, actor), await use.people(portal, actor), board(portal)
    return PortalJson(
        clusters=[_cluster(row) for row in rows],
        drains=[_announcement(one) for one in seen.drains],
        banner=_announcement(seen.banner) if seen.banner else None,
        people=[LoginJson(login=one.login, browsers=one.browsers, since=one.since, living=one.living) for one in people],
        problems=[problem_json(one) for one in portal.catalogue.problems()],
        troubles=[TroubleJson(at=one.at, level=one.level, text=one.text) for one in use.troubles(portal, actor)],
    )


def _session(portal: Portal, record: Record) -> AnySessionJson:
    seen, session = show.view(portal, record), record.session
    title, detail = speech.state(seen)
    return AnySessionJson(
        id=session.id,
        number=session.number,
        title=session.title,
        owner=session.owner,
        app=session.app,
        cluster=session.cluster,
        partition=session.placement.partition,
        node=record.run.node,
        resources=resources_json(session.resources),
        phase=seen.phase.value,
        state=StateJson(title=title, detail=detail),
        created_at=session.created_at,
    )


def _cluster(row: use.ClusterRow) -> ClusterStateJson:
    return ClusterStateJson(
        name=row.name,
        problem=row.problem,
        silent_since=row.silent_since,
        answered_at=row.answered_at,
        queries=row.queries,
        took=row.took,
        living=row.living,
        drained=row.drain is not None,
    )


def _announcement(one: Announcement) -> AnnouncementJson:
    return AnnouncementJson(cluster=one.cluster, text=one.text, level=one.level.value, until=one.until, by=one.by, at=one.at)
