"""What a person sees and keeps: the session, and who was given what of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from armchair.domain.secret import Secret


class Kind(StrEnum):
    """What a session is for. Only personal interactive sessions are filled now."""

    INTERACTIVE = "interactive"
    SERVICE = "service"
    BATCH = "batch"


class Wanted(StrEnum):
    """What its owner last asked for."""

    RUN = "run"
    STOP = "stop"


class Role(StrEnum):
    """What a grant allows, each including the ones before it."""

    VIEW = "view"
    USE = "use"
    MANAGE = "manage"


class By(StrEnum):
    """Who brought something about."""

    OWNER = "owner"
    OPERATOR = "operator"
    SITE = "site"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a run asks of its launcher. `memory` is in bytes; None leaves a limit to the launcher."""

    cores: int = 1
    memory: int | None = None
    walltime: timedelta | None = None
    gpus: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where on a cluster a run is to go, in the scheduler's own names. "" leaves the choice to the scheduler."""

    partition: str = ""
    account: str = ""
    qos: str = ""
    reservation: str = ""
    gpu_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a person sees and keeps. Its state is in its runs; its phase is derived (I2).

    `id` is DNS-safe with at least 100 random bits and no secret; `number` is for people (0 until stored);
    `launch_key` makes a repeated launch (double click, lost answer) the same session; `version` grows with each
    stored change of the session or one of its runs. `mandate` is what a site's helper gave for this session's jobs ("" where
    the portal acts as itself). `thumbnail_at`: when the picture of its screen that lists show was taken (None: there is none).
    `idle_after`: after how long without use its owner wants it to end (None: that is left to the site).
    """

    id: str
    number: int = 0
    kind: Kind = Kind.INTERACTIVE
    app: str
    app_version: str = ""
    app_title: str = ""
    title: str
    owner: str
    run_as: str
    created_by: str
    created_at: datetime
    parent: str | None = None
    collection: str | None = None
    wanted: Wanted = Wanted.RUN
    wanted_by: By = By.OWNER
    wanted_at: datetime | None = None
    launch_key: str = ""
    cluster: str = "local"
    size: str = ""
    resources: Resources = field(default_factory=Resources)
    placement: Placement = field(default_factory=Placement)
    mandate: Secret = field(default=Secret(""))
    answers: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    thumbnail_at: datetime | None = None
    idle_after: timedelta | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A right on one session, given to somebody who is not its owner. `until` None: until taken back."""

    session: str
    subject: str
    role: Role
    until: datetime | None = None
