"""Logging in and out, tokens, and what becomes of them with time."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest

from armchair.accounts.actor import Person, PortalRole, Scope, scopes_for
from armchair.accounts.identity import digest
from armchair.accounts.logins import CLIENT_TOKEN, Accounts
from armchair.accounts.providers.single_user import SingleUser
from armchair.accounts.settings import AccountSettings
from armchair.domain.errors import Conflict, InvalidInput, NotFound, Refused, StorageFull
from armchair.testing.clock import FakeClock
from armchair.testing.store import MemoryStore

ANN = Person(login="ann", name="Ann", roles=frozenset(PortalRole))
BEN = Person(login="ben", name="Ben")
EVERY = frozenset(Scope)


class Case:
    def __init__(self):
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.accounts = Accounts(self.store, self.clock)

    async def log_in(self, login="ann"):
        return await self.accounts.exchange((await self.accounts.login_link(login)).reveal())


@pytest.fixture
async def case():
    made = Case()
    await made.accounts.remember(ANN)
    await made.accounts.remember(BEN)
    return made


async def test_a_link_logs_in_once(case):
    code = await case.accounts.login_link("ann")
    login = await case.accounts.exchange(code.reveal())
    assert (login.actor.login, login.actor.roles, login.actor.scopes) == ("ann", ANN.roles, EVERY)
    assert login.expires_at == case.clock.now() + timedelta(days=7)
    with pytest.raises(Refused, match="login_link_unknown"):
        await case.accounts.exchange(code.reveal())


async def test_of_two_browsers_with_one_link_one_gets_in(case):
    code = (await case.accounts.login_link("ann")).reveal()
    answers = await asyncio.gather(*(case.accounts.exchange(code) for _ in range(5)), return_exceptions=True)
    assert sum(not isinstance(answer, Refused) for answer in answers) == 1


async def test_a_link_ends_after_ten_minutes(case):
    code = await case.accounts.login_link("ann")
    case.clock.advance(timedelta(minutes=10))
    with pytest.raises(Refused):
        await case.accounts.exchange(code.reveal())


@pytest.mark.parametrize("code", ["", "x", "\0", "\ud800", "ü" * 100_000])
async def test_invented_secrets_are_nobody(case, code):
    with pytest.raises(Refused):
        await case.accounts.exchange(code)
    assert await case.accounts.actor_of_cookie(code) is None
    assert await case.accounts.actor_of_token(code) is None
    assert await case.accounts.actor_of_token("arm_" + code) is None
    assert await case.accounts.actor_of_login(code) is None


async def test_strangers_get_no_link(case):
    with pytest.raises(NotFound, match="no_such_person"):
        await case.accounts.login_link("eve")


async def test_a_cookie_is_somebody_until_it_ends(case):
    login = await case.log_in()
    cookie = login.cookie.reveal()
    assert await case.accounts.actor_of_cookie(cookie) == login.actor
    assert await case.accounts.actor_of_login(login.login_id) == login.actor
    case.clock.advance(timedelta(days=7))
    assert await case.accounts.actor_of_cookie(cookie) is None
    assert await case.accounts.actor_of_login(login.login_id) is None


async def test_the_digest_is_no_cookie(case):
    login = await case.log_in()
    assert await case.accounts.actor_of_cookie(digest(login.cookie.reveal())) is None
    assert await case.accounts.actor_of_cookie(login.login_id) is None


async def test_logout_ends_one_login(case):
    one, two = await case.log_in(), await case.log_in()
    assert await case.accounts.logout(one.login_id)
    assert not await case.accounts.logout(one.login_id)
    assert await case.accounts.actor_of_cookie(one.cookie.reveal()) is None
    assert await case.accounts.actor_of_cookie(two.cookie.reveal()) is not None


async def test_logout_everywhere_ends_ones_own(case):
    mine, also_mine, bens = await case.log_in(), await case.log_in(), await case.log_in("ben")
    assert {row.id for row in await case.accounts.logins(mine.actor)} == {mine.login_id, also_mine.login_id}
    assert set(await case.accounts.logout_everywhere(mine.actor)) == {mine.login_id, also_mine.login_id}
    assert await case.accounts.logins(mine.actor) == []
    assert await case.accounts.actor_of_cookie(bens.cookie.reveal()) is not None


async def test_logins_are_pruned_when_links_are_made(case):
    login = await case.log_in()
    case.clock.advance(timedelta(days=8))
    await case.accounts.login_link("ann")
    assert await case.store.logins_of("ann") == []
    assert await case.accounts.logins(login.actor) == []


async def test_a_lost_role_is_lost_everywhere_at_once(case):
    login = await case.log_in()
    token = await case.accounts.create_token(login.actor, "all", EVERY)
    await case.accounts.remember(dataclasses.replace(ANN, roles=frozenset({PortalRole.USER})))
    for actor in (
        await case.accounts.actor_of_cookie(login.cookie.reveal()),
        await case.accounts.actor_of_token(token.secret.reveal()),
    ):
        assert actor.scopes == EVERY - {Scope.ADMIN, Scope.OPERATE}
        with pytest.raises(Refused, match="scope_missing"):
            actor.need(Scope.ADMIN)


async def test_a_token_acts_within_its_scopes_until_it_ends(case):
    login = await case.log_in()
    scopes = frozenset({Scope.SESSIONS_READ})
    new = await case.accounts.create_token(login.actor, " ci ", scopes, timedelta(hours=1))
    assert new.secret.reveal().startswith("arm_")
    assert (new.token.name, new.token.scopes) == ("ci", scopes)
    actor = await case.accounts.actor_of_token(new.secret.reveal())
    assert (actor.login, actor.scopes, actor.login_id) == ("ann", scopes, new.token.id)
    with pytest.raises(Refused, match="scope_missing"):
        await case.accounts.create_token(actor, "more", scopes)
    case.clock.advance(timedelta(hours=1))
    assert await case.accounts.actor_of_token(new.secret.reveal()) is None
    assert [token.id for token in await case.accounts.tokens(login.actor)] == [new.token.id]


async def test_nobody_gives_more_than_they_have(case):
    ben = await case.log_in("ben")
    with pytest.raises(Refused) as refused:
        await case.accounts.create_token(ben.actor, "x", frozenset({Scope.ADMIN}))
    assert refused.value.params == {"scope": "admin"}


async def test_a_token_name_is_taken_once(case):
    login = await case.log_in()
    await case.accounts.create_token(login.actor, "ci", EVERY)
    with pytest.raises(Conflict) as taken:
        await case.accounts.create_token(login.actor, "ci", EVERY)
    assert taken.value.params == {"name": "ci"}


@pytest.mark.parametrize(
    ("name", "scopes", "lifetime", "codes"),
    [
        ("", EVERY, None, ["token_name_invalid"]),
        ("x" * 81, EVERY, None, ["token_name_invalid"]),
        ("a\nb", EVERY, None, ["token_name_invalid"]),
        (CLIENT_TOKEN, EVERY, None, ["token_name_invalid"]),
        ("ok", frozenset(), None, ["token_scopes_missing"]),
        ("ok", EVERY, timedelta(0), ["token_lifetime_invalid"]),
        ("", frozenset(), timedelta(days=4000), ["token_name_invalid", "token_scopes_missing", "token_lifetime_invalid"]),
    ],
)
async def test_all_mistakes_are_told(case, name, scopes, lifetime, codes):
    login = await case.log_in()
    with pytest.raises(InvalidInput) as wrong:
        await case.accounts.create_token(login.actor, name, scopes, lifetime)
    assert [error.code for error in wrong.value.errors] == codes


async def test_revoking_ends_ones_own_token(case):
    ann, ben = await case.log_in(), await case.log_in("ben")
    new = await case.accounts.create_token(ann.actor, "ci", EVERY)
    for reference in (new.token.id, "ci"):
        with pytest.raises(NotFound, match="no_such_token"):
            await case.accounts.revoke_token(ben.actor, reference)
    assert (await case.accounts.revoke_token(ann.actor, "ci")).id == new.token.id
    assert await case.accounts.actor_of_token(new.secret.reveal()) is None


async def test_the_command_line_has_one_token(case):
    first = await case.accounts.client_token("ann")
    second = await case.accounts.client_token("ann")
    assert await case.accounts.actor_of_token(first.reveal()) is None
    actor = await case.accounts.actor_of_token(second.reveal())
    assert actor.scopes == scopes_for(ANN.roles)
    assert len(await case.accounts.tokens(actor)) == 1
    with pytest.raises(NotFound, match="no_such_person"):
        await case.accounts.client_token("eve")


async def test_a_full_disk_is_told(case):
    case.store.fail = StorageFull("storage_full", path="/x")
    with pytest.raises(StorageFull):
        await case.accounts.login_link("ann")


async def test_secrets_do_not_show(case):
    login = await case.log_in()
    token = await case.accounts.create_token(login.actor, "ci", EVERY)
    assert login.cookie.reveal() not in repr(login)
    assert token.secret.reveal() not in repr(token)
    shown = repr((case.store._logins, case.store._tokens, case.store._links))
    assert login.cookie.reveal() not in shown
    assert token.secret.reveal() not in shown


async def test_lifetimes_are_settings(case):
    accounts = Accounts(case.store, case.clock, AccountSettings(login_lifetime=timedelta(hours=1)))
    login = await accounts.exchange((await accounts.login_link("ann")).reveal())
    assert login.expires_at == case.clock.now() + timedelta(hours=1)


def test_the_single_user_is_who_runs_this():
    people = SingleUser()
    assert people.me.roles == frozenset(PortalRole)
    assert people.me.login
    assert people.person(people.me.login) == people.me
    assert people.person("somebody else") is None
