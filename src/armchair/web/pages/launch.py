"""Page: the form that starts an application."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from armchair import words
from armchair.accounts.actor import Actor
from armchair.domain.application import Application
from armchair.domain.errors import InvalidInput, NotFound, Refused, StorageFull, Unavailable
from armchair.domain.forms import custom
from armchair.domain.forms.conditions import applies
from armchair.domain.forms.values import shown
from armchair.sessions import launch as use
from armchair.sessions import show
from armchair.sessions.announcements import board
from armchair.sessions.choose import Choices, SizeChoice, choices
from armchair.sessions.portal import Portal
from armchair.web.pages import wish as forms
from armchair.web.pages.desk import sender, text, visitor
from armchair.web.pages.where import picks
from armchair.web.pages.wish import Wish
from armchair.web.problems import status_of
from armchair.web.rendering import render
from armchair.words import _


def router(portal: Portal) -> APIRouter:
    """/applications/<name>."""
    made = APIRouter(include_in_schema=False)

    @made.get("/applications/{name}")
    async def form(request: Request, name: str, again: str = "", size: str = "", cluster: str = "") -> Response:
        """An empty form, or with the answers of an earlier session (`again`)."""
        actor = await visitor(portal, request)
        app = portal.catalogue.get(name)
        wish = await _earlier(portal, actor, app, again)
        wish = replace(wish, size=size or wish.size, cluster=cluster or wish.cluster)
        return render(portal, request, "launch.html", await _params(portal, actor, app, wish))

    @made.get("/applications/{name}/starts")
    async def starts(request: Request, name: str) -> Response:
        """What the form says of time and place, as it stands: each size's start and the sentence at its foot."""
        actor = await visitor(portal, request)
        app = portal.catalogue.get(name)
        wish = forms.of_form(request.query_params.multi_items())
        params = await _params(portal, actor, app, wish)
        return render(portal, request, "launch_live.html", {**params, "with_where": "where" in request.query_params})

    @made.post("/applications/{name}")
    async def start(request: Request, name: str) -> Response:
        actor, sent = await sender(portal, request)
        app = portal.catalogue.get(name)
        wish, key = forms.of_form([(name, text(sent, name)) for name in sent]), text(sent, "launch_key")
        try:
            launched = await use.launch(portal, actor, wish.request(app, key))
        except InvalidInput as invalid:
            errors = {problem.field: words.field_error(problem) for problem in invalid.errors}
            return render(portal, request, "launch.html", await _params(portal, actor, app, wish, errors, key), 422)
        except (Refused, StorageFull, Unavailable) as refused:
            # what was answered must not be typed again when the cluster takes sessions, has room or answers, later
            params = {**await _params(portal, actor, app, wish, key=key), "refusal": words.error(refused.code, refused.params)}
            return render(portal, request, "launch.html", params, status_of(refused))
        return RedirectResponse(f"/sessions/{launched.record.session.id}?open=1", 303)

    return made


async def _earlier(portal: Portal, actor: Actor, app: Application, reference: str) -> Wish:
    if not reference:
        return Wish()
    try:
        session = (await show.show(portal, actor, reference)).session
    except NotFound:
        return Wish()
    return forms.of_session(app, session) if session.app == app.name else Wish()


async def _params(
    portal: Portal, actor: Actor, app: Application, wish: Wish, errors: Mapping[str, str] | None = None, key: str = ""
) -> dict[str, Any]:
    """What the form shows. `errors` are those of a launch that was refused; mistakes of the wish itself come by themselves."""
    found = await choices(portal, actor.login, app, wish.request(app))
    own = {one.field: words.field_error(one) for one in found.errors}
    told = {**own, **(errors or {})}
    values = {field.name: wish.answers.get(field.name, shown(field, field.default)) for field in app.fields}
    beside = {*values, "size", "title", "cluster", *forms.PLACES, *forms.NUMBERS}
    return {
        "app": app,
        "values": values,
        "shown": applies(app.fields, values),
        "conditions": {field.name: json.dumps(field.show_when) for field in app.fields if field.show_when},
        "chosen": custom.CUSTOM if found.custom else found.chosen.size.name,
        "title": wish.title,
        "wish": wish,
        "found": found,
        "picks": picks(found, wish, frozenset(told)),
        "drain": board(portal).drain_of(found.cluster),
        "errors": told,
        "refusal": None,
        "loose_errors": [f"{name}: {text}" if name else text for name, text in told.items() if name not in beside],
        "summary": lambda choice: summary(app, found, choice),
        "launch_key": key or secrets.token_hex(16),
    }


def summary(app: Application, found: Choices, choice: SizeChoice) -> str:
    """What Start will do, as a sentence: "JupyterLab on 4 cores and 16 GB for 4 hours in short. Starts now."."""
    if not app.sizes and not found.queue:
        return _("{app} starts now.").format(app=app.title)
    asked = choice.size.resources
    text = _("{app} on {cores}").format(app=app.title, cores=words.cores(asked.cores))
    if asked.memory is not None:
        text = _("{start} and {memory}").format(start=text, memory=words.memory(asked.memory))
    if asked.gpus:
        text = _("{start} with {gpus}").format(start=text, gpus=words.gpus(asked.gpus))
    if asked.walltime is not None:
        text = _("{start} for {time}").format(start=text, time=words.long_duration(asked.walltime))
    if found.queue and choice.placement.partition:
        text = _("{start} in {partition}").format(start=text, partition=choice.placement.partition)
    less = words.beyond(asked, found.machine) if found.machine is not None else ""
    return " ".join(part for part in (text + ".", start_of(found, choice), less) if part)


def start_of(found: Choices, choice: SizeChoice) -> str:
    """When it would start, or why it can't, as whole sentences."""
    if choice.errors:
        return " ".join([_("This can't start:"), *(words.field_error(one) for one in choice.errors)])
    return words.estimate_sentence(choice.estimate, found.now, choice.placement)
