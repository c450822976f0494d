"""The store's contract for wishes and letters, as functions, like contract_store."""

# assertions are what a contract suite is made of
# ruff: noqa: S101

from collections.abc import Sequence
from datetime import timedelta

from armchair.domain.telling import Channel, Letter, Occasion, Wish
from armchair.sessions.ports import Change
from armchair.testing.clock import START
from armchair.testing.contract_store import Rule, StoreUnderTest, told
from armchair.testing.samples import some_session

ALWAYS = {Channel.MAIL: frozenset({Occasion.IDLE_NEAR})}
MINUTE = timedelta(minutes=1)


def a_wish(*occasions: Occasion, channel: Channel = Channel.MAIL) -> Wish:
    """A wish of Ann's for the session of these rules."""
    return Wish(session="s1", login="ann", channel=channel, occasions=frozenset(occasions), target="https://x.test/")


async def happens(case: StoreUnderTest, code: str) -> None:
    """The session's record changes with this event."""
    await case.store.change("s1", lambda record: Change(record=record, events=[told(record, code, seconds=9)]))


async def due(case: StoreUnderTest, after: timedelta = timedelta(0), limit: int = 10) -> Sequence[Letter]:
    """The letters that are due then."""
    return (await case.store.due_letters(ALWAYS, START + after, limit))[0]


async def a_wish_takes_the_place_of_the_one_by_the_same_way(case: StoreUnderTest) -> None:
    await case.store.create(some_session(), (), {})
    await case.store.put_wish(a_wish(Occasion.START))
    await case.store.put_wish(a_wish(Occasion.END, Occasion.END_NEAR))
    await case.store.put_wish(a_wish(Occasion.END, channel=Channel.WEBHOOK))
    assert list(await case.store.wishes("s1", "ann")) == [
        a_wish(Occasion.END, Occasion.END_NEAR),
        a_wish(Occasion.END, channel=Channel.WEBHOOK),
    ]
    await case.store.put_wish(a_wish())
    assert [wish.channel for wish in await case.store.wishes("s1", "ann")] == [Channel.WEBHOOK]
    assert list(await case.store.wishes("s1", "ben")) == []


async def an_event_makes_each_letter_once(case: StoreUnderTest) -> None:
    await case.store.create(some_session(), (), {})
    await case.store.put_wish(a_wish(Occasion.START))
    await happens(case, "session.ready")
    await happens(case, "idle.near")
    first, second = await due(case)
    assert (first.occasion, first.target, first.params["seconds"]) == (Occasion.START, "https://x.test/", 9)
    assert (second.occasion, second.login) == (Occasion.IDLE_NEAR, "ann")
    assert first.id != second.id
    assert list(await due(case)) == [first, second], "unsettled letters are still due, and are the same ones"
    assert list(await case.store.wishes("s1", "ann")) == [], "a start is told once"


async def a_letter_that_was_sent_or_given_up_is_due_no_more(case: StoreUnderTest) -> None:
    await case.store.create(some_session(), (), {})
    for _ in range(3):
        await happens(case, "idle.near")
    first, second, third = await due(case)
    await case.store.settle(first.id, None, sent=True)
    await case.store.settle(second.id, START + MINUTE, sent=False)
    letters, next_due = await case.store.due_letters(ALWAYS, START, 10)
    assert [letter.id for letter in letters] == [third.id]
    assert next_due == START + MINUTE
    again = await due(case, MINUTE)
    assert [(letter.id, letter.tries) for letter in again] == [(third.id, 0), (second.id, 1)]
    assert [letter.id for letter in await due(case, MINUTE, 1)] == [third.id]


async def however_much_has_happened_all_of_it_is_told_in_one_call(case: StoreUnderTest) -> None:
    await case.store.create(some_session(), (), {})
    many = [told(some_session(), code) for code in ("agent.enrolled", "idle.near") for _ in range(600)]
    await case.store.change("s1", lambda record: Change(record=record, events=many))
    assert len(await due(case, limit=10_000)) == 600


OUTBOX_CONTRACT: Sequence[Rule] = (
    a_wish_takes_the_place_of_the_one_by_the_same_way,
    an_event_makes_each_letter_once,
    a_letter_that_was_sent_or_given_up_is_due_no_more,
    however_much_has_happened_all_of_it_is_told_in_one_call,
)
