"""How the helper slows down whoever guesses passwords."""

from armchair.helper.brakes import FORGET_AFTER, LONGEST, Brakes

ALICE = {"both alice here": 3, "login alice": 10}
HERE = {**ALICE, "address here": 30}


def test_a_few_mistakes_cost_nothing_and_more_cost_more() -> None:
    brakes, now, waits = Brakes(), 1000.0, []
    for _ in range(12):
        waits.append(brakes.wait(HERE, now))
        now += waits[-1]
        assert brakes.wait(HERE, now) == 0
        brakes.tried(HERE, now)
    assert waits[:3] == [0, 0, 0]
    assert waits[3:8] == [4, 8, 16, 32, 64]
    assert max(waits) <= LONGEST


def test_tries_at_the_same_time_are_not_free() -> None:
    brakes = Brakes()
    free = 0
    while brakes.wait(HERE, 0.0) == 0:
        brakes.tried(HERE, 0.0)
        free += 1
    assert free == 3


def test_the_wait_begins_when_a_try_has_failed() -> None:
    brakes = Brakes()
    for _ in range(3):
        brakes.tried(HERE, 0.0)
    brakes.failed(HERE, 10.0)
    assert brakes.wait(HERE, 10.0) == 4


def test_nobody_waits_for_ever() -> None:
    brakes = Brakes()
    for _ in range(1000):
        brakes.tried(HERE, 0.0)
    assert brakes.wait(HERE, 0.0) == LONGEST
    assert brakes.wait(HERE, LONGEST) == 0
    brakes.tried(HERE, FORGET_AFTER)
    assert brakes.wait(HERE, FORGET_AFTER) == 0


def test_who_succeeds_is_forgiven_but_not_what_else_came_from_there() -> None:
    brakes = Brakes()
    for number in range(29):
        brakes.tried({f"both p{number} here": 3, "address here": 30}, 0.0)
    brakes.tried(HERE, 0.0)
    assert brakes.wait(HERE, 0.0) > 0
    brakes.succeeded(ALICE, "address here")
    assert brakes.wait(HERE, 0.0) == 0
    brakes.tried(HERE, 0.0)
    assert brakes.wait(HERE, 0.0) > 0


def test_somebody_elses_tries_cost_a_person_little() -> None:
    brakes = Brakes()
    for _ in range(9):
        brakes.tried({"both alice there": 3, "login alice": 10, "address there": 30}, 0.0)
    assert brakes.wait(HERE, 0.0) == 0


def test_the_mistakes_of_many_behind_one_address_do_not_add_up_for_ever() -> None:
    brakes, now = Brakes(), 0.0
    for number in range(500):
        keys = {f"both p{number} here": 3, f"login p{number}": 10, "address here": 30}
        assert brakes.wait(keys, now) == 0, f"after {number} mistakes, one each three minutes"
        brakes.tried(keys, now)
        brakes.failed(keys, now + 2)
        now += 180


def test_who_guesses_on_and_on_gains_little_by_patience() -> None:
    brakes, now, tries = Brakes(), 0.0, 0
    while now < 24 * 3600:
        now += brakes.wait(HERE, now)
        brakes.tried(HERE, now)
        tries += 1
    assert tries < 24 * 3600 / LONGEST + 20
