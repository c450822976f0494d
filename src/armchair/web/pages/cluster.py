"""Page: how busy the clusters are, and what a person has there, also what was not started here."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from armchair.accounts.actor import Actor
from armchair.domain.errors import NotFound
from armchair.domain.run import Phase
from armchair.sessions import clusters as use
from armchair.sessions import show
from armchair.sessions.announcements import board
from armchair.sessions.portal import Portal
from armchair.sessions.ports import ListQuery
from armchair.web.pages.desk import visitor
from armchair.web.rendering import render

_LIVING = frozenset(Phase) - {Phase.ENDED}
_MOST = 200
_SHOWN = 100  # of one person's jobs, running ones first: thousands are a matter for the command line


def router(portal: Portal) -> APIRouter:
    """/cluster, and each cluster's part of it at /cluster/<name>/live."""
    made = APIRouter(include_in_schema=False)

    @made.get("/cluster")
    async def overview(request: Request) -> Response:
        actor = await visitor(portal, request)
        names = [row.name for row in use.rows(portal) if row.queue]
        if not names:
            raise NotFound("not_found")
        views = [await _one(portal, actor, name) for name in names]
        return render(portal, request, "cluster.html", {"views": views})

    @made.get("/cluster/{name}/live")
    async def live(request: Request, name: str) -> Response:
        actor = await visitor(portal, request)
        return render(portal, request, "cluster_live.html", await _one(portal, actor, name))

    return made


async def _one(portal: Portal, actor: Actor, name: str) -> dict[str, Any]:
    """What one cluster's part of the page shows. `sessions`: those that belong to the person's jobs, by job id."""
    view = await use.view(portal, actor.login, name)
    query = ListQuery(subject=actor.login, phases=_LIVING, page_size=_MOST)
    records = (await show.listing(portal, query)).records if view.jobs else ()
    sessions = {
        run.job.id: record.session
        for record in records
        for run in record.runs
        if run.job is not None and run.job.cluster == name
    }
    shown = sorted(view.jobs, key=lambda job: job.started_at is None)[:_SHOWN]
    return {"view": view, "jobs": shown, "sessions": sessions, "drain": board(portal).drain_of(name)}
