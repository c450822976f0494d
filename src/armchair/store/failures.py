"""What a failure of the database means to a caller."""

import errno
import os
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from armchair.domain.errors import ArmchairError, Conflict, StorageFull, Unavailable
from armchair.store.rows import OUTCOME_IS_FINAL

_PRIMARY = 0xFF
_REASONS = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_PERM: "read_only",
    sqlite3.SQLITE_CANTOPEN: "not_openable",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_IOERR: "input_output",
    sqlite3.SQLITE_PROTOCOL: "file_locks",
    sqlite3.SQLITE_NOLFS: "input_output",
}
_LEFT_AT_LEAST = 64 * 1024


def meaning(error: DBAPIError | sqlite3.Error | OSError, path: Path) -> ArmchairError | None:
    """The error to raise instead; None when it is no failure of the disk or file but a defect of ours."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, OSError):
        full = cause.errno in {errno.ENOSPC, errno.EDQUOT}
        return StorageFull("storage_full", path=str(path)) if full else _unavailable(errno.errorcode.get(cause.errno or 0, ""))
    if not isinstance(cause, sqlite3.Error):
        return None
    code = getattr(cause, "sqlite_errorcode", 0) & _PRIMARY
    if code == sqlite3.SQLITE_CONSTRAINT and OUTCOME_IS_FINAL in str(cause):
        return Conflict(OUTCOME_IS_FINAL)
    # a memory map or a journal that could not grow is reported as an input/output error
    if code == sqlite3.SQLITE_FULL or (code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN} and _is_full(path)):
        return StorageFull("storage_full", path=str(path))
    reason = _REASONS.get(code)
    return _unavailable(reason) if reason else None


def _unavailable(reason: str) -> Unavailable:
    return Unavailable("store_unavailable", reason=reason or "input_output")


def _is_full(path: Path) -> bool:
    try:
        left = os.statvfs(path.parent)
    except OSError:
        return False
    return left.f_bavail * left.f_frsize < _LEFT_AT_LEAST or (left.f_files > 0 and left.f_favail == 0)
