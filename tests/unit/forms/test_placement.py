"""A size and a place against an offer: each limit is named, and what passes really is within all of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair import words
from armchair.domain.cluster import Account, Limits, Offer, Partition, Qos, Reservation
from armchair.domain.forms.placement import alternatives, check, effective_qos, find_account, find_partition, settle
from armchair.domain.session import Placement, Resources
from armchair.testing.scheduler import GB, rich_offer

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
OFFER = rich_offer(NOW)


def said(
    resources: Resources, wished: Placement | None = None, offer: Offer = OFFER, *, preset: bool = False
) -> dict[str, str]:
    settled = settle(offer, resources, wished or Placement())
    return {one.field: words.field_error(one) for one in check(offer, resources, settled, NOW, preset=preset)}


def test_what_fits_goes_to_the_default_partition_and_account() -> None:
    resources = Resources(cores=4, memory=GB, walltime=timedelta(hours=4))
    assert settle(OFFER, resources, Placement()) == Placement(partition="short", account="genomics")
    assert said(resources) == {}


def test_a_size_that_the_default_partition_does_not_take_goes_where_it_fits() -> None:
    assert settle(OFFER, Resources(walltime=timedelta(hours=5)), Placement()).partition == "long"
    assert settle(OFFER, Resources(gpus=1), Placement()) == Placement(partition="gpu", account="physics")


def test_a_reservation_chooses_its_partition() -> None:
    assert settle(OFFER, Resources(gpus=1), Placement(reservation="class")).partition == "short"


@pytest.mark.parametrize(
    ("resources", "wished", "field", "text"),
    [
        (Resources(walltime=timedelta(hours=5)), {"partition": "short"}, "resources.walltime", "short allows at most 4 hours."),
        (Resources(cores=65), {}, "resources.cores", "The largest node of short has 64 cores."),
        (Resources(memory=65 * GB), {}, "resources.memory", "The largest node of short has 64 GB of memory."),
        (Resources(gpus=5), {"partition": "gpu"}, "resources.gpus", "The largest node of gpu has 4 GPUs."),
        (
            Resources(gpus=3),
            {"partition": "gpu", "gpu_type": "a100"},
            "resources.gpus",
            "The largest node of gpu has 2 GPUs of type a100.",
        ),
        (Resources(gpus=1), {"partition": "short"}, "resources.gpus", "short has no GPUs."),
        (
            Resources(gpus=1),
            {"partition": "gpu", "gpu_type": "h100"},
            "placement.gpu_type",
            "gpu has no GPUs of type h100. Choose one of: a100, t4.",
        ),
        (
            Resources(),
            {"partition": "gpu", "account": "genomics"},
            "placement.account",
            "Your group genomics may not use gpu.",
        ),
        (
            Resources(),
            {"account": "law"},
            "placement.account",
            "law is no group account of yours here. Choose one of: genomics, physics.",
        ),
        (
            Resources(),
            {"partition": "x"},
            "placement.partition",
            "No partition named x is open to you. Choose one of: short, long, gpu.",
        ),
        (Resources(), {"qos": "x"}, "placement.qos", "The QOS x can't be used here. Choose one of: normal, small."),
        (Resources(cores=9), {"qos": "small"}, "resources.cores", "The QOS small allows at most 8 cores at once."),
        (
            Resources(walltime=timedelta(hours=2)),
            {"qos": "small"},
            "resources.walltime",
            "The QOS small allows at most 1 hour.",
        ),
        (Resources(), {"reservation": "x"}, "placement.reservation", "No reservation named x is open to you now."),
        (
            Resources(walltime=timedelta(hours=2)),
            {"reservation": "class"},
            "resources.walltime",
            "Of the reservation class at most 1 hour are left.",
        ),
        (
            Resources(walltime=timedelta(hours=1)),
            {"reservation": "class", "partition": "long"},
            "placement.partition",
            "The reservation class is in short.",
        ),
    ],
)
def test_each_limit_is_named(resources: Resources, wished: dict[str, str], field: str, text: str) -> None:
    assert said(resources, Placement(**wished))[field] == text


def test_a_preset_is_wrong_as_a_whole() -> None:
    assert said(Resources(cores=65), preset=True) == {"size": "The largest node of short has 64 cores."}


def test_a_group_of_few_cores_is_named() -> None:
    accounts = (replace(OFFER.accounts[0], limits=Limits(cores=32)),)
    assert said(Resources(cores=33), offer=replace(OFFER, accounts=accounts)) == {
        "resources.cores": "Your group genomics allows at most 32 cores at once."
    }


def test_somebody_without_account_is_told_so_and_nothing_else() -> None:
    text = said(Resources(cores=1000), Placement(partition="x"), replace(OFFER, known=False, accounts=()))
    assert text == {
        "placement.account": "The cluster hpc knows no group account of yours, so it takes no jobs from you. "
        "Ask its help desk for one."
    }


def test_a_cluster_without_accounting_takes_any_account() -> None:
    free = replace(OFFER, accounts=(), qos=())
    assert said(Resources(), Placement(account="anything", qos="anything"), free) == {}


def test_a_qos_that_lifts_the_longest_time_does() -> None:
    offer = replace(OFFER, qos=(Qos(name="small", lifts_walltime=True),))
    assert said(Resources(walltime=timedelta(hours=9)), Placement(partition="short", qos="small"), offer) == {}


def test_what_might_start_sooner_is_allowed_and_different() -> None:
    asked = Resources(walltime=timedelta(hours=4))
    settled = settle(OFFER, asked, Placement())
    found = alternatives(OFFER, asked, settled, NOW)
    assert [(one.walltime, place.partition) for one, place in found] == [
        (timedelta(hours=2), "short"),
        (timedelta(hours=4), "long"),
    ]
    assert alternatives(OFFER, Resources(gpus=1), settle(OFFER, Resources(gpus=1), Placement()), NOW) == []


# --- whatever is offered and asked ----------------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "c"])
some = st.none() | st.integers(1, 100)
times = st.none() | st.integers(60, 10**6).map(lambda seconds: timedelta(seconds=seconds))
limits = st.builds(Limits, walltime=times, cores=some, memory=some, gpus=some)
sets = st.none() | st.frozensets(names)
partitions = st.builds(
    Partition,
    name=names,
    up=st.booleans(),
    default=st.booleans(),
    max_walltime=times,
    cores=some,
    memory=some,
    gpus=st.dictionaries(st.sampled_from(["", "a100"]), st.integers(0, 8)),
    accounts=sets,
    qos=sets,
    limits=limits,
)
accounts = st.builds(
    Account,
    name=names,
    default=st.booleans(),
    partitions=sets,
    qos=st.lists(names).map(tuple),
    default_qos=st.just("") | names,
    limits=limits,
)
reservations = st.builds(
    Reservation,
    name=names,
    start=st.just(NOW),
    end=st.integers(-10, 10**6).map(lambda s: NOW + timedelta(seconds=s)),
    partition=st.just("") | names,
)
offers = st.builds(
    Offer,
    cluster=st.just("hpc"),
    login=st.just("ada"),
    known=st.booleans(),
    partitions=st.lists(partitions, max_size=3, unique_by=lambda one: one.name).map(tuple),
    accounts=st.lists(accounts, max_size=3, unique_by=lambda one: one.name).map(tuple),
    qos=st.lists(st.builds(Qos, name=names, limits=limits), max_size=3, unique_by=lambda one: one.name).map(tuple),
    reservations=st.lists(reservations, max_size=2, unique_by=lambda one: one.name).map(tuple),
    as_of=st.just(NOW),
)
maybe = st.just("") | names
placements = st.builds(
    Placement, partition=maybe, account=maybe, qos=maybe, reservation=maybe, gpu_type=st.sampled_from(["", "a100"])
)
sizes = st.builds(Resources, cores=st.integers(1, 100), memory=some, walltime=times, gpus=st.integers(0, 9))


def within(limit: int | None, asked: int | None) -> bool:
    return limit is None or asked is None or asked <= limit


@given(offers, sizes, placements)
def test_what_passes_is_within_every_limit(offer: Offer, resources: Resources, wished: Placement) -> None:
    settled = settle(offer, resources, wished)
    assert settle(offer, resources, settled) == settled
    problems = check(offer, resources, settled, NOW)
    for one in problems:
        text = words.field_error(one)
        assert text.endswith(".")
        assert "?" not in text
        assert "%" not in text
    if problems:
        return
    assert offer.known
    partition, account = find_partition(offer, settled.partition), find_account(offer, settled.account)
    qos = effective_qos(offer, settled)
    seconds = resources.walltime.total_seconds() if resources.walltime else None
    for one in [partition.limits if partition else None, account.limits if account else None, qos.limits if qos else None]:
        if one is not None:
            assert within(one.cores, resources.cores)
            assert within(one.memory, resources.memory)
            assert within(one.gpus, resources.gpus)
            assert one.walltime is None or seconds is None or seconds <= one.walltime.total_seconds()
    if partition is not None:
        assert within(partition.cores, resources.cores)
        assert within(partition.memory, resources.memory)
        assert resources.gpus <= max(partition.gpus.values(), default=0)
        assert account is None or partition.accounts is None or account.name in partition.accounts


@given(offers, sizes, placements)
def test_a_smaller_size_in_the_same_place_is_never_worse(offer: Offer, resources: Resources, wished: Placement) -> None:
    settled = settle(offer, resources, wished)
    before = {one.code for one in check(offer, resources, settled, NOW)}
    smaller = replace(resources, cores=max(1, resources.cores // 2), gpus=resources.gpus // 2)
    assert {one.code for one in check(offer, smaller, settled, NOW)} <= before


@given(offers, sizes, placements)
def test_alternatives_can_start(offer: Offer, resources: Resources, wished: Placement) -> None:
    settled = settle(offer, resources, wished)
    for other, place in alternatives(offer, resources, settled, NOW):
        assert (other, place) != (resources, settled)
        assert check(offer, other, place, NOW) == []
