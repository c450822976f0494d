"""Logging in by password: the system's questions as pages, one a turn, without scripts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from armchair.accounts.actor import Person, PortalRole
from armchair.accounts.logins import Accounts
from armchair.accounts.ports import Admitted, Asked, Question
from armchair.domain.errors import Refused, Unavailable
from armchair.domain.secret import Secret

ASSERTION = Secret("assertion-that-nobody-sees")
ADA = Person(login="ada", name="Ada Lovelace", roles=frozenset({PortalRole.USER}))


@dataclass
class Turns:
    """Says what it was told to, turn by turn, and remembers the answers. An exception is raised."""

    turns: list[object]
    heard: list[tuple[str, ...]] = field(default_factory=list)

    async def begin(self, login: str, address: str) -> Asked | Admitted:
        self.heard.append((login, address))
        return self._next()

    async def answer(self, conversation: str, answers: Sequence[Secret]) -> Asked | Admitted:
        self.heard.append((conversation, *(answer.reveal() for answer in answers)))
        return self._next()

    def _next(self) -> Asked | Admitted:
        turn = self.turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        assert isinstance(turn, Asked | Admitted)
        return turn


def asked(*questions: tuple[str, bool], messages: tuple[str, ...] = ()) -> Asked:
    made = tuple(Question(text=text, secret=secret) for text, secret in questions)
    return Asked(conversation="talk-1", questions=made, messages=messages)


def site(guest, *turns: object) -> Turns:
    admitted = Admitted(person=ADA, assertion=ASSERTION, until=guest.portal.clock.now() + timedelta(hours=2))
    made = Turns([admitted if turn == "in" else turn for turn in turns])
    guest.portal.passwords = made
    return made


PASSWORD = asked(("Password:", True))


async def test_name_and_password_on_one_page(guest) -> None:
    turns = site(guest, PASSWORD, "in")
    page = (await guest.get("/login")).text
    assert 'name="login"' in page
    assert 'type="password"' in page
    assert 'action="/login" data-once' in page
    answer = await guest.ask(
        "POST",
        "/login",
        headers={"origin": "http://portal.test", "sec-fetch-site": "same-origin", "x-forwarded-for": "192.0.2.7"},
        data={"login": " ada ", "password": "horse"},
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert turns.heard == [("ada", "192.0.2.7"), ("talk-1", "horse")]
    actor = await Accounts(guest.portal.accounts, guest.portal.clock).actor_of_cookie(guest.cookie)
    assert actor is not None
    assert (actor.login, actor.assertion) == ("ada", ASSERTION)
    # the helper's word ends before a login of this portal's would
    assert actor.expires_at == guest.portal.clock.now() + timedelta(hours=2)


async def test_further_questions_come_one_page_a_turn(guest) -> None:
    more = asked(("One-time code:", False), messages=("Your password ends in 3 days.",))
    turns = site(guest, PASSWORD, more, asked(("New password:", True)), "in")
    page = (await guest.post("/login", {"login": "ada", "password": "horse"})).text
    assert "One-time code:" in page
    assert "Your password ends in 3 days." in page
    assert 'type="text"' in page.partition("One-time code:")[2]
    page = (await guest.post("/login", {"login": "ada", "conversation": "talk-1", "answer0": "123456"})).text
    assert 'type="password"' in page.partition("New password:")[2]
    assert "123456" not in page
    answer = await guest.post("/login", {"login": "ada", "conversation": "talk-1", "answer0": "staple"})
    assert answer.status_code == 303
    assert turns.heard[1:] == [("talk-1", "horse"), ("talk-1", "123456"), ("talk-1", "staple")]


async def test_a_system_that_asks_for_something_else_first_is_asked_along(guest) -> None:
    turns = site(guest, asked(("One-time code:", False)), PASSWORD, "in")
    page = (await guest.post("/login", {"login": "ada", "password": "horse"})).text
    assert "One-time code:" in page
    assert [words for words in turns.heard if "horse" in words] == []


@pytest.mark.parametrize(
    ("problem", "status", "words"),
    [
        (Refused("login_wrong"), 403, "That name and password do not go together."),
        (Refused("login_too_often", seconds=30), 403, "The next one counts in 30 s."),
        (Refused("password_over"), 403, "Your password is over"),
        (Refused("login_account_over", messages=["Ask Grace."]), 403, "Ask Grace."),
        (Unavailable("helper_silent"), 503, "does not answer"),
    ],
)
async def test_what_is_wrong_stands_beside_the_field(guest, problem, status, words) -> None:
    site(guest, PASSWORD, problem)
    answer = await guest.post("/login", {"login": "ada<b>", "password": "horse"})
    assert answer.status_code == status
    assert words in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'value="ada&lt;b&gt;"' in answer.text
    assert "horse" not in answer.text
    assert guest.portal.names.login_cookie not in guest.cookies


async def test_a_name_is_needed(guest) -> None:
    turns = site(guest)
    answer = await guest.post("/login", {"login": " ", "password": "horse"})
    assert (answer.status_code, turns.heard) == (422, [])


async def test_the_way_back_is_kept_through_mistakes(guest) -> None:
    site(guest, PASSWORD, Refused("login_wrong"), PASSWORD, "in")
    await guest.get("/login?next=/sessions/s1/join")
    answer = await guest.post("/login", {"login": "ada", "password": "wrong"})
    # a session's host is where the form may lead in the end: browsers check that against the page's own policy
    assert f"form-action 'self' {guest.portal.names.session_url('*', '')}" in answer.headers["content-security-policy"]
    answer = await guest.post("/login", {"login": "ada", "password": "horse"})
    assert answer.headers["location"] == "/sessions/s1/join"


async def test_other_sites_can_log_nobody_in(guest) -> None:
    turns = site(guest, PASSWORD, "in")
    answer = await guest.post("/login", {"login": "ada", "password": "horse"}, headers={"origin": "https://evil.example"})
    assert (answer.status_code, turns.heard) == (403, [])


async def test_without_passwords_none_is_taken(guest) -> None:
    answer = await guest.post("/login", {"login": "ada", "password": "horse"})
    assert answer.status_code == 403
    assert 'name="password"' not in answer.text


async def test_a_token_of_a_password_login_ends_with_it(guest) -> None:
    site(guest, PASSWORD, "in")
    await guest.post("/login", {"login": "ada", "password": "horse"})
    accounts = Accounts(guest.portal.accounts, guest.portal.clock)
    actor = await accounts.actor_of_cookie(guest.cookie)
    assert actor is not None
    made = await accounts.create_token(actor, "laptop", frozenset(actor.scopes), timedelta(days=300))
    assert made.token.expires_at == actor.expires_at
    through = await accounts.actor_of_token(made.secret.reveal())
    assert through is not None
    assert through.assertion == ASSERTION
    assert ASSERTION.reveal() not in repr(through)
