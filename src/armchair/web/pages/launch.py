"""Page: the form that starts an application."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from armchair import words
from armchair.accounts.actor import Actor
from armchair.domain.application import Application, Size
from armchair.domain.errors import InvalidInput, NotFound
from armchair.domain.forms.conditions import applies
from armchair.domain.forms.values import shown
from armchair.sessions import launch as use
from armchair.sessions import show
from armchair.sessions.portal import Portal
from armchair.web.pages.desk import sender, text, visitor
from armchair.web.rendering import render
from armchair.words import _

_OWN = frozenset({"csrf", "launch_key", "size", "title"})


def router(portal: Portal) -> APIRouter:
    """/applications/<name>."""
    made = APIRouter(include_in_schema=False)

    @made.get("/applications/{name}")
    async def form(request: Request, name: str, again: str = "", size: str = "") -> Response:
        """An empty form, or with the answers of an earlier session (`again`)."""
        actor = await visitor(portal, request)
        app = portal.catalogue.get(name)
        filled = await _earlier(portal, actor, app, again)
        if size:
            filled["size"] = size
        return render(portal, request, "launch.html", _params(app, filled, {}))

    @made.post("/applications/{name}")
    async def start(request: Request, name: str) -> Response:
        actor, sent = await sender(portal, request)
        app = portal.catalogue.get(name)
        answers = {key: text(sent, key) for key in sent if key not in _OWN}
        wish = use.LaunchRequest(
            app=name,
            size=text(sent, "size"),
            answers=answers,
            title=text(sent, "title"),
            launch_key=text(sent, "launch_key")[:64] or secrets.token_hex(16),
        )
        try:
            launched = await use.launch(portal, actor, wish)
        except InvalidInput as invalid:
            errors = {problem.field: words.field_error(problem) for problem in invalid.errors}
            filled = {**answers, "size": wish.size, "title": wish.title}
            return render(portal, request, "launch.html", _params(app, filled, errors, wish.launch_key), 422)
        return RedirectResponse(f"/sessions/{launched.record.session.id}?open=1", 303)

    return made


async def _earlier(portal: Portal, actor: Actor, app: Application, reference: str) -> dict[str, str]:
    if not reference:
        return {}
    try:
        session = (await show.show(portal, actor, reference)).session
    except NotFound:
        return {}
    if session.app != app.name:
        return {}
    kept = {field.name: shown(field, session.answers[field.name]) for field in app.fields if field.name in session.answers}
    return {**kept, "size": session.size, "title": session.title}


def _params(app: Application, filled: Mapping[str, str], errors: Mapping[str, str], key: str = "") -> dict[str, Any]:
    values = {field.name: filled.get(field.name, shown(field, field.default)) for field in app.fields}
    names = {field.name for field in app.fields}
    return {
        "app": app,
        "values": values,
        "shown": applies(app.fields, values),
        "conditions": {field.name: json.dumps(field.show_when) for field in app.fields if field.show_when},
        "chosen": _chosen(app, filled.get("size", "")),
        "title": filled.get("title", ""),
        "errors": errors,
        "loose_errors": [f"{name}: {text}" for name, text in errors.items() if name not in names | {"size", "title"}],
        "summary": summary,
        "launch_key": key or secrets.token_hex(16),
    }


def _chosen(app: Application, name: str) -> str:
    known = [size.name for size in app.sizes]
    return name if name in known else (known[0] if known else "")


def summary(app: Application, size: Size | None) -> str:
    """What Start will do, as a sentence: "JupyterLab on 4 cores and 16 GB for 4 hours"."""
    if size is None:
        return _("{app} starts now.").format(app=app.title)
    asked = size.resources
    text = _("{app} on {cores}").format(app=app.title, cores=words.cores(asked.cores))
    if asked.memory is not None:
        text = _("{start} and {memory}").format(start=text, memory=words.memory(asked.memory))
    if asked.walltime is not None:
        text = _("{start} for {time}").format(start=text, time=words.long_duration(asked.walltime))
    return text + ". " + _("Starts now.")
