"""Pages: the grid of applications and their pictures."""

import asyncio
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from armchair.domain.application import Application
from armchair.domain.errors import NotFound
from armchair.sessions.portal import Portal
from armchair.web.pages.desk import visitor
from armchair.web.rendering import render

# a picture is a file of its own: nothing in it runs, and it may bring its own colours
_ICON_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cache-Control": "private, max-age=300",
}

_FIRST = "jupyterlab"
_ONE_GRID = 12


def router(portal: Portal) -> APIRouter:
    """/applications and /applications/<name>/icon.svg."""
    made = APIRouter(include_in_schema=False)

    @made.get("/applications")
    async def grid(request: Request, q: str = "") -> Response:
        await visitor(portal, request)
        found = [app for app in portal.catalogue.applications() if _matches(app, q)]
        params = {"groups": _groups(in_order(found)), "q": q, "problems": portal.catalogue.problems()}
        return render(portal, request, "applications.html", params)

    @made.get("/applications/{name}/icon.svg")
    async def icon(request: Request, name: str) -> Response:
        await visitor(portal, request)
        app = portal.catalogue.get(name)
        try:
            picture = await asyncio.to_thread((Path(app.directory) / app.icon).read_bytes)
        except OSError:
            raise NotFound("not_found") from None  # the directory has changed since it was read
        return Response(picture, media_type="image/svg+xml", headers=_ICON_HEADERS)

    return made


def in_order(apps: Iterable[Application]) -> list[Application]:
    """As the grid shows them: what can be started first, led by the one that most people come for, then by title."""
    return sorted(apps, key=lambda app: (bool(app.missing), app.name != _FIRST, app.title.lower()))


def _groups(apps: list[Application]) -> list[tuple[str, list[Application]]]:
    """One grid without a heading while the eye takes it in at once; by category above that."""
    if len(apps) <= _ONE_GRID:
        return [("", apps)] if apps else []
    by_category = sorted(apps, key=lambda app: app.category.lower())
    return [(category, list(some)) for category, some in groupby(by_category, key=lambda app: app.category)]


def _matches(app: Application, q: str) -> bool:
    text = f"{app.title} {app.description} {app.category} {app.name}".lower()
    return all(word in text for word in q.lower().split())
