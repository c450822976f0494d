"""Who is slowed down by whose guesses. PAM is a stand-in that knows one password."""

import asyncio
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from armchair.domain.errors import Refused
from armchair.domain.secret import Secret
from armchair.helper import logins
from armchair.helper.audit import Audit
from armchair.helper.brakes import LONGEST
from armchair.helper.config import HelperConfig
from armchair.helper.conversation import Prompt, Turn
from armchair.helper.logins import Logins
from armchair.helper.people import Account
from armchair.helper.statements import Statements

RIGHT = "the right one"


class Talk:
    """A conversation of one question."""

    goes_on = False

    def __init__(self, _service: str, login: str, address: str, *, user: str = "") -> None:
        self.login, self.address, self.id, self.counted, self.touched = login, address, f"{id(self)}", False, 0.0
        self.asks = False
        self._turns: asyncio.Queue[Turn] = asyncio.Queue()
        self._turns.put_nowait(Turn(prompts=[Prompt(text="Password:", secret=True)]))

    async def next(self) -> Turn:
        return await self._turns.get()

    def answer(self, answers: Sequence[Secret]) -> None:
        turn = Turn(over=True, problem="" if answers[0].reveal() == RIGHT else "login_wrong")
        asyncio.get_running_loop().call_soon(self._turns.put_nowait, turn)

    def give_up(self) -> None:
        """Nothing goes on."""


class Gate:
    def __init__(self, config: HelperConfig, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        monkeypatch.setattr(logins, "Conversation", Talk)
        monkeypatch.setattr(logins, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(logins, "PATIENCE", float("inf"))
        self.logins = Logins(config, Statements(config, b"k" * 32), Audit(config.audit_log))

    async def enter(self, login: str, password: str, address: str) -> str:
        """The code of the refusal, "" when it was none."""
        try:
            turn: dict[str, Any] = await self.logins.begin(login, address)
            await self.logins.answer(turn["conversation"], [Secret(password)])
        except Refused as refused:
            return refused.code
        return ""


@pytest.fixture
def gate(configured: Callable[..., HelperConfig], monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(configured(), monkeypatch)


async def guessed_on(gate: Gate, login: str) -> None:
    """From ever new addresses, as soon as the brakes let anybody; the last guess was a second ago."""
    for number in range(20):
        while await gate.enter(login, "a guess", f"192.0.2.{number}") == "login_too_often":
            gate.now += 5
    gate.now += 1


async def test_guesses_from_elsewhere_do_not_keep_a_person_out_who_was_here_before(gate: Gate, me: Account) -> None:
    assert await gate.enter(me.login, RIGHT, "10.0.0.1") == ""
    await guessed_on(gate, me.login)
    assert await gate.enter(me.login, RIGHT, "10.0.0.2") == "login_too_often"
    assert await gate.enter(me.login, RIGHT, "10.0.0.1") == ""


async def test_to_come_in_from_there_forgives_the_guessers_nothing(gate: Gate, me: Account) -> None:
    assert await gate.enter(me.login, RIGHT, "10.0.0.1") == ""
    await guessed_on(gate, me.login)
    assert await gate.enter(me.login, RIGHT, "10.0.0.1") == ""
    assert await gate.enter(me.login, "a guess", "192.0.2.99") == "login_too_often"


async def test_guesses_from_a_place_that_is_known_count_there(gate: Gate, me: Account) -> None:
    assert await gate.enter(me.login, RIGHT, "10.0.0.1") == ""
    codes = [await gate.enter(me.login, "a guess", "10.0.0.1") for _ in range(4)]
    assert codes == ["login_wrong"] * 3 + ["login_too_often"]


async def test_somebody_who_is_new_waits_like_all(gate: Gate, me: Account) -> None:
    await guessed_on(gate, me.login)
    assert await gate.enter(me.login, RIGHT, "10.0.0.1") == "login_too_often"
    gate.now += LONGEST
    assert await gate.enter(me.login, RIGHT, "10.0.0.1") == ""


async def test_an_answer_that_is_sent_twice_is_given_once(gate: Gate, me: Account) -> None:
    """As by a double click: the second one would hang until PAM's patience is over, or serve for the next question."""
    identity = (await gate.logins.begin(me.login, "10.0.0.1"))["conversation"]
    async with asyncio.timeout(5):
        both = await asyncio.gather(*(gate.logins.answer(identity, [Secret(RIGHT)]) for _ in range(2)), return_exceptions=True)
    admitted = [one for one in both if isinstance(one, dict)]
    assert len(admitted) == 1
    assert [str(one) for one in both if isinstance(one, Refused)] == ["login_given_up"]
