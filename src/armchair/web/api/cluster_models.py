"""The JSON bodies of clusters, of where a session runs, and of what a launch form may choose."""

from datetime import datetime

from pydantic import BaseModel, Field

from armchair.web.api.models import PlacementJson, ResourcesJson


class LimitsJson(BaseModel):
    """The most that may be asked for. null: no limit."""

    walltime: int | None = Field(description="In seconds.")
    cores: int | None
    memory: int | None = Field(description="In bytes.")
    gpus: int | None
    jobs: int | None


class PartitionJson(BaseModel):
    """A partition that the caller may use. Sizes are those of its largest node."""

    name: str
    up: bool
    default: bool
    max_walltime: int | None = Field(description="In seconds.")
    default_walltime: int | None = Field(description="In seconds.")
    nodes: int
    cores: int | None
    memory: int | None = Field(description="In bytes.")
    gpus: dict[str, int] = Field(description="By type; the empty name is any type.")
    accounts: list[str] | None = Field(description="The group accounts that it lets in; null: all.")
    qos: list[str] | None = Field(description="The QOS that it lets in; null: all.")


class AccountJson(BaseModel):
    """A group account of the caller."""

    name: str
    default: bool
    partitions: list[str] | None = Field(description="Only these; null: all.")
    qos: list[str]
    default_qos: str
    limits: LimitsJson


class QosJson(BaseModel):
    """A quality of service of the caller."""

    name: str
    limits: LimitsJson


class ReservationJson(BaseModel):
    """A reservation that the caller may use."""

    name: str
    start: datetime
    end: datetime
    partition: str
    accounts: list[str] | None = Field(description="Only with one of these; null: any.")


class OfferJson(BaseModel):
    """What the caller may use of a cluster. `known` false: it takes no jobs from the caller."""

    known: bool
    partitions: list[PartitionJson]
    accounts: list[AccountJson]
    qos: list[QosJson]
    reservations: list[ReservationJson]
    as_of: datetime


class UsageJson(BaseModel):
    """How much of something there is, and how it is used. `down`: neither free nor used."""

    total: int
    used: int
    down: int
    free: int


class LoadJson(BaseModel):
    """How busy a partition is. Memory in bytes."""

    name: str
    up: bool
    nodes: UsageJson
    cores: UsageJson
    memory: UsageJson
    gpus: UsageJson
    running: int
    waiting: int


class ClusterJobJson(BaseModel):
    """A job of the caller on a cluster, whoever started it."""

    id: str
    name: str
    state: str = Field(examples=["PENDING"])
    reason: str = Field(examples=["Resources"])
    reason_text: str = Field(description="The same for people; empty for jobs that do not wait.")
    partition: str
    node: str
    cores: int
    memory: int = Field(description="In bytes.")
    gpus: int
    submitted_at: datetime | None
    started_at: datetime | None
    ends_at: datetime | None
    started_here: bool = Field(description="Whether this portal or another Armchair started it.")


class ClusterRowJson(BaseModel):
    """A cluster. `queue` false: its sessions start at once, and there is no more to tell of it."""

    name: str
    queue: bool
    silent_since: datetime | None = Field(description="Its scheduler gives no answer since then.")


class ClustersJson(BaseModel):
    """All clusters of this portal."""

    clusters: list[ClusterRowJson]


class ClusterJson(ClusterRowJson):
    """One cluster. Parts that are not known as yet are null."""

    offer: OfferJson | None
    partitions: list[LoadJson] | None
    as_of: datetime | None
    jobs: list[ClusterJobJson]


class EstimateJson(BaseModel):
    """When a job of this size would start, as far as the scheduler can say."""

    starts: str = Field(description="now, later, never or unknown.")
    at: datetime | None
    asking: bool = Field(description="The answer is on its way: ask again in some seconds, or follow /events.")
    text: str = Field(examples=["likely in about 20 min"])


class ChoiceJson(BaseModel):
    """One size, where it would go, and why it can't or when it would start."""

    size: str
    title: str
    resources: ResourcesJson
    placement: PlacementJson
    estimate: EstimateJson
    problems: list[str] = Field(description="Why it can't start, ever; the limits are named.")


class SoonerJson(BaseModel):
    """A change of the wish that would start earlier."""

    resources: ResourcesJson
    placement: PlacementJson
    text: str


class ChoicesJson(BaseModel):
    """What a launch form may choose, for a half-filled wish."""

    clusters: list[str]
    cluster: str
    queue: bool
    sizes: list[ChoiceJson]
    chosen: ChoiceJson
    sooner: SoonerJson | None
    problems: list[str] = Field(description="What is wrong with the wish itself.")
