"""The store's contract for what operators see and say, as functions: each takes a StoreUnderTest."""

# assertions are what a contract suite is made of
# ruff: noqa: S101

from dataclasses import replace
from datetime import timedelta

from armchair.domain.announcement import Announcement, AnnouncementKind, Level
from armchair.sessions.ports import ListQuery
from armchair.testing.clock import START
from armchair.testing.contract_accounts import LINK, LOGIN
from armchair.testing.contract_store import Rule, StoreUnderTest, added
from armchair.testing.samples import HOSTILE, some_session

BANNER = Announcement(
    kind=AnnouncementKind.BANNER,
    text=HOSTILE.replace("\x00", ""),
    level=Level.WARNING,
    until=START + timedelta(hours=1),
    by="op",
    at=START,
)
DRAIN = Announcement(kind=AnnouncementKind.DRAIN, cluster="big", text="", by="op", at=START)


async def an_announcement_is_kept_whole_and_replaced(case: StoreUnderTest) -> None:
    assert await case.store.announcements() == []
    await case.store.post(BANNER)
    await case.store.post(DRAIN)
    other = replace(BANNER, text="Other", until=None)
    await case.store.post(replace(DRAIN, cluster=""))
    assert list(await case.store.announcements()) == [BANNER, replace(DRAIN, cluster=""), DRAIN]
    await case.store.post(other)
    assert other in await case.store.announcements()
    await case.store.withdraw(AnnouncementKind.DRAIN, "big")
    await case.store.withdraw(AnnouncementKind.DRAIN, "no such cluster")
    assert list(await case.store.announcements()) == [other, replace(DRAIN, cluster="")]


async def everybodys_sessions_are_listed_for_who_asks_so(case: StoreUnderTest) -> None:
    await added(
        case,
        some_session("s1", title="Mine"),
        some_session("s2", owner="ben", cluster="big"),
        some_session("s3", owner="ben_2"),
    )

    async def found(text: str = "") -> list[str]:
        page = await case.store.listing(ListQuery(subject="nobody", everybody=True, text=text))
        assert page.total == len(page.records)
        return [record.session.id for record in page.records]

    assert await found() == ["s3", "s2", "s1"]
    assert await found("ben") == ["s3", "s2"]
    assert await found("ben_") == ["s3"]
    assert await found("BIG ben") == ["s2"]
    assert await found("mine") == ["s1"]
    assert (await case.store.listing(ListQuery(subject="ann", text="ann"))).total == 0


async def logins_that_are_over_are_nobodys(case: StoreUnderTest) -> None:
    for number, login in enumerate(("ann", "ben", "ann")):
        await case.store.add_link(replace(LINK, digest=f"l{number}", login=login))
        at = START + timedelta(seconds=number)
        await case.store.exchange_link(f"l{number}", replace(LOGIN, id=f"i{number}", digest=f"d{number}", created_at=at))
    assert [row.id for row in await case.store.logged_in(START)] == ["i2", "i1", "i0"]
    assert list(await case.store.logged_in(LOGIN.expires_at)) == []


ANNOUNCEMENT_CONTRACT: tuple[Rule, ...] = (
    an_announcement_is_kept_whole_and_replaced,
    everybodys_sessions_are_listed_for_who_asks_so,
    logins_that_are_over_are_nobodys,
)
