"""The use cases on fakes: launch, reconcile, enrol, report, join, stop, and what schedulers do to them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from armchair.domain.errors import InvalidInput, NotFound, SchedulerSilent, StorageFull
from armchair.domain.run import JobRef, JobState, OutcomeKind, Overlay, Phase, ProcessEnd, Record
from armchair.sessions import report, show
from armchair.sessions.launcherports import JobRequest
from armchair.sessions.reconcile import Reconciler
from armchair.sessions.report import AgentError
from armchair.sessions.stop import stop
from armchair.wire import runspec
from armchair.wire.messages import End, EnrolRequest, Report

from .stage import NONCE, Stage  # noqa: TID252 - one folder's own


async def test_a_launch_is_stored_marked_and_submitted_once(stage: Stage) -> None:
    record = await stage.launch()
    assert record.phase is Phase.QUEUED
    job = stage.launcher.jobs[record.run.job.id]
    assert job.request.mark == stage.portal.derived.mark(record.session.id, 1)
    assert [event.code for event in await stage.portal.store.events(record.session.id)] == ["session.accepted", "job.submitted"]


async def test_the_kept_script_holds_no_token(stage: Stage) -> None:
    record = await stage.launch()
    script = await show.script(stage.portal, stage.fake.actor, record.session.id)
    assert "<enrolment token>" in script
    assert stage.portal.derived.enrolment_token(record.session.id, 1).reveal() not in script


async def test_a_double_click_is_one_session(stage: Stage) -> None:
    first, second = await asyncio.gather(stage.launch_fully(), stage.launch_fully())
    assert first.record.session.id == second.record.session.id
    assert sorted([first.created, second.created]) == [False, True]
    assert stage.launcher.calls["submit"] == 1


async def test_a_repeated_launch_leaves_the_first_ones_lock_alone(stage: Stage) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()
    submit = stage.launcher.submit

    async def slow_submit(request: JobRequest) -> JobRef:
        reached.set()
        await go_on.wait()
        return await submit(request)

    stage.launcher.submit = slow_submit
    first = asyncio.create_task(stage.launch())
    await reached.wait()
    await stage.launch_fully()
    await stage.reconciler.tick()
    go_on.set()
    await first
    await stage.tick()
    assert stage.launcher.calls["submit"] == 1


async def test_a_launch_is_kept_through_a_long_silence(stage: Stage) -> None:
    stage.launcher.silent = True
    record = await stage.launch()
    for _ in range(20):
        stage.fake.clock.advance(timedelta(seconds=30))
        await stage.tick()
    assert (await stage.get(record)).run.outcome is None
    assert stage.portal.launcher_states["local"].silent_since is not None
    stage.launcher.silent = False
    await stage.tick()
    assert (await stage.get(record)).run.job is not None
    assert stage.portal.launcher_states["local"].silent_since is None


async def test_a_slow_launcher_holds_up_no_page(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("armchair.sessions.launch.PATIENCE", 0.01)
    go_on = asyncio.Event()
    submit = stage.launcher.submit

    async def slow_submit(request: JobRequest) -> JobRef:
        await go_on.wait()
        return await submit(request)

    stage.launcher.submit = slow_submit
    record = await stage.launch()
    assert record.run.job is None
    await stage.reconciler.tick()
    (work,) = stage.portal.launching
    go_on.set()
    await work
    await stage.tick()
    assert (await stage.get(record)).run.job is not None
    assert (stage.launcher.calls["submit"], stage.launcher.calls["find"]) == (1, 0), "nobody else began it meanwhile"


async def test_bad_input_and_a_full_disk_start_nothing(stage: Stage) -> None:
    with pytest.raises(InvalidInput):
        await stage.launch(size="huge")
    with pytest.raises(NotFound):
        await stage.launch(app="nothing")
    stage.fake.store.fail = StorageFull("storage_full", path="/home")
    with pytest.raises(StorageFull):
        await stage.launch()
    stage.fake.store.fail = None
    assert (stage.launcher.calls["submit"], await stage.portal.store.live()) == (0, [])


async def test_a_refusal_of_the_launcher_is_told(stage: Stage) -> None:
    stage.launcher.refuse_next("partition gpu is for group genomics")
    record = await stage.launch()
    await stage.tick()
    outcome = (await stage.get(record)).run.outcome
    assert (outcome.kind, outcome.params["reason"]) == (OutcomeKind.REJECTED, "partition gpu is for group genomics")


async def test_a_lost_answer_is_made_good_by_the_mark(stage: Stage) -> None:
    stage.launcher.lose_answer_next()
    record = await stage.launch()
    assert record.run.job is None
    await stage.tick()
    assert (await stage.get(record)).run.job.id in stage.launcher.jobs
    assert len(stage.launcher.jobs) == 1


async def test_a_lost_request_is_sent_again_while_young_and_given_up_later(stage: Stage) -> None:
    stage.launcher.drop_request_next()
    record = await stage.launch("young")
    await stage.tick()
    assert (await stage.get(record)).run.job is not None
    stage.launcher.drop_request_next()
    old = await stage.launch("old")
    stage.fake.clock.advance(timedelta(minutes=2))
    await stage.tick()
    assert (await stage.get(old)).run.outcome.kind is OutcomeKind.NEVER_STARTED
    assert len(stage.launcher.jobs) == 1


async def test_a_forged_mark_is_not_adopted_and_cancels_nothing(stage: Stage) -> None:
    record, _ = await stage.ready()
    foreign = stage.launcher.add_foreign("armchair-test42-00000000000000000000000000000000")
    await stage.tick()
    assert (await stage.get(record)).phase is Phase.READY
    assert not stage.launcher.jobs[foreign.id].cancelled


async def test_an_agent_enrols_reports_and_the_session_is_ready(stage: Stage) -> None:
    record, _ = await stage.ready()
    assert record.phase is Phase.READY
    assert (record.run.port, record.run.host) == (7001, "127.0.0.1")
    assert await stage.portal.store.document(record.session.id, 1, "log") == "serving\n"


async def test_one_query_per_tick_whatever_the_number_of_sessions(stage: Stage) -> None:
    for number in range(20):
        record = await stage.launch(f"k{number}")
        stage.launcher.run(record.run.job.id)
    before = stage.launcher.calls["look"]
    await stage.tick(3)
    assert stage.launcher.calls["look"] - before == 3


async def test_silence_ends_nothing_and_is_said(stage: Stage) -> None:
    record, _ = await stage.ready()
    stage.launcher.silent = True
    stage.fake.clock.advance(timedelta(hours=5))
    await stage.tick(3)
    view = show.view(stage.portal, await stage.get(record))
    assert view.phase is Phase.READY
    assert view.overlays == {Overlay.SCHEDULER_SILENT, Overlay.UNHEARD}
    stage.launcher.silent = False
    await stage.tick()
    assert show.view(stage.portal, await stage.get(record)).silent_since is None


async def test_a_stop_while_the_launcher_is_silent_is_remembered(stage: Stage) -> None:
    record, _ = await stage.ready()
    stage.launcher.silent = True
    await stop(stage.portal, stage.fake.actor, record.session.id)
    await stage.tick()
    assert (await stage.get(record)).phase is Phase.ENDING
    stage.launcher.silent = False
    await stage.tick()
    assert stage.launcher.jobs[record.run.job.id].cancelled == [False]


async def test_the_end_of_a_job_is_told_with_its_reason(stage: Stage) -> None:
    record, credential = await stage.ready()
    await report.report(stage.portal, credential, Report(2, True, 0.0, 0, None, End(3, None, "", "", "")))
    stage.launcher.finish(record.run.job.id, 3)
    await stage.tick(2)
    outcome = (await stage.get(record)).run.outcome
    assert (outcome.kind, outcome.exit_code) == (OutcomeKind.FAILED, 3)


async def test_what_the_job_itself_wrote_is_kept_when_no_agent_spoke(stage: Stage) -> None:
    record = await stage.launch()
    job = record.run.job.id
    stage.launcher.run(job)
    stage.launcher.write(job, "This node has no Python 3.6 or newer\n")
    stage.launcher.finish(job, 97)
    await stage.tick(2)
    assert "no Python" in await show.log(stage.portal, stage.fake.actor, record.session.id)


async def test_the_application_learns_its_sessions_number(stage: Stage) -> None:
    await stage.launch("another")
    record = await stage.launch()
    stage.launcher.run(record.run.job.id)
    token = stage.portal.derived.enrolment_token(record.session.id, 1).reveal()
    answer = await report.enrol(stage.portal, token, EnrolRequest(port=7001, python="3", node="n", nonce=NONCE))
    assert runspec.load(answer.spec).environment["ARMCHAIR_SESSION_NUMBER"] == str(record.session.number) == "2"


async def test_an_enrolment_is_good_once_for_one_run(stage: Stage) -> None:
    record = await stage.launch()
    with pytest.raises(AgentError) as early:
        await stage.enrol(record)
    assert early.value.status == 409
    stage.launcher.run(record.run.job.id)
    await stage.enrol(record)
    await stage.enrol(record)  # the same agent, whose answer was lost
    with pytest.raises(AgentError) as replayed:
        await stage.enrol(record, nonce="1" * 32)
    assert replayed.value.status == 401


async def test_an_agent_that_is_quicker_than_its_launch_is_let_in_when_its_job_is_recorded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.launcher.start_at_once = True
    submitted, record_it = asyncio.Event(), asyncio.Event()
    submit = stage.launcher.submit

    async def slow(request: JobRequest) -> JobRef:
        ref = await submit(request)
        submitted.set()
        await record_it.wait()
        return ref

    monkeypatch.setattr(stage.launcher, "submit", slow)
    launching = asyncio.create_task(stage.launch())
    await submitted.wait()
    [record] = await stage.portal.store.live()
    enrolling = asyncio.create_task(stage.enrol(record))
    asyncio.get_running_loop().call_soon(record_it.set)
    assert await enrolling
    assert (await launching).run.job is not None


async def test_an_agent_whose_launch_takes_long_is_told_to_ask_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "RECORDED_WITHIN", 0.01)
    stage.launcher.lose_answer_next()
    record = await stage.launch()
    async with stage.portal.locks[record.session.id]:
        with pytest.raises(AgentError) as early:
            await stage.enrol(record)
    assert early.value.status == 409


@pytest.mark.parametrize("bearer", ["", "nonsense", "x" * 5000, "a" * 26 + "-1.0.e." + "A" * 43])
async def test_forged_credentials_are_refused(stage: Stage, bearer: str) -> None:
    await stage.ready()
    request = EnrolRequest(port=7001, python="3", node="n", nonce=NONCE)
    for call in (report.enrol(stage.portal, bearer, request), report.commands(stage.portal, bearer, 0, 0)):
        with pytest.raises(AgentError) as refused:
            await call
        assert refused.value.status == 401


async def test_tokens_are_bound_to_their_purpose_and_run(stage: Stage) -> None:
    record, credential = await stage.ready()
    token = stage.portal.derived.enrolment_token(record.session.id, 1).reveal()
    with pytest.raises(AgentError):
        await report.report(stage.portal, token, Report(1, True, 0.0, 1, None, None))
    other = stage.portal.derived.credential(record.session.id, 2, 0).reveal()
    with pytest.raises(AgentError):
        await report.report(stage.portal, other, Report(1, True, 0.0, 1, None, None))
    await report.report(stage.portal, credential, Report(2, True, 0.0, 1, None, None))


async def test_an_agent_of_an_ended_run_is_told_that_it_is_over(stage: Stage) -> None:
    record, credential = await stage.ready()
    stage.launcher.finish(record.run.job.id, 0)
    await stage.tick(2)
    with pytest.raises(AgentError) as gone:
        await report.report(stage.portal, credential, Report(2, True, 0.0, 1, None, None))
    assert gone.value.status == 410


async def test_a_run_given_up_whose_agent_speaks_is_found_again(stage: Stage) -> None:
    record, credential = await stage.ready()
    job = record.run.job.id
    stage.launcher.hide(job)
    await stage.tick()
    stage.fake.clock.advance(timedelta(minutes=2))
    await stage.tick(2)
    lost = await stage.get(record)
    assert lost.run.outcome.kind is OutcomeKind.LOST
    stage.launcher.hide(job, hidden=False)
    await report.report(stage.portal, credential, Report(2, True, 0.0, 1, None, None))
    found = await stage.get(record)
    assert (found.phase, found.run.attempt) == (Phase.READY, 2)
    await stage.tick()
    assert not stage.launcher.jobs[job].cancelled


async def test_an_agent_of_a_requeued_job_that_calls_before_the_next_look_is_admitted(stage: Stage) -> None:
    record, _ = await stage.ready()
    job = stage.launcher.jobs[record.run.job.id]
    with pytest.raises(AgentError) as replayed:
        await stage.enrol(record, nonce="1" * 32)
    assert replayed.value.status == 401
    job.fact = replace(job.fact, restarts=1)
    await stage.enrol(record, nonce="2" * 32)
    after = await stage.get(record)
    assert [run.outcome.detail if run.outcome else "" for run in after.runs] == ["requeued", ""]
    assert after.run.enrolled_at is not None


async def test_a_job_of_another_account_with_our_mark_is_not_ours(stage: Stage) -> None:
    record, _ = await stage.ready()
    stage.portal.uid_of = lambda account: 1000 if account == record.session.run_as else None
    job = stage.launcher.jobs[record.run.job.id]
    job.fact = replace(job.fact, uid=4242, state=JobState.ENDED, end=ProcessEnd(at=stage.fake.clock.now(), exit_code=0))
    await stage.tick()
    assert (await stage.get(record)).phase is Phase.READY
    job.fact = replace(job.fact, uid=1000)
    await stage.tick(2)
    assert (await stage.get(record)).run.outcome.kind is OutcomeKind.FINISHED


async def test_the_schedulers_word_for_why_is_waited_for(stage: Stage) -> None:
    record, credential = await stage.ready()
    job = stage.launcher.jobs[record.run.job.id]
    await report.report(stage.portal, credential, Report(2, True, 0.0, 1, None, End(None, 9, "", "", "")))
    job.fact = replace(job.fact, state=JobState.ENDED)
    await stage.tick(2)
    assert (await stage.get(record)).phase is Phase.ENDING
    end = ProcessEnd(at=stage.fake.clock.now(), kind=OutcomeKind.OUT_OF_MEMORY, signal=9)
    job.fact = replace(job.fact, end=end)
    await stage.tick(2)
    assert (await stage.get(record)).run.outcome.kind is OutcomeKind.OUT_OF_MEMORY


async def test_without_the_schedulers_word_the_agents_counts_in_the_end(stage: Stage) -> None:
    record, credential = await stage.ready()
    job = stage.launcher.jobs[record.run.job.id]
    await report.report(stage.portal, credential, Report(2, True, 0.0, 1, None, End(3, None, "", "", "")))
    job.fact = replace(job.fact, state=JobState.ENDED)
    await stage.tick(2)
    stage.fake.clock.advance(timedelta(seconds=61))
    await stage.tick(2)
    outcome = (await stage.get(record)).run.outcome
    assert (outcome.kind, outcome.exit_code) == (OutcomeKind.FAILED, 3)


async def test_commands_wait_for_a_stop(stage: Stage) -> None:
    record, credential = await stage.ready()
    waiting = asyncio.create_task(report.commands(stage.portal, credential, 0, 20))
    await asyncio.sleep(0)
    await stop(stage.portal, stage.fake.actor, record.session.id)
    commands = await asyncio.wait_for(waiting, 5)
    assert [command.verb for command in commands] == ["stop"]


async def test_live_pages_hear_of_changes_of_their_own_sessions_only(stage: Stage) -> None:
    async with stage.portal.changes.subscribe("ada") as mine, stage.portal.changes.subscribe("bob") as theirs:
        record = await stage.launch()
        assert (await asyncio.wait_for(anext(mine), 1)).session == record.session.id
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(theirs), 0.01)


async def test_a_slow_listener_is_told_to_read_everything_again(stage: Stage) -> None:
    async with stage.portal.changes.subscribe("ada") as mine:
        record = await stage.launch()
        for _ in range(600):
            stage.portal.tell(record)
        assert (await anext(mine)).resync


async def given_up(stage: Stage) -> tuple[Record, str]:
    record, credential = await stage.ready()
    stage.launcher.hide(record.run.job.id)
    await stage.tick()
    stage.fake.clock.advance(timedelta(minutes=2))
    await stage.tick(2)
    assert (await stage.get(record)).run.outcome.kind is OutcomeKind.LOST
    return record, credential


async def test_an_agent_of_a_run_given_up_that_only_asks_for_commands_is_not_sent_home(stage: Stage) -> None:
    """Which of its two calls comes first after a break is chance, and "over" makes it end the session."""
    record, credential = await given_up(stage)
    stage.launcher.hide(record.run.job.id, hidden=False)
    assert await report.commands(stage.portal, credential, 0, 0) == ()
    assert (await stage.get(record)).phase is Phase.READY


@pytest.mark.parametrize("fault", ["silent", "incomplete"])
async def test_nobody_is_sent_home_while_the_launcher_can_not_say_whether_the_job_lives(stage: Stage, fault: str) -> None:
    record, credential = await given_up(stage)
    stage.launcher.silent, stage.launcher.complete = fault == "silent", fault != "incomplete"
    for call in (
        report.commands(stage.portal, credential, 0, 0),
        report.report(stage.portal, credential, Report(2, True, 0.0, 1, None, None)),
    ):
        with pytest.raises(SchedulerSilent):
            await call
    stage.launcher.silent, stage.launcher.complete = False, True
    with pytest.raises(AgentError) as gone:
        await report.commands(stage.portal, credential, 0, 0)
    assert gone.value.status == 410
    assert (await stage.get(record)).run.attempt == 1


async def test_the_agent_of_before_does_not_speak_for_a_job_that_was_started_anew(stage: Stage) -> None:
    """A node comes back and ends what it still has of the job, which runs elsewhere by now."""
    record, before = await stage.ready()
    job = record.run.job.id
    stage.launcher.restart(job)
    await stage.tick()
    stage.launcher.run(job)
    after = await stage.enrol(record, nonce="2" * 32)
    await report.report(stage.portal, after, Report(1, True, 0.5, 1000, None, None))
    with pytest.raises(AgentError) as over:
        await report.report(stage.portal, before, Report(9, True, 0.0, 1, "bye", End(None, 15, "cancelled", "", "")))
    assert over.value.status == 410
    found = await stage.get(record)
    assert (found.run.attempt, found.phase, found.run.agent_end) == (2, Phase.READY, None)
    assert "<enrolment token>" in await show.script(stage.portal, stage.fake.actor, record.session.id)


async def test_what_becomes_known_while_the_output_is_read_counts(stage: Stage) -> None:
    record, credential = await stage.ready()
    job = record.run.job.id
    await stage.portal.store.keep(record.session.id, 1, "log", "")
    stage.launcher.hide(job)
    await stage.tick()
    stage.fake.clock.advance(timedelta(minutes=2))
    output = stage.launcher.output

    async def slow_output(*arguments: object, **more: object) -> str:
        stage.launcher.hide(job, hidden=False)
        await report.report(stage.portal, credential, Report(2, True, 0.0, 1, None, None))
        return await output(*arguments, **more)

    stage.launcher.output = slow_output
    await stage.tick(2)
    found = await stage.get(record)
    assert (found.run.attempt, found.run.outcome, found.phase) == (1, None, Phase.READY)


@pytest.mark.parametrize("fault", ["silent", "incomplete", "the portal was down"])
async def test_a_job_that_was_missed_once_is_not_lost_for_silence_after_it(stage: Stage, fault: str) -> None:
    record, _ = await stage.ready()
    stage.launcher.hide(record.run.job.id)
    await stage.tick()
    assert (await stage.get(record)).run.absent_since is not None
    stage.launcher.complete = fault != "incomplete"
    stage.launcher.silent = fault != "incomplete"
    if fault == "the portal was down":
        stage.reconciler = Reconciler(stage.portal, tick_seconds=1.0)
        stage.portal.launcher_states.clear()
    stage.fake.clock.advance(timedelta(hours=1))
    await stage.tick(3)
    assert (await stage.get(record)).run.outcome is None
    stage.launcher.silent, stage.launcher.complete = False, True
    stage.launcher.hide(record.run.job.id, hidden=False)
    await stage.tick(2)
    assert (await stage.get(record)).phase is Phase.READY


async def test_a_launch_is_kept_while_the_launcher_can_not_say_whether_there_is_a_job(stage: Stage) -> None:
    stage.launcher.drop_request_next()
    stage.launcher.complete = False
    record = await stage.launch()
    for _ in range(20):
        stage.fake.clock.advance(timedelta(seconds=30))
        await stage.tick()
    stage.launcher.complete = True
    await stage.tick()
    found = await stage.get(record)
    assert (found.run.outcome, found.run.job is not None) == (None, True)
