"""How often a cluster is asked, and that one that is slow or silent holds up nobody else."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from armchair.domain.run import JobRef, JobState, Record
from armchair.domain.session import Wanted
from armchair.sessions import reconcile
from armchair.sessions.launch import LaunchRequest, launch
from armchair.sessions.launcherports import Listing
from armchair.sessions.pace import RESERVE, Allowance, Beat, Pace
from armchair.sessions.reconcile import Reconciler
from armchair.testing.clock import START
from armchair.testing.launcher import FakeLauncher
from armchair.testing.portal import fake_portal
from armchair.testing.samples import some_session

PACE = Pace(ladder=(0.1, 0.2), soon=1.0, waiting=5.0, calm=30.0)
JOB = JobRef(cluster="local", id="1", submitted_at=START)


def record(**facts: object) -> Record:
    whole = some_session()
    return replace(whole, runs=(replace(whole.run, **facts),))


ACCEPTED = record()
QUEUED = record(job=JOB, job_state=JobState.PENDING)
READY = record(job=JOB, job_state=JobState.RUNNING, ready_at=START)
VANISHING = record(job=JOB, job_state=JobState.RUNNING, ready_at=START, absent_since=START)
ENDING = replace(READY, session=replace(READY.session, wanted=Wanted.STOP))


@pytest.mark.parametrize(
    ("records", "pauses"),
    [
        ([READY], [0.1, 0.2, 30.0]),
        ([], [0.1, 0.2, 30.0]),
        ([QUEUED, READY], [0.1, 0.2, 5.0]),
        ([ACCEPTED, READY], [0.1, 0.2, 1.0]),
        ([ENDING, QUEUED], [0.1, 0.2, 1.0]),
        ([VANISHING], [0.1, 0.2, 1.0]),
    ],
)
def test_the_pause_follows_from_what_is_about_to_change(records: Sequence[Record], pauses: list[float]) -> None:
    assert [PACE.pause(records, step) for step in range(3)] == pauses


def test_a_queue_where_nothing_happens_for_long_is_looked_at_seldom() -> None:
    eager = replace(PACE, waiting=1.2)
    assert [eager.pause([QUEUED], step) for step in (2, 99, 100, 10_000)] == [1.2, 1.2, 5.0, 5.0]
    assert replace(eager, waiting=20.0).pause([QUEUED], 100) == 20.0
    assert eager.pause([ENDING, QUEUED], 100) == 1.0


def test_news_begins_the_ladder_anew() -> None:
    beat = Beat(pace=PACE)
    for _ in range(3):
        beat.asked([QUEUED], 100.0)
    assert beat.due == 105.0
    beat.hurry()
    assert beat.due == 0.0
    beat.asked([QUEUED], 100.0)
    assert beat.due == 100.1


def busy() -> tuple[Beat, Allowance]:
    allowance = Allowance(each_minute=60)
    return Beat(pace=replace(PACE, allowance=allowance)), allowance


def test_however_much_news_there_is_the_queries_of_a_minute_are_bounded() -> None:
    beat, allowance = busy()
    asked, now = [], 1000.0
    while now < 1180.0:
        beat.hurry()
        now = max(now, beat.due)
        asked.append(now)
        allowance.take(now)
        beat.asked([QUEUED], now)
    assert asked[3] == pytest.approx(1000.0), "news that comes now and then is followed up at once"
    assert max(sum(begin <= at < begin + 59.999 for at in asked) for begin in asked) <= 60
    assert len(asked) >= 3 * 50


def test_after_a_pause_news_is_followed_up_at_once_again() -> None:
    beat, allowance = busy()
    for _ in range(20):
        allowance.take(1000.0)
    beat.hurry()
    assert beat.due > 1010.0
    for _ in range(8 - RESERVE):
        beat.hurry()
        assert beat.due < 1100.001
        allowance.take(1100.0)


def test_those_who_wait_for_an_answer_go_before_the_rhythm() -> None:
    beat, allowance = busy()
    for taken in range(8):
        assert (beat.due < 1000.001) == (taken < 8 - RESERVE)
        assert allowance.due() < 1000.001
        allowance.take(1000.0)
    assert allowance.due() == pytest.approx(1000.0 + 60 / 52)
    assert beat.due == pytest.approx(1000.0 + (1 + RESERVE) * 60 / 52)


@pytest.mark.parametrize(("took", "due"), [(0.1, 100.2), (3.0, 103.0), (20.0, 105.0)])
def test_a_slow_controller_is_left_in_peace_for_as_long_as_it_took(took: float, due: float) -> None:
    beat = Beat(pace=PACE, step=1)
    beat.asked([QUEUED], 100.0, took)
    assert beat.due == due


async def two_clusters() -> tuple[object, FakeLauncher, FakeLauncher, Reconciler]:
    fake = await fake_portal()
    other = FakeLauncher("other", fake.clock.now)
    fake.portal.launchers = {**fake.portal.launchers, "other": other}
    for key, cluster in (("a", "local"), ("b", "other")):
        launched = await launch(fake.portal, fake.actor, LaunchRequest(app="hello", answers={}, launch_key=key))
        if cluster == "other":
            job = await other.submit(fake.launcher.jobs[launched.record.run.job.id].request)

            def step(found: Record, _now: object, job: JobRef = job) -> tuple[Record, list[object]]:
                run = replace(found.run, job=job)
                return replace(found, session=replace(found.session, cluster="other"), runs=(run,)), []

            await fake.portal.apply(launched.record.session.id, step)
    return fake, fake.launcher, other, Reconciler(fake.portal, tick_seconds=1.0)


async def test_a_cluster_that_is_slow_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PATIENCE", 0.05)
    fake, quick, slow, reconciler = await two_clusters()
    answer = asyncio.Event()
    look = slow.look

    async def slow_look(jobs: Sequence[JobRef]) -> Listing:
        await answer.wait()
        return await look(jobs)

    slow.look = slow_look
    for job in quick.jobs:
        quick.run(job)
    await reconciler.tick()
    by_cluster = {one.session.cluster: one for one in await fake.portal.store.live()}
    assert by_cluster["local"].run.job_state is JobState.RUNNING
    before = quick.calls["look"]
    fake.portal.look_soon("local")
    await reconciler.tick()
    assert quick.calls["look"] == before + 1
    for job in slow.jobs:
        slow.run(job)
    answer.set()
    await reconciler.tick()
    by_cluster = {one.session.cluster: one for one in await fake.portal.store.live()}
    assert by_cluster["other"].run.job_state is JobState.RUNNING
    assert slow.calls["look"] == 1


async def test_a_silent_cluster_is_asked_less_and_less_often_and_at_once_on_news() -> None:
    fake, _, silent, reconciler = await two_clusters()
    silent.silent = True
    pauses = []
    for _ in range(8):
        beat = reconciler._beat("other")
        beat.due = 0.0
        now = asyncio.get_running_loop().time()
        await reconciler.tick()
        pauses.append(reconciler._beat("other").due - now)
    assert pauses[3] > 3 * pauses[0]
    assert max(pauses) < 80
    state = fake.portal.launcher_states["other"]
    assert (state.failures, state.queries, state.silent_since is not None) == (8, 8, True)
    silent.silent = False
    fake.portal.look_soon("other")
    await reconciler.tick()
    assert (state.silent_since, state.failures, state.queries) == (None, 0, 9)


async def test_a_ready_session_is_asked_about_at_the_calm_pace_and_an_unheard_agent_is_a_hint() -> None:
    fake = await fake_portal()
    fake.portal.paces = {"local": PACE}
    reconciler = Reconciler(fake.portal, tick_seconds=1.0)
    launched = await launch(fake.portal, fake.actor, LaunchRequest(app="hello", answers={}, launch_key="k"))
    fake.launcher.run(launched.record.run.job.id)
    now = fake.clock.now()

    def ready(found: Record, _now: object) -> tuple[Record, list[object]]:
        return replace(found, runs=(replace(found.run, enrolled_at=now, heard_at=now, ready_at=now),)), []

    await fake.portal.apply(launched.record.session.id, ready)
    await reconciler.tick()
    asked = fake.launcher.calls["look"]
    for _ in range(5):
        await reconciler.tick()
    assert fake.launcher.calls["look"] == asked
    fake.clock.advance(timedelta(seconds=41))
    await reconciler.tick()
    await reconciler.tick()
    assert fake.launcher.calls["look"] == asked + 1


async def test_what_one_look_tells_of_many_sessions_is_stored_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = await fake_portal()
    for key in ("a", "b", "c"):
        launched = await launch(fake.portal, fake.actor, LaunchRequest(app="hello", answers={}, launch_key=key))
        fake.launcher.run(launched.record.run.job.id)
    all_there, change = asyncio.Barrier(3), fake.store.change

    async def together(*arguments: object) -> Record | None:
        async with asyncio.timeout(10):
            await all_there.wait()
        return await change(*arguments)

    monkeypatch.setattr(fake.store, "change", together)
    await Reconciler(fake.portal, tick_seconds=1.0).tick()
    assert {found.run.job_state for found in await fake.store.live()} == {JobState.RUNNING}
