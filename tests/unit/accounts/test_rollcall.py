"""Who loses a role or their account loses it here without a new login; who can't be asked about keeps what they have."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from armchair.accounts.actor import Actor, Person, PortalRole, Scope
from armchair.accounts.logins import Accounts, Login
from armchair.accounts.ports import Admitted
from armchair.accounts.rollcall import RollCall
from armchair.domain.errors import Refused, StorageFull, Unavailable
from armchair.domain.secret import Secret
from armchair.testing.clock import FakeClock
from armchair.testing.store import MemoryStore

ANN = Person(login="ann", name="Ann", roles=frozenset(PortalRole))
BEN = Person(login="ben", name="Ben")
PLAIN = replace(ANN, roles=frozenset({PortalRole.USER}))


class Case:
    """`now` is who each assertion's person is by the system's word; an error there is raised."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.accounts = Accounts(self.store, self.clock)
        self.now: dict[str, Person | Exception | None] = {}
        self.asked: list[str] = []
        self.revoked: list[tuple[str, str]] = []
        self.calls = RollCall(self.store, self.clock, self, self.revoke)

    async def person(self, assertion: Secret) -> Person | None:
        word = assertion.reveal()
        self.asked.append(word)
        found = self.now[word]
        if isinstance(found, Exception):
            raise found
        return found

    async def revoke(self, login: str, login_id: str) -> None:
        self.revoked.append((login, login_id))

    async def admit(self, person: Person, word: str) -> Login:
        self.now[word] = person
        until = self.clock.now() + timedelta(days=7)
        return await self.accounts.admit(Admitted(person=person, assertion=Secret(word), until=until))

    async def actor(self, login: Login) -> Actor | None:
        return await self.accounts.actor_of_cookie(login.cookie.reveal())

    async def roles(self, login: Login) -> frozenset[PortalRole]:
        actor = await self.actor(login)
        assert actor is not None
        return actor.roles


@pytest.fixture
def case() -> Case:
    return Case()


async def test_a_role_that_was_taken_away_is_gone_from_login_and_token(case: Case) -> None:
    login = await case.admit(ANN, "a")
    token = await case.accounts.create_token(login.actor, "ci", frozenset({Scope.ADMIN, Scope.SESSIONS_READ}))
    await case.calls.round()
    assert await case.roles(login) == ANN.roles
    case.now["a"] = PLAIN
    await case.calls.round()
    assert await case.roles(login) == PLAIN.roles
    actor = await case.accounts.actor_of_token(token.secret.reveal())
    assert actor is not None
    assert actor.scopes == {Scope.SESSIONS_READ}
    assert case.revoked == [], "the way in stays"


async def test_a_new_role_comes_without_a_new_login_too(case: Case) -> None:
    login = await case.admit(PLAIN, "a")
    case.now["a"] = ANN
    await case.calls.round()
    assert await case.roles(login) == ANN.roles


async def test_a_closed_account_is_out_with_all_that_it_opened_and_nobody_else(case: Case) -> None:
    ann, again, ben = await case.admit(ANN, "a1"), await case.admit(ANN, "a2"), await case.admit(BEN, "b")
    token = await case.accounts.create_token(ann.actor, "ci", frozenset({Scope.SESSIONS_READ}))
    case.now["a1"] = case.now["a2"] = None
    await case.calls.round()
    assert await case.actor(ann) is None
    assert await case.actor(again) is None
    assert await case.accounts.actor_of_token(token.secret.reveal()) is None
    assert set(case.revoked) == {("ann", ann.login_id), ("ann", again.login_id), ("ann", token.token.id)}
    assert await case.roles(ben) == BEN.roles


async def test_a_word_that_counts_no_more_ends_its_own_login_only(case: Case) -> None:
    old, new = await case.admit(ANN, "old"), await case.admit(ANN, "new")
    case.now["old"] = None
    await case.calls.round()
    assert await case.actor(old) is None
    assert await case.roles(new) == ANN.roles


async def test_a_word_for_somebody_else_is_nobodys(case: Case) -> None:
    login = await case.admit(ANN, "a")
    case.now["a"] = BEN
    await case.calls.round()
    assert await case.actor(login) is None


async def test_what_nobody_vouched_for_ends(case: Case) -> None:
    """As it may be left over from a time when the portal was one person's."""
    await case.accounts.remember(ANN)
    login = await case.accounts.exchange((await case.accounts.login_link("ann")).reveal())
    token = await case.accounts.client_token("ann")
    await case.calls.round()
    assert await case.actor(login) is None
    assert await case.accounts.actor_of_token(token.reveal()) is None
    assert case.asked == []


@pytest.mark.parametrize("error", [Unavailable("names_silent"), Unavailable("malformed"), Refused("whatever")])
async def test_silence_about_somebody_takes_nothing_and_holds_up_nobody(case: Case, error: Exception, capsys) -> None:
    ann, ben = await case.admit(ANN, "a"), await case.admit(replace(BEN, roles=frozenset(PortalRole)), "b")
    case.now |= {"a": error, "b": BEN}
    await case.calls.round()
    assert await case.roles(ann) == ANN.roles
    assert await case.roles(ben) == BEN.roles
    assert "accounts.not_known" in capsys.readouterr().out


async def test_a_silent_helper_is_asked_once_in_a_round(case: Case) -> None:
    logins = [await case.admit(ANN, f"a{number}") for number in range(20)]
    case.now = dict.fromkeys(case.now, Unavailable("helper_silent"))
    with pytest.raises(Unavailable):
        await case.calls.round()
    assert len(case.asked) == 1
    assert all([await case.roles(login) == ANN.roles for login in logins])


async def test_a_login_and_its_tokens_are_asked_about_once(case: Case) -> None:
    login = await case.admit(ANN, "a")
    for name in ("x", "y"):
        await case.accounts.create_token(login.actor, name, frozenset({Scope.SESSIONS_READ}))
    await case.calls.round()
    assert case.asked == ["a"]
    case.clock.advance(timedelta(days=8))
    await case.calls.round()
    assert case.asked == ["a"], "nobody asks about what is over"


async def test_it_goes_on_after_a_round_that_failed(case: Case, capsys) -> None:
    login = await case.admit(ANN, "a")
    case.now["a"] = PLAIN
    case.store.fail = StorageFull("storage_full")
    running = asyncio.create_task(case.calls.run(timedelta(milliseconds=1)))
    while len(case.asked) < 3:  # noqa: ASYNC110 - rounds follow each other by themselves
        await asyncio.sleep(0)
    case.store.fail = None
    while await case.roles(login) != PLAIN.roles:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0)
    running.cancel()
    assert "ann: storage_full" in capsys.readouterr().out
