"""API: sessions, from the launch to the end."""

import secrets
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.responses import PlainTextResponse

from armchair.accounts.actor import Actor, Scope
from armchair.domain.run import Phase
from armchair.sessions import extend, join, launch, show, stop
from armchair.sessions.portal import Portal
from armchair.sessions.ports import ListQuery
from armchair.web.api.access import caller
from armchair.web.api.models import (
    CookieJson,
    EntryJson,
    EventsJson,
    ExtendJson,
    IdleWishJson,
    JoinJson,
    LaunchJson,
    LinkJson,
    RenameJson,
    SessionJson,
    SessionsJson,
)
from armchair.web.api.present import event_json, placement_of, session_json

_REFERENCE = "/sessions/{reference}"


def add(router: APIRouter, portal: Portal) -> None:
    """Add the routes. A `reference` is a session's id or its number."""
    _add_reading(router, portal)
    _add_texts(router, portal)
    _add_writing(router, portal)
    _add_lasting(router, portal)
    _add_joining(router, portal)


def _add_reading(router: APIRouter, portal: Portal) -> None:
    read = caller(portal, Scope.SESSIONS_READ)

    @router.get("/sessions", tags=["sessions"], summary="List your sessions, running above ended")
    async def list_sessions(
        actor: Annotated[Actor, Depends(read)],
        text: Annotated[str, Query(max_length=200, description="Looked for in title, application and #number.")] = "",
        phase: Annotated[list[Phase] | None, Query(description="Only these phases; may be repeated.")] = None,
        sort: Literal["newest", "title", "app"] = "newest",
        page: Annotated[int, Query(ge=1, le=100_000)] = 1,
        page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> SessionsJson:
        query = ListQuery(
            subject=actor.login,
            text=text,
            phases=frozenset(phase) if phase else None,
            sort=sort,
            page=page,
            page_size=page_size,
        )
        found = await show.listing(portal, query)
        return SessionsJson(
            sessions=[session_json(portal, record) for record in found.records],
            total=found.total,
            page=found.page,
            page_size=found.page_size,
        )

    @router.get(_REFERENCE, tags=["sessions"], summary="One session")
    async def get_session(reference: str, actor: Annotated[Actor, Depends(read)]) -> SessionJson:
        return session_json(portal, await show.show(portal, actor, reference))

    @router.get(_REFERENCE + "/events", tags=["sessions"], summary="A session's timeline, oldest first")
    async def get_timeline(reference: str, actor: Annotated[Actor, Depends(read)]) -> EventsJson:
        record = await show.show(portal, actor, reference)
        return EventsJson(events=[event_json(one) for one in await show.timeline(portal, actor, record.session.id)])


def _add_texts(router: APIRouter, portal: Portal) -> None:
    read = caller(portal, Scope.SESSIONS_READ)

    @router.get(
        _REFERENCE + "/log",
        tags=["sessions"],
        summary="The last 64 KiB of what the application wrote",
        response_class=PlainTextResponse,
    )
    async def get_log(reference: str, actor: Annotated[Actor, Depends(read)]) -> PlainTextResponse:
        record = await show.show(portal, actor, reference)
        return PlainTextResponse(await show.log(portal, actor, record.session.id), headers={"Cache-Control": "no-store"})

    @router.get(
        _REFERENCE + "/script",
        tags=["sessions"],
        summary="The script as submitted, without its secrets",
        response_class=PlainTextResponse,
    )
    async def get_script(reference: str, actor: Annotated[Actor, Depends(read)]) -> PlainTextResponse:
        record = await show.show(portal, actor, reference)
        return PlainTextResponse(await show.script(portal, actor, record.session.id), headers={"Cache-Control": "no-store"})


def _add_writing(router: APIRouter, portal: Portal) -> None:
    write = caller(portal, Scope.SESSIONS_WRITE)

    @router.post("/sessions", tags=["sessions"], summary="Start a session", status_code=201)
    async def create_session(
        wish: LaunchJson,
        response: Response,
        actor: Annotated[Actor, Depends(write)],
        idempotency_key: Annotated[
            str | None,
            Header(
                min_length=1, max_length=200, description="A repetition with the same key answers 200 with the first session."
            ),
        ] = None,
    ) -> SessionJson:
        request = launch.LaunchRequest(
            app=wish.app,
            size=wish.size,
            cluster=wish.cluster,
            placement=placement_of(wish.placement),
            resources=wish.resources.model_dump(exclude_none=True),
            answers=wish.answers,
            title=wish.title,
            launch_key=idempotency_key or secrets.token_urlsafe(16),
        )
        launched = await launch.launch(portal, actor, request)
        response.status_code = 201 if launched.created else 200
        response.headers["Location"] = f"/api/v1/sessions/{launched.record.session.id}"
        return session_json(portal, launched.record)

    @router.patch(_REFERENCE, tags=["sessions"], summary="Give a session another title")
    async def rename_session(reference: str, wish: RenameJson, actor: Annotated[Actor, Depends(write)]) -> SessionJson:
        record = await show.show(portal, actor, reference)
        return session_json(portal, await stop.rename(portal, actor, record.session.id, wish.title))

    @router.delete(_REFERENCE, tags=["sessions"], summary="End a session", status_code=202)
    async def end_session(reference: str, actor: Annotated[Actor, Depends(write)]) -> SessionJson:
        """Remembered and carried out, also while the scheduler is silent. Repeating it changes nothing."""
        record = await show.show(portal, actor, reference)
        return session_json(portal, await stop.stop(portal, actor, record.session.id))


def _add_lasting(router: APIRouter, portal: Portal) -> None:
    write = caller(portal, Scope.SESSIONS_WRITE)

    @router.post(_REFERENCE + "/extend", tags=["sessions"], summary="Give a session more time")
    async def extend_session(reference: str, wish: ExtendJson, actor: Annotated[Actor, Depends(write)]) -> SessionJson:
        """Remembered while the scheduler is silent. 403 and 409 name the site's or the scheduler's reason against it."""
        record = await show.show(portal, actor, reference)
        return session_json(portal, await extend.extend(portal, actor, record.session.id, timedelta(seconds=wish.by)))

    @router.post(_REFERENCE + "/keep", tags=["sessions"], summary="Keep a session that is to end because nobody uses it")
    async def keep_session(reference: str, actor: Annotated[Actor, Depends(write)]) -> SessionJson:
        record = await show.show(portal, actor, reference)
        return session_json(portal, await extend.keep(portal, actor, record.session.id))

    @router.put(_REFERENCE + "/idle", tags=["sessions"], summary="Choose when a session ends because nobody uses it")
    async def choose_idle_end(reference: str, wish: IdleWishJson, actor: Annotated[Actor, Depends(write)]) -> SessionJson:
        """Shorter than the site's rule, never longer. Where the site has none, any time of at least ten minutes."""
        record = await show.show(portal, actor, reference)
        after = timedelta(seconds=wish.after) if wish.after is not None else None
        return session_json(portal, await extend.end_when_idle(portal, actor, record.session.id, after))


def _add_joining(router: APIRouter, portal: Portal) -> None:
    write = caller(portal, Scope.SESSIONS_WRITE)

    @router.post(_REFERENCE + "/join", tags=["sessions"], summary="An address that lets a browser in, once")
    async def join_session(reference: str, wish: JoinJson, actor: Annotated[Actor, Depends(write)]) -> LinkJson:
        record = await show.show(portal, actor, reference)
        url = await join.begin(portal, actor, record.session.id, wish.path)
        return LinkJson(url=url, expires_in=int(join.CODE_LIFE.total_seconds()))

    @router.post(_REFERENCE + "/entry", tags=["sessions"], summary="A cookie for a client that is no browser")
    async def enter_session(reference: str, actor: Annotated[Actor, Depends(write)]) -> EntryJson:
        record = await show.show(portal, actor, reference)
        return _entry_json(await join.direct(portal, actor, record.session.id))

    @router.post(_REFERENCE + "/display", tags=["sessions"], summary="A short-lived cookie for a native Xpra or VNC client")
    async def enter_display(reference: str, actor: Annotated[Actor, Depends(write)]) -> EntryJson:
        """The address is that of a WebSocket (subprotocol `binary`) with the display's own protocol in it."""
        record = await show.show(portal, actor, reference)
        return _entry_json(await join.display(portal, actor, record.session.id))


def _entry_json(entry: join.DirectEntry) -> EntryJson:
    cookie = CookieJson(name=entry.cookie_name, value=entry.cookie_value, host=entry.host, expires=entry.expires)
    return EntryJson(url=entry.url, cookie=cookie)
