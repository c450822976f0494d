"""Durations, memory sizes and numbers as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.domain.forms import values
from armchair.domain.forms.fields import Field, FieldType


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4h", 14400), ("90m", 5400), ("1:30:00", 5400), ("2-00:00:00", 172800), ("1h 30m", 5400), ("1h30min", 5400),
        (" 1 day ", 86400), ("0.5 h", 1800), ("45 seconds", 45), ("4H", 14400), ("100:00:00", 360000),
        ("1:30", None), ("90", None), ("", None), ("h", None), ("4x", None), ("-4h", None), ("4h,", None), ("1:60:00", None),
        ("\u0664h", None), ("9" * 100 + "h", None),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: int | None) -> None:
    assert values.parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("16G", 16 * 1024**3), ("512 MB", 512 * 1024**2), ("1.5 GiB", 1536 * 1024**2), ("2t", 2 * 1024**4), ("10 kb", 10240),
        ("7 B", 7), ("16", None), ("", None), ("G", None), ("-1G", None), ("16 P", None), ("1e3M", None), ("16 i", None),
    ],
)  # fmt: skip
def test_memory(text: str, size: int | None) -> None:
    assert values.parse_memory(text) == size


@given(st.integers(0, 10**9))
def test_a_duration_that_is_shown_can_be_typed(seconds: int) -> None:
    assert values.parse_duration(values.duration_text(seconds)) == seconds


@given(st.integers(0, 2**60))
def test_a_size_that_is_shown_can_be_typed(size: int) -> None:
    text = values.memory_text(size)
    # the parser reads decimals, so what is beyond 12 digits of bytes is out of its sight; nobody types that
    assert values.parse_memory(text) == size or len(text) > 14


@given(st.text())
def test_the_parsers_are_total(text: str) -> None:
    values.parse_duration(text)
    values.parse_memory(text)
    values.parse_number(text)
    values.parse_whole_number(text)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (FieldType.DURATION, 14400, "4h"), (FieldType.MEMORY, 16 * 1024**3, "16 GB"), (FieldType.BOOLEAN, True, "true"),
        (FieldType.NUMBER, 2.0, "2"), (FieldType.NUMBER, 0.1, "0.1"), (FieldType.TEXT, None, ""),
        (FieldType.DURATION, "4h", "4h"), (FieldType.INTEGER, 3, "3"),
    ],
)  # fmt: skip
def test_what_stands_in_the_form(kind: FieldType, value: object, text: str) -> None:
    assert values.shown(Field(name="f", type=kind, label="F"), value) == text
