"""Use cases of browsers' logins and of tokens: makes the secrets, hands each out once, stores only digests."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from armchair.accounts.actor import Actor, Person, Scope, scopes_for
from armchair.accounts.identity import actor_of, digest
from armchair.accounts.ports import AccountStore, Admitted, Clock, LinkRow, LoginRow, TokenRow
from armchair.accounts.settings import AccountSettings
from armchair.domain.errors import Conflict, FieldError, InvalidInput, NotFound, Refused
from armchair.domain.secret import Secret

log = structlog.get_logger()

TOKEN_PREFIX = "arm_"  # noqa: S105 - a prefix by which scanners find leaked tokens, no secret
CLIENT_TOKEN = "command line"  # noqa: S105 - the name people see in the list, no secret
NAME_LENGTH = 80
LONGEST_TOKEN = timedelta(days=3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A fresh browser login. `cookie` is shown here once and never again."""

    login_id: str
    cookie: Secret
    expires_at: datetime
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What may be shown of a token. `expires_at` None: no end."""

    id: str
    login: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A fresh token. `secret` is shown here once and never again."""

    secret: Secret
    token: Token


class Accounts:
    """Holds no state of its own: make one wherever it is needed. All methods raise Unavailable when the store does."""

    def __init__(self, store: AccountStore, clock: Clock, settings: AccountSettings | None = None) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings or AccountSettings()

    async def remember(self, person: Person) -> None:
        """The portal knows this person, with these roles, from now on. Changed roles count at once, also in tokens."""
        if await self._store.person(person.login) != person:
            await self._store.put_person(person)

    # --- browsers ---

    async def login_link(self, login: str) -> Secret:
        """A code that logs in once. Raises NotFound("no_such_person", login=…)."""
        await self._known(login)
        now, code = self._clock.now(), secrets.token_urlsafe(32)
        await self._store.prune(now)
        row = LinkRow(digest=digest(code), login=login, expires_at=now + self._settings.link_lifetime)
        await self._store.add_link(row)
        return Secret(code)

    async def exchange(self, code: str) -> Login:
        """Turn a link's code into a login. Raises Refused("login_link_unknown") for a used, late or invented one."""
        now, cookie = self._clock.now(), secrets.token_urlsafe(32)
        wanted = LoginRow(
            id=secrets.token_hex(16),
            digest=digest(cookie),
            login="",  # the store puts the link's here
            created_at=now,
            expires_at=now + self._settings.login_lifetime,
        )
        row = await self._store.exchange_link(digest(code), wanted)
        actor = await self._actor(row)
        if row is None or actor is None:
            raise Refused("login_link_unknown")
        log.info("login.made", login=actor.login, id=row.id)
        return Login(login_id=row.id, cookie=Secret(cookie), expires_at=row.expires_at, actor=actor)

    async def admit(self, admitted: Admitted) -> Login:
        """A login for somebody who has shown who they are by password. It ends with the helper's assertion at the latest."""
        now, cookie = self._clock.now(), secrets.token_urlsafe(32)
        await self.remember(admitted.person)
        await self._store.prune(now)
        row = LoginRow(
            id=secrets.token_hex(16),
            digest=digest(cookie),
            login=admitted.person.login,
            created_at=now,
            expires_at=min(now + self._settings.login_lifetime, admitted.until),
            assertion=admitted.assertion,
        )
        await self._store.add_login(row)
        actor = await self._actor(row)
        if actor is None:
            raise Refused("login_over")
        log.info("login.made", login=actor.login, id=row.id)
        return Login(login_id=row.id, cookie=Secret(cookie), expires_at=row.expires_at, actor=actor)

    async def actor_of_cookie(self, value: str) -> Actor | None:
        """Who acts with this cookie; None when it is unknown or over."""
        return await self._actor(await self._store.login_by_digest(digest(value)))

    async def actor_of_login(self, login_id: str) -> Actor | None:
        """Who acts through the login or token with this id; None when it is over."""
        return await self._store.actor_of_login(login_id, self._clock.now())

    async def logins(self, actor: Actor) -> Sequence[LoginRow]:
        """The actor's own browser logins that go on, newest first."""
        now = self._clock.now()
        return [row for row in await self._store.logins_of(actor.login) if row.expires_at > now]

    async def logout(self, login_id: str) -> bool:
        """End a browser's login; the caller revokes `login_id` at the gateway. False when it was over already."""
        log.info("login.ended", id=login_id)
        return await self._store.remove_login(login_id)

    async def logout_everywhere(self, actor: Actor) -> Sequence[str]:
        """End all the actor's browser logins. Returns the ids that ended, for the caller to revoke at the gateway."""
        ids = [row.id for row in await self._store.logins_of(actor.login)]
        return [login_id for login_id in ids if await self.logout(login_id)]

    # --- tokens ---

    async def create_token(
        self, actor: Actor, name: str, scopes: frozenset[Scope], lifetime: timedelta | None = None
    ) -> NewToken:
        """A token with at most the actor's own scopes, that ends after `lifetime` (None: never).

        Raises InvalidInput, Refused("scope_missing", scope=…), Conflict("token_name_taken", name=…).
        """
        name = name.strip()
        _check_token(name, scopes, lifetime)
        actor.need(Scope.TOKENS_WRITE)
        for scope in sorted(scopes):
            actor.need(scope)
        secret, row = self._new_token(actor.login, name, scopes, lifetime)
        if actor.assertion is not None:
            # what the helper said for this login counts for its tokens too, and no longer
            row = replace(row, assertion=actor.assertion, expires_at=_earlier(row.expires_at, actor.expires_at))
        if not await self._store.put_token(row, replace=False):
            raise Conflict("token_name_taken", name=name)
        log.info("token.made", login=actor.login, id=row.id)
        return NewToken(secret=secret, token=_shown(row))

    async def tokens(self, actor: Actor) -> Sequence[Token]:
        """The actor's own tokens, by name, also those that are over."""
        return [_shown(row) for row in await self._store.tokens_of(actor.login)]

    async def revoke_token(self, actor: Actor, id_or_name: str) -> Token:
        """End one of the actor's own tokens; the caller revokes its id at the gateway.

        Raises Refused("scope_missing", scope=…), NotFound("no_such_token", reference=…).
        """
        actor.need(Scope.TOKENS_WRITE)
        rows = await self._store.tokens_of(actor.login)
        row = next((row for row in rows if row.id == id_or_name), None)
        row = row or next((row for row in rows if row.name == id_or_name), None)
        if row is None or not await self._store.remove_token(row.id):
            raise NotFound("no_such_token", reference=id_or_name)
        log.info("token.ended", login=actor.login, id=row.id)
        return _shown(row)

    async def actor_of_token(self, value: str) -> Actor | None:
        """Who acts with this token; None when it is unknown or over."""
        if not value.startswith(TOKEN_PREFIX):
            return None
        return await self._actor(await self._store.token_by_digest(digest(value)))

    async def client_token(self, login: str) -> Secret:
        """The command line's own token, with all that its owner may; the one before ends.

        Raises NotFound("no_such_person", login=…).
        """
        person = await self._known(login)
        secret, row = self._new_token(login, CLIENT_TOKEN, scopes_for(person.roles), None)
        await self._store.put_token(row, replace=True)
        return secret

    # --- inside ---

    async def _known(self, login: str) -> Person:
        person = await self._store.person(login)
        if person is None:
            raise NotFound("no_such_person", login=login)
        return person

    async def _actor(self, row: LoginRow | TokenRow | None) -> Actor | None:
        if row is None:
            return None
        return actor_of(row, await self._store.person(row.login), self._clock.now())

    def _new_token(
        self, login: str, name: str, scopes: frozenset[Scope], lifetime: timedelta | None
    ) -> tuple[Secret, TokenRow]:
        now, text = self._clock.now(), TOKEN_PREFIX + secrets.token_urlsafe(32)
        row = TokenRow(id=secrets.token_hex(16), digest=digest(text), login=login, name=name, scopes=scopes, created_at=now)
        return Secret(text), row if lifetime is None else replace(row, expires_at=now + lifetime)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)


def _shown(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        login=row.login,
        name=row.name,
        scopes=row.scopes,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _check_token(name: str, scopes: frozenset[Scope], lifetime: timedelta | None) -> None:
    errors = []
    if not name or len(name) > NAME_LENGTH or not name.isprintable() or name == CLIENT_TOKEN:
        errors.append(FieldError(field="name", code="token_name_invalid", params={"longest": NAME_LENGTH}))
    if not scopes:
        errors.append(FieldError(field="scopes", code="token_scopes_missing"))
    if lifetime is not None and not timedelta(0) < lifetime <= LONGEST_TOKEN:
        errors.append(FieldError(field="lifetime", code="token_lifetime_invalid", params={"longest_days": LONGEST_TOKEN.days}))
    if errors:
        raise InvalidInput(errors)
