"""The cluster page: what is free in words, one's own jobs and nobody else's, and silence told as silence."""

from dataclasses import replace
from datetime import timedelta

from armchair.domain.announcement import Announcement, AnnouncementKind
from armchair.domain.cluster import Overview
from armchair.testing.scheduler import some_foreign_job


async def test_without_a_queue_there_is_no_cluster_page(ada) -> None:
    assert (await ada.get("/cluster")).status_code == 404
    assert 'href="/cluster"' not in (await ada.get("/")).text


async def test_a_guest_is_asked_who_they_are(opened) -> None:
    guest = await opened()
    answer = await guest.get("/cluster")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fcluster")


async def test_the_page_says_what_is_free(on_cluster) -> None:
    page = (await on_cluster.get("/cluster")).text
    assert 'href="/cluster" aria-current="page"' in page
    for words in (
        "160 of 384 free",
        "708 GB of 1.5 TB free",
        "0 of 8 free",
        "17 jobs wait",
        "none waits",
        "closed",
        "12, 1 of them down",
    ):
        assert words in page, words
    assert 'data-cluster="slurm" data-src="/cluster/slurm/live"' in page


async def test_ones_jobs_are_there_wherever_they_were_started(on_cluster) -> None:
    now = on_cluster.portal.clock.now()
    record = await on_cluster.launch("Mine")
    on_cluster.fake.scheduler.people_jobs["ada"] = [some_foreign_job(now)]
    on_cluster.fake.scheduler.people_jobs["eve"] = [some_foreign_job(now, id="666", name="hers")]
    page = (await on_cluster.get("/cluster")).text
    assert f'<a href="/sessions/{record.session.id}"><span class="number">#1</span> Mine</a>' in page
    assert "align.sh" in page
    assert page.count("not started here") == 1
    assert "16 cores · 64 GB" in page
    assert "Waiting for free cores." in page
    assert "666" not in page
    assert "hers" not in page


async def test_hostile_names_of_jobs_are_only_text(on_cluster) -> None:
    bad = some_foreign_job(
        on_cluster.portal.clock.now(), name="<script>alert(1)</script>", state="<b>", reason="<b>", partition="<i>"
    )
    on_cluster.fake.scheduler.people_jobs["ada"] = [bad]
    page = (await on_cluster.get("/cluster/slurm/live")).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<b>" not in page


async def test_a_silent_controller_is_told_and_is_no_error(on_cluster) -> None:
    on_cluster.fake.scheduler.silent = True
    on_cluster.portal.launcher_states["slurm"].fell_silent(on_cluster.portal.clock.now(), "scheduler_silent", 1.0)
    answer = await on_cluster.get("/cluster")
    assert answer.status_code == 200
    assert "gives no answer since" in answer.text
    assert "Running sessions are not affected" in answer.text
    assert "Nothing is known of it yet" in answer.text


async def test_a_cluster_without_partitions_says_so(on_cluster) -> None:
    on_cluster.fake.scheduler.load = Overview(cluster="slurm", as_of=on_cluster.portal.clock.now())
    assert "It shows you no partitions." in (await on_cluster.get("/cluster")).text


async def test_a_drained_cluster_says_why(on_cluster) -> None:
    now = on_cluster.portal.clock.now()
    on_cluster.portal.announcements = (
        Announcement(kind=AnnouncementKind.DRAIN, cluster="slurm", text="New memory until 15:00.", by="op", at=now),
    )
    page = (await on_cluster.get("/cluster")).text
    assert "It takes no new sessions at present." in page
    assert "New memory until 15:00. Running sessions go on." in page


async def test_an_unknown_cluster_is_not_found(on_cluster) -> None:
    assert (await on_cluster.get("/cluster/elsewhere/live")).status_code == 404


async def test_a_hundred_looks_cost_the_scheduler_what_the_portal_caches(on_cluster) -> None:
    scheduler = on_cluster.fake.scheduler
    scheduler.load = replace(scheduler.load, as_of=on_cluster.portal.clock.now() - timedelta(minutes=2))
    for _ in range(3):
        page = (await on_cluster.get("/cluster/slurm/live")).text
    assert "2 min ago" in page  # when it was read, not when it was asked for
    assert scheduler.calls["look"] == 0


async def test_thousands_of_jobs_do_not_make_a_page_of_thousands(on_cluster) -> None:
    now = on_cluster.portal.clock.now()
    jobs = [some_foreign_job(now, id=str(n)) for n in range(1000)]
    on_cluster.fake.scheduler.people_jobs["ada"] = [*jobs, some_foreign_job(now, id="runs", started_at=now)]
    page = (await on_cluster.get("/cluster")).text
    assert page.count('<th scope="row">') == 3 + 100
    assert "100 of your 1001 jobs, those that run first." in page
    assert '<th scope="row">runs</th>' in page
