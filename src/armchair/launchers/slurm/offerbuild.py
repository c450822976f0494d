"""From what Slurm says of everybody to what one person may use. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from armchair.domain.cluster import Account, Limits, Offer, Partition, Qos, Reservation
from armchair.launchers.slurm.offerparse import (
    AssociationFacts,
    NodeFacts,
    PartitionFacts,
    QosFacts,
    ReservationFacts,
    Tres,
    smallest,
)

_DEPTH = 20  # accounts nest; a chain of parents that goes in a circle must end


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What the controller says: the same for everybody."""

    partitions: Sequence[PartitionFacts] = ()
    nodes: Sequence[NodeFacts] = ()
    reservations: Sequence[ReservationFacts] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What accounting says, of everybody. `enforced`: nobody without account may start jobs. `limits`: limits count.

    `nested`: where a partition names an account, it means those under it too, as from Slurm 25.11 on.
    """

    associations: Sequence[AssociationFacts] = ()
    qos: Sequence[QosFacts] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    enforced: bool = False
    limits: bool = False
    nested: bool = False


def offer(
    cluster: str, login: str, places: Places, books: Books | None, groups: frozenset[str] | None, as_of: datetime
) -> Offer:
    """What this person may use. `books` None: there is no accounting, or nothing is known of it. `groups` are the person's
    Unix groups; None: not known, and nothing is left out because of them.
    """
    rows = [row for row in books.associations if row.user == login] if books is not None else []
    accounts = _accounts(login, rows, books) if books is not None else ()
    qos = {one.name: one for one in books.qos} if books is not None else {}
    usable = {name for account in accounts for name in account.qos}
    counts = books is not None and books.limits
    lineages = _lineages(accounts, books)
    meant = lineages if books is not None and books.nested else {one.name: frozenset({one.name}) for one in accounts}
    reservations = tuple(_reservations(login, places.reservations, lineages, groups, as_of))
    return Offer(
        cluster=cluster,
        login=login,
        known=books is None or not books.enforced or bool(rows),
        partitions=tuple(
            _offered(one, places.nodes, accounts, qos if counts else {}, meant)
            for one in places.partitions
            if _is_open(one, accounts, groups, reservations, meant)
        ),
        accounts=accounts,
        qos=tuple(_qos(one, counts=counts) for one in qos.values() if not accounts or one.name in usable),
        reservations=reservations,
        as_of=as_of,
    )


def _accounts(login: str, rows: Sequence[AssociationFacts], books: Books) -> tuple[Account, ...]:
    above = {row.account: row for row in books.associations if not row.user}
    found = []
    for name in dict.fromkeys(row.account for row in rows):
        mine = [row for row in rows if row.account == name]
        first = next((row for row in mine if not row.partition), mine[0])
        places = None if not first.partition else frozenset(row.partition for row in mine)
        found.append(
            Account(
                name=name,
                default=books.defaults.get(login) == name,
                partitions=places,
                qos=first.qos,
                default_qos=first.default_qos or (first.qos[0] if len(first.qos) == 1 else ""),
                limits=_limits(_group(first, above), first.walltime, first.jobs) if books.limits else Limits(),
            )
        )
    return tuple(found)


def _group(row: AssociationFacts, above: Mapping[str, AssociationFacts]) -> Tres:
    """The least of the row's own limits and those of its account and of the accounts above that."""
    found, name = smallest(row.job, row.group), row.account
    for _ in range(_DEPTH):
        parent = above.get(name)
        if parent is None:
            break
        found, name = smallest(found, parent.group), parent.parent
    return found


def _is_open(
    partition: PartitionFacts,
    accounts: Sequence[Account],
    groups: frozenset[str] | None,
    reservations: Sequence[Reservation],
    meant: Mapping[str, frozenset[str]],
) -> bool:
    """Whether this person may use it at all."""
    if partition.closed or partition.state == "INACTIVE":
        return False
    if partition.reserved and not any(one.partition in {"", partition.name} for one in reservations):
        return False
    if partition.groups and groups is not None and not partition.groups & groups:
        return False
    return not accounts or any(
        (one.partitions is None or partition.name in one.partitions) and _lets_in(partition, meant[one.name])
        for one in accounts
    )


def _lineages(accounts: Sequence[Account], books: Books | None) -> dict[str, frozenset[str]]:
    """For each account its name and those of the accounts above it."""
    rows = books.associations if books is not None else ()
    above = {row.account: row.parent for row in rows if not row.user}
    found = {}
    for one in accounts:
        names = [one.name]
        while (parent := above.get(names[-1], "")) and parent not in names:
            names.append(parent)
        found[one.name] = frozenset(names)
    return found


def _lets_in(partition: PartitionFacts, names: frozenset[str]) -> bool:
    # Slurm: where both lists are there, the list of those let in counts alone
    return bool(names & partition.accounts) if partition.accounts else not names & partition.not_accounts


def _offered(
    partition: PartitionFacts,
    nodes: Sequence[NodeFacts],
    accounts: Sequence[Account],
    qos: Mapping[str, QosFacts],
    meant: Mapping[str, frozenset[str]],
) -> Partition:
    mine = [node for node in nodes if node.partition == partition.name]
    restricted = partition.accounts or partition.not_accounts
    own = qos.get(partition.own_qos)
    return Partition(
        name=partition.name,
        up=partition.state == "UP",
        default=partition.default,
        max_walltime=partition.max_time,
        default_walltime=partition.default_time,
        nodes=len(mine),
        cores=_most([node.cores for node in mine], partition.cores_per_node),
        memory=_most([node.memory for node in mine], partition.memory_per_node),
        gpus=_gpus(mine),
        accounts=frozenset(one.name for one in accounts if _lets_in(partition, meant[one.name]))
        if restricted and accounts
        else partition.accounts or None,
        qos=_let_in_qos(partition, accounts),
        limits=_limits(own.limits, own.walltime, None) if own is not None else Limits(),
    )


def _most(sizes: Sequence[int], limit: int | None) -> int | None:
    """The largest node, as far as the partition gives of one; None when nothing is known."""
    largest = max(sizes, default=0) or None
    return limit if largest is None else min(largest, limit or largest)


def _gpus(nodes: Sequence[NodeFacts]) -> dict[str, int]:
    found: dict[str, int] = {}
    for node in nodes:
        for kind, count in node.gpus.items():
            found[kind] = max(found.get(kind, 0), count)
        if node.gpus:
            found[""] = max(found.get("", 0), sum(node.gpus.values()))
    return found


def _let_in_qos(partition: PartitionFacts, accounts: Sequence[Account]) -> frozenset[str] | None:
    if partition.qos:
        return partition.qos
    if partition.not_qos:
        return frozenset(name for account in accounts for name in account.qos) - partition.not_qos
    return None


def _qos(one: QosFacts, *, counts: bool) -> Qos:
    limits = _limits(one.limits, one.walltime, None) if counts else Limits()
    return Qos(name=one.name, limits=limits, lifts_walltime=one.lifts_walltime)


def _reservations(
    login: str,
    reservations: Sequence[ReservationFacts],
    lineages: Mapping[str, frozenset[str]],
    groups: frozenset[str] | None,
    now: datetime,
) -> Sequence[Reservation]:
    found = []
    for one in reservations:
        named = bool(one.users or one.groups)
        by_name = login in one.users or bool(groups and one.groups & groups)
        usable = frozenset(
            name
            for name, lineage in lineages.items()
            if not lineage & one.not_accounts and (not one.accounts or lineage & one.accounts)
        )
        # where users and accounts are named, a job has to be of both
        invited = by_name if named else bool(one.accounts or one.not_users or one.not_accounts)
        shut_out = not usable and bool(one.accounts or (one.not_accounts and lineages))
        if one.end <= now or login in one.not_users or not invited or shut_out:
            continue
        restricted = one.accounts or one.not_accounts
        found.append(
            Reservation(
                name=one.name,
                start=one.start,
                end=one.end,
                partition=one.partition,
                accounts=usable if restricted else None,
            )
        )
    return found


def _limits(most: Tres, walltime: timedelta | None, jobs: int | None) -> Limits:
    return Limits(walltime=walltime, cores=most.cores, memory=most.memory, gpus=most.gpus, jobs=jobs)
