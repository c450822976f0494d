"""The launch form on a cluster: when each size starts, where it may go, and mistakes beside what they are about."""

import html
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from armchair.domain.announcement import Announcement, AnnouncementKind
from armchair.domain.cluster import Account, Estimate, Starts
from armchair.domain.run import Outcome, OutcomeKind
from armchair.domain.session import By
from armchair.sessions.ports import ListQuery
from armchair.testing.scheduler import GB, FakeScheduler, some_offer

FORM = "/applications/hello"


def guess(browser, cores: int, partition: str = "", **facts: object) -> None:
    facts = {"starts": Starts.LATER, **facts}
    browser.fake.scheduler.guesses[cores, partition] = Estimate(**facts)


def starts(page: str, size: str) -> str:
    return html.unescape(re.search(rf'id="starts-{size}" class="starts \w+"[^>]*>([^<]*)<', page)[1])


def foot(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>|\s+", " ", re.search(r'id="foot-line".*?</div>', page, re.DOTALL)[0])).strip()


def selects(page: str) -> list[str]:
    return re.findall(r'<select id="f-([\w.]+)"', page)


async def only(browser):
    (record,) = (await browser.portal.store.listing(ListQuery(subject="ada"))).records
    return record.session


async def test_each_size_says_when_it_would_start(on_cluster) -> None:
    now = on_cluster.portal.clock.now()
    guess(on_cluster, 4, at=now + timedelta(minutes=20))
    page = (await on_cluster.get(FORM)).text
    assert starts(page, "small") == "starts now"
    assert starts(page, "large") == "likely in about 20 min"
    assert "Hello on 1 core and 1 GB for 1 hour in short. Starts now." in foot(page)
    chosen = (await on_cluster.get(FORM + "?size=large")).text
    assert "for 4 hours in short. Likely starts in about 20 min" in foot(chosen)


async def test_how_old_the_estimates_are_is_said(on_cluster) -> None:
    now = on_cluster.portal.clock.now()
    guess(on_cluster, 1, starts=Starts.NOW, as_of=now - timedelta(seconds=20))
    guess(on_cluster, 4, at=now + timedelta(minutes=20), as_of=now - timedelta(seconds=50))
    for path in (FORM, FORM + "/starts?size=small"):
        assert re.search(r"The cluster gave these estimates +50 s ago", foot((await on_cluster.get(path)).text)), "the oldest"
    guess(on_cluster, 1, starts=Starts.UNKNOWN, asking=True)
    guess(on_cluster, 4, starts=Starts.UNKNOWN)
    assert "gave these estimates" not in (await on_cluster.get(FORM)).text, "there are none"


async def test_what_would_start_sooner_is_said(on_cluster) -> None:
    now = on_cluster.portal.clock.now()
    guess(on_cluster, 4, at=now + timedelta(hours=3))
    guess(on_cluster, 4, "batch", starts=Starts.NOW)
    offer = some_offer("slurm", "ada", now)
    batch = replace(offer.partitions[0], name="batch", default=False)
    on_cluster.fake.scheduler.offers["ada"] = replace(offer, partitions=(offer.partitions[0], batch))
    assert "In batch it would start now." in foot((await on_cluster.get(FORM + "/starts?size=large")).text)


async def test_an_estimate_on_its_way_is_no_error(on_cluster) -> None:
    guess(on_cluster, 1, starts=Starts.UNKNOWN, asking=True)
    page = (await on_cluster.get(FORM)).text
    assert starts(page, "small") == "asking the cluster…"
    assert 'data-cluster="slurm" data-src="/applications/hello/starts"' in page


async def test_only_places_that_leave_a_choice_are_asked_about(on_cluster) -> None:
    names = ["partition", "account", "qos", "reservation", "gpu_type"]
    assert selects((await on_cluster.get(FORM)).text) == [f"placement.{name}" for name in names]
    scheduler = on_cluster.fake.scheduler
    offer = some_offer("slurm", "ada", on_cluster.portal.clock.now())
    plain = Account(name="genomics", default=True, qos=("normal",), default_qos="normal")
    scheduler.offers["ada"] = replace(offer, partitions=offer.partitions[:1], accounts=(plain,), reservations=())
    assert selects((await on_cluster.get(FORM)).text) == []


async def test_a_place_is_taken_along(on_cluster) -> None:
    places = {"placement.partition": "gpu", "placement.account": "genomics", "placement.qos": "urgent"}
    assert (await on_cluster.post(FORM, {"size": "small", **places})).status_code == 303
    session = await only(on_cluster)
    assert (session.placement.partition, session.placement.account, session.placement.qos) == ("gpu", "genomics", "urgent")
    row = (await on_cluster.get("/")).text
    assert "slurm/gpu" in row
    form = (await on_cluster.get(f"{FORM}?again={session.id}")).text
    assert re.search(r'<option value="urgent" selected>', form)


async def test_mistakes_stand_beside_their_fields_and_all_is_kept(on_cluster) -> None:
    wrong = {
        "size": "custom",
        "resources.cores": "many",
        "resources.walltime": "1h",
        "placement.partition": "moon",
        "placement.qos": '"><script>',
        "cluster": "",
    }
    answer = await on_cluster.post(FORM, wrong)
    assert answer.status_code == 422
    assert 'id="e-resources.cores">A whole number, like 4.' in answer.text
    assert 'value="many"' in answer.text
    assert "<script>" not in answer.text.partition("<main")[2]
    assert (await on_cluster.portal.store.listing(ListQuery(subject="ada"))).total == 0
    fixed = await on_cluster.post(FORM, {**wrong, "resources.cores": "2", "placement.qos": ""})
    assert fixed.status_code == 422
    assert 'id="e-placement.partition">No partition named moon is open to you' in fixed.text
    assert '<option value="moon" selected>' in fixed.text
    assert re.search(r'<details class="options"[^>]* open>', fixed.text)


async def test_a_size_of_ones_own_is_started_and_started_again(on_cluster) -> None:
    numbers = {"resources.cores": "3", "resources.memory": "6 GB", "resources.walltime": "90m"}
    own = {"size": "custom", "placement.partition": "gpu", **numbers}
    assert (await on_cluster.post(FORM, own)).status_code == 303
    first = await only(on_cluster)
    asked = (first.resources.cores, first.resources.memory, first.resources.walltime)
    assert asked == (3, 6 * GB, timedelta(minutes=90))
    again = await on_cluster.post(f"/sessions/{first.id}/start-again", {"launch_key": "again"})
    assert again.status_code == 303
    second = next(one.session for one in on_cluster.portal.store._records.values() if one.session.id != first.id)
    assert (second.size, second.resources, second.placement) == ("custom", first.resources, first.placement)
    assert second.placement.partition == "gpu"
    form = (await on_cluster.get(f"{FORM}?again={first.id}")).text
    for value in ("3", "6 GB", "1h 30m"):
        assert f'value="{value}"' in form


async def test_numbers_left_over_do_not_count_with_a_preset(on_cluster) -> None:
    await on_cluster.post(FORM, {"size": "large", "resources.cores": "3"})
    session = await only(on_cluster)
    assert (session.size, session.resources.cores) == ("large", 4)


async def test_a_silent_scheduler_keeps_nobody_from_asking(on_cluster) -> None:
    on_cluster.fake.scheduler.silent = True
    page = (await on_cluster.get(FORM)).text
    assert "The cluster has not said yet what it offers you." in page
    assert starts(page, "small") == "no estimate"
    assert (await on_cluster.post(FORM, {"size": "small"})).status_code == 303
    assert (await only(on_cluster)).cluster == "slurm"


async def test_a_size_that_never_starts_names_the_limit(on_cluster) -> None:
    offer = some_offer("slurm", "ada", on_cluster.portal.clock.now())
    short = replace(offer.partitions[0], max_walltime=timedelta(hours=1))
    on_cluster.fake.scheduler.offers["ada"] = replace(offer, partitions=(short,))
    page = (await on_cluster.get(FORM + "?size=large")).text
    assert starts(page, "large") == "can't start: short allows at most 1 hour."
    assert "This can't start: short allows at most 1 hour." in foot(page)
    refused = await on_cluster.post(FORM, {"size": "large"})
    assert refused.status_code == 422
    assert "short allows at most 1 hour." in refused.text


@pytest.mark.parametrize(
    "query", ["size=zzz&cluster=moon", "resources.cores=%00&size=custom", "placement.partition=" + "x" * 5000]
)
async def test_a_strange_question_gets_an_answer(on_cluster, query) -> None:
    assert (await on_cluster.get(f"{FORM}/starts?{query}")).status_code == 200


async def test_the_page_costs_no_submission(on_cluster) -> None:
    await on_cluster.get(FORM)
    await on_cluster.get(FORM + "/starts?size=large")
    assert on_cluster.fake.scheduler.calls["submit"] == 0


async def test_on_a_laptop_nothing_speaks_of_clusters(ada) -> None:
    page = (await ada.get(FORM)).text.lower()
    for word in ("partition", "cluster", "qos", "your own"):
        assert word not in page


@pytest.fixture
def two_clusters(on_cluster):
    """A second cluster, on which everything waits and which has one partition only."""
    now = on_cluster.portal.clock.now()
    big = FakeScheduler("big", on_cluster.portal.clock.now)
    offer = some_offer("big", "ada", now)
    big.offers["ada"] = replace(
        offer, partitions=(replace(offer.partitions[0], name="whole"),), accounts=(), qos=(), reservations=()
    )
    big.guesses[1, ""] = Estimate(starts=Starts.LATER, at=now + timedelta(hours=2))
    on_cluster.portal.launchers = {**on_cluster.portal.launchers, "big": big}
    return on_cluster


async def test_of_several_clusters_one_is_chosen(two_clusters) -> None:
    first = (await two_clusters.get(FORM)).text
    assert selects(first)[0] == "cluster"
    other = (await two_clusters.get(FORM + "?cluster=big")).text
    assert '<option value="big" selected>' in other
    assert "in whole. Likely starts in about 2 h" in foot(other)
    assert selects(other) == ["cluster"]
    assert (await two_clusters.post(FORM, {"size": "small", "cluster": "big"})).status_code == 303
    session = await only(two_clusters)
    assert (session.cluster, session.placement.partition) == ("big", "whole")
    assert "big/whole" in (await two_clusters.get("/")).text


async def test_another_cluster_brings_its_own_places_along(two_clusters) -> None:
    moved = (await two_clusters.get(FORM + "/starts?cluster=big&where=1")).text
    assert 'id="where" hx-swap-oob="true"' in moved
    assert 'data-cluster="big"' in moved
    same = (await two_clusters.get(FORM + "/starts?cluster=big")).text
    assert 'id="where"' not in same


async def test_a_drained_cluster_leaves_the_other(two_clusters) -> None:
    now = two_clusters.portal.clock.now()
    two_clusters.portal.announcements = (
        Announcement(kind=AnnouncementKind.DRAIN, cluster="slurm", text="Closed.", by="op", at=now),
    )
    page = (await two_clusters.get(FORM)).text
    assert "slurm takes no new sessions at present." in page
    assert "Choose another cluster in More options." in page
    assert (await two_clusters.post(FORM, {"size": "small"})).status_code == 403
    assert (await two_clusters.post(FORM, {"size": "small", "cluster": "big"})).status_code == 303


async def test_both_clusters_are_on_the_cluster_page(two_clusters) -> None:
    page = (await two_clusters.get("/cluster")).text
    assert '<a href="#cluster-slurm">' in page
    assert 'id="cluster-big"' in page


async def test_a_cluster_that_has_gone_is_said(two_clusters) -> None:
    answer = await two_clusters.post(FORM, {"size": "small", "cluster": "moon"})
    assert answer.status_code == 422
    assert re.search(r'id="e-cluster">Hello can&#39;t run on a cluster named moon', answer.text)


async def test_what_can_never_start_leads_back_to_its_size(on_cluster) -> None:
    session = (await on_cluster.launch("Mine")).session.id
    link = f'href="/applications/hello?again={session}">Change the size</a>'
    assert link not in (await on_cluster.get("/")).text
    await on_cluster.change(session, reason="PartitionTimeLimit")
    for path in ("/", f"/sessions/{session}"):
        assert link in (await on_cluster.get(path)).text
    now = on_cluster.portal.clock.now()
    await on_cluster.change(session, reason="", outcome=Outcome(kind=OutcomeKind.REJECTED, by=By.SITE, at=now))
    assert link in (await on_cluster.get("/")).text
