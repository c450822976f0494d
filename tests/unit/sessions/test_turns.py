"""So many jobs are handed to launchers at once; who only waits for a scheduler's word holds up nobody's turn."""

import asyncio

import pytest

from armchair.domain.run import JobRef
from armchair.sessions.launch import LaunchRequest, launch
from armchair.sessions.launcherports import JobRequest
from armchair.testing.portal import fake_portal


@pytest.mark.parametrize(("tells", "at_once"), [(False, 2), (True, 5)])
async def test_a_turn_ends_when_the_job_is_handed_over(tells: bool, at_once: int) -> None:
    fake = await fake_portal()
    fake.portal.submitting = asyncio.Semaphore(2)
    submit, word, inside = fake.launcher.submit, asyncio.Event(), [0]

    async def slow(request: JobRequest) -> JobRef:
        inside[0] += 1
        if tells:
            request.handed_over()
        await word.wait()
        return await submit(request)

    fake.launcher.submit = slow
    launches = [
        asyncio.create_task(launch(fake.portal, fake.actor, LaunchRequest(app="hello", answers={}, launch_key=str(number))))
        for number in range(5)
    ]
    await asyncio.sleep(0.2)
    assert inside == [at_once]
    word.set()
    await asyncio.gather(*launches)
    assert len(fake.launcher.jobs) == 5
    assert not fake.portal.submitting.locked()
    # each turn was given back once
    await fake.portal.submitting.acquire()
    await fake.portal.submitting.acquire()
    assert fake.portal.submitting.locked()
