"""Makes the API's JSON of clusters and of what may be chosen there."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from armchair.domain.cluster import (
    Account,
    ClusterJob,
    Estimate,
    Limits,
    Offer,
    Partition,
    PartitionLoad,
    Qos,
    Reservation,
    Usage,
)
from armchair.sessions.choose import Choices, SizeChoice
from armchair.sessions.clusters import ClusterRow, ClusterView
from armchair.web.api import speech
from armchair.web.api.cluster_models import (
    AccountJson,
    ChoiceJson,
    ChoicesJson,
    ClusterJobJson,
    ClusterJson,
    ClusterRowJson,
    EstimateJson,
    LimitsJson,
    LoadJson,
    OfferJson,
    PartitionJson,
    QosJson,
    ReservationJson,
    SoonerJson,
    UsageJson,
)
from armchair.web.api.present import placement_json, resources_json


def row_json(row: ClusterRow) -> ClusterRowJson:
    """A cluster in the list."""
    return ClusterRowJson(name=row.name, queue=row.queue, silent_since=row.silent_since)


def cluster_json(view: ClusterView) -> ClusterJson:
    """One cluster with all that is known."""
    overview = view.overview
    return ClusterJson(
        name=view.row.name,
        queue=view.row.queue,
        silent_since=view.row.silent_since,
        offer=_offer(view.offer) if view.offer is not None else None,
        partitions=[_load(one) for one in overview.partitions] if overview is not None else None,
        as_of=overview.as_of if overview is not None else None,
        jobs=[_job(one) for one in view.jobs],
    )


def choices_json(found: Choices) -> ChoicesJson:
    """The choices of a launch form."""
    hint = found.sooner
    return ChoicesJson(
        clusters=list(found.clusters),
        cluster=found.cluster,
        queue=found.queue,
        sizes=[_choice(one, found.now) for one in found.sizes],
        chosen=_choice(found.chosen, found.now),
        sooner=SoonerJson(
            resources=resources_json(hint.resources),
            placement=placement_json(hint.placement),
            text=speech.sooner(hint, found.chosen.size.resources, found.now),
        )
        if hint is not None
        else None,
        problems=[speech.field(one) for one in found.errors],
    )


def _choice(choice: SizeChoice, now: datetime) -> ChoiceJson:
    return ChoiceJson(
        size=choice.size.name,
        title=choice.size.title,
        resources=resources_json(choice.size.resources),
        placement=placement_json(choice.placement),
        estimate=_estimate(choice.estimate, now),
        problems=[speech.field(one) for one in choice.errors],
    )


def _estimate(guess: Estimate, now: datetime) -> EstimateJson:
    return EstimateJson(starts=guess.starts.value, at=guess.at, asking=guess.asking, text=speech.estimate(guess, now))


def _offer(offer: Offer) -> OfferJson:
    return OfferJson(
        known=offer.known,
        partitions=[_partition(one) for one in offer.partitions],
        accounts=[_account(one) for one in offer.accounts],
        qos=[_qos(one) for one in offer.qos],
        reservations=[_reservation(one) for one in offer.reservations],
        as_of=offer.as_of,
    )


def _partition(one: Partition) -> PartitionJson:
    return PartitionJson(
        name=one.name,
        up=one.up,
        default=one.default,
        max_walltime=_seconds(one.max_walltime),
        default_walltime=_seconds(one.default_walltime),
        nodes=one.nodes,
        cores=one.cores,
        memory=one.memory,
        gpus=dict(one.gpus),
        accounts=_names(one.accounts),
        qos=_names(one.qos),
    )


def _account(one: Account) -> AccountJson:
    return AccountJson(
        name=one.name,
        default=one.default,
        partitions=_names(one.partitions),
        qos=list(one.qos),
        default_qos=one.default_qos,
        limits=_limits(one.limits),
    )


def _qos(one: Qos) -> QosJson:
    return QosJson(name=one.name, limits=_limits(one.limits))


def _reservation(one: Reservation) -> ReservationJson:
    return ReservationJson(name=one.name, start=one.start, end=one.end, partition=one.partition, accounts=_names(one.accounts))


def _limits(limits: Limits) -> LimitsJson:
    return LimitsJson(
        walltime=_seconds(limits.walltime), cores=limits.cores, memory=limits.memory, gpus=limits.gpus, jobs=limits.jobs
    )


def _load(one: PartitionLoad) -> LoadJson:
    return LoadJson(
        name=one.name,
        up=one.up,
        nodes=_usage(one.nodes),
        cores=_usage(one.cores),
        memory=_usage(one.memory),
        gpus=_usage(one.gpus),
        running=one.running,
        waiting=one.waiting,
    )


def _usage(one: Usage) -> UsageJson:
    return UsageJson(total=one.total, used=one.used, down=one.down, free=one.free)


def _job(one: ClusterJob) -> ClusterJobJson:
    return ClusterJobJson(
        id=one.id,
        name=one.name,
        state=one.state,
        reason=one.reason,
        reason_text=speech.reason(one),
        partition=one.partition,
        node=one.node,
        cores=one.cores,
        memory=one.memory,
        gpus=one.gpus,
        submitted_at=one.submitted_at,
        started_at=one.started_at,
        ends_at=one.ends_at,
        started_here=bool(one.mark),
    )


def _names(names: Iterable[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else int(span.total_seconds())
