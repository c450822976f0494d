"""Events and wishes in, letters out."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from armchair.domain.event import Event
from armchair.domain.telling import Channel, Letter, Occasion, Wish, left_of, letters, next_try
from armchair.testing.clock import START
from armchair.testing.samples import some_session

SESSION = replace(some_session().session, number=313, title="Fiji")
ALWAYS = {Channel.MAIL: frozenset({Occasion.IDLE_NEAR})}


def event(code: str, **params: object) -> Event:
    return Event(id=7, session="s1", attempt=1, at=START, code=code, params=params)


def wish(*occasions: Occasion, login: str = "ann", channel: Channel = Channel.MAIL) -> Wish:
    return Wish(session="s1", login=login, channel=channel, occasions=frozenset(occasions))


def made(code: str, *wishes: Wish, **params: object) -> list[tuple[str, str, str]]:
    found = letters(event(code, **params), SESSION, wishes, ALWAYS, START)
    return [(letter.login, letter.channel.value, letter.occasion.value) for letter in found]


def test_a_wish_makes_a_letter_and_silence_makes_none() -> None:
    assert made("session.ready", wish(Occasion.START)) == [("ann", "mail", "start")]
    assert made("session.ready") == []
    assert made("agent.enrolled", wish(*Occasion)) == []
    (letter,) = letters(event("end.near", seconds=540), SESSION, [wish(Occasion.END_NEAR)], {}, START)
    assert letter.params == {"seconds": 540, "number": 313, "title": "Fiji"}


def test_the_site_tells_owners_of_what_it_ends_and_tells_it_once() -> None:
    assert made("idle.near") == [("ann", "mail", "idle_near")]
    assert made("idle.near", wish(Occasion.END)) == [("ann", "mail", "idle_near")]
    assert made("idle.near", wish(Occasion.IDLE_NEAR)) == [("ann", "mail", "idle_near")]
    assert made("idle.near", wish(Occasion.END, login="ben")) == [("ann", "mail", "idle_near")]


def test_whoever_waits_for_the_start_hears_of_an_end_before_it() -> None:
    assert made("run.ended", wish(Occasion.START), kind="failed") == [("ann", "mail", "end")]


def test_a_job_that_is_queued_again_has_not_ended() -> None:
    assert made("run.ended", wish(Occasion.START, Occasion.END), kind="preempted", detail="requeued") == []
    assert left_of(wish(Occasion.START), event("run.ended", detail="requeued_after_failure")) == wish(Occasion.START)


def test_a_start_is_told_once_and_nothing_is_wanted_after_the_end() -> None:
    both = wish(Occasion.START, Occasion.END_NEAR)
    assert left_of(both, event("session.ready")) == wish(Occasion.END_NEAR)
    assert left_of(both, event("end.near")) == both
    assert left_of(both, event("run.ended")) == wish()


@given(st.integers(0, 10_000), st.timedeltas(timedelta(0), timedelta(days=3)))
def test_pauses_grow_and_end_after_a_day(tries: int, age: timedelta) -> None:
    letter = Letter(
        event=1,
        session="s1",
        login="ann",
        channel=Channel.MAIL,
        occasion=Occasion.END,
        created_at=START,
        due_at=START,
        tries=tries,
    )
    again = next_try(letter, START + age)
    assert (again is None) == (age >= timedelta(hours=24))
    assert again is None or timedelta(0) < again - (START + age) <= timedelta(hours=1)


def test_a_warning_that_comes_too_late_is_not_sent() -> None:
    warning = event("end.near", seconds=540)
    assert letters(warning, SESSION, [wish(Occasion.END_NEAR)], {}, START + timedelta(seconds=539))
    assert not letters(warning, SESSION, [wish(Occasion.END_NEAR)], {}, START + timedelta(seconds=540))
    (letter,) = letters(warning, SESSION, [wish(Occasion.END_NEAR)], {}, START)
    assert next_try(letter, START + timedelta(seconds=500)) is not None
    assert next_try(letter, START + timedelta(seconds=530)) is None, "it would come after the end"
    idle = event("idle.near", minutes=30, ends_at=(START + timedelta(hours=1)).isoformat(timespec="seconds"))
    (letter,) = letters(idle, SESSION, [], ALWAYS, START)
    assert next_try(letter, START + timedelta(minutes=50)) is not None
    assert next_try(letter, START + timedelta(minutes=60)) is None
    assert not letters(idle, SESSION, [], ALWAYS, START + timedelta(hours=2))
