"""The page's event stream: one line for each session or cluster that changed. The page then fetches what it shows of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.responses import StreamingResponse

from armchair import words
from armchair.sessions.changes import ClusterChanged, News, SessionChanged, Told
from armchair.sessions.portal import Portal

KEEP_ALIVE = 15.0
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def stream(
    portal: Portal,
    owner: str,
    alive: Callable[[], Awaitable[bool]],
    session: str | None = None,
    keep_alive: float = KEEP_ALIVE,
) -> StreamingResponse:
    """All changes of `owner`'s sessions (or of one) as server-sent events, until `alive` says that the login is over.

    The stream of all sessions also tells of clusters. It begins with "resync": what happened before it, or while it was
    broken, is read from the pages. A comment goes out every `keep_alive` seconds, and the login is looked at then and before
    each change.
    """
    events = _events(portal, owner, alive, session, keep_alive)
    return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)


async def _events(
    portal: Portal, owner: str, alive: Callable[[], Awaitable[bool]], session: str | None, keep_alive: float
) -> AsyncIterator[str]:
    async with portal.changes.subscribe(owner, clusters=session is None) as changes:
        yield "retry: 1000\nevent: resync\ndata: {}\n\n"
        upcoming = asyncio.ensure_future(anext(changes))
        try:
            while True:
                done, _ = await asyncio.wait({upcoming}, timeout=keep_alive)
                if not await alive():
                    yield "event: over\ndata: {}\n\n"
                    return
                if not done:
                    yield ": here\n\n"
                    continue
                change = upcoming.result()
                upcoming = asyncio.ensure_future(anext(changes))
                if session is None or _is_of(change, session):
                    yield _line(change)
        finally:
            upcoming.cancel()


def _is_of(change: News, session: str) -> bool:
    return isinstance(change, SessionChanged) and (change.resync or change.session == session)


def _line(change: News) -> str:
    if isinstance(change, ClusterChanged):
        return f"event: cluster\ndata: {json.dumps({'cluster': change.cluster})}\n\n"
    if isinstance(change, Told):
        return f"event: told\ndata: {json.dumps(_told(change))}\n\n"
    if change.resync:
        return "event: resync\ndata: {}\n\n"
    data = json.dumps({"session": change.session, "version": change.version})
    return f"id: {change.session}:{change.version}\nevent: session\ndata: {data}\n\n"


def _told(told: Told) -> dict[str, object]:
    """A notification, in words. `tag`: a later one of the same tag takes its place."""
    letter = told.letter
    said = words.letter(letter.occasion, letter.params)
    tag = f"{letter.session}-{letter.occasion.value}"
    return {"title": said.title, "body": said.detail, "tag": tag, "url": f"/sessions/{letter.session}"}
