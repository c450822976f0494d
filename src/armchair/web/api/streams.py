"""API: event streams (SSE) of changes and of logs. They end when the caller's token does."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from armchair.accounts.actor import Actor, Scope
from armchair.domain.errors import ArmchairError
from armchair.domain.run import Phase, Record
from armchair.domain.tail import added
from armchair.sessions import show
from armchair.sessions.changes import News, SessionChanged
from armchair.sessions.portal import Portal
from armchair.web.api.access import caller
from armchair.web.api.present import session_json

KEEP_ALIVE = 15.0
LOG_EVERY = 1.0
STILL_HERE = ": still here\n\n"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_SSE = "text/event-stream"


def add(router: APIRouter, portal: Portal) -> None:
    """Add the routes."""
    read = caller(portal, Scope.SESSIONS_READ)

    @router.get(
        "/events", tags=["streams"], summary="Changes of your sessions, as they happen", response_class=StreamingResponse
    )
    async def follow_changes(actor: Annotated[Actor, Depends(read)]) -> StreamingResponse:
        """Events: `hello` at the start; `session` {session, number, version} at each change; `resync` when some were missed."""
        return StreamingResponse(changes(portal, actor), media_type=_SSE, headers=_HEADERS)

    @router.get(
        "/sessions/{reference}/stream",
        tags=["streams"],
        summary="One session as it changes, until it has ended",
        response_class=StreamingResponse,
    )
    async def follow_session(
        reference: str,
        actor: Annotated[Actor, Depends(read)],
        log: Annotated[bool, Query(description="Also `log` events with the text that was added.")] = False,
    ) -> StreamingResponse:
        """Events: `session` with the whole session, now and at each change; `log` with text. It ends with the session."""
        record = await show.show(portal, actor, reference)
        return StreamingResponse(one(portal, actor, record, log=log), media_type=_SSE, headers=_HEADERS)


async def changes(portal: Portal, actor: Actor) -> AsyncIterator[str]:
    """The stream of all the actor's sessions."""
    async with portal.changes.subscribe(actor.login) as stream:
        yield _event("hello", {})
        async for change in _beats(stream, KEEP_ALIVE):
            if not await _still_there(portal, actor):
                return
            yield STILL_HERE if change is None else _change(change)


async def one(portal: Portal, actor: Actor, record: Record, *, log: bool) -> AsyncIterator[str]:
    """The stream of one session. It looks each second while a log is followed, for logs change nothing else."""
    session, version, text = record.session.id, -1, ""
    # subscribed before the first look, so that no change falls between look and wait
    async with portal.changes.subscribe(record.session.owner) as stream:
        beats = _beats(stream, LOG_EVERY if log else KEEP_ALIVE)
        while True:
            try:
                record = await show.show(portal, actor, session)
                fresh = await show.log(portal, actor, session) if log else ""
            except ArmchairError:
                return  # it is no longer theirs to see, or the store is away: the client asks again and gets the reason
            if fresh != text:
                yield _event("log", {"text": added(text, fresh)})
                text = fresh
            if record.session.version != version:
                version = record.session.version
                yield _event("session", session_json(portal, record).model_dump(mode="json"))
            if record.phase is Phase.ENDED or not await _still_there(portal, actor):
                return
            async for change in beats:
                if change is None:
                    yield STILL_HERE
                if change is None or change.resync or change.session == session:
                    break


async def _beats(stream: AsyncIterator[News], seconds: float) -> AsyncIterator[SessionChanged | None]:
    """The changes as they come, and None whenever there was none for this long."""
    following = asyncio.ensure_future(anext(stream))
    try:
        while True:
            done, _ = await asyncio.wait([following], timeout=seconds)
            if not done:
                yield None
                continue
            news = following.result()
            if isinstance(news, SessionChanged):
                yield news
            following = asyncio.ensure_future(anext(stream))
    finally:
        following.cancel()


async def _still_there(portal: Portal, actor: Actor) -> bool:
    return await portal.accounts.actor_of_login(actor.login_id, portal.clock.now()) is not None


def _change(change: SessionChanged) -> str:
    if change.resync:
        return _event("resync", {})
    return _event("session", {"session": change.session, "number": change.number, "version": change.version})


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
