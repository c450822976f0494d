"""Pure rules of accounts: who a stored login or token is now, how long it counts, and how a secret becomes its digest."""

import hashlib
from datetime import datetime, timedelta

from armchair.accounts.actor import Actor, Person, scopes_for
from armchair.accounts.ports import LoginRow, TokenRow

TICKET_LIFE = timedelta(days=7)
_LONGEST = 256


def digest(secret: str) -> str:
    """SHA-256 (hex) of a secret, under which it is stored and looked up.

    Our secrets have 256 random bits: a plain hash is enough, and the time a look-up takes tells nothing about one.
    """
    # what is longer than any secret of ours is cut: nobody makes us hash megabytes
    return hashlib.sha256(secret[:_LONGEST].encode("utf-8", "replace")).hexdigest()


def actor_of(row: LoginRow | TokenRow | None, person: Person | None, now: datetime) -> Actor | None:
    """Who acts through this login or token; None when it is over or its person is not known (any more).

    Somebody who lost a role has lost it in their tokens too.
    """
    if row is None or person is None or person.login != row.login or is_over(row, now):
        return None
    most = scopes_for(person.roles)
    return Actor(
        login=person.login,
        name=person.name,
        roles=person.roles,
        scopes=row.scopes & most if isinstance(row, TokenRow) else most,
        login_id=row.id,
        expires_at=row.expires_at,
        assertion=row.assertion if row.assertion.reveal() else None,
    )


def is_over(row: LoginRow | TokenRow, now: datetime) -> bool:
    """Whether it has ended. A moment that equals `expires_at` is too late."""
    return row.expires_at is not None and row.expires_at <= now


def ticket_end(row: LoginRow | TokenRow | None, now: datetime) -> datetime | None:
    """Until when a ticket made through it may be good; None when it is over."""
    if row is None or is_over(row, now):
        return None
    if isinstance(row, LoginRow):
        return row.expires_at
    latest = now + TICKET_LIFE
    return latest if row.expires_at is None else min(latest, row.expires_at)
