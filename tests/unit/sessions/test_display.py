"""The credential of native clients, and what is cut when its login ends, on fakes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from armchair.domain.application import AppType, Backend, Screen
from armchair.domain.errors import Conflict, NotFound, Refused
from armchair.domain.run import Record
from armchair.sessions import join, report, show
from armchair.sessions.launch import LaunchRequest, launch
from armchair.sessions.ports import TicketClaims
from armchair.testing.portal import FakeCatalogue, FakePortal, fake_application, fake_portal
from armchair.wire.messages import EnrolRequest, Report

WINDOWS = replace(fake_application("windows", "Windows"), type=AppType.X11, screen=Screen())


@pytest.fixture
async def fake() -> FakePortal:
    return await fake_portal(WINDOWS, fake_application())


async def queued(fake: FakePortal, app: str = "windows", key: str = "one") -> Record:
    request = LaunchRequest(app=app, size="small", answers={}, title="", launch_key=key)
    return (await launch(fake.portal, fake.actor, request)).record


async def ready(fake: FakePortal, app: str = "windows", key: str = "one", port: int = 7001) -> Record:
    record = await queued(fake, app, key)
    fake.launcher.run(record.run.job.id)
    token = fake.portal.derived.enrolment_token(record.session.id, 1).reveal()
    wish = EnrolRequest(port=port, python="3.11.2", node="c12", nonce="0" * 32)
    credential = (await report.enrol(fake.portal, token, wish)).credential
    await report.report(fake.portal, credential, Report(1, True, 0.5, 1000, None, None))
    found = await fake.portal.store.get(record.session.id)
    assert found is not None
    return found


def claims(fake: FakePortal, entry: join.DirectEntry) -> TicketClaims:
    found = fake.portal.tickets.read(entry.cookie_value)
    assert found is not None
    return found


async def test_a_native_clients_ticket_lives_for_minutes_and_leads_to_the_display(fake: FakePortal) -> None:
    record = await ready(fake)
    entry = await join.display(fake.portal, fake.actor, record.session.id)
    now = fake.clock.now()
    assert entry.url == fake.portal.names.session_url(record.session.id, "/-/display")
    assert entry.cookie_name == fake.portal.names.cli_cookie
    assert entry.expires == now + timedelta(minutes=5)
    ticket = claims(fake, entry)
    assert (ticket.session, ticket.port, ticket.login) == (record.session.id, 7001, fake.actor.login_id)
    assert ticket.expires_at == int((now + timedelta(minutes=5)).timestamp())


async def test_it_never_outlives_the_login_it_came_from(fake: FakePortal) -> None:
    record = await ready(fake)
    over = await fake.portal.accounts.login_expires(fake.actor.login_id, fake.clock.now())
    assert over is not None
    fake.clock.advance(over - fake.clock.now() - timedelta(minutes=1))
    entry = await join.display(fake.portal, fake.actor, record.session.id)
    assert entry.expires == over


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=6)])
async def test_it_becomes_no_ticket_of_a_browser_whose_life_is_the_logins(fake: FakePortal, later: timedelta) -> None:
    record = await ready(fake)
    entry = await join.display(fake.portal, fake.actor, record.session.id)
    fake.clock.advance(later)
    with pytest.raises(Refused, match="login_over"):
        await join.renew(fake.portal, record.session.id, entry.cookie_value, "/")
    with pytest.raises(Refused, match="login_over"):
        await join.admitted(fake.portal, record.session.id, entry.cookie_value)


async def test_each_ticket_has_an_id_of_its_own(fake: FakePortal) -> None:
    record = await ready(fake)
    ids = {claims(fake, await join.display(fake.portal, fake.actor, record.session.id)).id for _ in range(2)}
    assert len(ids) == 2


async def test_a_web_application_has_no_display(fake: FakePortal) -> None:
    record = await ready(fake, "hello")
    with pytest.raises(Conflict, match="not_graphical"):
        await join.display(fake.portal, fake.actor, record.session.id)


async def test_until_it_is_ready_there_is_nothing_to_connect_to(fake: FakePortal) -> None:
    record = await queued(fake)
    with pytest.raises(Conflict, match="not_ready"):
        await join.display(fake.portal, fake.actor, record.session.id)
    assert show.view(fake.portal, record).display is Backend.XPRA
    # what it is does not change: it need not be waited for
    web = await queued(fake, "hello", "two")
    assert show.view(fake.portal, web).display is None
    with pytest.raises(Conflict, match="not_graphical"):
        await join.display(fake.portal, fake.actor, web.session.id)


async def test_an_application_that_left_the_catalogue_still_has_its_display(fake: FakePortal) -> None:
    record = await ready(fake)
    fake.portal.catalogue = FakeCatalogue(fake_application())
    with pytest.raises(NotFound):
        fake.portal.catalogue.get("windows")
    assert (await join.display(fake.portal, fake.actor, record.session.id)).url.endswith("/-/display")


async def test_leaving_cuts_the_streams_to_ones_own_sessions_only(fake: FakePortal) -> None:
    await ready(fake, key="one", port=7001)
    await ready(fake, app="hello", key="two", port=7002)
    await queued(fake, key="three")
    await ready(replace(fake, actor=replace(fake.actor, login="grace")), key="four", port=7004)
    await join.leave(fake.portal, fake.actor.login, fake.actor.login_id)
    assert fake.gateway.revoked == [fake.actor.login_id]
    assert fake.gateway.cut == [("127.0.0.1", 7001), ("127.0.0.1", 7002)]
