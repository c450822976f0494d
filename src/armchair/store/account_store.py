"""The part of the store that keeps people, logins, tokens and join codes: AccountStore on the database."""

from collections.abc import Sequence
from datetime import datetime

from armchair.accounts.actor import Actor, Person
from armchair.accounts.identity import actor_of, digest, is_over, ticket_end
from armchair.accounts.ports import JoinCode, LinkRow, LoginRow, TokenRow
from armchair.store import accounts, tables
from armchair.store.database import Database


class StoredAccounts:
    """AccountStore: each method is one transaction; the port states the contracts. Codes are stored as digests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- people ---

    async def put_person(self, person: Person) -> None:
        await self._database.write("put_person", lambda db: accounts.put_person(db, person))

    async def person(self, login: str) -> Person | None:
        return await self._database.read(lambda db: accounts.person_of(db, login))

    # --- browsers ---

    async def add_link(self, row: LinkRow) -> None:
        await self._database.write("add_link", lambda db: accounts.add_link(db, row))

    async def add_login(self, row: LoginRow) -> None:
        await self._database.write("add_login", lambda db: accounts.add_login(db, row))

    async def exchange_link(self, digest: str, login: LoginRow) -> LoginRow | None:
        return await self._database.write("exchange_link", lambda db: accounts.exchange_link(db, digest, login))

    async def login_by_digest(self, digest: str) -> LoginRow | None:
        return await self._database.read(lambda db: accounts.login_where(db, tables.login.c.digest == digest))

    async def logins_of(self, login: str) -> Sequence[LoginRow]:
        return await self._database.read(lambda db: accounts.logins_of(db, login))

    async def logged_in(self, now: datetime) -> Sequence[LoginRow]:
        return await self._database.read(lambda db: accounts.logged_in(db, now))

    async def going_on(self, now: datetime) -> Sequence[LoginRow | TokenRow]:
        logins, tokens = await self._database.read(
            lambda db: (accounts.logged_in(db, now), accounts.tokens_where(db, tables.token.c.id.is_not(None)))
        )
        return [*logins, *(row for row in tokens if not is_over(row, now))]

    async def remove_login(self, login_id: str) -> bool:
        return await self._database.write("remove_login", lambda db: accounts.remove(db, tables.login, login_id))

    async def prune(self, now: datetime) -> None:
        await self._database.write("prune", lambda db: accounts.prune(db, now))

    # --- tokens ---

    async def put_token(self, row: TokenRow, *, replace: bool) -> bool:
        return await self._database.write("put_token", lambda db: accounts.put_token(db, row, replace=replace))

    async def token_by_digest(self, digest: str) -> TokenRow | None:
        found = await self._database.read(lambda db: accounts.tokens_where(db, tables.token.c.digest == digest))
        return found[0] if found else None

    async def tokens_of(self, login: str) -> Sequence[TokenRow]:
        return await self._database.read(lambda db: accounts.tokens_where(db, tables.token.c.login == login))

    async def remove_token(self, token_id: str) -> bool:
        return await self._database.write("remove_token", lambda db: accounts.remove(db, tables.token, token_id))

    # --- joining ---

    async def add_join_code(self, code: str, grant: JoinCode) -> None:
        hashed = digest(code)
        await self._database.write("add_join_code", lambda db: accounts.add_join_code(db, hashed, grant))

    async def take_join_code(self, code: str, now: datetime) -> JoinCode | None:
        hashed = digest(code)
        return await self._database.write("take_join_code", lambda db: accounts.take_join_code(db, hashed, now))

    async def actor_of_login(self, login_id: str, now: datetime) -> Actor | None:
        row, person = await self._database.read(
            lambda db: ((row := accounts.by_id(db, login_id)), accounts.person_of(db, row.login) if row else None)
        )
        return actor_of(row, person, now)

    async def login_expires(self, login_id: str, now: datetime) -> datetime | None:
        return ticket_end(await self._database.read(lambda db: accounts.by_id(db, login_id)), now)
