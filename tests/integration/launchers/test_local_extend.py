"""More time for local jobs: on file for their keeper, which looks when the time is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from armchair.domain.errors import JobRefused
from armchair.domain.run import JobState, OutcomeKind
from armchair.launchers.shepherd import files
from armchair.sessions.launcherports import Extender
from armchair.testing.contract_launcher import ended, fact_of

SECOND = timedelta(seconds=1)


async def test_a_job_that_was_given_more_time_runs_longer_and_then_ends(room):
    assert isinstance(room.launcher, Extender)
    job = await room.launcher.submit(room.request("sleep 600\n:\n", walltime=5 * SECOND))
    before = await fact_of(room.launcher, job)
    await room.launcher.extend(job, 7 * SECOND)
    after = await fact_of(room.open(), job)
    assert before.ends_at == before.started_at + 5 * SECOND
    assert after.ends_at == before.started_at + 7 * SECOND
    end = await ended(room.launcher, job)
    assert end.kind is OutcomeKind.TIMED_OUT
    assert end.at - before.started_at >= 7 * SECOND
    room.assert_gone()


async def test_a_limit_that_is_no_number_or_shorter_changes_nothing(room):
    job = await room.launcher.submit(room.request("sleep 600\n:\n", walltime=SECOND))
    path = room.directory / job.id / files.WALLTIME
    for text in ("1e9", "-5", "99999999999999", "٣٣٣", "0"):
        path.write_text(text)
        fact = await fact_of(room.launcher, job)
        if fact.state is JobState.RUNNING:
            assert fact.ends_at == fact.started_at + SECOND
    assert (await ended(room.launcher, job)).kind is OutcomeKind.TIMED_OUT
    room.assert_gone()


async def test_a_job_that_is_over_or_unknown_gets_no_more_time(room):
    job = await room.launcher.submit(room.request("exit 0\n", walltime=SECOND))
    await ended(room.launcher, job)
    room.assert_gone()
    for one in (job, replace(job, id="20260101000000-0123456789abcdef")):
        with pytest.raises(JobRefused):
            await room.launcher.extend(one, 3 * SECOND)


async def test_a_keeper_that_does_not_look_is_not_relied_on(room):
    job = await room.launcher.submit(room.request("sleep 600\n:\n", walltime=30 * SECOND))
    path = str(room.directory / job.id / files.STATE)
    state = files.read_json(path)
    del state["extends"]
    files.write_json(path, state)
    with pytest.raises(JobRefused, match="older"):
        await room.launcher.extend(job, 60 * SECOND)
    await room.launcher.cancel(job, force=True)
    await ended(room.launcher, job)
    room.assert_gone()
