"""What a cluster offers and how busy it is, as far as a person may see it: plain facts, each with the time it was read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that one person may ask for or have. None: no limit. `cores`, `memory` (bytes) and `gpus` are for all their
    running jobs together, `walltime` for each.
    """

    walltime: timedelta | None = None
    cores: int | None = None
    memory: int | None = None
    gpus: int | None = None
    jobs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A part of the cluster. Sizes are those of its largest node; None: not known or not limited.

    `gpus` maps a GPU type to the most of them that one node has, and "" to the most of any type. `accounts` and `qos` are those
    that are let in; None: all. `limits` are those of the partition's own QOS.
    """

    name: str
    up: bool = True
    default: bool = False
    max_walltime: timedelta | None = None
    default_walltime: timedelta | None = None
    nodes: int = 0
    cores: int | None = None
    memory: int | None = None
    gpus: Mapping[str, int] = field(default_factory=dict)
    accounts: frozenset[str] | None = None
    qos: frozenset[str] | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A group account that a person may charge. `partitions` None: all."""

    name: str
    default: bool = False
    partitions: frozenset[str] | None = None
    qos: tuple[str, ...] = ()
    default_qos: str = ""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Qos:
    """A quality of service with its limits. `lifts_walltime`: with it the partition's longest time does not count."""

    name: str
    limits: Limits = field(default_factory=Limits)
    lifts_walltime: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Nodes kept for some people for some time. `accounts`: it is for members of one of these, whoever they are; None: for
    this person whatever they charge.
    """

    name: str
    start: datetime
    end: datetime
    partition: str = ""
    accounts: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one person may use of a cluster. `accounts` empty: the cluster knows no accounts, or (`known` False) not this
    person, and takes no job from them.
    """

    cluster: str
    login: str
    known: bool = True
    partitions: tuple[Partition, ...] = ()
    accounts: tuple[Account, ...] = ()
    qos: tuple[Qos, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    as_of: datetime


class Starts(StrEnum):
    """When a job of some shape would start."""

    NOW = "now"
    LATER = "later"
    NEVER = "never"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A guess, as old as `as_of`. `at` is set for LATER. `reason` is the scheduler's word for NEVER; with UNKNOWN it is the
    code for which the job would wait, nobody knows how long. `asking`: the answer is on its way.
    """

    starts: Starts
    at: datetime | None = None
    reason: str = ""
    asking: bool = False
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How much of something there is and how it is used; `down`: neither."""

    total: int = 0
    used: int = 0
    down: int = 0

    @property
    def free(self) -> int:
        """What could be given to a job now."""
        return max(0, self.total - self.used - self.down)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionLoad:
    """How busy one partition is. Memory in bytes. `waiting` counts pending jobs."""

    name: str
    up: bool = True
    nodes: Usage = field(default_factory=Usage)
    cores: Usage = field(default_factory=Usage)
    memory: Usage = field(default_factory=Usage)
    gpus: Usage = field(default_factory=Usage)
    running: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How busy a cluster is."""

    cluster: str
    partitions: tuple[PartitionLoad, ...] = ()
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterJob:
    """One job of a person, whoever started it. `state` and `reason` are the scheduler's words. `mark` "": not one of ours."""

    id: str
    name: str
    state: str
    reason: str = ""
    partition: str = ""
    node: str = ""
    cores: int = 0
    memory: int = 0
    gpus: int = 0
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    ends_at: datetime | None = None
    mark: str = ""
