"""Pages: tell me. A form on the session's page, for each way that this portal has."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from armchair import words
from armchair.accounts.actor import Actor
from armchair.domain.errors import Conflict, InvalidInput, Refused
from armchair.domain.telling import Channel, Occasion
from armchair.sessions import show, telling
from armchair.sessions.portal import Portal
from armchair.web.pages.desk import sender, text
from armchair.web.pages.sessions import whole
from armchair.web.rendering import render


def router(portal: Portal) -> APIRouter:
    """POST /sessions/<id or number>/tell."""
    made = APIRouter(include_in_schema=False)

    @made.post("/sessions/{reference}/tell")
    async def tell(request: Request, reference: str) -> Response:
        """`channel`, `occasion` (any number; none: no longer), and `target` for a webhook."""
        actor, form = await sender(portal, request)
        record = await show.show(portal, actor, reference)
        channel, sent = text(form, "channel"), text(form, "target").strip()
        wanted = {str(one) for one in form.getlist("occasion")}
        occasions = frozenset(one for one in Occasion if one.value in wanted)
        try:
            target = sent or await _known_target(portal, actor, record.session.id, channel)
            await telling.tell(portal, actor, record.session.id, _channel(channel), occasions, target)
        except (Refused, Conflict, InvalidInput) as error:
            params = await whole(portal, actor, record)
            # what was filled in stays, for another try
            params["wishes"] = {**params["wishes"], channel: occasions}
            params["targets"] = {**params["targets"], channel: sent}
            params |= {"act_error": _said(error), "refused_channel": channel}
            return render(portal, request, "session.html", params, 422)
        return RedirectResponse(f"/sessions/{record.session.id}", 303)

    return made


def _channel(name: str) -> Channel:
    try:
        return Channel(name)
    except ValueError:
        raise Refused("channel_off", channel=name[:20]) from None


async def _known_target(portal: Portal, actor: Actor, session: str, channel: str) -> str:
    """The address that was named before: an empty field changes only the occasions."""
    return next((wish.target for wish in await telling.wishes(portal, actor, session) if wish.channel == channel), "")


def _said(error: Refused | Conflict | InvalidInput) -> str:
    if isinstance(error, InvalidInput):
        return words.field_error(error.errors[0])
    return words.error(error.code, error.params).text
