"""What accounts need from outside: a store for people, logins, tokens and codes, and the time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from armchair.accounts.actor import Actor, Person, Scope
from armchair.domain.secret import Secret


class Clock(Protocol):
    """The time, so that tests can hold it still."""

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A login link: works once, until `expires_at`. `digest` is the SHA-256 (hex) of its code."""

    digest: str
    login: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRow:
    """A browser's login. `digest` is the SHA-256 (hex) of the cookie's value.

    `assertion` is a site's helper's word for who this is: worth something at the helper's socket only. "" without a helper.
    """

    id: str
    digest: str
    login: str
    created_at: datetime
    expires_at: datetime
    assertion: Secret = field(default=Secret(""))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """An API token. `digest` is the SHA-256 (hex) of its text. Its name is unique among its owner's."""

    id: str
    digest: str
    login: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    assertion: Secret = field(default=Secret(""))


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinCode:
    """Takes one browser into one session, once. `login_id` is the login or token it came from."""

    session: str
    login: str
    login_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that a login asks. `secret`: the answer is not to be seen while it is typed."""

    text: str
    secret: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A login goes on: these questions want answers, in this order. `messages` are the system's own words."""

    conversation: str
    questions: tuple[Question, ...]
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Somebody has shown who they are. `assertion` is the helper's word for it, good until `until`."""

    person: Person
    assertion: Secret
    until: datetime
    messages: tuple[str, ...] = ()


class PasswordCheck(Protocol):
    """Asks a person whatever the system's login asks: a password, a one-time code, a new password for one that is over.

    Both methods raise Refused with a code for why not (`login_wrong`, `login_too_often` with `seconds`, `login_account_over`,
    `password_over`, `not_a_user`, …) and Unavailable when nobody can be asked.
    """

    async def begin(self, login: str, address: str) -> Asked | Admitted:
        """The first questions for this login, which comes from this network address."""
        ...

    async def answer(self, conversation: str, answers: Sequence[Secret]) -> Asked | Admitted:
        """What follows from the answers to the last questions."""
        ...


class Standing(Protocol):
    """Says what somebody is now who has shown once who they are."""

    async def person(self, assertion: Secret) -> Person | None:
        """Whose word this is, with the roles of now; None: nobody's any more, as when the account is closed.

        Raises Unavailable: nothing is known.
        """
        ...


class People(Protocol):
    """Keeps who is known here, with the roles they have now."""

    async def put_person(self, person: Person) -> None:
        """Store a person, replacing what was known of this login. Raises Unavailable."""
        ...

    async def person(self, login: str) -> Person | None:
        """The person with this login, or None."""
        ...


class Logins(Protocol):
    """Keeps login links and browsers' logins; digests only, never a secret. All methods raise Unavailable."""

    async def add_link(self, row: LinkRow) -> None:
        """Store a login link."""
        ...

    async def add_login(self, row: LoginRow) -> None:
        """Store a login."""
        ...

    async def exchange_link(self, digest: str, login: LoginRow) -> LoginRow | None:
        """Remove the link with this digest and store the login that it opens, in one transaction.

        The login is stored for the link's person and returned so. None, and no login, when there is no such link or it
        ended at or before `login.created_at`. Of several callers exactly one gets it.
        """
        ...

    async def login_by_digest(self, digest: str) -> LoginRow | None:
        """The login with this digest, also when it is over, or None."""
        ...

    async def logins_of(self, login: str) -> Sequence[LoginRow]:
        """All logins of this person, newest first."""
        ...

    async def logged_in(self, now: datetime) -> Sequence[LoginRow]:
        """Everybody's logins that are not over at `now`, newest first."""
        ...

    async def remove_login(self, login_id: str) -> bool:
        """Forget a login. False when there was none."""
        ...

    async def prune(self, now: datetime) -> None:
        """Remove all links, logins and join codes that ended at or before `now`. Tokens stay to be seen."""
        ...


class Tokens(Protocol):
    """Keeps API tokens; digests only. All methods raise Unavailable."""

    async def put_token(self, row: TokenRow, *, replace: bool) -> bool:
        """Store a token. A token of that owner and name is replaced, or, without `replace`, left: then False."""
        ...

    async def token_by_digest(self, digest: str) -> TokenRow | None:
        """The token with this digest, also when it is over, or None."""
        ...

    async def tokens_of(self, login: str) -> Sequence[TokenRow]:
        """All tokens of this owner, by name."""
        ...

    async def remove_token(self, token_id: str) -> bool:
        """Forget a token. False when there was none."""
        ...


class AccountStore(People, Logins, Tokens, Protocol):
    """All of these, with join codes and the questions who a login is, and who acts here at all."""

    async def going_on(self, now: datetime) -> Sequence[LoginRow | TokenRow]:
        """Everybody's logins and tokens that are not over at `now`. Raises Unavailable."""
        ...

    async def add_join_code(self, code: str, grant: JoinCode) -> None:
        """Store what a code is good for, under the code's SHA-256. Raises Unavailable."""
        ...

    async def take_join_code(self, code: str, now: datetime) -> JoinCode | None:
        """Use the code up. None when it was used before, ended at or before `now`, or never was.

        Of several callers exactly one gets it. Raises Unavailable.
        """
        ...

    async def actor_of_login(self, login_id: str, now: datetime) -> Actor | None:
        """Who acts through the login or token with this id, with the roles they have now; None when it is over."""
        ...

    async def login_expires(self, login_id: str, now: datetime) -> datetime | None:
        """Until when a ticket made through this login or token may be good; None when it is over.

        A login's own end; for a token its end, but at most seven days (`identity.TICKET_LIFE`) from `now`.
        """
        ...
