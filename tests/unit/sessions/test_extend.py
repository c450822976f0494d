"""More time, warnings and idleness as the use cases and the reconciler carry them out, on fakes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from armchair.domain.application import AppType
from armchair.domain.errors import Conflict, NotFound, Refused
from armchair.domain.idle import IdleRules
from armchair.domain.run import OutcomeKind, Overlay, Phase, Record
from armchair.domain.session import By
from armchair.sessions import extend, report, show, stop
from armchair.sessions.launch import LaunchRequest, launch
from armchair.sessions.reconcile import Reconciler
from armchair.sessions.show import Action
from armchair.testing.portal import FakePortal, fake_portal, stranger
from armchair.testing.scheduler import FakeScheduler
from armchair.wire.messages import Activity, EnrolRequest, Report

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
DENIED = "slurm_update error: Access/permission denied"
QUIET = Activity(0, 0.0, None, False)


class Stage:
    """A session that is ready on a cluster with a queue."""

    def __init__(self, fake: FakePortal) -> None:
        self.fake, self.portal, self.scheduler = fake, fake.portal, fake.scheduler
        self.reconciler = Reconciler(fake.portal, tick_seconds=1.0)
        self.seq = 0

    async def ready(self, key: str = "one") -> Record:
        request = LaunchRequest(app="hello", size="large", answers={}, title="", launch_key=key)
        record = (await launch(self.portal, self.fake.actor, request)).record
        self.scheduler.run_on(record.run.job.id, "c12")
        token = self.portal.derived.enrolment_token(record.session.id, 1).reveal()
        wish = EnrolRequest(port=7001, python="3.11.2", node="c12", nonce="0" * 32)
        self.credential = (await report.enrol(self.portal, token, wish)).credential
        self.id = record.session.id
        await self.report()
        return await self.tick()

    async def report(self, activity: Activity | None = None, *, warned: bool = False) -> None:
        self.seq += 1
        news = Report(self.seq, True, 0.5, 1000, None, None, None, activity, warned)
        await report.report(self.portal, self.credential, news)

    async def tick(self) -> Record:
        for beat in self.reconciler._beats.values():
            beat.hurry()
        await self.reconciler.tick()
        while self.reconciler._turns:
            for turn in tuple(self.reconciler._turns):
                await turn
        return await self.get()

    async def quiet(self, minutes: int, activity: Activity = QUIET) -> Record:
        """So many minutes in which the agent sees this, or as long as it goes on."""
        for _ in range(minutes):
            self.fake.clock.advance(MINUTE)
            await self.report(activity)
            record = await self.tick()
            if record.phase is not Phase.READY:
                break
        return record

    async def idle(self, after: timedelta | None) -> Record:
        return await extend.end_when_idle(self.portal, self.fake.actor, self.id, after)

    def application(self, **facts: object) -> None:
        catalogue = self.portal.catalogue
        catalogue._applications["hello"] = replace(catalogue.get("hello"), **facts)

    async def get(self) -> Record:
        found = await self.portal.store.get(self.id)
        assert found is not None
        return found

    async def view(self) -> show.SessionView:
        return show.view(self.portal, await self.get())

    async def codes(self) -> list[str]:
        return [event.code for event in await self.portal.store.events(self.id)]

    async def extend(self, by: timedelta = HOUR) -> Record:
        return await extend.extend(self.portal, self.fake.actor, self.id, by)


@pytest.fixture
async def stage() -> Stage:
    made = Stage(await fake_portal(cluster=FakeScheduler))
    await made.ready()
    return made


async def test_more_time_is_asked_of_the_scheduler_in_all_and_counts_at_once(stage: Stage) -> None:
    before = await stage.view()
    assert Action.EXTEND in before.actions
    assert before.extend_by == 2 * HOUR
    record = await stage.extend()
    assert stage.scheduler.extended == [(record.run.job.id, 5 * HOUR)]
    assert (await stage.view()).ends_at == before.ends_at + HOUR
    await stage.tick()
    assert len(stage.scheduler.extended) == 1
    assert (await stage.codes())[-2:] == ["extend.asked", "extend.done"]


async def test_the_wish_is_on_file_before_the_scheduler_is_asked(stage: Stage) -> None:
    seen: list[object] = []
    ask = stage.scheduler.extend

    async def look(*arguments: object) -> None:
        seen.append((await stage.get()).run.walltime_wanted)
        await ask(*arguments)

    stage.scheduler.extend = look
    await stage.extend()
    assert seen == [5 * HOUR]


async def test_while_the_scheduler_is_silent_the_wish_is_kept_and_carried_out_later(stage: Stage) -> None:
    stage.scheduler.silent = True
    record = await stage.extend()
    assert record.run.walltime_wanted == 5 * HOUR
    with pytest.raises(Conflict, match="extend_under_way"):
        await stage.extend()
    stage.scheduler.silent = False
    record = await stage.tick()
    assert (record.run.walltime, record.run.walltime_wanted) == (5 * HOUR, None)
    assert stage.scheduler.extended == [(record.run.job.id, 5 * HOUR)]


async def test_an_answer_that_was_lost_is_read_back_from_the_limit(stage: Stage) -> None:
    stage.scheduler.silent = True
    record = await stage.extend()
    stage.scheduler.silent = False
    stage.scheduler.give(record.run.job.id, 7 * HOUR)
    record = await stage.tick()
    assert record.run.walltime_wanted is None
    assert stage.scheduler.extended == [], "an operator's longer limit is not shortened"
    assert record.run.ends_at == record.run.started_at + 7 * HOUR


async def test_a_refusal_says_why_and_the_wish_is_over(stage: Stage) -> None:
    stage.scheduler.refuse_extensions = "the partition allows at most 4 hours"
    with pytest.raises(Refused, match="at most 4 hours") as no:
        await stage.extend()
    assert no.value.code == "extend_refused"
    assert (await stage.get()).run.walltime_wanted is None
    assert Action.EXTEND in (await stage.view()).actions


async def test_where_it_is_known_that_only_operators_may_it_is_not_offered(stage: Stage) -> None:
    assert not (await stage.view()).extend_operators_only
    stage.scheduler.operators_only = True
    view = await stage.view()
    assert (Action.EXTEND in view.actions, view.extend_by, view.extend_operators_only) == (False, None, True)
    stage.portal.policy = replace(stage.portal.policy, extend=replace(stage.portal.policy.extend, step=timedelta(0)))
    assert not (await stage.view()).extend_operators_only, "the site's own rule comes first"


async def test_where_only_operators_may_it_is_said_once_and_never_offered_again(stage: Stage) -> None:
    stage.scheduler.refuse_extensions = DENIED
    with pytest.raises(Refused, match="extend_operators_only"):
        await stage.extend()
    assert Action.EXTEND not in (await stage.view()).actions
    assert (await stage.view()).extend_by is None
    first, _ = stage.id, await stage.ready("two")
    assert stage.id != first
    assert Action.EXTEND not in (await stage.view()).actions, "what holds for one job holds for all of the cluster"


async def test_nobody_else_may_extend_or_keep(stage: Stage) -> None:
    with pytest.raises(NotFound):
        await extend.extend(stage.portal, stranger(), stage.id, HOUR)
    with pytest.raises(NotFound):
        await extend.keep(stage.portal, stranger(), stage.id)
    assert stage.scheduler.extended == []


async def test_a_near_end_is_said_on_the_page_in_the_timeline_and_to_the_agent(stage: Stage) -> None:
    assert await report.commands(stage.portal, stage.credential, 0, 0) == ()
    stage.fake.clock.advance(4 * HOUR - 9 * MINUTE)
    await stage.report()
    record = await stage.tick()
    assert (await stage.codes()).count("end.near") == 1
    assert Overlay.ENDS_SOON in (await stage.view()).overlays
    (command,) = await report.commands(stage.portal, stage.credential, 0, 0)
    assert (command.verb, command.ends_at) == ("warn", record.run.ends_at.timestamp())
    assert await report.commands(stage.portal, stage.credential, command.number, 0) == ()
    await stage.tick()
    assert (await stage.codes()).count("end.near") == 1


async def test_the_agents_word_that_the_scheduler_warned_counts_once_and_only_near_the_end(stage: Stage) -> None:
    await stage.report(warned=True)
    assert "end.near" not in await stage.codes(), "anybody can send their own job a signal"
    stage.fake.clock.advance(4 * HOUR - 30 * MINUTE)
    await stage.report(warned=True)
    assert "end.near" not in await stage.codes(), "half an hour is not soon"
    stage.fake.clock.advance(19 * MINUTE)
    await stage.report(warned=True)
    await stage.report(warned=True)
    assert (await stage.codes()).count("end.near") == 1


async def test_an_idle_session_is_warned_kept_and_in_the_end_ended_by_the_site(stage: Stage) -> None:
    stage.portal.policy = replace(stage.portal.policy, idle=IdleRules(after=HOUR, warn=20 * MINUTE))

    await stage.quiet(45)
    view = await stage.view()
    assert Overlay.IDLE in view.overlays
    assert Action.KEEP in view.actions
    await extend.keep(stage.portal, stage.fake.actor, stage.id)
    await stage.quiet(50)
    assert (await stage.get()).phase is Phase.READY
    assert (await stage.quiet(12)).phase is Phase.ENDING
    record = await stage.tick()
    assert set(stage.scheduler.table[record.run.job.id].cancelled) == {False}
    stage.scheduler.kill(record.run.job.id, 15)
    await stage.tick()
    outcome = (await stage.tick()).run.outcome
    assert outcome is not None
    assert (outcome.kind, outcome.by) == (OutcomeKind.IDLE, By.SITE)
    assert (await stage.codes()).count("idle.near") == 2


async def test_what_ends_already_can_not_be_kept(stage: Stage) -> None:
    await stop.stop(stage.portal, stage.fake.actor, stage.id)
    with pytest.raises(Conflict, match="not_now"):
        await extend.keep(stage.portal, stage.fake.actor, stage.id)


async def test_time_in_which_the_job_was_paused_is_no_time_that_was_given(stage: Stage) -> None:
    record = await stage.get()
    job = record.run.job.id
    stage.scheduler._change(job, ends_at=record.run.ends_at + 3 * HOUR)
    await stage.tick()
    await stage.extend()
    assert stage.scheduler.extended == [(job, 5 * HOUR)], "it is asked for all the same"


@pytest.mark.parametrize("activity", [Activity(50_000, 0.0, None, False), Activity(0, 0.0, None, None), None])
async def test_input_and_what_is_not_known_keep_a_session(stage: Stage, activity: Activity | None) -> None:
    stage.portal.policy = replace(stage.portal.policy, idle=IdleRules(after=HOUR, warn=20 * MINUTE))
    await stage.report(QUIET)
    for _ in range(150):
        stage.fake.clock.advance(MINUTE)
        await stage.report(activity)
        await stage.tick()
    assert (await stage.get()).phase is Phase.READY
    assert "idle.near" not in await stage.codes()


async def test_an_application_may_opt_out(stage: Stage) -> None:
    stage.portal.policy = replace(stage.portal.policy, idle=IdleRules(after=HOUR, warn=20 * MINUTE))
    stage.application(ends_idle=False)
    await stage.quiet(150)
    assert (await stage.get()).phase is Phase.READY


@pytest.mark.parametrize("ends", [None, False])
async def test_where_the_site_ends_nothing_an_owner_may_choose_it(stage: Stage, ends: bool | None) -> None:
    stage.application(ends_idle=ends)
    view = show.view(stage.portal, await stage.idle(HOUR))
    assert (view.idle_limit, view.idle_after) == (None, HOUR)
    assert (await stage.quiet(58)).phase is Phase.READY
    record = await stage.quiet(5)
    assert (record.phase, record.session.wanted_by) == (Phase.ENDING, By.OWNER)
    stage.scheduler.kill(record.run.job.id, 15)
    await stage.tick()
    outcome = (await stage.tick()).run.outcome
    assert outcome is not None
    assert (outcome.kind, outcome.by) == (OutcomeKind.IDLE, By.OWNER)
    assert [code for code in await stage.codes() if code.startswith("idle")] == ["idle.chosen", "idle.near", "idle.end"]


async def test_the_choice_can_be_taken_back(stage: Stage) -> None:
    await stage.idle(HOUR)
    await stage.quiet(45)
    assert Overlay.IDLE in (await stage.view()).overlays
    await stage.idle(None)
    assert (await stage.quiet(120)).phase is Phase.READY


async def test_the_sites_rule_can_be_shortened_and_not_escaped(stage: Stage) -> None:
    stage.portal.policy = replace(stage.portal.policy, idle=IdleRules(after=2 * HOUR, warn=20 * MINUTE))
    with pytest.raises(Refused, match="idle_too_long") as no:
        await stage.idle(3 * HOUR)
    assert no.value.params == {"most": 7200}
    with pytest.raises(Refused, match="idle_too_short"):
        await stage.idle(9 * MINUTE)
    assert (await stage.get()).session.idle_after is None
    await stage.idle(HOUR)
    await stage.idle(None)
    assert (await stage.view()).idle_after == 2 * HOUR
    assert (await stage.quiet(125)).phase is Phase.ENDING


async def test_a_choice_from_before_the_site_had_its_rule_does_not_escape_it(stage: Stage) -> None:
    await stage.idle(3 * HOUR)
    stage.portal.policy = replace(stage.portal.policy, idle=IdleRules(after=HOUR, warn=20 * MINUTE))
    assert (await stage.quiet(65)).session.wanted_by is By.SITE


async def test_a_site_that_ends_only_what_says_so_spares_the_others(stage: Stage) -> None:
    stage.portal.policy = replace(stage.portal.policy, idle=IdleRules(after=HOUR, warn=20 * MINUTE, only_chosen=True))
    assert (await stage.view()).idle_limit is None
    await stage.idle(4 * HOUR)
    assert (await stage.quiet(100)).phase is Phase.READY, "the site's hour is not for this application"
    stage.application(ends_idle=True)
    assert (await stage.view()).idle_limit == HOUR


async def test_an_application_that_is_there_no_more_is_spared_by_the_site_only(stage: Stage) -> None:
    stage.portal.policy = replace(stage.portal.policy, idle=IdleRules(after=HOUR, warn=20 * MINUTE))
    del stage.portal.catalogue._applications["hello"]
    assert (await stage.quiet(100)).phase is Phase.READY
    await stage.idle(30 * HOUR)
    await stage.idle(HOUR)
    assert (await stage.quiet(65)).session.wanted_by is By.OWNER


async def test_nobody_else_chooses_and_after_the_end_nobody_does(stage: Stage) -> None:
    with pytest.raises(NotFound):
        await extend.end_when_idle(stage.portal, stranger(), stage.id, HOUR)
    assert Action.END_WHEN_IDLE in (await stage.view()).actions
    await stop.stop(stage.portal, stage.fake.actor, stage.id)
    assert Action.END_WHEN_IDLE not in (await stage.view()).actions
    with pytest.raises(Conflict, match="not_now"):
        await stage.idle(HOUR)
    assert (await stage.get()).session.idle_after is None


@pytest.mark.parametrize(
    ("facts", "sent", "used"),
    [
        ({}, 5_000, True),
        ({"type": AppType.X11}, 20_000, False),
        ({"type": AppType.X11}, 40_000, True),
        ({"type": AppType.X11, "idle_input": 1_000}, 20_000, True),
        ({"idle_input": 10_000}, 5_000, False),
    ],
)
async def test_an_open_page_of_a_screen_says_more_than_one_of_the_web(stage: Stage, facts, sent, used) -> None:
    stage.application(**facts)
    await stage.idle(HOUR)
    record = await stage.quiet(65, Activity(sent, 0.0, None, False))
    assert (record.phase is Phase.READY) is used
