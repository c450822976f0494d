"""A portal on fakes that is told when to look."""

import asyncio

import pytest

from armchair.domain.run import Record
from armchair.sessions import report
from armchair.sessions.launch import Launched, LaunchRequest, launch
from armchair.sessions.reconcile import Reconciler
from armchair.testing.portal import FakePortal, fake_portal
from armchair.wire.messages import EnrolRequest, Report

NONCE = "0" * 32


class Stage:
    """A portal on fakes with a reconciler that ticks when told."""

    def __init__(self, fake: FakePortal) -> None:
        self.fake = fake
        self.portal = fake.portal
        self.launcher = fake.launcher
        self.reconciler = Reconciler(fake.portal, tick_seconds=1.0)

    async def launch(self, key: str = "one", **changes: object) -> Record:
        return (await self.launch_fully(key, **changes)).record

    async def launch_fully(self, key: str = "one", **changes: object) -> Launched:
        fields = {"app": "hello", "size": "small", "answers": {}, "title": "", "launch_key": key, **changes}
        return await launch(self.portal, self.fake.actor, LaunchRequest(**fields))

    async def tick(self, times: int = 1) -> None:
        for _ in range(times):
            for beat in self.reconciler._beats.values():
                beat.hurry()
            await self.reconciler.tick()
            while self.reconciler._turns:
                await asyncio.gather(*self.reconciler._turns)

    async def get(self, record: Record) -> Record:
        found = await self.portal.store.get(record.session.id)
        assert found is not None
        return found

    async def enrol(self, record: Record, nonce: str = NONCE, restart: int = 0) -> str:
        token = self.portal.derived.enrolment_token(record.session.id, record.run.attempt, restart).reveal()
        request = EnrolRequest(port=7001, python="3.11.2", node="c12", nonce=nonce)
        return (await report.enrol(self.portal, token, request)).credential

    async def ready(self, key: str = "one") -> tuple[Record, str]:
        record = await self.launch(key)
        self.launcher.run(record.run.job.id)
        credential = await self.enrol(record)
        await report.report(self.portal, credential, Report(1, True, 0.5, 1000, "serving\n", None))
        return await self.get(record), credential


@pytest.fixture
async def stage() -> Stage:
    return Stage(await fake_portal())
