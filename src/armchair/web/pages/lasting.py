"""Pages: more time for a session, keeping one that nobody seems to use, and when it ends for not being used."""

from datetime import timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from armchair import words
from armchair.accounts.actor import Actor
from armchair.domain.errors import ArmchairError, Conflict, JobRefused, Refused
from armchair.domain.run import Record
from armchair.sessions import extend as use
from armchair.sessions import show
from armchair.sessions.portal import Portal
from armchair.web.pages.desk import sender, text
from armchair.web.pages.sessions import whole
from armchair.web.problems import status_of
from armchair.web.rendering import render

_LONGEST = 9  # digits


def router(portal: Portal) -> APIRouter:
    """/sessions/<id or number>/extend, /keep and /idle."""
    made = APIRouter(include_in_schema=False)

    @made.post("/sessions/{reference}/extend")
    async def extend(request: Request, reference: str) -> Response:
        actor, form = await sender(portal, request)
        record = await show.show(portal, actor, reference)
        try:
            await use.extend(portal, actor, record.session.id, _span(text(form, "by")) or timedelta(0))
        except (Refused, Conflict, JobRefused) as error:
            return await _refusal(portal, request, actor, record, error)
        return RedirectResponse(f"/sessions/{record.session.id}", 303)

    @made.post("/sessions/{reference}/idle")
    async def idle(request: Request, reference: str) -> Response:
        """`after` in seconds; "": as the site has it."""
        actor, form = await sender(portal, request)
        record = await show.show(portal, actor, reference)
        chosen = text(form, "after")
        try:
            after = _span(chosen) or timedelta(0)
            await use.end_when_idle(portal, actor, record.session.id, after if chosen else None)
        except (Refused, Conflict) as error:
            return await _refusal(portal, request, actor, record, error)
        return RedirectResponse(f"/sessions/{record.session.id}", 303)

    @made.post("/sessions/{reference}/keep")
    async def keep(request: Request, reference: str) -> Response:
        actor, form = await sender(portal, request)
        record = await show.show(portal, actor, reference)
        await use.keep(portal, actor, record.session.id)
        return RedirectResponse("/" if text(form, "back") == "list" else f"/sessions/{record.session.id}", 303)

    return made


def _span(seconds: str) -> timedelta | None:
    good = seconds.isascii() and seconds.isdigit() and len(seconds) <= _LONGEST
    return timedelta(seconds=int(seconds)) if good else None


async def _refusal(portal: Portal, request: Request, actor: Actor, record: Record, error: ArmchairError) -> Response:
    """The session's page, with the reason why this can't be."""
    params = await whole(portal, actor, await show.show(portal, actor, record.session.id))
    params["act_error"] = words.error(error.code, error.params).text
    status = 409 if isinstance(error, JobRefused) else status_of(error)
    return render(portal, request, "session.html", params, status)
