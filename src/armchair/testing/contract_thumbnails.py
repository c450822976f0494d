"""The store's contract for pictures of sessions' screens, as functions: each takes a StoreUnderTest."""

# assertions are what a contract suite is made of
# ruff: noqa: S101

from dataclasses import replace
from datetime import timedelta

from armchair.domain.thumbnail import MOST_BYTES, Format, Thumbnail
from armchair.testing.clock import START
from armchair.testing.contract_store import Rule, StoreUnderTest, added
from armchair.testing.samples import some_session

EVERY_BYTE = (bytes(range(256)) * (MOST_BYTES // 256))[:MOST_BYTES]
PICTURE = Thumbnail(session="s1", at=START + timedelta(microseconds=1), format=Format.WEBP, body=EVERY_BYTE)


async def a_picture_is_kept_whole_and_replaced(case: StoreUnderTest) -> None:
    await added(case, some_session(), some_session("s2"))
    assert await case.store.thumbnail("s1") is None
    for picture in (PICTURE, replace(PICTURE, at=START, format=Format.PNG, body=b"")):
        await case.store.keep_thumbnail(picture)
        assert await case.store.thumbnail("s1") == picture
    assert await case.store.thumbnail("s2") is None


async def a_picture_of_no_session_is_not_kept(case: StoreUnderTest) -> None:
    await case.store.keep_thumbnail(PICTURE)
    assert await case.store.thumbnail("s1") is None
    await added(case, some_session())
    assert await case.store.thumbnail("s1") is None


async def a_picture_changes_nothing_of_its_session(case: StoreUnderTest) -> None:
    (record,) = await added(case, some_session())
    await case.store.keep_thumbnail(PICTURE)
    assert await case.store.get("s1") == record
    assert await case.store.events("s1") == []


THUMBNAIL_CONTRACT: tuple[Rule, ...] = (
    a_picture_is_kept_whole_and_replaced,
    a_picture_of_no_session_is_not_kept,
    a_picture_changes_nothing_of_its_session,
)
