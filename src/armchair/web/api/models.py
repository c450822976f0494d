"""The JSON bodies of the API, as its documentation shows them."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """A request's body: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")


class ResourcesJson(BaseModel):
    """What a run may use."""

    cores: int
    memory: int | None = Field(description="In bytes; null: no limit.", examples=[4294967296])
    walltime: int | None = Field(description="In seconds; null: no limit.", examples=[14400])
    gpus: int = 0
    text: str = Field(description="The same for people.", examples=["4 cores · 16 GB"])


class SizeJson(BaseModel):
    """A preset to choose."""

    name: str = Field(examples=["small"])
    title: str
    resources: ResourcesJson


class FieldJson(BaseModel):
    """A field of an application's form, as far as a program needs it."""

    name: str
    label: str
    help: str
    type: str = Field(examples=["choice"])
    required: bool
    default: Any = Field(description="Durations in seconds, memory in bytes.")
    minimum: float | None
    maximum: float | None
    step: float | None
    choices: list[str]
    show_when: dict[str, list[str]] = Field(description="Applies when each of these fields has one of these values.")


class MissingJson(BaseModel):
    """Something this machine lacks, and the command that cures it."""

    what: str
    cure: str


class ApplicationJson(BaseModel):
    """An application that can be started; `missing` says why it can't now."""

    name: str = Field(examples=["jupyterlab"])
    version: str
    title: str = Field(examples=["JupyterLab"])
    description: str
    category: str
    type: str
    sizes: list[SizeJson]
    fields: list[FieldJson]
    missing: list[MissingJson]


class ProblemJson(BaseModel):
    """A mistake in an application's definition. `line` 0: something is absent."""

    file: str
    line: int
    key: str
    message: str


class ApplicationsJson(BaseModel):
    """All applications, and what is wrong with those that can't be offered."""

    applications: list[ApplicationJson]
    problems: list[ProblemJson]


class StateJson(BaseModel):
    """The state line of a session, in words."""

    title: str = Field(examples=["Starting on node7"])
    detail: str


class OutcomeJson(BaseModel):
    """How a session ended. Written once, never changed."""

    kind: str = Field(examples=["finished"])
    by: str = Field(examples=["owner"])
    at: datetime
    exit_code: int | None
    signal: int | None
    detail: str = Field(description="A code, or empty.", examples=["disk_full"])
    text: str = Field(description="The same for people.")


class SessionJson(BaseModel):
    """A session as it stands now."""

    id: str
    number: int = Field(examples=[313])
    title: str
    app: str = Field(examples=["terminal"])
    app_title: str
    size: str
    resources: ResourcesJson
    answers: dict[str, Any]
    owner: str
    phase: str = Field(description="accepted, queued, starting, ready, ending or ended.", examples=["ready"])
    overlays: list[str] = Field(description="unheard, scheduler_silent, slow.")
    state: StateJson
    url: str = Field(
        description="The application, on the session's own origin. A browser without a ticket is sent to join_url."
    )
    join_url: str = Field(description="The portal's address that lets a logged-in browser in.")
    created_at: datetime
    ready_at: datetime | None
    ends_at: datetime | None = Field(description="When its time is up; null: unknown or without limit.")
    outcome: OutcomeJson | None
    host: str | None
    actions: list[str] = Field(description="What can be done now: join, end, rename, start_again, edit_and_start.")
    version: int = Field(description="Grows with each change.")


class SessionsJson(BaseModel):
    """One page of a listing. `total` counts all that match."""

    sessions: list[SessionJson]
    total: int
    page: int
    page_size: int


class LaunchJson(Model):
    """What to start."""

    app: str = Field(examples=["terminal"])
    size: str = Field(default="", description="A size's name; empty: the first.")
    answers: dict[str, Any] = Field(default_factory=dict, description="The form's fields by name, as text or JSON values.")
    title: str = Field(default="", description="Empty: the application's title.")


class RenameJson(Model):
    """Another title."""

    title: str


class EventJson(BaseModel):
    """One line of a session's timeline."""

    id: int
    attempt: int
    at: datetime
    code: str = Field(examples=["session.ready"])
    params: dict[str, Any]
    text: str


class EventsJson(BaseModel):
    """A session's timeline, oldest first."""

    events: list[EventJson]


class JoinJson(Model):
    """Where to go inside the application."""

    path: str = Field(default="/", description="A path on the session's origin; `/`: the application's start page.")


class LinkJson(BaseModel):
    """An address that works once."""

    url: str
    expires_in: int = Field(description="In seconds.")


class CookieJson(BaseModel):
    """A cookie for a client that is no browser. The gateway refuses it from browsers."""

    name: str
    value: str
    host: str
    expires: datetime


class EntryJson(BaseModel):
    """What a command-line client needs to reach the application."""

    url: str
    cookie: CookieJson


class TokenJson(BaseModel):
    """A token, without its secret."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None


class TokensJson(BaseModel):
    """The caller's tokens."""

    tokens: list[TokenJson]


class NewTokenJson(BaseModel):
    """A fresh token. `secret` is shown this once."""

    secret: str
    token: TokenJson


class CreateTokenJson(Model):
    """A token to make: at most the caller's own scopes."""

    name: str = Field(examples=["nightly job"])
    scopes: list[str] = Field(examples=[["sessions:read", "sessions:write", "apps:read"]])
    lifetime: int | None = Field(default=None, gt=0, description="In seconds; null: no end.")


class ActorJson(BaseModel):
    """Who the token's owner is and what the token allows."""

    login: str
    name: str
    roles: list[str]
    scopes: list[str]
    expires_at: datetime | None


class StatusJson(BaseModel):
    """The portal that answers."""

    version: str
    instance: str
    url: str
    pid: int
    live_sessions: int


class CheckJson(BaseModel):
    """One thing that was looked at. `cure` says what to do when it is not well."""

    name: str
    ok: bool
    detail: str
    cure: str = ""


class DoctorJson(BaseModel):
    """What the portal knows of its own health."""

    checks: list[CheckJson]


class HealthJson(BaseModel):
    """The portal answers."""

    status: str = "ok"
