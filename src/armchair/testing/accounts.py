"""The accounts half of the store in memory."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime

from armchair.accounts.actor import Actor, Person
from armchair.accounts.identity import actor_of, digest, is_over, ticket_end
from armchair.accounts.ports import JoinCode, LinkRow, LoginRow, TokenRow
from armchair.domain.errors import ArmchairError


class MemoryAccounts:
    """AccountStore. While `fail` is set, each write raises it and stores nothing."""

    def __init__(self) -> None:
        self.fail: ArmchairError | None = None
        self._people: dict[str, Person] = {}
        self._links: dict[str, LinkRow] = {}
        self._logins: dict[str, LoginRow] = {}
        self._tokens: dict[str, TokenRow] = {}
        self._codes: dict[str, JoinCode] = {}

    async def put_person(self, person: Person) -> None:
        self._write()
        self._people[person.login] = person

    async def person(self, login: str) -> Person | None:
        return self._people.get(login)

    async def add_link(self, row: LinkRow) -> None:
        self._write()
        self._links[row.digest] = row

    async def add_login(self, row: LoginRow) -> None:
        self._write()
        self._logins[row.id] = row

    async def exchange_link(self, digest: str, login: LoginRow) -> LoginRow | None:
        self._write()
        link = self._links.pop(digest, None)
        if link is None or link.expires_at <= login.created_at:
            return None
        self._logins[login.id] = dataclasses.replace(login, login=link.login)
        return self._logins[login.id]

    async def login_by_digest(self, digest: str) -> LoginRow | None:
        return next((row for row in self._logins.values() if row.digest == digest), None)

    async def logins_of(self, login: str) -> Sequence[LoginRow]:
        mine = sorted((row for row in self._logins.values() if row.login == login), key=lambda row: row.id)
        return sorted(mine, key=lambda row: row.created_at, reverse=True)

    async def logged_in(self, now: datetime) -> Sequence[LoginRow]:
        good = sorted((row for row in self._logins.values() if row.expires_at > now), key=lambda row: row.id)
        return sorted(good, key=lambda row: row.created_at, reverse=True)

    async def going_on(self, now: datetime) -> Sequence[LoginRow | TokenRow]:
        rows: list[LoginRow | TokenRow] = [*self._logins.values(), *self._tokens.values()]
        return [row for row in rows if not is_over(row, now)]

    async def remove_login(self, login_id: str) -> bool:
        self._write()
        return self._logins.pop(login_id, None) is not None

    async def prune(self, now: datetime) -> None:
        self._write()
        self._links = {key: row for key, row in self._links.items() if row.expires_at > now}
        self._logins = {key: row for key, row in self._logins.items() if row.expires_at > now}
        self._codes = {key: row for key, row in self._codes.items() if row.expires_at > now}

    async def put_token(self, row: TokenRow, *, replace: bool) -> bool:
        self._write()
        same = [one.id for one in self._tokens.values() if (one.login, one.name) == (row.login, row.name)]
        if same and not replace:
            return False
        for one in same:
            del self._tokens[one]
        self._tokens[row.id] = row
        return True

    async def token_by_digest(self, digest: str) -> TokenRow | None:
        return next((row for row in self._tokens.values() if row.digest == digest), None)

    async def tokens_of(self, login: str) -> Sequence[TokenRow]:
        return sorted((row for row in self._tokens.values() if row.login == login), key=lambda row: row.name)

    async def remove_token(self, token_id: str) -> bool:
        self._write()
        return self._tokens.pop(token_id, None) is not None

    async def add_join_code(self, code: str, grant: JoinCode) -> None:
        self._write()
        self._codes[digest(code)] = grant

    async def take_join_code(self, code: str, now: datetime) -> JoinCode | None:
        self._write()
        grant = self._codes.pop(digest(code), None)
        return grant if grant is not None and grant.expires_at > now else None

    async def actor_of_login(self, login_id: str, now: datetime) -> Actor | None:
        row = self._logins.get(login_id) or self._tokens.get(login_id)
        return actor_of(row, self._people.get(row.login) if row else None, now)

    async def login_expires(self, login_id: str, now: datetime) -> datetime | None:
        return ticket_end(self._logins.get(login_id) or self._tokens.get(login_id), now)

    def _write(self) -> None:
        if self.fail is not None:
            raise self.fail
