"""The way into a session on fakes: who finds it, codes, tickets, and where they lead."""

from datetime import timedelta

import pytest

from armchair.domain.errors import Conflict, NotFound, Refused
from armchair.sessions import join, report, show
from armchair.sessions.stop import rename, stop
from armchair.testing.portal import stranger
from armchair.wire.messages import Report

from .stage import Stage  # noqa: TID252 - one folder's own


async def test_strangers_find_nothing(stage: Stage) -> None:
    record, _ = await stage.ready()
    sid, mallory = record.session.id, stranger()
    for call in (
        show.show(stage.portal, mallory, sid),
        show.show(stage.portal, mallory, "1"),
        show.log(stage.portal, mallory, sid),
        show.script(stage.portal, mallory, sid),
        show.timeline(stage.portal, mallory, sid),
        stop(stage.portal, mallory, sid),
        rename(stage.portal, mallory, sid, "mine"),
        join.begin(stage.portal, mallory, sid),
        join.direct(stage.portal, mallory, sid),
        join.display(stage.portal, mallory, sid),
    ):
        with pytest.raises(NotFound):
            await call


async def test_a_join_code_works_once_on_its_own_host(stage: Stage) -> None:
    record, _ = await stage.ready()
    other, _ = await stage.ready("two")
    url = await join.begin(stage.portal, stage.fake.actor, record.session.id)
    code = url.partition("code=")[2].partition("&")[0]
    with pytest.raises(NotFound):
        await join.enter(stage.portal, other.session.id, code, "/")
    url = await join.begin(stage.portal, stage.fake.actor, record.session.id)
    code = url.partition("code=")[2].partition("&")[0]
    entry = await join.enter(stage.portal, record.session.id, code, "/lab")
    claims = stage.portal.tickets.read(entry.cookie_value)
    assert (claims.session, claims.address, claims.port, entry.location) == (record.session.id, "127.0.0.1", 7001, "/lab")
    with pytest.raises(NotFound):
        await join.enter(stage.portal, record.session.id, code, "/")


async def test_a_late_join_code_is_spent(stage: Stage) -> None:
    record, _ = await stage.ready()
    code = (await join.begin(stage.portal, stage.fake.actor, record.session.id)).partition("code=")[2].partition("&")[0]
    stage.fake.clock.advance(timedelta(seconds=31))
    with pytest.raises(NotFound):
        await join.enter(stage.portal, record.session.id, code, "/")


@pytest.mark.parametrize("path", ["//evil.test/", "https://evil.test/", "/\\evil.test", "evil", "/a\nb", ""])
def test_no_path_leads_to_another_origin(path: str) -> None:
    assert join.safe_path(path) == "/"


async def test_a_ticket_before_there_is_an_address_leads_to_waiting(stage: Stage) -> None:
    record = await stage.launch()
    code = (await join.begin(stage.portal, stage.fake.actor, record.session.id)).partition("code=")[2].partition("&")[0]
    entry = await join.enter(stage.portal, record.session.id, code, "/lab")
    assert entry.location == "/.armchair/waiting?next=%2Flab"
    claims = stage.portal.tickets.read(entry.cookie_value)
    assert (claims.address, claims.port) == ("", 0)
    stage.launcher.run(record.run.job.id)
    credential = await stage.enrol(record)
    await report.report(stage.portal, credential, Report(1, True, 0.0, 1, None, None))
    again = await join.renew(stage.portal, record.session.id, entry.cookie_value, "/lab")
    assert (again.location, stage.portal.tickets.read(again.cookie_value).port) == ("/lab", 7001)


async def test_a_ticket_dies_with_its_login(stage: Stage) -> None:
    record, _ = await stage.ready()
    code = (await join.begin(stage.portal, stage.fake.actor, record.session.id)).partition("code=")[2].partition("&")[0]
    entry = await join.enter(stage.portal, record.session.id, code, "/")
    stage.fake.clock.advance(timedelta(days=8))
    with pytest.raises(Refused):
        await join.renew(stage.portal, record.session.id, entry.cookie_value, "/")


async def test_an_ended_session_can_not_be_joined(stage: Stage) -> None:
    record, _ = await stage.ready()
    stage.launcher.finish(record.run.job.id, 0)
    await stage.tick(2)
    with pytest.raises(Conflict):
        await join.begin(stage.portal, stage.fake.actor, record.session.id)
