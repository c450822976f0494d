"""A size and a place against what a cluster offers: limits are named here, because Slurm accepts too much and lets it wait."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from armchair.domain.cluster import Account, Limits, Offer, Partition, Qos, Reservation
from armchair.domain.errors import FieldError
from armchair.domain.session import Placement, Resources

FIELDS = ("partition", "account", "qos", "reservation", "gpu_type")
PREFIX = "placement."
_NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.@:+-]{0,127})?", re.ASCII)


def settle(offer: Offer, resources: Resources, wished: Placement) -> Placement:
    """The wished placement with what was left open decided as far as it matters: partition and account.

    The partition is the cluster's default if the size fits there, else the first that it fits, else the default. The account is
    the person's default if it may use that partition, else the first that may. What was named stays, right or wrong.
    """
    partition = wished.partition or _reserved_partition(offer, wished)
    if not partition:
        # GPUs are dear: nobody is sent to them who asked for none
        needless = {one.name for one in offer.partitions if one.gpus and not resources.gpus}
        candidates = sorted(offer.partitions, key=lambda one: (not one.default, one.name in needless, not one.up))
        fitting = [one for one in candidates if _fits(offer, one, resources, wished)]
        best = next(iter(fitting or candidates), None)
        # without a default every job names its partition; with one, an unfit size is refused with its limits
        partition = best.name if best is not None else ""
    account = wished.account
    if not account and offer.accounts:
        usable = [one for one in offer.accounts if _may(one, find_partition(offer, partition))] or list(offer.accounts)
        account = next((one.name for one in usable if one.default), usable[0].name)
    return replace(wished, partition=partition, account=account)


def check(offer: Offer, resources: Resources, placement: Placement, now: datetime, *, preset: bool = False) -> list[FieldError]:
    """Why a job of this size can't run there, ever; nothing when it can. `placement` is settled.

    Errors carry `placement.<name>` or `resources.<name>`; with `preset` the latter are all "size". Each has the limit in its
    parameters: walltimes in seconds, memory in bytes.
    """
    bad = check_names(placement)
    placement = replace(placement, **{one.field.removeprefix(PREFIX): "" for one in bad})
    if not offer.known:
        return [FieldError(field="placement.account", code="place_no_account", params={"cluster": offer.cluster})]
    errors = [*bad, *_names(offer, placement)]
    partition = find_partition(offer, placement.partition)
    if partition is not None:
        errors += _admission(offer, partition, placement)
        errors += _partition_limits(offer, partition, resources, placement)
        errors += _within(partition.limits, resources, "place_partition", {"partition": partition.name})
    if (account := find_account(offer, placement.account)) is not None:
        errors += _within(account.limits, resources, "place_account", {"account": account.name})
    if (qos := effective_qos(offer, placement)) is not None:
        errors += _within(qos.limits, resources, "place_qos", {"qos": qos.name})
    if (reservation := find_reservation(offer, placement.reservation)) is not None:
        errors += _reservation_time(reservation, partition, resources, now)
    return [replace(one, field="size") if preset and one.field.startswith("resources.") else one for one in errors]


def check_names(placement: Placement) -> list[FieldError]:
    """The names that can be none on any cluster. They end up in argument lists, so this holds also where no offer is known."""
    bad = [name for name in FIELDS if not _NAME.fullmatch(getattr(placement, name))]
    return [FieldError(field=PREFIX + name, code="place_name_invalid") for name in bad]


def alternatives(offer: Offer, resources: Resources, placement: Placement, now: datetime) -> list[tuple[Resources, Placement]]:
    """What might start sooner: half of the time in the same place, then the same in other open partitions. At most three.

    A partition with GPUs is no alternative for a job that needs none.
    """
    found: list[tuple[Resources, Placement]] = []
    if resources.walltime is not None and resources.walltime >= timedelta(minutes=30):
        found.append((replace(resources, walltime=resources.walltime / 2), placement))
    for partition in offer.partitions:
        other = partition.name != placement.partition and bool(partition.gpus) == bool(resources.gpus)
        if other and partition.up and not placement.reservation:
            account = find_account(offer, placement.account)
            keep = account is None or _may(account, partition)
            elsewhere = replace(placement, partition=partition.name, account=placement.account if keep else "")
            found.append((resources, settle(offer, resources, elsewhere)))
    return [one for one in found if not check(offer, *one, now)][:3]


def find_partition(offer: Offer, name: str) -> Partition | None:
    """The partition of this name, or None."""
    return next((one for one in offer.partitions if one.name == name), None)


def find_account(offer: Offer, name: str) -> Account | None:
    """The account of this name, or None."""
    return next((one for one in offer.accounts if one.name == name), None)


def find_reservation(offer: Offer, name: str) -> Reservation | None:
    """The reservation of this name, or None."""
    return next((one for one in offer.reservations if one.name == name), None)


def allowed_qos(offer: Offer, placement: Placement) -> list[str]:
    """The QOS that may be named with this account and partition."""
    account, partition = find_account(offer, placement.account), find_partition(offer, placement.partition)
    names = account.qos if account is not None else tuple(one.name for one in offer.qos)
    return [name for name in names if partition is None or partition.qos is None or name in partition.qos]


def effective_qos(offer: Offer, placement: Placement) -> Qos | None:
    """The QOS that a job would get: the one named, else the account's default."""
    account = find_account(offer, placement.account)
    name = placement.qos or (account.default_qos if account is not None else "")
    return next((one for one in offer.qos if one.name == name), None)


def _reserved_partition(offer: Offer, wished: Placement) -> str:
    reservation = find_reservation(offer, wished.reservation)
    return reservation.partition if reservation is not None else ""


def _may(account: Account, partition: Partition | None) -> bool:
    if partition is None:
        return True
    inside = account.partitions is None or partition.name in account.partitions
    return inside and (partition.accounts is None or account.name in partition.accounts)


def _fits(offer: Offer, partition: Partition, resources: Resources, wished: Placement) -> bool:
    accounts = [one for one in offer.accounts if one.name == wished.account or not wished.account]
    admitted = not offer.accounts or any(_may(one, partition) for one in accounts)
    return partition.up and admitted and not any(_partition_limits(offer, partition, resources, wished))


def _names(offer: Offer, placement: Placement) -> Iterator[FieldError]:
    """Names that this person does not have there. Without accounts nothing is known of accounts and QOS, so all pass."""
    known: dict[str, list[str]] = {
        "partition": [one.name for one in offer.partitions],
        "reservation": [one.name for one in offer.reservations],
    }
    if offer.accounts:
        known["account"] = [one.name for one in offer.accounts]
        known["qos"] = allowed_qos(offer, placement)
    for name, allowed in known.items():
        value = getattr(placement, name)
        if value and value not in allowed:
            params: dict[str, object] = {"name": value, "allowed": allowed, "partition": placement.partition}
            yield FieldError(field=PREFIX + name, code=f"place_{name}_unknown", params=params)


def _admission(offer: Offer, partition: Partition, placement: Placement) -> Iterator[FieldError]:
    account = find_account(offer, placement.account)
    if account is not None and not _may(account, partition):
        params: dict[str, object] = {"account": account.name, "partition": partition.name}
        yield FieldError(field="placement.account", code="place_account_not_here", params=params)
    default = account.default_qos if account is not None else ""
    if not placement.qos and default and partition.qos is not None and default not in partition.qos:
        allowed = allowed_qos(offer, placement)
        params = {"name": default, "partition": partition.name, "allowed": allowed}
        yield FieldError(field="placement.qos", code="place_qos_needed", params=params)


def _partition_limits(offer: Offer, partition: Partition, resources: Resources, placement: Placement) -> Iterator[FieldError]:
    name: dict[str, object] = {"partition": partition.name}
    qos = effective_qos(offer, placement)
    lifted = qos is not None and qos.lifts_walltime
    if not lifted and _over(_seconds(resources.walltime), _seconds(partition.max_walltime)):
        yield _error("walltime", "place_partition_walltime", name, _seconds(partition.max_walltime))
    if _over(resources.cores, partition.cores):
        yield _error("cores", "place_node_cores", name, partition.cores)
    if _over(resources.memory, partition.memory):
        yield _error("memory", "place_node_memory", name, partition.memory)
    if resources.gpus:
        yield from _gpus(partition, resources.gpus, placement.gpu_type)


def _gpus(partition: Partition, wanted: int, kind: str) -> Iterator[FieldError]:
    most = max(partition.gpus.values(), default=0)
    name: dict[str, object] = {"partition": partition.name}
    if most == 0:
        yield FieldError(field="resources.gpus", code="place_node_no_gpus", params=name)
    elif kind and kind not in partition.gpus:
        params: dict[str, object] = {**name, "name": kind, "allowed": sorted(one for one in partition.gpus if one)}
        yield FieldError(field="placement.gpu_type", code="place_gpu_type_unknown", params=params)
    elif wanted > (limit := partition.gpus[kind] if kind else most):
        yield _error("gpus", "place_node_gpus", {**name, "kind": kind}, limit)


def _within(limits: Limits, resources: Resources, stem: str, params: dict[str, object]) -> Iterator[FieldError]:
    asked = {
        "walltime": _seconds(resources.walltime),
        "cores": resources.cores,
        "memory": resources.memory,
        "gpus": resources.gpus,
    }
    allowed = {
        "walltime": _seconds(limits.walltime),
        "cores": limits.cores,
        "memory": limits.memory,
        "gpus": limits.gpus,
    }
    for name, limit in allowed.items():
        if _over(asked[name], limit):
            yield _error(name, f"{stem}_{name}", params, limit)


def _reservation_time(
    reservation: Reservation, partition: Partition | None, resources: Resources, now: datetime
) -> Iterator[FieldError]:
    name: dict[str, object] = {"reservation": reservation.name}
    if reservation.partition and partition is not None and partition.name != reservation.partition:
        params = {**name, "partition": reservation.partition}
        yield FieldError(field="placement.partition", code="place_reservation_partition", params=params)
    left = _seconds(reservation.end - max(now, reservation.start)) or 0
    if _over(_seconds(resources.walltime), left):
        yield _error("walltime", "place_reservation_walltime", name, max(0, left // 60 * 60))


def _error(name: str, code: str, params: dict[str, object], limit: int | None) -> FieldError:
    return FieldError(field=f"resources.{name}", code=code, params={**params, "limit": limit})


def _over(asked: int | None, limit: int | None) -> bool:
    return asked is not None and limit is not None and asked > limit


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else int(span.total_seconds())
