"""What operators may do, that nobody else learns of it, and what everybody is told."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from armchair import words
from armchair.accounts.actor import PortalRole, scopes_for
from armchair.domain.access import Verb, may
from armchair.domain.announcement import AnnouncementKind, Level
from armchair.domain.errors import InvalidInput, NotFound, Refused
from armchair.domain.run import Outcome, OutcomeKind, Phase
from armchair.domain.session import By
from armchair.sessions import admin, announcements, join, show
from armchair.sessions.launch import LaunchRequest, launch
from armchair.sessions.ports import ListQuery
from armchair.sessions.reconcile import Reconciler
from armchair.sessions.trouble import KEPT, Troubles, scrubbed
from armchair.testing.portal import fake_portal, stranger

USER = frozenset({PortalRole.USER})


@pytest.fixture
async def fake():
    return await fake_portal()


@pytest.fixture
def operator():
    roles = frozenset({PortalRole.USER, PortalRole.OPERATOR})
    return replace(stranger(), login="oscar", name="Oscar", roles=roles, scopes=scopes_for(roles))


async def started(fake, key: str = "one", login: str = "ada"):
    actor = replace(fake.actor, login=login)
    return (await launch(fake.portal, actor, LaunchRequest(app="hello", answers={}, launch_key=key))).record


async def test_nobody_else_learns_that_there_is_an_administration(fake) -> None:
    record = await started(fake)
    plain = replace(fake.actor, roles=USER)  # the owner's own session, but no operator
    asked = [
        admin.listing(fake.portal, plain, ListQuery(subject="ada")),
        admin.find(fake.portal, plain, record.session.id),
        admin.end(fake.portal, plain, record.session.id),
        admin.living_of(fake.portal, plain, "ada"),
        admin.end_all(fake.portal, plain, "ada"),
        admin.clusters(fake.portal, plain),
        admin.people(fake.portal, plain),
        admin.drain(fake.portal, plain, "", "closed"),
        admin.put_banner(fake.portal, plain, "hello"),
        admin.take_back(fake.portal, plain, AnnouncementKind.BANNER),
    ]
    for one in asked:
        with pytest.raises(NotFound) as refused:
            await one
        assert refused.value.code == "not_found"
    with pytest.raises(NotFound):
        admin.troubles(fake.portal, plain)
    assert (await fake.portal.store.get(record.session.id)).phase is Phase.QUEUED
    assert fake.portal.announcements == ()


async def test_an_operator_sees_and_ends_but_does_not_join(fake, operator) -> None:
    record = await started(fake)
    found, events = await admin.find(fake.portal, operator, f"#{record.session.number}")
    assert found.session.id == record.session.id
    assert events
    assert not may(operator, Verb.JOIN, record.session, (), fake.clock.now())
    for forbidden in (show.show, show.log, show.script, show.timeline, join.begin):
        with pytest.raises(NotFound):
            await forbidden(fake.portal, operator, record.session.id)


async def test_the_owner_is_told_that_an_operator_ended_it(fake, operator) -> None:
    record = await started(fake)
    async with fake.portal.changes.subscribe("ada") as mine:
        await admin.end(fake.portal, operator, record.session.id)
        assert (await anext(mine)).session == record.session.id
    await admin.end(fake.portal, operator, record.session.id)
    events = [words.event(one) for one in await show.timeline(fake.portal, fake.actor, record.session.id)]
    assert events.count("An operator asked for its end") == 1
    reconciler = Reconciler(fake.portal, tick_seconds=1.0)
    for _ in range(2):
        await tick(reconciler)
    ended = (await fake.portal.store.get(record.session.id)).run.outcome
    assert (ended.kind, ended.by) == (OutcomeKind.CANCELLED, By.OPERATOR)
    assert words.outcome(ended).title.startswith("An operator ended this")


async def tick(reconciler: Reconciler) -> None:
    for beat in reconciler._beats.values():
        beat.hurry()
    await reconciler.tick()
    while reconciler._turns:
        for turn in list(reconciler._turns):
            await turn


async def test_ending_all_of_one_person_leaves_the_others(fake, operator) -> None:
    ids = {name: (await started(fake, name, name.rstrip("12"))).session.id for name in ("ada1", "ada2", "eve1")}
    over = await started(fake, "over")
    outcome = Outcome(kind=OutcomeKind.FINISHED, by=By.SYSTEM, at=fake.clock.now())
    await fake.portal.apply(over.session.id, lambda r, now: (replace(r, runs=(replace(r.run, outcome=outcome),)), []))
    assert len(await admin.living_of(fake.portal, operator, "ada")) == 2
    assert await admin.end_all(fake.portal, operator, "ada") == 2
    phases = {name: (await fake.portal.store.get(one)).phase for name, one in ids.items()}
    assert phases == {"ada1": Phase.ENDING, "ada2": Phase.ENDING, "eve1": Phase.QUEUED}


async def test_a_drained_cluster_takes_nothing_new_and_what_runs_goes_on(fake, operator) -> None:
    record = await started(fake)
    await admin.drain(fake.portal, operator, "local", "New memory is put in until 15:00.")
    with pytest.raises(Refused) as refused:
        await started(fake, "two")
    told = words.error(refused.value.code, refused.value.params)
    assert told.title == "local takes no new sessions at present."
    assert told.detail == "New memory is put in until 15:00. Running sessions go on."
    assert len(await fake.portal.store.live()) == 1
    assert (await fake.portal.store.get(record.session.id)).phase is Phase.QUEUED
    assert (await admin.clusters(fake.portal, operator))[0].drain.by == "oscar"
    await admin.take_back(fake.portal, operator, AnnouncementKind.DRAIN, "local")
    await started(fake, "three")


async def test_a_drain_of_the_whole_portal_closes_every_cluster(fake, operator) -> None:
    await admin.drain(fake.portal, operator, "", "")
    with pytest.raises(Refused) as refused:
        await started(fake)
    assert words.error(refused.value.code, refused.value.params).text == (
        "No new sessions are started at present. Running sessions go on."
    )
    assert all(announcements.board(fake.portal).drain_of(cluster) for cluster in ("local", "big"))


async def test_announcements_are_read_from_the_store_at_the_start(fake, operator) -> None:
    await admin.put_banner(fake.portal, operator, "  Maintenance\n on Monday.\x1b ", Level.WARNING)
    fake.portal.announcements = ()
    await announcements.read(fake.portal)
    banner = announcements.board(fake.portal).banner
    assert (banner.text, banner.level) == ("Maintenance on Monday.", Level.WARNING)


async def test_a_banner_goes_by_itself_when_its_time_is_over(fake, operator) -> None:
    await admin.put_banner(fake.portal, operator, "Soon.", until=fake.clock.now() + timedelta(hours=1))
    fake.clock.advance(timedelta(minutes=59))
    assert announcements.board(fake.portal).banner is not None
    fake.clock.advance(timedelta(minutes=1))
    assert announcements.board(fake.portal).banner is None


@pytest.mark.parametrize(
    ("text", "past", "fields"), [("", False, {"text"}), ("x" * 301, False, {"text"}), (" ", True, {"text", "until"})]
)
async def test_a_banner_that_makes_no_sense_is_refused(fake, operator, text, past, fields) -> None:
    until = fake.clock.now() if past else None
    with pytest.raises(InvalidInput) as refused:
        await admin.put_banner(fake.portal, operator, text, until=until)
    assert {one.field for one in refused.value.errors} == fields
    assert all(words.field_error(one) for one in refused.value.errors)


async def test_a_cluster_that_is_not_there_can_not_be_drained(fake, operator) -> None:
    with pytest.raises(InvalidInput):
        await admin.drain(fake.portal, operator, "elsewhere", "closed")


async def test_clusters_are_seen_as_they_answer(fake, operator) -> None:
    await started(fake)
    fake.portal.launcher_problems = {"old": "There is no launcher 'pbs'."}
    state = fake.portal.launcher_states["local"]
    state.answered(fake.clock.now(), 0.02)
    state.fell_silent(fake.clock.now(), "scheduler_silent", 1.0)
    good, broken = await admin.clusters(fake.portal, operator)
    assert (good.queries, good.silent_since, good.silence, good.living) == (2, fake.clock.now(), "scheduler_silent", 1)
    assert (broken.name, broken.problem) == ("old", "There is no launcher 'pbs'.")


async def test_who_is_logged_in(fake, operator) -> None:
    await started(fake)
    (ada,) = await admin.people(fake.portal, operator)
    assert (ada.login, ada.browsers, ada.living) == ("ada", 1, 1)
    fake.clock.advance(timedelta(days=400))
    assert await admin.people(fake.portal, operator) == []


def test_the_last_troubles_are_kept_newest_first() -> None:
    troubles, log = Troubles(), logging.getLogger("armchair.test.trouble")
    log.propagate = False
    log.addHandler(troubles)
    log.info("not this")
    for number in range(KEPT + 5):
        log.warning("timestamp=2026-01-01T00:00:00Z level=warning event=launcher.silent number=%s", number)
    recent = troubles.recent()
    assert len(recent) == KEPT
    assert recent[0].text == f"event=launcher.silent number={KEPT + 4}"
    assert recent[0].level == "warning"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("event=x token=abc code=silent", "event=x token=*** code=silent"),
        ('event=x password="two words" n=1', "event=x password=*** n=1"),
        ("used arm_Abc123 twice", "used *** twice"),
        ("cookie eyJhbGci.eyJzdWIi.c2ln ends", "cookie *** ends"),
        ("GET /login?code=42 200", "GET /login?… 200"),
        ("two\nlines", "two lines"),
    ],
)
def test_what_looks_like_a_secret_is_starred_out(line: str, kept: str) -> None:
    assert scrubbed(line) == kept


def test_a_long_line_is_cut() -> None:
    assert len(scrubbed("x" * 10_000)) == 601
