"""Reads and writes announcements on an open connection. Plain functions; the caller has the transaction."""

from sqlalchemy import Connection, delete, insert, select

from armchair.domain.announcement import Announcement, AnnouncementKind, Level
from armchair.store.tables import announcement


def all_of(db: Connection) -> list[Announcement]:
    """All announcements, also those whose time is over. What a newer version wrote and this one does not know is left out."""
    found = db.execute(select(announcement).order_by(announcement.c.kind, announcement.c.cluster)).mappings()
    known = [row for row in found if row["kind"] in set(AnnouncementKind) and row["level"] in set(Level)]
    return [Announcement(**{**row, "kind": AnnouncementKind(row["kind"]), "level": Level(row["level"])}) for row in known]


def post(db: Connection, fresh: Announcement) -> None:
    """Store an announcement in place of the one of its kind and cluster."""
    withdraw(db, fresh.kind, fresh.cluster)
    values = {name: getattr(fresh, name) for name in ("cluster", "text", "until", "by", "at")}
    db.execute(insert(announcement).values(kind=fresh.kind.value, level=fresh.level.value, **values))


def withdraw(db: Connection, kind: AnnouncementKind, cluster: str) -> None:
    """Remove an announcement, if there is one."""
    db.execute(delete(announcement).where(announcement.c.kind == kind.value, announcement.c.cluster == cluster))
