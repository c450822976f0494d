"""Reads and writes people, login links, logins, tokens and join codes. Plain functions; the caller has the transaction."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, delete, insert, select

from armchair.accounts.actor import Person, PortalRole, Scope
from armchair.accounts.ports import JoinCode, LinkRow, LoginRow, TokenRow
from armchair.domain.secret import Secret
from armchair.store import tables
from armchair.store.tables import join_code, link, login, person, token


def put_person(db: Connection, fresh: Person) -> None:
    """Store a person in place of what was known of their login."""
    db.execute(delete(person).where(person.c.login == fresh.login))
    roles = sorted(role.value for role in fresh.roles)
    db.execute(insert(person).values(login=fresh.login, name=fresh.name, roles=roles))


def person_of(db: Connection, who: str) -> Person | None:
    """The person with this login. A role that this version does not know gives nothing."""
    found = db.execute(select(person).where(person.c.login == who)).mappings().first()
    if found is None:
        return None
    roles = frozenset(role for role in PortalRole if role.value in found["roles"])
    return Person(login=found["login"], name=found["name"], roles=roles)


def add_link(db: Connection, row: LinkRow) -> None:
    """Store a login link."""
    db.execute(insert(link).values(digest=row.digest, login=row.login, expires_at=row.expires_at))


def add_login(db: Connection, row: LoginRow) -> None:
    """Store a login."""
    values = {"id": row.id, "digest": row.digest, "login": row.login, "assertion": row.assertion.reveal()}
    db.execute(insert(login).values(**values, created_at=row.created_at, expires_at=row.expires_at))


def exchange_link(db: Connection, digest: str, wanted: LoginRow) -> LoginRow | None:
    """Use up a link and store the login that it opens."""
    found = db.execute(delete(link).where(link.c.digest == digest).returning(link)).mappings().first()
    if found is None or found["expires_at"] <= wanted.created_at:
        return None
    row = LoginRow(
        id=wanted.id,
        digest=wanted.digest,
        login=found["login"],
        created_at=wanted.created_at,
        expires_at=wanted.expires_at,
    )
    add_login(db, row)
    return row


def login_where(db: Connection, condition: ColumnElement[bool]) -> LoginRow | None:
    """The login for which `condition` holds."""
    found = db.execute(select(login).where(condition)).mappings().first()
    return _login(found) if found else None


def logins_of(db: Connection, who: str) -> list[LoginRow]:
    """All logins of this person, newest first."""
    found = db.execute(select(login).where(login.c.login == who).order_by(login.c.created_at.desc(), login.c.id))
    return [_login(row) for row in found.mappings()]


def logged_in(db: Connection, now: datetime) -> list[LoginRow]:
    """All logins that are not over, newest first."""
    found = db.execute(select(login).where(login.c.expires_at > now).order_by(login.c.created_at.desc(), login.c.id))
    return [_login(row) for row in found.mappings()]


def remove(db: Connection, table: Table, row_id: str) -> bool:
    """Delete the row with this id. False when there was none."""
    return db.execute(delete(table).where(table.c.id == row_id)).rowcount > 0


def put_token(db: Connection, row: TokenRow, *, replace: bool) -> bool:
    """Store a token unless its name is taken; with `replace` it takes the name."""
    same = (token.c.login == row.login, token.c.name == row.name)
    if replace:
        db.execute(delete(token).where(*same))
    elif db.execute(select(token.c.id).where(*same)).first() is not None:
        return False
    values = {"id": row.id, "digest": row.digest, "login": row.login, "name": row.name, "assertion": row.assertion.reveal()}
    scopes = sorted(scope.value for scope in row.scopes)
    db.execute(insert(token).values(**values, scopes=scopes, created_at=row.created_at, expires_at=row.expires_at))
    return True


def tokens_where(db: Connection, condition: ColumnElement[bool]) -> list[TokenRow]:
    """The tokens for which `condition` holds, by name. A scope that this version does not know gives nothing."""
    found = db.execute(select(token).where(condition).order_by(token.c.name)).mappings()
    return [_token(row) for row in found]


def _login(row: RowMapping) -> LoginRow:
    return LoginRow(**{**row, "assertion": Secret(row["assertion"])})


def _token(row: RowMapping) -> TokenRow:
    scopes = frozenset(scope for scope in Scope if scope.value in row["scopes"])
    return TokenRow(**{**row, "scopes": scopes, "assertion": Secret(row["assertion"])})


def by_id(db: Connection, login_id: str) -> LoginRow | TokenRow | None:
    """The login or token with this id."""
    found = login_where(db, login.c.id == login_id)
    return found or next(iter(tokens_where(db, token.c.id == login_id)), None)


def add_join_code(db: Connection, digest: str, grant: JoinCode) -> None:
    """Store a join code."""
    values = {"digest": digest, "session": grant.session, "login": grant.login, "login_id": grant.login_id}
    db.execute(insert(join_code).values(**values, expires_at=grant.expires_at))


def take_join_code(db: Connection, digest: str, now: datetime) -> JoinCode | None:
    """Use up a join code, and clear away those that nobody used in time."""
    found = db.execute(delete(join_code).where(join_code.c.digest == digest).returning(join_code)).mappings().first()
    db.execute(delete(join_code).where(join_code.c.expires_at <= now))
    if found is None or found["expires_at"] <= now:
        return None
    return JoinCode(session=found["session"], login=found["login"], login_id=found["login_id"], expires_at=found["expires_at"])


def prune(db: Connection, now: datetime) -> None:
    """Remove links, logins and join codes that are over."""
    for table in (tables.link, tables.login, tables.join_code):
        db.execute(delete(table).where(table.c.expires_at <= now))
