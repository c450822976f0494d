"""Where a session runs and what the launch page shows of it: checked before anything is stored, and never waiting."""

from dataclasses import replace
from datetime import timedelta

import pytest

from armchair import words
from armchair.domain.cluster import Estimate, Starts
from armchair.domain.errors import InvalidInput, NotFound
from armchair.domain.session import Placement, Resources
from armchair.sessions import clusters
from armchair.sessions.choose import choices
from armchair.sessions.launch import LaunchRequest, launch
from armchair.sessions.launcherports import Scheduler
from armchair.sessions.ports import ListQuery
from armchair.testing.portal import FakePortal, fake_application, fake_portal
from armchair.testing.scheduler import GB, FakeScheduler, rich_offer

HOURS = timedelta(hours=1)


@pytest.fixture
async def hpc() -> FakePortal:
    """A portal whose only cluster has a queue."""
    fake = await fake_portal()
    cluster = FakeScheduler("hpc", now=fake.clock.now)
    cluster.offers["ada"] = rich_offer(fake.clock.now())
    fake.portal.launchers = {"hpc": cluster}
    return fake


def scheduler(fake: FakePortal) -> FakeScheduler:
    found = fake.portal.scheduler("hpc")
    assert isinstance(found, FakeScheduler)
    return found


def wish(size: str = "", **rest: object) -> LaunchRequest:
    return LaunchRequest(app="hello", size=size, answers={}, launch_key="k", **rest)  # type: ignore[arg-type]


async def refused(fake: FakePortal, request: LaunchRequest) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        await launch(fake.portal, fake.actor, request)
    assert (await fake.portal.store.listing(ListQuery(subject="ada"))).total == 0
    return {one.field: words.field_error(one) for one in caught.value.errors}


async def test_the_fake_is_a_scheduler_and_a_plain_launcher_is_none(hpc: FakePortal) -> None:
    assert isinstance(scheduler(hpc), Scheduler)
    assert (await fake_portal()).portal.scheduler("local") is None


async def test_a_launch_records_cluster_and_settled_placement(hpc: FakePortal) -> None:
    session = (await launch(hpc.portal, hpc.actor, wish("large"))).record.session
    assert session.cluster == "hpc"
    assert session.placement == Placement(partition="short", account="genomics")
    assert [job.request.placement for job in scheduler(hpc).table.values() if job.request] == [session.placement]


async def test_over_limit_wishes_are_refused_with_the_limit_and_nothing_is_stored(hpc: FakePortal) -> None:
    too_long = wish(resources={"walltime": "5h"}, placement=Placement(partition="short"))
    assert await refused(hpc, too_long) == {"resources.walltime": "short allows at most 4 hours."}
    wide = wish("large", placement=Placement(partition="gpu", account="genomics"))
    assert await refused(hpc, wide) == {"placement.account": "Your group genomics may not use gpu."}
    assert scheduler(hpc).calls["submit"] == 0


async def test_a_size_of_ones_own_is_kept_as_such(hpc: FakePortal) -> None:
    request = wish("custom", resources={"cores": "8", "memory": "2 GB", "walltime": 7200, "gpus": ""})
    session = (await launch(hpc.portal, hpc.actor, request)).record.session
    assert session.size == "custom"
    assert session.resources == Resources(cores=8, memory=2 * GB, walltime=2 * HOURS)


async def test_numbers_that_are_none_are_named(hpc: FakePortal) -> None:
    found = await refused(hpc, wish(resources={"cores": "many", "memory": "16", "disk": "1"}))
    assert found == {
        "resources.cores": "A whole number, like 4.",
        "resources.memory": "An amount of memory, like 16 GB.",
        "resources.disk": "This application has no such field.",
    }


async def test_a_cluster_that_is_silent_takes_the_wish_as_it_is(hpc: FakePortal) -> None:
    scheduler(hpc).silent = True
    request = wish(resources={"walltime": "5h"}, placement=Placement(partition="short"))
    session = (await launch(hpc.portal, hpc.actor, request)).record.session
    assert session.placement == Placement(partition="short")


@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.parametrize("name", ["a b", "x\0y", "--wrap=reboot;\n", "ü", "\ud800", "a" * 129])
async def test_names_that_can_be_none_never_reach_an_argument_list(hpc: FakePortal, name: str, silent: bool) -> None:
    scheduler(hpc).silent = silent
    for field in ("partition", "account", "qos", "reservation", "gpu_type"):
        found = await refused(hpc, wish(placement=Placement(**{field: name})))
        assert found[f"placement.{field}"] == "A name begins with a letter or digit and has only these and . _ - + : @."
    shown = await choices(hpc.portal, "ada", fake_application(), wish(placement=Placement(qos=name)))
    assert silent or shown.chosen.errors


async def test_an_application_runs_only_on_its_clusters() -> None:
    fake = await fake_portal(replace(fake_application(), clusters=("hpc",)))
    fake.portal.launchers = {**fake.portal.launchers, "hpc": FakeScheduler("hpc", now=fake.clock.now)}
    found = await refused(fake, wish(cluster="local"))
    assert found == {"cluster": "Hello can't run on a cluster named local. Choose one of: hpc."}
    assert (await launch(fake.portal, fake.actor, wish())).record.session.cluster == "hpc"


async def test_a_cluster_without_queue_takes_no_partition() -> None:
    fake = await fake_portal()
    found = await refused(fake, wish(placement=Placement(partition="short")))
    assert list(found) == ["placement.partition"]


# --- the launch page's view ------------------------------------------------------------------------------------------


async def test_each_size_has_its_estimate_and_unknown_ones_are_on_their_way(hpc: FakePortal) -> None:
    now = hpc.clock.now()
    scheduler(hpc).guesses = {(4, ""): Estimate(starts=Starts.UNKNOWN, asking=True)}
    shown = await choices(hpc.portal, "ada", fake_application(), wish())
    assert [words.estimate(one.estimate, now) for one in shown.sizes] == ["starts now", "asking the cluster…"]
    assert shown.chosen == shown.sizes[0]
    assert shown.asking
    assert shown.queue
    assert shown.qos == ("normal", "small")


async def test_a_guess_of_the_past_means_now(hpc: FakePortal) -> None:
    scheduler(hpc).shapes = {(1, HOURS, "short"): Estimate(starts=Starts.LATER, at=hpc.clock.now() - HOURS)}
    shown = await choices(hpc.portal, "ada", fake_application(), wish())
    assert shown.chosen.estimate.starts is Starts.NOW


async def test_impossible_sizes_say_why_and_are_not_asked_for(hpc: FakePortal) -> None:
    request = wish("custom", placement=Placement(qos="small"), resources={"cores": 9})
    shown = await choices(hpc.portal, "ada", fake_application(), request)
    assert [words.field_error(one) for one in shown.chosen.errors] == ["The QOS small allows at most 8 cores at once."]
    assert shown.chosen.estimate.starts is Starts.NEVER
    assert all(resources.cores != 9 for resources, _ in scheduler(hpc).asked)


async def test_a_hint_says_what_would_start_sooner(hpc: FakePortal) -> None:
    now = hpc.clock.now()
    scheduler(hpc).shapes = {
        (4, 4 * HOURS, "short"): Estimate(starts=Starts.LATER, at=now + 3 * HOURS),
        (4, 2 * HOURS, "short"): Estimate(starts=Starts.NOW),
        (4, 4 * HOURS, "long"): Estimate(starts=Starts.LATER, at=now + HOURS),
    }
    shown = await choices(hpc.portal, "ada", fake_application(), wish("large"))
    assert shown.sooner is not None
    hint, asked = shown.sooner, shown.chosen.size.resources
    text = words.sooner(hint.estimate, now, asked=asked, resources=hint.resources, placement=hint.placement)
    assert text == "With 2 hours instead it would start now."


async def test_no_hint_for_what_starts_at_once_or_no_sooner(hpc: FakePortal) -> None:
    soon = Estimate(starts=Starts.LATER, at=hpc.clock.now() + timedelta(minutes=20))
    scheduler(hpc).shapes = {(4, 4 * HOURS, "short"): soon, (4, 2 * HOURS, "short"): soon, (4, 4 * HOURS, "long"): soon}
    assert (await choices(hpc.portal, "ada", fake_application(), wish("large"))).sooner is None


async def test_a_wrong_wish_is_shown_and_never_raised(hpc: FakePortal) -> None:
    shown = await choices(hpc.portal, "ada", fake_application(), wish("nonsense", cluster="mars", resources={"cores": "x"}))
    assert {one.field for one in shown.errors} == {"cluster", "resources.cores"}
    assert shown.cluster == "hpc"


async def test_without_a_queue_everything_starts_now() -> None:
    fake = await fake_portal()
    shown = await choices(fake.portal, "ada", fake_application(), wish())
    assert {one.estimate.starts for one in shown.sizes} == {Starts.NOW}
    assert (shown.queue, shown.offer, shown.clusters) == (False, None, ("local",))


async def test_a_silent_cluster_gives_no_estimate_and_no_error(hpc: FakePortal) -> None:
    scheduler(hpc).silent = True
    shown = await choices(hpc.portal, "ada", fake_application(), wish("large"))
    assert words.estimate_sentence(shown.chosen.estimate, shown.now) == "The cluster gives no estimate."
    assert shown.chosen.errors == ()


async def test_a_cluster_is_shown_with_its_load_and_my_jobs(hpc: FakePortal) -> None:
    assert [(row.name, row.queue) for row in clusters.rows(hpc.portal)] == [("hpc", True)]
    seen = await clusters.view(hpc.portal, "ada", "hpc")
    assert seen.overview is not None
    assert seen.offer is not None
    scheduler(hpc).silent = True
    dark = await clusters.view(hpc.portal, "ada", "hpc")
    assert (dark.overview, dark.offer) == (None, None)
    with pytest.raises(NotFound):
        await clusters.view(hpc.portal, "ada", "mars")
