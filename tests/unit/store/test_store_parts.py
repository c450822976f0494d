"""The pure parts of the store: column types, folding, rows, file systems, what failures mean."""

import errno
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import OperationalError

from armchair.domain.errors import Conflict, StorageFull, Unavailable
from armchair.store.failures import meaning
from armchair.store.filesystem import kind_of
from armchair.store.search import fold, words
from armchair.store.types import Json, Moment, Span, from_microseconds, to_microseconds

DIALECT = sqlite.dialect()
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-12))])
MOMENTS = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001 - the zones come with it
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(MOMENTS)
def test_moments_come_back_to_the_microsecond_in_utc(moment):
    back = from_microseconds(to_microseconds(moment))
    assert back == moment
    assert back.tzinfo is UTC


@settings(max_examples=40, deadline=None)
@given(MOMENTS, MOMENTS)
def test_moments_sort_as_their_numbers(one, two):
    assert (one < two) == (to_microseconds(one) < to_microseconds(two))


def test_a_moment_without_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        Moment().process_bind_param(datetime(2030, 1, 1), DIALECT)  # noqa: DTZ001 - it is what is refused


@settings(max_examples=40, deadline=None)
@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9999)))
def test_spans_come_back(span):
    kind = Span()
    assert kind.process_result_value(kind.process_bind_param(span, DIALECT), DIALECT) == span


@settings(max_examples=40, deadline=None)
@given(JSON)
def test_json_comes_back_whatever_the_text(value):
    stored = Json().process_bind_param(value, DIALECT)
    assert stored is None or stored.isascii()
    assert Json().process_result_value(stored, DIALECT) == value


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_folding_is_total_and_stable(text):
    once = fold(text)
    assert once.encode().decode() == once
    assert "\0" not in once
    assert all(fold(word) == word for word in words(text)[:1] if word.isascii())


def test_words_are_bounded():
    assert len(words("a " * 10_000)) == 20
    assert sum(map(len, words("x" * 10_000))) == 500


MOUNTS = """\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
22 21 0:40 / /home rw shared:2 - nfs4 server:/home rw
23 22 0:41 / /home/my\\040data rw - tmpfs tmpfs rw
24 21 0:42 / /over rw - tmpfs tmpfs rw
25 21 0:43 / /over rw - lustre mds:/x rw
broken line
26 21 0:44 / /half -
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/homely", "ext4"),
        ("/home", "nfs4"),
        ("/home/ann/.local", "nfs4"),
        ("/home/my data/x", "tmpfs"),
        ("/over/x", "lustre"),
        ("/half/x", "ext4"),
    ],
)
def test_the_innermost_and_latest_mount_counts(path, kind):
    assert kind_of(Path(path), MOUNTS) == kind


@settings(max_examples=40, deadline=None)
@given(st.text())
def test_any_mount_table_is_read(text):
    assert isinstance(kind_of(Path("/x"), text + "\n" + MOUNTS), str)


def failed(code, text="x"):
    original = sqlite3.OperationalError(text)
    original.sqlite_errorcode = code
    return OperationalError("select 1", None, original)


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (sqlite3.SQLITE_FULL, StorageFull, None),
        (sqlite3.SQLITE_BUSY, Unavailable, "busy"),
        (sqlite3.SQLITE_IOERR_WRITE, Unavailable, "input_output"),
        (sqlite3.SQLITE_READONLY_DBMOVED, Unavailable, "read_only"),
        (sqlite3.SQLITE_CORRUPT, Unavailable, "damaged"),
    ],
)
def test_what_failures_of_the_file_mean(tmp_path, code, kind, reason):
    found = meaning(failed(code), tmp_path / "x.db")
    assert type(found) is kind
    assert found.params.get("reason") == reason


def test_defects_keep_their_own_error(tmp_path):
    assert meaning(failed(sqlite3.SQLITE_ERROR, "no such table: x"), tmp_path / "x.db") is None
    assert meaning(failed(sqlite3.SQLITE_CONSTRAINT_UNIQUE), tmp_path / "x.db") is None


def test_the_guard_of_outcomes_and_full_disks_have_their_own_errors(tmp_path):
    assert isinstance(meaning(failed(sqlite3.SQLITE_CONSTRAINT_TRIGGER, "outcome_is_final"), tmp_path / "x.db"), Conflict)
    assert isinstance(meaning(OSError(errno.EDQUOT, "x"), tmp_path / "x.db"), StorageFull)
    assert isinstance(meaning(OSError(errno.EACCES, "x"), tmp_path / "x.db"), Unavailable)
