"""What Slurm says of partitions, nodes, reservations, accounts and QOS, as data. Every parser is total (see parse.py)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from armchair.launchers.slurm.parse import moment, number, pairs, span, text_of

MIB = 2**20
NODE_FIELDS = ("NodeList", "Partition", "StateLong", "CPUsState", "Memory", "AllocMem", "Gres", "GresUsed")
QOS_FIELDS = (
    "Name",
    "Flags",
    "GrpTRES",
    "MaxTRES",
    "MaxTRESPU",
    "MaxTRESPA",
    "MaxTRESPerNode",
    "MaxWall",
    "GrpJobs",
    "MaxJobsPU",
    "MaxJobsPA",
)
ASSOCIATION_FIELDS = (
    "Account",
    "User",
    "Partition",
    "ParentName",
    "GrpTRES",
    "MaxTRES",
    "MaxTRESPerNode",
    "MaxWall",
    "QOS",
    "DefaultQOS",
    "MaxJobs",
    "GrpJobs",
)
USER_FIELDS = ("User", "DefaultAccount")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}
_MEMORY = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)([KMGTP]?)(?:B|iB|n|c)?", re.ASCII)
_GPU = re.compile(r"(?:^|,)gpu(?::([^:,]*))?:(\d{1,6})(?=,|$)", re.ASCII)
_INSIDE = re.compile(r"\([^()]*\)")
_ALL = frozenset({"", "ALL", "all", "(null)", "N/A", "NONE", "UNLIMITED", "INFINITE"})
# of a node in one of these nothing can be given to a job, whatever sinfo counts as idle
_AWAY = ("down", "drain", "fail", "maint", "unk", "inval", "not_responding", "reserved", "reboot", "future", "error", "blocked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tres:
    """Trackable resources, as a limit or a use. Memory in bytes. `jobs` are running ones. None: not named."""

    cores: int | None = None
    memory: int | None = None
    gpus: int | None = None
    jobs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionFacts:
    """One line of `scontrol show partition`. Empty sets of names: all; `not_*` are kept out."""

    name: str
    state: str = "UP"
    default: bool = False
    closed: bool = False
    reserved: bool = False
    max_time: timedelta | None = None
    default_time: timedelta | None = None
    cores_per_node: int | None = None
    memory_per_node: int | None = None
    accounts: frozenset[str] = frozenset()
    not_accounts: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    qos: frozenset[str] = frozenset()
    not_qos: frozenset[str] = frozenset()
    own_qos: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """One node in one partition, as sinfo says. Memory in bytes; `gpus` by type ("" untyped). `away`: it takes no jobs."""

    name: str
    partition: str
    away: bool = False
    cores: int = 0
    cores_used: int = 0
    cores_down: int = 0
    memory: int = 0
    memory_used: int = 0
    gpus: Mapping[str, int] = field(default_factory=dict)
    gpus_used: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationFacts:
    """One reservation. Names that begin with "-" in Slurm's lists are kept out and are in the `not_*` sets."""

    name: str
    start: datetime
    end: datetime
    partition: str = ""
    users: frozenset[str] = frozenset()
    not_users: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    not_accounts: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class QosFacts:
    """One QOS: the smallest of its limits for a single job, and whether it goes beyond a partition's longest time.

    `together`, `each_user` and `each_account` are limits of what runs at the same time.
    """

    name: str
    limits: Tres = field(default_factory=Tres)
    together: Tres = field(default_factory=Tres)
    each_user: Tres = field(default_factory=Tres)
    each_account: Tres = field(default_factory=Tres)
    walltime: timedelta | None = None
    lifts_walltime: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationFacts:
    """One row of accounting: of a user in an account (and perhaps in one partition), or of the account itself (`user` "")."""

    account: str
    user: str = ""
    partition: str = ""
    parent: str = ""
    group: Tres = field(default_factory=Tres)
    job: Tres = field(default_factory=Tres)
    walltime: timedelta | None = None
    qos: tuple[str, ...] = ()
    default_qos: str = ""
    jobs: int | None = None


def partitions(text: str) -> list[PartitionFacts]:
    """The lines of `scontrol --oneliner show partition`."""
    return [_partition(fields) for fields in _lines(text) if fields.get("PartitionName")]


def _partition(field: Mapping[str, str]) -> PartitionFacts:
    yes = {name for name, value in field.items() if value == "YES"}
    memory = number(field.get("MaxMemPerNode", ""))
    return PartitionFacts(
        name=field["PartitionName"],
        state=field.get("State", "UP"),
        default="Default" in yes,
        closed=bool({"RootOnly", "Hidden"} & yes),
        reserved="ReqResv" in yes,
        max_time=span(field.get("MaxTime", "")),
        default_time=span(field.get("DefaultTime", "")),
        cores_per_node=number(field.get("MaxCPUsPerNode", "")),
        memory_per_node=memory * MIB if memory else None,
        accounts=names(field.get("AllowAccounts", "")),
        not_accounts=names(field.get("DenyAccounts", "")),
        groups=names(field.get("AllowGroups", "")),
        qos=names(field.get("AllowQos", "")),
        not_qos=names(field.get("DenyQos", "")),
        own_qos=next(iter(names(field.get("QoS", ""))), ""),
    )


def nodes(text: str) -> list[NodeFacts]:
    """The lines of sinfo with NODE_FIELDS, separated by "|"."""
    found = []
    for line in text.split("\n"):
        parts = [part.strip() for part in line.split("|")]
        if len(parts) >= len(NODE_FIELDS) and parts[0]:
            found.append(_node(dict(zip(NODE_FIELDS, parts, strict=False))))
    return found


def _node(field: Mapping[str, str]) -> NodeFacts:
    used, _, down, total = [number(part) or 0 for part in [*field["CPUsState"].split("/"), "", "", "", ""][:4]]
    state = field["StateLong"].lower()
    return NodeFacts(
        name=field["NodeList"],
        partition=field["Partition"].rstrip("*"),
        away=state.endswith("*") or any(sign in state for sign in _AWAY),
        cores=total,
        cores_used=used,
        cores_down=down,
        memory=(number(field["Memory"].rstrip("+")) or 0) * MIB,
        memory_used=(number(field["AllocMem"]) or 0) * MIB,
        gpus=gpus(field["Gres"]),
        gpus_used=sum(gpus(field["GresUsed"]).values()),
    )


def gpus(text: str) -> dict[str, int]:
    """GPUs by type in a list of generic resources: `gpu:a100:2(S:0-1),gpu:t4:2` → {"a100": 2, "t4": 2}.

    Those in use that have no type are written as `gpu:(null):2(IDX:0-1)`.
    """
    found: dict[str, int] = {}
    for kind, count in _GPU.findall(_INSIDE.sub("", text)):
        found[kind] = found.get(kind, 0) + int(count)
    return found


def reservations(text: str) -> list[ReservationFacts]:
    """The lines of `scontrol --oneliner show reservation`; those without times are left out."""
    found = []
    for line in _lines(text):
        start, end = moment(line.get("StartTime", "")), moment(line.get("EndTime", ""))
        name = line.get("ReservationName", "")
        if not name or start is None or end is None:
            continue
        users, accounts = names(line.get("Users", "")), names(line.get("Accounts", ""))
        found.append(
            ReservationFacts(
                name=name,
                start=start,
                end=end,
                partition=text_of(line.get("PartitionName", "")),
                users=frozenset(one for one in users if not one.startswith("-")),
                not_users=frozenset(one[1:] for one in users if one.startswith("-")),
                accounts=frozenset(one for one in accounts if not one.startswith("-")),
                not_accounts=frozenset(one[1:] for one in accounts if one.startswith("-")),
                groups=names(line.get("Groups", "")),
            )
        )
    return found


def qos(text: str) -> list[QosFacts]:
    """The lines of sacctmgr with QOS_FIELDS."""
    return [_qos(row) for row in _rows(text, QOS_FIELDS) if row["Name"]]


def _qos(row: Mapping[str, str]) -> QosFacts:
    flags = row["Flags"].split(",")
    # of a relative one the numbers are percentages, of whatever the cluster or the partition has just then: left to Slurm
    sizes = {name: Tres() if "Relative" in flags else tres(row[name]) for name in row if "TRES" in name}
    together, each_user, each_account = (
        replace(sizes[most], jobs=number(row[jobs]))
        for most, jobs in (("GrpTRES", "GrpJobs"), ("MaxTRESPU", "MaxJobsPU"), ("MaxTRESPA", "MaxJobsPA"))
    )
    return QosFacts(
        name=row["Name"],
        limits=smallest(together, each_user, each_account, sizes["MaxTRES"], sizes["MaxTRESPerNode"]),
        together=together,
        each_user=each_user,
        each_account=each_account,
        walltime=span(row["MaxWall"]),
        lifts_walltime="PartitionTimeLimit" in flags,
    )


def associations(text: str) -> list[AssociationFacts]:
    """The lines of sacctmgr with ASSOCIATION_FIELDS."""
    return [
        AssociationFacts(
            account=row["Account"],
            user=row["User"],
            partition=row["Partition"],
            parent=row["ParentName"],
            group=replace(tres(row["GrpTRES"]), jobs=number(row["GrpJobs"])),
            job=smallest(tres(row["MaxTRES"]), tres(row["MaxTRESPerNode"])),
            walltime=span(row["MaxWall"]),
            qos=tuple(name for name in row["QOS"].split(",") if name and not name.startswith(("+", "-"))),
            default_qos=row["DefaultQOS"],
            jobs=number(row["MaxJobs"]),
        )
        for row in _rows(text, ASSOCIATION_FIELDS)
        if row["Account"]
    ]


def default_accounts(text: str) -> dict[str, str]:
    """The default account of each user, from sacctmgr with USER_FIELDS."""
    return {row["User"]: row["DefaultAccount"] for row in _rows(text, USER_FIELDS) if row["User"]}


def tres(text: str) -> Tres:
    """`cpu=4,mem=20G,gres/gpu=2`. Memory without a unit is in MiB; limits of single GPU types are left to Slurm."""
    found: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if equals:
            found[name] = value
    size = _MEMORY.fullmatch(found.get("mem", ""))
    return Tres(
        cores=number(found.get("cpu", "")),
        memory=round(float(size[1]) * _UNITS[size[2] or "M"]) if size else None,
        gpus=number(found.get("gres/gpu", "")),
    )


def smallest(*limits: Tres) -> Tres:
    """The least of each."""

    def least(*values: int | None) -> int | None:
        return min((value for value in values if value is not None), default=None)

    return Tres(
        cores=least(*(one.cores for one in limits)),
        memory=least(*(one.memory for one in limits)),
        gpus=least(*(one.gpus for one in limits)),
    )


def names(text: str) -> frozenset[str]:
    """The names in a list; none for Slurm's ways to say "all" or "none"."""
    return frozenset(part for part in (one.strip() for one in text.split(",")) if part not in _ALL)


def _lines(text: str) -> Iterator[dict[str, str]]:
    for line in text.split("\n"):
        field: dict[str, str] = {}
        for name, value in pairs(line):
            field.setdefault(name, value)
        if field:
            yield field


def _rows(text: str, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    for line in text.split("\n"):
        parts = [part.strip() for part in line.split("|")]
        if len(parts) >= len(columns):
            yield dict(zip(columns, parts, strict=False))
