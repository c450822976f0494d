"""Column types: text that any database takes, moments and spans as whole microseconds, structures as JSON text."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exactly (no floats). Raises ValueError for a moment without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a zone")
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> datetime:
    """The moment, in UTC."""
    return _EPOCH + timedelta(microseconds=number)


def storable(text: str) -> str:
    """The text without NUL and lone surrogates, which broken or hostile input has and no database takes."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


class Words(TypeDecorator[str]):
    """Text as `storable` makes it, also where it is only looked for: no input makes a statement fail."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else storable(value)


class Moment(TypeDecorator[datetime]):
    """An aware moment, stored as microseconds since 1970 and read back in UTC: it sorts and compares as a number."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else from_microseconds(value)


class Span(TypeDecorator[timedelta]):
    """A span of time, stored as whole microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else value // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> timedelta | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else timedelta(microseconds=value)


class Json(TypeDecorator[Any]):
    """A structure of JSON's types, as text. None is SQL's NULL. Escaped to ASCII, so that any text comes back as it was."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else json.dumps(value, separators=(",", ":"), sort_keys=False)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else json.loads(value)
