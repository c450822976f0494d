"""Wishes become letters, letters are sent once, and a way that hangs or fails holds up nobody."""

import asyncio
from datetime import timedelta

import pytest

from armchair.domain.errors import Conflict, FieldError, InvalidInput, NotFound, Refused, StorageFull, Unavailable
from armchair.domain.run import Record
from armchair.domain.telling import Channel, Letter, Occasion
from armchair.sessions import report, telling
from armchair.sessions.changes import Told
from armchair.sessions.launch import LaunchRequest, launch
from armchair.sessions.stop import stop
from armchair.sessions.telling import Postman
from armchair.testing.portal import FakePortal, fake_portal, stranger
from armchair.wire.messages import EnrolRequest, Report

START, END = frozenset({Occasion.START}), frozenset({Occasion.END})


class Way:
    """A Notifier that does as it is told: `faults` are raised first, `gate` is waited for."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, str, str]] = []
        self.faults: list[Exception] = []
        self.gate: asyncio.Event | None = None

    async def check(self, login: str, target: str) -> None:
        if target == "bad":
            raise InvalidInput([FieldError(field="target", code="webhook_bad_address")])

    async def send(self, letter: Letter, link: str) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append((letter.id, letter.occasion.value, link))


class Stage:
    def __init__(self, fake: FakePortal) -> None:
        self.fake, self.portal = fake, fake.portal
        self.mail, self.hook = Way(), Way()
        self.portal.notifiers = {Channel.MAIL: self.mail, Channel.WEBHOOK: self.hook}
        self.postman = Postman(self.portal)

    async def launch(self, key: str = "one") -> Record:
        request = LaunchRequest(app="hello", size="small", answers={}, title="", launch_key=key)
        return (await launch(self.portal, self.fake.actor, request)).record

    async def becomes_ready(self, record: Record) -> None:
        self.fake.launcher.run(record.run.job.id)
        token = self.portal.derived.enrolment_token(record.session.id, 1).reveal()
        wish = EnrolRequest(port=7001, python="3.11.2", node="c12", nonce="0" * 32)
        credential = (await report.enrol(self.portal, token, wish)).credential
        await report.report(self.portal, credential, Report(1, True, 0.5, 1000, None, None))

    async def tell(self, record: Record, channel: Channel, occasions: frozenset[Occasion], target: str = "") -> None:
        await telling.tell(self.portal, self.fake.actor, record.session.id, channel, occasions, target)

    async def round(self) -> None:
        await self.postman.round()
        await self.postman.delivered()


@pytest.fixture
async def stage() -> Stage:
    return Stage(await fake_portal())


async def test_tell_me_when_it_starts_is_told_once(stage: Stage) -> None:
    record = await stage.launch()
    await stage.tell(record, Channel.MAIL, START)
    await stage.round()
    assert stage.mail.sent == []
    await stage.becomes_ready(record)
    await stage.round()
    await stage.round()
    assert stage.mail.sent == [(1, "start", f"http://portal.test/sessions/{record.session.id}")]
    assert await telling.wishes(stage.portal, stage.fake.actor, record.session.id) == []
    with pytest.raises(Conflict, match="tell_too_late"):
        await stage.tell(record, Channel.MAIL, START)


async def test_an_end_before_the_start_is_told_too(stage: Stage) -> None:
    record = await stage.launch()
    await stage.tell(record, Channel.MAIL, START)
    await stop(stage.portal, stage.fake.actor, record.session.id)
    stage.fake.launcher.finish(record.run.job.id)
    from_here = stage.portal
    fact = (await from_here.launcher("local").look([record.run.job])).facts[0]
    assert fact.end is not None
    await from_here.apply(record.session.id, _ended)
    await stage.round()
    assert [occasion for _, occasion, _ in stage.mail.sent] == ["end"]


def _ended(record: Record, now: object) -> object:
    from armchair.domain import absorb  # noqa: PLC0415
    from armchair.testing.samples import some_outcome  # noqa: PLC0415

    return absorb.ended(record, some_outcome(), now)


async def test_a_failure_is_tried_again_later_with_the_same_id(stage: Stage) -> None:
    record = await stage.launch()
    await stage.tell(record, Channel.MAIL, START)
    await stage.becomes_ready(record)
    stage.mail.faults = [Unavailable("mail_failed"), RuntimeError("a bug of an adapter")]
    await stage.round()
    await stage.round()
    assert stage.mail.sent == [], "not before its pause is over"
    stage.fake.clock.advance(timedelta(seconds=21))
    await stage.round()
    stage.fake.clock.advance(timedelta(seconds=41))
    await stage.round()
    assert [number for number, _, _ in stage.mail.sent] == [1]


async def test_what_is_refused_and_what_is_old_is_given_up(stage: Stage) -> None:
    record = await stage.launch()
    await stage.tell(record, Channel.MAIL, START)
    await stage.becomes_ready(record)
    stage.mail.faults = [Refused("mail_refused")]
    await stage.round()
    stage.fake.clock.advance(timedelta(hours=2))
    await stage.round()
    assert stage.mail.sent == []
    assert stage.mail.faults == []


async def test_a_way_that_hangs_holds_up_neither_the_others_nor_the_round(stage: Stage) -> None:
    stage.mail.gate = asyncio.Event()
    records = [await stage.launch(str(number)) for number in range(6)]
    for record in records:
        await stage.tell(record, Channel.MAIL, START)
        await stage.tell(record, Channel.WEBHOOK, START, "https://x.test/")
        await stage.becomes_ready(record)
    async with asyncio.timeout(5):
        await stage.postman.round()
        while len(stage.hook.sent) < 6:  # noqa: ASYNC110 - a fake way has no event
            await asyncio.sleep(0)
    await stage.postman.round()
    assert stage.mail.sent == []
    stage.mail.gate.set()
    await stage.postman.delivered()
    assert len(stage.mail.sent) == 6, "none twice, though they were due in two rounds"


async def test_many_letters_that_hang_leave_room_for_other_ways(stage: Stage) -> None:
    stage.mail.gate = asyncio.Event()
    records = [await stage.launch(str(number)) for number in range(telling.AT_ONCE + 5)]
    for record in records:
        await stage.tell(record, Channel.MAIL, START)
        await stage.becomes_ready(record)
    await stage.postman.round()
    last = await stage.launch("last")
    await stage.tell(last, Channel.WEBHOOK, START, "https://x.test/")
    await stage.becomes_ready(last)
    await stage.postman.round()
    async with asyncio.timeout(5):
        while not stage.hook.sent:  # noqa: ASYNC110 - a fake way has no event
            await asyncio.sleep(0)
    stage.mail.gate.set()
    await stage.postman.delivered()
    await stage.round()
    assert len({number for number, _, _ in stage.mail.sent}) == len(stage.mail.sent) == len(records)


async def test_a_portal_killed_between_sending_and_ticking_off_sends_the_same_letter_again(stage: Stage) -> None:
    record = await stage.launch()
    await stage.tell(record, Channel.MAIL, START)
    await stage.becomes_ready(record)
    settle = stage.portal.store.settle

    async def dies(*arguments: object, **more: object) -> None:
        raise Unavailable("store_unavailable")

    stage.portal.store.settle = dies
    await stage.round()
    stage.portal.store.settle = settle
    await Postman(stage.portal).round()
    await asyncio.sleep(0)
    stage.postman = Postman(stage.portal)
    await stage.round()
    assert {number for number, _, _ in stage.mail.sent} == {1}


async def test_a_store_that_can_not_be_written_makes_nobodys_letter_come_twice(stage: Stage) -> None:
    record = await stage.launch()
    await stage.tell(record, Channel.MAIL, START)
    await stage.becomes_ready(record)
    settle = stage.portal.store.settle

    async def full(*arguments: object, **more: object) -> None:
        raise StorageFull("storage_full", path="/home")

    stage.portal.store.settle = full
    for _ in range(3):
        await stage.round()
    assert len(stage.mail.sent) == 1
    stage.portal.store.settle = settle
    await stage.round()
    await stage.round()
    assert len(stage.mail.sent) == 1
    assert await stage.portal.store.due_letters({}, stage.fake.clock.now(), 10) == ([], None)


async def test_the_browser_of_whoever_asked_is_told_and_nobody_elses(stage: Stage) -> None:
    record = await stage.launch()
    await stage.tell(record, Channel.BROWSER, START)
    async with stage.portal.changes.subscribe("ada") as mine, stage.portal.changes.subscribe("mallory") as others:
        await stage.becomes_ready(record)
        await stage.round()
        async with asyncio.timeout(5):
            news = await anext(mine)
            while not isinstance(news, Told):
                news = await anext(mine)
        assert news.letter.occasion is Occasion.START
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(others)


async def test_strangers_and_ways_that_are_not_there_are_refused(stage: Stage) -> None:
    record = await stage.launch()
    with pytest.raises(NotFound):
        await telling.tell(stage.portal, stranger(), record.session.id, Channel.MAIL, START)
    with pytest.raises(InvalidInput):
        await stage.tell(record, Channel.WEBHOOK, START, "bad")
    stage.portal.notifiers = {}
    with pytest.raises(Refused, match="channel_off"):
        await stage.tell(record, Channel.MAIL, START)


async def test_the_loop_sends_by_itself_when_something_happens(stage: Stage) -> None:
    record = await stage.launch()
    await stage.tell(record, Channel.MAIL, START)
    running = asyncio.create_task(stage.postman.run())
    try:
        await asyncio.sleep(0)
        await stage.becomes_ready(record)
        async with asyncio.timeout(5):
            while not stage.mail.sent:  # noqa: ASYNC110 - a fake way has no event
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
