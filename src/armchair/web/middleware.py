"""What happens to every request before a route sees it: the right application for its host, size, headers, compression."""

from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from armchair.sessions.ports import Names


class ByHost:
    """Portal routes answer on the portal's host only, session routes on session hosts only, and other names get 421."""

    def __init__(self, app: ASGIApp, *, names: Names, session_app: ASGIApp) -> None:
        self._portal_app = app
        self._session_app = session_app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        host = Headers(scope=scope).get("host", "")
        session = self._names.session_of(host)
        if session is not None:
            scope.setdefault("state", {})["session"] = session
            await self._session_app(scope, receive, send)
        elif self._names.is_portal(host):
            await self._portal_app(scope, receive, send)
        else:
            await PlainTextResponse("This portal does not answer under that name.\n", 421)(scope, receive, send)


class SecurityHeaders:
    """Adds the headers to each answer that does not set them itself; what a person sees is not kept by caches."""

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, add)


class BodyLimit:
    """Answers 413 to whoever reads a body above the limit (bytes), by its announced length or when it grows beyond.

    It raises inside the application, so that the answer is a page, or the API's JSON, like every other error.
    """

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        taken = int(length[:18]) if length.isascii() and length.isdigit() else 0
        if taken <= self._limit:
            taken = 0

        async def bounded() -> Message:
            nonlocal taken
            if taken <= self._limit:
                message = await receive()
                taken += len(message.get("body", b""))
            if taken > self._limit:
                raise HTTPException(413)
            return message

        await self._app(scope, bounded, send)
