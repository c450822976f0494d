"""Pages: the list of sessions, one session, and what can be done with it."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from armchair import words
from armchair.accounts.actor import Actor
from armchair.domain.application import Application, Size
from armchair.domain.errors import InvalidInput, NotFound
from armchair.domain.event import Event
from armchair.domain.run import OutcomeKind, Phase, Record
from armchair.sessions import join as joining
from armchair.sessions import launch as launching
from armchair.sessions import show as use
from armchair.sessions import stop as stopping
from armchair.sessions import telling
from armchair.sessions.portal import Portal
from armchair.sessions.ports import ListQuery
from armchair.sessions.show import SessionView
from armchair.web.events import stream
from armchair.web.facts import facts
from armchair.web.pages import wish
from armchair.web.pages.applications import in_order
from armchair.web.pages.desk import sender, text, visitor
from armchair.web.problems import LoginNeeded
from armchair.web.rendering import render
from armchair.web.rendering import text as rendered
from armchair.web.security import actor_of

PAGE_SIZE = 25
FOLD_AFTER = timedelta(days=1)
_STEPS = tuple(timedelta(minutes=minutes) for minutes in (30, 60, 120, 240, 480, 720, 1440))
_IDLE = tuple(timedelta(hours=hours) for hours in (1, 2, 4, 8, 24, 72))
SORTS = ("newest", "title", "app")


def router(portal: Portal) -> APIRouter:
    """The list at /, sessions at /sessions/<id or number>, and /events."""
    made = APIRouter(include_in_schema=False)
    _add_reading(made, portal)
    _add_acting(made, portal)
    return made


def _add_reading(made: APIRouter, portal: Portal) -> None:
    @made.get("/")
    async def listing(request: Request, q: str = "", sort: str = "newest", page: str = "1") -> Response:
        actor = await visitor(portal, request)
        return render(portal, request, "sessions.html", await _list(portal, actor, q[:200], sort, page))

    @made.get("/sessions")
    async def old_address() -> Response:
        return RedirectResponse("/", 303)

    @made.get("/sessions/{reference}")
    async def one(request: Request, reference: str) -> Response:
        actor = await visitor(portal, request)
        record = await use.show(portal, actor, reference)
        params = await whole(portal, actor, record)
        return render(portal, request, "session.html", params)

    @made.get("/sessions/{reference}/live")
    async def live(request: Request, reference: str) -> Response:
        actor = await visitor(portal, request)
        record = await use.show(portal, actor, reference)
        return render(portal, request, "session_live.html", await _detail(portal, actor, record))

    @made.get("/sessions/{reference}/row")
    async def row(request: Request, reference: str) -> Response:
        actor = await visitor(portal, request)
        record = await use.show(portal, actor, reference)
        return HTMLResponse(rendered(portal, request, "session_row.html", {"view": use.view(portal, record), **_again()}))

    @made.get("/sessions/{reference}/join")
    async def join(request: Request, reference: str, next: str = "/") -> Response:  # noqa: A002 - the address says next
        actor = await visitor(portal, request)
        record = await use.show(portal, actor, reference)
        if record.phase is Phase.ENDED:
            return RedirectResponse(f"/sessions/{record.session.id}", 303)
        return RedirectResponse(await joining.begin(portal, actor, record.session.id, joining.safe_path(next)), 303)

    @made.get("/events")
    async def events(request: Request) -> Response:
        actor = await actor_of(portal, request)
        if actor is None:
            raise LoginNeeded

        async def alive() -> bool:
            return await actor_of(portal, request) is not None

        return stream(portal, actor.login, alive)


def _add_acting(made: APIRouter, portal: Portal) -> None:
    @made.get("/sessions/{reference}/end")
    async def ask(request: Request, reference: str) -> Response:
        actor = await visitor(portal, request)
        record = await use.show(portal, actor, reference)
        return render(portal, request, "end.html", {"view": use.view(portal, record)})

    @made.post("/sessions/{reference}/end")
    async def end(request: Request, reference: str) -> Response:
        actor, form = await sender(portal, request)
        record = await use.show(portal, actor, reference)
        await stopping.stop(portal, actor, record.session.id)
        return RedirectResponse("/" if text(form, "back") == "list" else f"/sessions/{record.session.id}", 303)

    @made.post("/sessions/{reference}/title")
    async def rename(request: Request, reference: str) -> Response:
        actor, form = await sender(portal, request)
        record = await use.show(portal, actor, reference)
        try:
            await stopping.rename(portal, actor, record.session.id, text(form, "title"))
        except InvalidInput as invalid:
            params = await whole(portal, actor, record)
            params |= {"title_error": words.field_error(invalid.errors[0]), "title_sent": text(form, "title")}
            return render(portal, request, "session.html", params, 422)
        return RedirectResponse(f"/sessions/{record.session.id}", 303)

    @made.post("/sessions/{reference}/start-again")
    async def again(request: Request, reference: str) -> Response:
        actor, form = await sender(portal, request)
        old = (await use.show(portal, actor, reference)).session
        try:
            launched = await launching.launch(portal, actor, wish.again(old, text(form, "launch_key")))
        except InvalidInput:
            # the application has changed since: the form shows what no longer fits
            return RedirectResponse(f"/applications/{old.app}?again={old.id}", 303)
        return RedirectResponse(f"/sessions/{launched.record.session.id}?open=1", 303)


def _again() -> dict[str, str]:
    """One key for each rendering of a *Start again* button: pressing it twice starts one session."""
    return {"launch_key": secrets.token_hex(16)}


async def _list(portal: Portal, actor: Actor, q: str, sort: str, page: str) -> dict[str, Any]:
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1
    sort = sort if sort in SORTS else "newest"
    query = ListQuery(subject=actor.login, text=q.strip(), sort=sort, page=max(1, number), page_size=PAGE_SIZE)
    found = await use.listing(portal, query)
    views = [use.view(portal, record) for record in found.records]
    folded = [view for view in views if _is_old(view) and not q]
    applications = in_order(app for app in portal.catalogue.applications() if _is_easy(app))[:3]
    return {
        "views": [view for view in views if view not in folded],
        "folded": folded,
        "total": found.total,
        "page": found.page,
        "pages": max(1, -(-found.total // PAGE_SIZE)),
        "q": q,
        "sort": sort,
        "sorts": SORTS,
        "invitations": applications,
        **_again(),
    }


def _is_easy(app: Application) -> bool:
    """Whether it starts with one press: all that it needs is there, and nothing has to be filled in."""
    return app.is_at_hand and not any(field.required for field in app.fields)


def _is_old(view: SessionView) -> bool:
    outcome = view.record.run.outcome
    return outcome is not None and view.now - outcome.at > FOLD_AFTER


async def whole(portal: Portal, actor: Actor, record: Record) -> dict[str, Any]:
    """What a session's page shows. `act_error`: why something could not be done. `title_sent`: the title as it was typed."""
    script = await use.script(portal, actor, record.session.id)
    texts = {"script": script, "title_error": "", "title_sent": record.session.title, "act_error": ""}
    return {**await _detail(portal, actor, record), **texts}


async def _detail(portal: Portal, actor: Actor, record: Record) -> dict[str, Any]:
    session, view = record.session, use.view(portal, record)
    events = await use.timeline(portal, actor, session.id)
    steps = _steps(view)
    wishes = await telling.wishes(portal, actor, session.id)
    return {
        "view": view,
        "steps": steps,
        "step": _asked_last(record, events, steps),
        "idle_choices": _idle_choices(view),
        "events": events,
        "log": await use.log(portal, actor, session.id),
        "facts": facts(portal, record),
        "larger": _larger(portal, record),
        "channels": sorted(telling.channels(portal)),
        "wishes": {one.channel: one.occasions for one in wishes},
        "targets": {one.channel: one.target for one in wishes},
        "refused_channel": "",
        **_again(),
    }


def _larger(portal: Portal, record: Record) -> Size | None:
    """After running out of memory: the application's smallest size with more of it, or None."""
    outcome, had = record.run.outcome, record.session.resources.memory
    if outcome is None or outcome.kind is not OutcomeKind.OUT_OF_MEMORY or had is None:
        return None
    try:
        sizes = portal.catalogue.get(record.session.app).sizes
    except NotFound:
        return None
    return min((size for size in sizes if _memory(size) > had), key=_memory, default=None)


def _memory(size: Size) -> int:
    return size.resources.memory or 0


def _idle_choices(view: SessionView) -> Sequence[timedelta]:
    """What may be chosen as time without use: shorter than the site's; also what was chosen by other ways."""
    chosen = view.record.session.idle_after
    some = {*_IDLE, chosen} if chosen is not None else set(_IDLE)
    return sorted(span for span in some if view.idle_limit is None or span < view.idle_limit)


def _steps(view: SessionView) -> Sequence[timedelta]:
    """What may be added now, to choose from: the least first, and the most that there is at the end."""
    most = view.extend_by
    return () if most is None else (*(step for step in _STEPS if step < most), most)


def _asked_last(record: Record, events: Sequence[Event], steps: Sequence[timedelta]) -> timedelta | None:
    """The step that is chosen as the page comes: what was added last, where that is on offer, else the least.

    More than one needs keeps others waiting, and nodes from being used: it has to be somebody's own choice.
    """
    limits = [record.session.resources.walltime or timedelta(0)]
    limits += [timedelta(seconds=int(str(event.params["seconds"]))) for event in events if event.code == "extend.done"]
    added = limits[-1] - limits[-2] if len(limits) > 1 else None
    return added if added in steps else next(iter(steps), None)
