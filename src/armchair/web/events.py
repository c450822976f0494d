"""The page's event stream: one line for each session that changed. The page then fetches what it shows of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.responses import StreamingResponse

from armchair.sessions.changes import SessionChanged
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

    The stream begins with "resync": what happened before it, or while it was broken, is read from the pages. A comment
    goes out every `keep_alive` seconds, and the login is looked at then and before each change.
    """
    events = _events(portal, owner, alive, session, keep_alive)
    return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)


async def _events(
    portal: Portal, owner: str, alive: Callable[[], Awaitable[bool]], session: str | None, keep_alive: float
) -> AsyncIterator[str]:
    async with portal.changes.subscribe(owner) as changes:
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
                if session is None or change.resync or change.session == session:
                    yield _line(change)
        finally:
            upcoming.cancel()


def _line(change: SessionChanged) -> str:
    if change.resync:
        return "event: resync\ndata: {}\n\n"
    data = json.dumps({"session": change.session, "version": change.version})
    return f"id: {change.session}:{change.version}\nevent: session\ndata: {data}\n\n"
