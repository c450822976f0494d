"""The agents' side of web: enrol, report, commands. Checks size and shape of what jobs say, then calls the use case (I11)."""

import asyncio
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from armchair.domain.errors import ArmchairError, Unavailable
from armchair.sessions import report as use_cases
from armchair.sessions.portal import Portal
from armchair.sessions.report import AgentError
from armchair.wire.messages import API, COMMAND_WAIT, LOG_TAIL, MAX_ENROL, MAX_REPORT, Activity, End, EnrolRequest, Report

log = structlog.get_logger()

Port = Annotated[int, Field(ge=1, le=65535)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=500)]
# a number: the event loop has no place for a timer that is due at "nan"
Seconds = Annotated[float, Query(allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class EnrolBody(_Strict):
    """EnrolRequest as it may arrive."""

    port: Port
    python: Text
    node: Text
    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    version: int


class EndBody(_Strict):
    """End as it may arrive."""

    exit_code: Annotated[int, Field(ge=0, le=255)] | None
    signal: Annotated[int, Field(ge=1, le=64)] | None
    kind: Annotated[str, Field(max_length=40)]
    detail: Annotated[str, Field(pattern=r"^[a-z0-9_]{0,40}$")]
    message: Annotated[str, Field(max_length=2000)]


class ActivityBody(_Strict):
    """Activity as it may arrive."""

    input: Annotated[int, Field(ge=0, le=2**62)]
    cpu: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    gpu: Share | None
    busy: bool | None


class ReportBody(_Strict):
    """Report as it may arrive; what came with version 2 is absent in older ones."""

    seq: Annotated[int, Field(ge=0)]
    ready: bool
    cpu: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    memory: Annotated[int, Field(ge=0)]
    log: Annotated[str, Field(max_length=LOG_TAIL)] | None
    end: EndBody | None
    gpu: Share | None = None
    activity: ActivityBody | None = None
    warned: bool = False
    version: int


def create_agents(portal: Portal) -> FastAPI:
    """The application that the agents listener leads to. It serves nobody else."""
    app = FastAPI(title="Armchair agents", openapi_url=None)

    def known(request: Request) -> str:
        """The bearer token if we made it: whoever has none is not even listened to."""
        bearer = _bearer(request)
        if portal.derived.read(bearer) is None:
            raise AgentError(401, "bad_credential")
        return bearer

    @app.post(API + "/enrol")
    async def enrol(request: Request) -> JSONResponse:
        bearer = known(request)
        body = EnrolBody.model_validate_json(await _body(request, MAX_ENROL))
        answer = await use_cases.enrol(portal, bearer, EnrolRequest(**body.model_dump()))
        return JSONResponse(dict(answer._asdict()))

    @app.post(API + "/report")
    async def report(request: Request) -> JSONResponse:
        bearer = known(request)
        body = ReportBody.model_validate_json(await _body(request, MAX_REPORT)).model_dump()
        end, activity = body.pop("end"), body.pop("activity")
        news = Report(end=End(**end) if end else None, activity=Activity(**activity) if activity else None, **body)
        await use_cases.report(portal, bearer, news)
        return JSONResponse({})

    @app.get(API + "/commands")
    async def commands(request: Request, after: int = 0, wait: Seconds = 0) -> JSONResponse:
        wait, bearer = min(max(wait, 0.0), COMMAND_WAIT), known(request)
        answer = asyncio.ensure_future(use_cases.commands(portal, bearer, after, wait))
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                await use_cases.fell_silent(portal, bearer)
                return JSONResponse({"commands": []})
            return JSONResponse({"commands": [dict(command._asdict()) for command in answer.result()]})
        finally:
            answer.cancel()
            gone.cancel()

    app.add_exception_handler(AgentError, _refused)
    app.add_exception_handler(ValidationError, _malformed)
    app.add_exception_handler(_TooLarge, _too_large)
    app.add_exception_handler(ArmchairError, _failed)
    return app


class _TooLarge(Exception):
    """The body exceeds its bound."""


async def _body(request: Request, most: int) -> bytes:
    """The body, never more than `most` bytes of it."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            raise _TooLarge
    return data


async def _gone(request: Request) -> None:
    """Wait until the one who asks has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _bearer(request: Request) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def _answer(status: int, code: str, **more: Any) -> JSONResponse:
    return JSONResponse({"error": code, **more}, status)


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AgentError)  # noqa: S101 - registered for this class
    return _answer(error.status, error.code)


async def _malformed(_request: Request, error: Exception) -> JSONResponse:
    log.warning("agent.malformed", problem=str(error)[:300])
    return _answer(422, "malformed")


async def _too_large(_request: Request, _error: Exception) -> JSONResponse:
    return _answer(413, "too_large")


async def _failed(_request: Request, error: Exception) -> JSONResponse:
    """Whatever else is wrong is ours and may pass: the agent asks again."""
    log.warning("agent.not_served", code=getattr(error, "code", ""), unavailable=isinstance(error, Unavailable))
    return _answer(503, "unavailable")
