"""Pages of a portal with a cluster, in a browser: they suit everybody, follow by themselves, and work without a script."""

import dataclasses
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from pages_harness import Harness, listening, place_of
from playwright.sync_api import Browser, Page, expect

from armchair.domain.announcement import Announcement, AnnouncementKind, Level
from armchair.domain.cluster import Estimate, Starts
from armchair.domain.run import Run, UsageSample
from armchair.testing.scheduler import FakeScheduler, some_foreign_job, some_offer, some_overview
from conftest import Visitor

SIZED = """\
title = "Alignment"
description = "Aligns reads."
version = "1"
category = "Genomics"
type = "web"

[[sizes]]
name = "small"
title = "CPU short"
cores = 2
memory = "4 GB"
walltime = "1h"

[[sizes]]
name = "large"
title = "Whole day"
cores = 16
memory = "64 GB"
walltime = "24h"
"""
LOOKS = {
    "light, at a desk": {"viewport": {"width": 1280, "height": 800}},
    "dark, on a phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
}


@pytest.fixture
def harness(tmp_path: Path, applications: Path) -> Iterator[Harness]:
    made = applications / "align"
    made.mkdir()
    (made / "app.toml").write_text(SIZED, "utf-8")
    for name, text in (("run.sh", "#!/bin/sh\nexec true\n"), ("README.md", "# Alignment\n")):
        (made / name).write_text(text, "utf-8")
    (made / "icon.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"/>\n', "utf-8")
    with listening(tmp_path, [applications], FakeScheduler) as found:
        yield found


def populate(harness: Harness) -> list[str]:
    """Sessions and jobs in every state that a cluster brings; the paths of the pages that show them."""
    now = harness.portal.clock.now()
    scheduler = harness.scheduler
    scheduler.people_jobs[harness.login] = [some_foreign_job(now, name="a-name-without-any-blank-" + "x" * 80)]
    scheduler.guesses[16, "gpu"] = Estimate(starts=Starts.LATER, at=now + timedelta(hours=3))
    ready = harness.launch("align", "Ready").session.id
    harness.ready(ready)
    samples = tuple(UsageSample(at=now - timedelta(seconds=15 * n), cpu=0.2, memory=10**8) for n in range(30, 0, -1))
    harness.change(ready, node="c12", usage=samples, ends_at=now + timedelta(minutes=30))
    queued = harness.launch("align", "Queued").session.id
    harness.change(queued, reason="Priority", expected_start=now + timedelta(minutes=20), position=12)
    requeue(harness, ready_one := harness.launch("align", "Requeued").session.id)
    harness.portal.launcher_states["slurm"].answered(now, 0.02)
    harness.portal.announcements = (
        Announcement(kind=AnnouncementKind.BANNER, text="Maintenance on Monday.", level=Level.WARNING, by="op", at=now),
        Announcement(kind=AnnouncementKind.DRAIN, cluster="elsewhere", text="No power.", by="op", at=now),
    )
    sessions = [f"/sessions/{one}" for one in (ready, queued, ready_one)]
    admin = ["/admin", "/admin/people", "/admin/portal", f"/admin/sessions/{ready}", f"/admin/people/{harness.login}/end-all"]
    return ["/", "/cluster", "/applications/align", "/applications/align?size=custom", *sessions, *admin]


def requeue(harness: Harness, session: str) -> None:
    """The scheduler starts the job anew: a second attempt begins."""

    def step(record, now):
        first = dataclasses.replace(record.run, node="c12")
        second = Run(session=session, attempt=2, intended_at=now, job=first.job, restarts=1)
        return dataclasses.replace(record, runs=(first, second)), [
            dataclasses.replace(event, attempt=2) for event in harness.portal.store._events[:1]
        ]

    harness.run(harness.portal.apply(session, step))


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_of_a_cluster_suits_everybody(harness: Harness, visitor: Visitor, look: str) -> None:
    options = LOOKS[look]
    paths = populate(harness)
    page = visitor.logged_in(**options)
    found: list[object] = []
    for path in paths:
        page.goto(harness.url(path))
        page.evaluate("for (const one of document.querySelectorAll('details:not(.menu, .account)')) one.open = true")
        violations = Axe().run(page).response["violations"]
        found.extend((path, one["id"], [node["target"] for node in one["nodes"]][:3]) for one in violations)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > options["viewport"]["width"]:
            found.append((path, "wider than the window", width))
    page.locator(".account summary").click()
    found.extend(("account menu", one["id"]) for one in Axe().run(page).response["violations"])
    assert found == []


def test_the_cluster_page_follows_by_itself(harness: Harness, page: Page) -> None:
    page.get_by_role("link", name="Cluster", exact=True).click()
    table = page.get_by_role("table", name="How busy slurm is")
    expect(table).to_contain_text("160 of 384 free")
    load = some_overview("slurm", harness.portal.clock.now())
    cores = dataclasses.replace(load.partitions[0].cores, used=0)
    harness.scheduler.load = dataclasses.replace(load, partitions=(dataclasses.replace(load.partitions[0], cores=cores),))
    harness.loop.call_soon_threadsafe(harness.portal.changes.cluster, "slurm")
    expect(table).to_contain_text("352 of 384 free")
    expect(table).not_to_contain_text("160 of 384 free")


def test_an_estimate_that_arrives_is_shown_without_a_reload(harness: Harness, page: Page) -> None:
    harness.scheduler.guesses[2, ""] = Estimate(starts=Starts.UNKNOWN, asking=True)
    page.goto(harness.url("/applications/align"))
    small = page.locator("#starts-small")
    expect(small).to_have_text("asking the cluster…")
    top = place_of(page.get_by_role("button", name="Start Alignment"))
    now = harness.portal.clock.now()
    harness.scheduler.guesses[2, ""] = Estimate(starts=Starts.LATER, at=now + timedelta(minutes=20))
    harness.loop.call_soon_threadsafe(harness.portal.changes.cluster, "slurm")
    expect(small).to_have_text(re.compile("likely in about 20 min"))
    expect(page.locator("#foot-line")).to_contain_text("Likely starts in about 20 min")
    assert place_of(page.get_by_role("button", name="Start Alignment")) == top  # nothing jumps


def test_the_form_says_what_can_not_start_and_why(harness: Harness, visitor: Visitor) -> None:
    visitor.expected += ["422"]  # the form that is sent back
    page = visitor.logged_in()
    page.goto(harness.url("/applications/align"))
    # *short* allows 4 hours and *gpu* a day, but only for the group that is charged by default
    expect(page.locator("#starts-large")).not_to_have_text("")
    page.locator("summary", has_text="More options").click()
    page.get_by_label("Partition").select_option("short")
    expect(page.locator("#starts-large")).to_have_text("can't start: short allows at most 4 hours.")
    page.get_by_text("Whole day").click()
    expect(page.locator("#foot-line")).to_contain_text("This can't start: short allows at most 4 hours.")
    page.get_by_role("button", name="Start Alignment").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was started")
    assert page.locator(".sizes .error").inner_text() == "short allows at most 4 hours."


def test_a_size_of_ones_own_is_asked_for_and_started(harness: Harness, visitor: Visitor) -> None:
    visitor.expected += ["422"]
    page = visitor.logged_in()
    page.goto(harness.url("/applications/align"))
    cores = page.get_by_label("Cores", exact=True)
    expect(cores).to_be_hidden()
    page.get_by_text("Your own", exact=True).click()
    cores.fill("3")
    page.get_by_label("Time", exact=True).fill("90m")
    expect(page.locator("#foot-line")).to_contain_text("Alignment on 3 cores and 4 GB for 90 minutes in short. Starts now.")
    page.get_by_label("Memory", exact=True).fill("plenty")
    page.get_by_role("button", name="Start Alignment").click()
    expect(page.locator("[id='e-resources.memory']")).to_have_text("An amount of memory, like 16 GB.")
    expect(cores).to_have_value("3")
    page.get_by_label("Memory", exact=True).fill("8 GB")
    page.get_by_role("button", name="Start Alignment").click()
    page.wait_for_url(re.compile("/sessions/"))
    (record,) = harness.run(harness.portal.store.live())
    asked = record.session.resources
    assert (asked.cores, asked.memory, asked.walltime) == (3, 8 * 2**30, timedelta(minutes=90))
    assert record.session.size == "custom"


def test_a_session_that_is_queued_again_shows_its_attempts(harness: Harness, page: Page) -> None:
    session = harness.launch("align", "Mine").session.id
    harness.ready(session)
    page.goto(harness.url(f"/sessions/{session}"))
    expect(page.get_by_role("link", name="Join")).to_be_visible()
    assert page.get_by_label("Open when ready").is_hidden()
    requeue(harness, session)
    expect(page.get_by_label("Open when ready")).to_be_visible()
    expect(page.get_by_role("heading", name="Attempt 1 on c12")).to_be_visible()
    expect(page.get_by_role("heading", name="Attempt 2")).to_be_visible()
    expect(page.get_by_role("link", name="Join")).to_be_hidden()


def test_all_of_it_works_without_a_script(harness: Harness, visitor: Visitor) -> None:
    page = visitor.logged_in(java_script_enabled=False)
    page.get_by_role("link", name="Cluster", exact=True).click()
    expect(page.get_by_role("table", name="How busy slurm is")).to_contain_text("17 jobs wait")
    page.goto(harness.url("/applications/align"))
    page.get_by_text("Your own", exact=True).click()
    page.get_by_label("Cores", exact=True).fill("3")
    page.get_by_role("button", name="Start Alignment").click()
    page.wait_for_url(re.compile("/sessions/"))
    page.goto(harness.url("/admin"))
    page.get_by_role("link", name=re.compile("End #1 of")).click()
    page.get_by_role("button", name="End").click()
    expect(page.get_by_role("list")).to_contain_text("An operator asked for its end")


def test_the_account_menu_opens_by_keyboard_and_closes(harness: Harness, visitor: Visitor, chromium: Browser) -> None:
    page = visitor.logged_in()
    menu = page.locator(".account")
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(menu.get_by_role("link", name="Administration")).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu.get_by_role("link", name="Administration")).to_be_hidden()
    page.keyboard.press("Enter")
    menu.get_by_role("button", name="Log out").click()
    page.wait_for_url(re.compile("/login"))


def test_another_cluster_brings_its_places_and_its_time(harness: Harness, page: Page) -> None:
    now = harness.portal.clock.now()
    big = FakeScheduler("big", harness.portal.clock.now)
    offer = some_offer("big", harness.login, now)
    big.offers[harness.login] = dataclasses.replace(offer, partitions=(dataclasses.replace(offer.partitions[0], name="whole"),))
    big.guesses[2, ""] = Estimate(starts=Starts.LATER, at=now + timedelta(hours=2))
    harness.portal.launchers["big"] = big
    page.goto(harness.url("/applications/align"))
    page.locator("summary", has_text="More options").click()
    expect(page.get_by_label("Partition")).to_contain_text("gpu")
    page.get_by_label("Cluster", exact=True).select_option("big")
    expect(page.locator("#foot-line")).to_contain_text("in whole. Likely starts in about 2 h")
    expect(page.get_by_label("Partition")).to_have_count(0)
    expect(page.locator("#starts-small")).to_have_text("likely in about 2 h")
    expect(page.locator("#said")).to_contain_text("in whole")
    # news of the other cluster is news of this form no longer
    harness.loop.call_soon_threadsafe(harness.portal.changes.cluster, "slurm")
    page.get_by_role("button", name="Start Alignment").click()
    page.wait_for_url(re.compile("/sessions/"))
    (record,) = harness.run(harness.portal.store.live())
    assert (record.session.cluster, record.session.placement.partition) == ("big", "whole")
