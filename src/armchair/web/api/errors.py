"""Turns errors into the API's one error body; in a route class, so that the API's answers stay JSON whatever app holds it."""

import secrets
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from armchair.domain.errors import (
    ArmchairError,
    BadDefinition,
    Conflict,
    FieldError,
    InvalidInput,
    JobRefused,
    NotFound,
    Refused,
    StorageFull,
    Unavailable,
)
from armchair.web.api import speech

log = structlog.get_logger()

# the first class that fits decides; what is not here is a fault of ours
_STATUS: tuple[tuple[type[ArmchairError], int], ...] = (
    (InvalidInput, 422),
    (NotFound, 404),
    (Refused, 403),
    (Conflict, 409),
    (StorageFull, 507),
    (Unavailable, 503),
    (JobRefused, 409),
    (BadDefinition, 409),
)
_UNAUTHORISED = frozenset({"token_missing", "token_unknown"})


class FieldProblem(BaseModel):
    """What is wrong with one part of the request."""

    field: str = Field(description="The form field's name, or the key in the request's body.", examples=["start_folder"])
    code: str = Field(description="Stable, for programs.", examples=["field_required"])
    message: str = Field(description="A sentence for people.")


class Problem(BaseModel):
    """What went wrong."""

    code: str = Field(description="Stable, for programs.", examples=["no_such_session"])
    message: str = Field(description="What went wrong and what to do, for people.")
    params: dict[str, Any] = Field(default_factory=dict, description="The data that the message is made of.")
    fields: list[FieldProblem] = Field(default_factory=list, description="One entry for each mistake in the request.")
    reference: str = Field(default="", description="Finds an unforeseen error in the portal's log.", examples=["e3f0a1b2"])


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    error: Problem


class ApiRoute(APIRoute):
    """A route whose errors are answered with an ErrorBody."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except ArmchairError as error:
                return answer(error)
            except RequestValidationError as error:
                return _malformed(error.errors())
            except HTTPException:
                raise
            except Exception:  # the edge of a request: the person gets a reference that finds this line
                reference = secrets.token_hex(4)
                log.exception("api.failed", reference=reference, method=request.method, path=request.url.path)
                return _response(
                    500,
                    Problem(
                        code="unforeseen", message=speech.error("unforeseen", {"reference": reference}), reference=reference
                    ),
                )

        return handled


def answer(error: ArmchairError) -> JSONResponse:
    """The answer that this error means."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    if error.code in _UNAUTHORISED:
        status = 401
    if status == 500:
        log.error("api.error", code=error.code)
    fields = [_field(one) for one in error.errors] if isinstance(error, InvalidInput) else []
    message = speech.error(error.code, error.params)
    return _response(status, Problem(code=error.code, message=message, params=error.params, fields=fields))


def _field(error: FieldError) -> FieldProblem:
    return FieldProblem(field=error.field, code=error.code, message=speech.field(error))


def _malformed(errors: Sequence[Any]) -> JSONResponse:
    """A request that does not fit the documented shape. The framework's English says what is wrong with which key."""
    fields = [
        FieldProblem(field=".".join(str(part) for part in one["loc"][1:]), code="request_malformed", message=f"{one['msg']}.")
        for one in errors
    ]
    return _response(422, Problem(code="invalid_input", message=speech.error("invalid_input", {}), fields=fields))


def _response(status: int, problem: Problem) -> JSONResponse:
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="armchair"'
    if status == 503:
        headers["Retry-After"] = "2"
    return JSONResponse(ErrorBody(error=problem).model_dump(mode="json"), status_code=status, headers=headers)
