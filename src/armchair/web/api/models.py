"""The JSON bodies of the API, as its documentation shows them."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from armchair.domain.telling import Channel, Occasion


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


class PlacementJson(Model):
    """Where on a cluster, in the scheduler's own names. Empty: chosen."""

    partition: str = Field(default="", examples=["short"])
    account: str = Field(default="", examples=["genomics"])
    qos: str = ""
    reservation: str = ""
    gpu_type: str = Field(default="", examples=["a100"])


class WishedResourcesJson(Model):
    """Numbers in the place of those of the size. null: as the size says."""

    cores: Any = None
    memory: Any = Field(default=None, description="Bytes, or a text such as 16 GB.")
    walltime: Any = Field(default=None, description="Seconds, or a text such as 4h.")
    gpus: Any = None


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
    clusters: list[str] = Field(description="The clusters that it may run on; empty: all.")
    missing: list[MissingJson]
    unseen: list[str] = Field(description="What the portal's machine lacks where jobs run on others, which may have it.")


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


class UsedJson(BaseModel):
    """What a session uses, over its last samples."""

    cpu: float = Field(description="Mean, in cores.")
    memory: int = Field(description="The most, in bytes.")
    gpu: float | None = Field(description="Mean share of its GPUs, from 0 to 1; null: not known.")


class ThumbnailJson(BaseModel):
    """A picture of a session's screen. After the session's end it is as it last looked."""

    url: str = Field(description="The API's own address of it; it is another one when there is a newer picture.")
    at: datetime = Field(description="When it was taken.")


class IdleJson(BaseModel):
    """When a session ends because nobody uses it. All in seconds; null: it does not."""

    after: int | None = Field(description="What counts: the shorter of the two below.", examples=[14400])
    site: int | None = Field(description="The site's rule for this application, which nobody escapes.")
    chosen: int | None = Field(description="What the session's owner has chosen.")


class SessionJson(BaseModel):
    """A session as it stands now."""

    id: str
    number: int = Field(examples=[313])
    title: str
    app: str = Field(examples=["terminal"])
    app_title: str
    size: str
    resources: ResourcesJson
    cluster: str
    placement: PlacementJson
    answers: dict[str, Any]
    owner: str
    phase: str = Field(description="accepted, queued, starting, ready, ending or ended.", examples=["ready"])
    overlays: list[str] = Field(description="unheard, scheduler_silent, slow, ends_soon, idle.")
    state: StateJson
    url: str = Field(
        description="The application, on the session's own origin. A browser without a ticket is sent to join_url."
    )
    join_url: str = Field(description="The portal's address that lets a logged-in browser in.")
    display: str = Field(description='What brings its windows: "xpra" or "vnc"; "" for a web application.', examples=["xpra"])
    created_at: datetime
    ready_at: datetime | None
    ends_at: datetime | None = Field(description="When its time is up; null: unknown or without limit.")
    reason: str = Field(description="Why it waits: the scheduler's own code.", examples=["Resources"])
    expected_start: datetime | None = Field(description="The scheduler's guess while it waits.")
    position: int | None = Field(description="How many jobs are ahead of it, where that is known.")
    node: str
    idle_ends_at: datetime | None = Field(
        description="When it ends because nobody uses it, unless it is used or kept; null: not announced."
    )
    idle: IdleJson
    extend_by: int | None = Field(description="How much time may be added now, in seconds; null: none.")
    used: UsedJson | None = Field(description="What it uses of what it asked for; null: not known yet.")
    outcome: OutcomeJson | None
    thumbnail: ThumbnailJson | None = Field(description="For applications with a screen; null: nobody has looked at it yet.")
    host: str | None
    actions: list[str] = Field(
        description="What can be done now: join, end, rename, extend, keep, end_when_idle, start_again, edit_and_start."
    )
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
    resources: WishedResourcesJson = Field(
        default_factory=WishedResourcesJson, description="Numbers of one's own, in the place of the size's."
    )
    cluster: str = Field(default="", description="Empty: the first that the application may run on.")
    placement: PlacementJson = Field(default_factory=PlacementJson)
    answers: dict[str, Any] = Field(default_factory=dict, description="The form's fields by name, as text or JSON values.")
    title: str = Field(default="", description="Empty: the application's title.")


class RenameJson(Model):
    """Another title."""

    title: str


class ExtendJson(Model):
    """More time."""

    by: int = Field(gt=0, le=10**8, description="In seconds, added to the session's time.", examples=[7200])


class IdleWishJson(Model):
    """When a session is to end because nobody uses it."""

    after: int | None = Field(
        gt=0, le=10**8, description="After this many seconds without use; null: as the site has it.", examples=[7200]
    )


class TellJson(Model):
    """What to tell the caller of a session, and how."""

    channel: Channel
    occasions: list[Occasion] = Field(description="All that is wanted by this way; empty: nothing any more.")
    target: str = Field(
        default="", max_length=1000, description="A webhook's address.", examples=["https://hooks.example.org/x"]
    )


class WishJson(BaseModel):
    """What the caller is told of a session by one way."""

    channel: Channel
    occasions: list[Occasion]
    target: str
    secret: str = Field(
        description="For webhooks: each request carries `Armchair-Signature: t=<seconds>,v1=<hex>`, the HMAC-SHA256 of "
        "`<seconds>.<body>` with this key."
    )


class WishesJson(BaseModel):
    """All that the caller is told of a session. `channels` are the ways that this portal has."""

    wishes: list[WishJson]
    channels: list[Channel]


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
