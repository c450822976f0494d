"""The JSON bodies of the API for operators."""

from datetime import datetime

from pydantic import BaseModel, Field

from armchair.domain.announcement import TEXT_MAXIMUM, Level
from armchair.web.api.models import Model, ProblemJson, ResourcesJson, StateJson


class AnySessionJson(BaseModel):
    """Somebody's session, as far as an operator may see it: no answers, no address, no log."""

    id: str
    number: int = Field(examples=[313])
    title: str
    owner: str
    app: str
    cluster: str
    partition: str
    node: str
    resources: ResourcesJson
    phase: str = Field(examples=["ready"])
    state: StateJson
    created_at: datetime


class AnySessionsJson(BaseModel):
    """One page of everybody's sessions. `total` counts all that match."""

    sessions: list[AnySessionJson]
    total: int
    page: int
    page_size: int


class EndedJson(BaseModel):
    """How many sessions were asked to end."""

    ended: int


class AnnouncementJson(BaseModel):
    """What an operator told everybody. `cluster` empty: the whole portal."""

    cluster: str
    text: str
    level: str = Field(examples=["info"])
    until: datetime | None
    by: str
    at: datetime


class ClusterStateJson(BaseModel):
    """How the portal gets on with one cluster."""

    name: str
    problem: str = Field(description="Why its launcher can't be used; empty when it can.")
    silent_since: datetime | None
    answered_at: datetime | None
    queries: int = Field(description="Since the portal started.")
    took: float = Field(description="Of the last answer, in seconds.")
    living: int = Field(description="Sessions that have not ended.")
    drained: bool


class TroubleJson(BaseModel):
    """A line of the log at level warning or above, scrubbed."""

    at: datetime
    level: str
    text: str


class LoginJson(BaseModel):
    """Somebody who is logged in."""

    login: str
    browsers: int
    since: datetime
    living: int = Field(description="Their sessions that have not ended.")


class PortalJson(BaseModel):
    """The portal as operators see it."""

    clusters: list[ClusterStateJson]
    drains: list[AnnouncementJson]
    banner: AnnouncementJson | None
    people: list[LoginJson]
    problems: list[ProblemJson] = Field(description="Mistakes in application definitions.")
    troubles: list[TroubleJson] = Field(description="The last warnings and errors, newest first.")


class DrainJson(Model):
    """A cluster that shall take no new sessions."""

    cluster: str = Field(default="", description="Empty: the whole portal.")
    text: str = Field(default="", max_length=TEXT_MAXIMUM * 4, description="Told to everybody who wants to start a session.")


class BannerJson(Model):
    """A sentence for all pages."""

    text: str = Field(max_length=TEXT_MAXIMUM * 4)
    level: Level = Level.INFO
    lifetime: int | None = Field(default=None, gt=0, le=366 * 86400, description="In seconds; null: until it is removed.")
