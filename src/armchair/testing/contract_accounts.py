"""The store's contract for accounts, as functions: each takes a StoreUnderTest and fails by AssertionError."""

# assertions are what a contract suite is made of
# ruff: noqa: S101

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from armchair.accounts.actor import Person, PortalRole, Scope
from armchair.accounts.identity import TICKET_LIFE
from armchair.accounts.ports import JoinCode, LinkRow, LoginRow, TokenRow
from armchair.domain.secret import Secret
from armchair.testing.clock import START
from armchair.testing.contract_store import Rule, StoreUnderTest

HOUR = timedelta(hours=1)
ANN = Person(login="ann", name="Ann Ü", roles=frozenset(PortalRole))
LINK = LinkRow(digest="l1", login="ann", expires_at=START + HOUR)
LOGIN = LoginRow(id="i1", digest="d1", login="", created_at=START, expires_at=START + 2 * HOUR)
TOKEN = TokenRow(id="t1", digest="td1", login="ann", name="ci", scopes=frozenset({Scope.APPS_READ}), created_at=START)
CODE = JoinCode(session="s1", login="ann", login_id="i1", expires_at=START + HOUR)


async def people_are_replaced(case: StoreUnderTest) -> None:
    assert await case.store.person("ann") is None
    await case.store.put_person(ANN)
    assert await case.store.person("ann") == ANN
    plain = replace(ANN, roles=frozenset({PortalRole.USER}))
    await case.store.put_person(plain)
    assert await case.store.person("ann") == plain


async def a_link_opens_one_login(case: StoreUnderTest) -> None:
    await case.store.add_link(LINK)
    answers = await asyncio.gather(
        *(case.store.exchange_link("l1", replace(LOGIN, id=f"i{n}", digest=f"d{n}")) for n in range(10))
    )
    (opened,) = [row for row in answers if row is not None]
    assert opened.login == "ann"
    assert await case.store.login_by_digest(opened.digest) == opened
    assert await case.store.logins_of("ann") == [opened]
    assert await case.store.exchange_link("never was", LOGIN) is None


async def a_late_link_opens_nothing(case: StoreUnderTest) -> None:
    await case.store.add_link(LINK)
    assert await case.store.exchange_link("l1", replace(LOGIN, created_at=LINK.expires_at)) is None
    assert await case.store.logins_of("ann") == []
    assert await case.store.exchange_link("l1", LOGIN) is None


async def logins_are_listed_and_removed(case: StoreUnderTest) -> None:
    for number in range(3):
        await case.store.add_link(replace(LINK, digest=f"l{number}"))
        at = START + timedelta(seconds=number)
        await case.store.exchange_link(f"l{number}", replace(LOGIN, id=f"i{number}", digest=f"d{number}", created_at=at))
    assert [row.id for row in await case.store.logins_of("ann")] == ["i2", "i1", "i0"]
    assert await case.store.remove_login("i1")
    assert not await case.store.remove_login("i1")
    assert await case.store.login_by_digest("d1") is None
    assert [row.id for row in await case.store.logins_of("ann")] == ["i2", "i0"]
    assert await case.store.logins_of("ben") == []


async def token_names_are_taken_once(case: StoreUnderTest) -> None:
    assert await case.store.put_token(TOKEN, replace=False)
    second = replace(TOKEN, id="t2", digest="td2", expires_at=START + HOUR)
    assert not await case.store.put_token(second, replace=False)
    assert await case.store.token_by_digest("td1") == TOKEN
    assert await case.store.put_token(second, replace=True)
    assert await case.store.token_by_digest("td1") is None
    assert await case.store.token_by_digest("td2") == second
    other = replace(TOKEN, id="t3", digest="td3", login="ben")
    assert await case.store.put_token(other, replace=False)
    first = replace(TOKEN, id="t4", digest="td4", name="a")
    assert await case.store.put_token(first, replace=False)
    assert await case.store.tokens_of("ann") == [first, second]
    assert await case.store.remove_token("t2")
    assert not await case.store.remove_token("t2")
    assert await case.store.tokens_of("ann") == [first]


async def a_join_code_is_good_once(case: StoreUnderTest) -> None:
    await case.store.add_join_code("code", CODE)
    answers = await asyncio.gather(*(case.store.take_join_code("code", START) for _ in range(10)))
    assert [grant for grant in answers if grant is not None] == [CODE]
    assert await case.store.take_join_code("never was", START) is None


async def a_late_join_code_is_spent(case: StoreUnderTest) -> None:
    await case.store.add_join_code("code", CODE)
    assert await case.store.take_join_code("code", CODE.expires_at) is None
    assert await case.store.take_join_code("code", START) is None


async def an_actor_has_the_roles_of_now(case: StoreUnderTest) -> None:
    await case.store.add_link(LINK)
    await case.store.exchange_link("l1", LOGIN)
    await case.store.put_token(replace(TOKEN, scopes=frozenset({Scope.ADMIN, Scope.APPS_READ})), replace=False)
    assert await case.store.actor_of_login("i1", START) is None
    await case.store.put_person(ANN)
    by_login, by_token = await case.store.actor_of_login("i1", START), await case.store.actor_of_login("t1", START)
    assert by_login is not None
    assert by_token is not None
    assert (by_login.login, by_login.login_id, by_login.scopes) == ("ann", "i1", frozenset(Scope))
    assert (by_token.login_id, by_token.scopes) == ("t1", frozenset({Scope.ADMIN, Scope.APPS_READ}))
    await case.store.put_person(replace(ANN, roles=frozenset({PortalRole.USER})))
    less = await case.store.actor_of_login("t1", START)
    assert less is not None
    assert less.scopes == frozenset({Scope.APPS_READ})
    assert await case.store.actor_of_login("i1", LOGIN.expires_at) is None
    assert await case.store.actor_of_login("nobody", START) is None


async def a_ticket_ends_with_its_login(case: StoreUnderTest) -> None:
    await case.store.add_link(LINK)
    await case.store.exchange_link("l1", LOGIN)
    await case.store.put_token(TOKEN, replace=False)
    await case.store.put_token(replace(TOKEN, id="t2", digest="x", name="b", expires_at=START + HOUR), replace=False)
    assert await case.store.login_expires("i1", START) == LOGIN.expires_at
    assert await case.store.login_expires("i1", LOGIN.expires_at) is None
    assert await case.store.login_expires("t1", START) == START + TICKET_LIFE
    assert await case.store.login_expires("t2", START) == START + HOUR
    assert await case.store.login_expires("t2", START + HOUR) is None
    await case.store.remove_login("i1")
    assert await case.store.login_expires("i1", START) is None
    assert await case.store.login_expires("nobody", START) is None


async def who_goes_on_is_listed_with_their_word(case: StoreUnderTest) -> None:
    await case.store.add_login(replace(LOGIN, login="ann", assertion=Secret("word")))
    await case.store.put_token(replace(TOKEN, assertion=Secret("word")), replace=False)
    await case.store.put_token(replace(TOKEN, id="t2", digest="x", login="ben", expires_at=START + HOUR), replace=False)

    async def going_on(at: datetime) -> dict[str, tuple[str, str]]:
        return {row.id: (row.login, row.assertion.reveal()) for row in await case.store.going_on(at)}

    assert await going_on(START) == {"i1": ("ann", "word"), "t1": ("ann", "word"), "t2": ("ben", "")}
    assert set(await going_on(START + HOUR)) == {"i1", "t1"}
    assert set(await going_on(LOGIN.expires_at)) == {"t1"}


async def pruning_removes_what_is_over(case: StoreUnderTest) -> None:
    await case.store.add_link(LINK)
    await case.store.add_link(replace(LINK, digest="l2"))
    await case.store.exchange_link("l2", LOGIN)
    await case.store.add_join_code("code", CODE)
    await case.store.put_token(replace(TOKEN, expires_at=START), replace=False)
    await case.store.prune(START)
    assert await case.store.login_by_digest("d1") is not None
    await case.store.prune(START + 2 * HOUR)
    assert await case.store.login_by_digest("d1") is None
    assert await case.store.exchange_link("l1", LOGIN) is None
    assert await case.store.take_join_code("code", START) is None
    assert len(await case.store.tokens_of("ann")) == 1


ACCOUNT_CONTRACT: tuple[Rule, ...] = (
    people_are_replaced,
    a_link_opens_one_login,
    a_late_link_opens_nothing,
    logins_are_listed_and_removed,
    token_names_are_taken_once,
    a_join_code_is_good_once,
    a_late_join_code_is_spent,
    an_actor_has_the_roles_of_now,
    a_ticket_ends_with_its_login,
    who_goes_on_is_listed_with_their_word,
    pruning_removes_what_is_over,
)
