"""Pages: the grid of applications and their pictures."""

import asyncio
from collections.abc import Iterable, Sequence
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
ICON_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cache-Control": "private, max-age=300",
}

_FIRST = ("jupyterlab", "desktop", "terminal")
_ONE_GRID = 24
_MANY = 8  # above it there are links to choose a category by, and what lacks something is folded away


def router(portal: Portal) -> APIRouter:
    """/applications and /applications/<name>/icon.svg."""
    made = APIRouter(include_in_schema=False)

    @made.get("/applications")
    async def grid(request: Request, q: str = "") -> Response:
        await visitor(portal, request)
        found = [app for app in portal.catalogue.applications() if _matches(app, q)]
        shown, folded = _fold(in_order(found), q)
        params = {
            "groups": _groups(shown),
            "folded": folded,
            "categories": _categories(portal.catalogue.applications()),
            "q": q,
            "problems": portal.catalogue.problems(),
        }
        return render(portal, request, "applications.html", params)

    @made.get("/applications/{name}/icon.svg")
    async def icon(request: Request, name: str) -> Response:
        await visitor(portal, request)
        app = portal.catalogue.get(name)
        try:
            picture = await asyncio.to_thread(Path(app.icon).read_bytes)
        except OSError:
            raise NotFound("not_found") from None  # the directory has changed since it was read
        return Response(picture, media_type="image/svg+xml", headers=ICON_HEADERS)

    return made


def in_order(apps: Iterable[Application]) -> list[Application]:
    """As the grid shows them: what can be started first, led by those that most people come for, then by title."""
    rank = {name: number for number, name in enumerate(_FIRST)}
    return sorted(apps, key=lambda app: (not app.is_at_hand, rank.get(app.name, len(rank)), app.title.lower()))


def _fold(apps: list[Application], q: str) -> tuple[list[Application], list[Application]]:
    """What is shown, and what waits in a fold: those that lack something, where there are many and no words to find one by.

    The one that most people come for stays in sight, with what it needs.
    """
    folded = [app for app in apps if not app.is_at_hand and app.name != _FIRST[0]]
    if q or len(apps) <= _MANY or len(folded) == len(apps):
        return apps, []
    return [app for app in apps if app not in folded], folded


def _categories(apps: Sequence[Application]) -> list[str]:
    """The categories to choose from; none while the eye takes in all applications at once, or where headings name them."""
    if not _MANY < len(apps) <= _ONE_GRID:
        return []
    return sorted({app.category for app in apps}, key=str.lower)


def _groups(apps: list[Application]) -> list[tuple[str, list[Application]]]:
    """One grid without a heading while the eye takes it in at once; by category above that."""
    if len(apps) <= _ONE_GRID:
        return [("", apps)] if apps else []
    by_category = sorted(apps, key=lambda app: app.category.lower())
    return [(category, list(some)) for category, some in groupby(by_category, key=lambda app: app.category)]


def _matches(app: Application, q: str) -> bool:
    text = f"{app.title} {app.description} {app.category} {app.name}".lower()
    return all(word in text for word in q.lower().split())
