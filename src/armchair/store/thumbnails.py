"""Reads and writes the pictures of sessions' screens on an open connection."""

from sqlalchemy import Connection, select
from sqlalchemy import delete as sql_delete
from sqlalchemy import insert as sql_insert

from armchair.domain.thumbnail import Format, Thumbnail
from armchair.store.tables import session, thumbnail


def get(db: Connection, session_id: str) -> Thumbnail | None:
    """The session's picture, or None."""
    row = db.execute(select(thumbnail).where(thumbnail.c.session == session_id)).mappings().first()
    if row is None:
        return None
    return Thumbnail(session=row["session"], at=row["at"], format=Format(row["format"]), body=row["body"])


def keep(db: Connection, picture: Thumbnail) -> None:
    """Store a picture in place of the session's last. Nothing happens when there is no such session."""
    if db.execute(select(session.c.id).where(session.c.id == picture.session)).first() is None:
        return
    db.execute(sql_delete(thumbnail).where(thumbnail.c.session == picture.session))
    row = {"session": picture.session, "at": picture.at, "format": picture.format.value, "body": picture.body}
    db.execute(sql_insert(thumbnail).values(row))
