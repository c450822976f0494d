"""Asks anew, every few minutes, who people are: who lost a role or their account has lost it here too, without a new login.

Silence is not death: while nobody can be asked, what was known counts, and the log says so.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from armchair.accounts.actor import Person
from armchair.accounts.ports import AccountStore, Clock, LoginRow, Standing, TokenRow
from armchair.domain.errors import ArmchairError
from armchair.domain.secret import Secret

log = structlog.get_logger()

Row = LoginRow | TokenRow
Revoke = Callable[[str, str], Awaitable[None]]


class RollCall:
    """Goes through everybody who is logged in or has a token. `revoke` closes what a login (of a person, by its id) opened."""

    def __init__(self, store: AccountStore, clock: Clock, standing: Standing, revoke: Revoke) -> None:
        self._store, self._clock, self._standing, self._revoke = store, clock, standing, revoke

    async def run(self, every: timedelta) -> None:
        """Until cancelled; the first round at once, since what is on file may be old."""
        while True:
            try:
                await self.round()
            except ArmchairError as error:
                log.warning("accounts.not_asked", code=error.code)
            except Exception:  # the edge of the loop: one surprise must not leave everybody what they have for ever
                log.exception("accounts.roll_call_failed")
            await asyncio.sleep(every.total_seconds())

    async def round(self) -> None:
        """Ask once for each of the helper's words that somebody acts with. Raises Unavailable when store or helper is."""
        rows: Mapping[str, list[Row]] = defaultdict(list)
        for row in await self._store.going_on(self._clock.now()):
            rows[row.assertion.reveal()].append(row)
        unknown: list[str] = []
        for assertion, some in rows.items():
            try:
                await self._one(assertion, some)
            except ArmchairError as error:
                if error.code == "helper_silent":
                    raise  # nobody else would be told of either
                unknown.append(f"{some[0].login}: {error.code}")
        if unknown:
            log.warning("accounts.not_known", people=len(unknown), first=unknown[0])

    async def _one(self, assertion: str, rows: Sequence[Row]) -> None:
        login = rows[0].login
        # one without the helper's word is from a time before there was a helper, and nobody could take it away
        found = await self._standing.person(Secret(assertion)) if assertion else None
        if found is None or found.login != login:
            await self._end(rows)
        elif (before := await self._store.person(login)) != found:
            await self._store.put_person(found)
            log.info("accounts.changed", login=login, had=_shown(before), has=_shown(found))

    async def _end(self, rows: Sequence[Row]) -> None:
        for row in rows:
            log.info("accounts.over", login=row.login, id=row.id)
            remove = self._store.remove_login if isinstance(row, LoginRow) else self._store.remove_token
            await remove(row.id)
        for row in rows:
            await self._revoke(row.login, row.id)


def _shown(person: Person | None) -> list[str]:
    return sorted(role.value for role in person.roles) if person is not None else []
