"""The scanner that finds the lines of keys, against texts with everything that TOML allows around them."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.catalogue.toml_lines import Lines

TEXT = '''\
# a comment with [brackets] = and "quotes
title = "x # no comment ] ="

text = """
not = "a key"
[nor.a.table]
"""
'quoted key' = 'it''s'
list = [
  "a",  # ]
  { b = 1 },
]
dotted . name = 1
[table]
inner = 1

[table."sub.table"]
deep = { er = 2 }
[[rows]]
name = "one"
  [rows.more]
  x = 1
[[rows]]

name = "two"
[[rows.parts]]
y = 1
[[rows.parts]]
y = 2
'''.replace("'it''s'", "'its'")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2), (("text",), 4), (("quoted key",), 8), (("list",), 9), (("list", 1, "b"), 9), (("dotted",), 13),
        (("dotted", "name"), 13), (("table",), 14), (("table", "inner"), 15), (("table", "sub.table"), 17),
        (("table", "sub.table", "deep", "er"), 18), (("rows",), 19), (("rows", 0), 19), (("rows", 0, "name"), 20),
        (("rows", 0, "more", "x"), 22), (("rows", 1), 23), (("rows", 1, "name"), 25), (("rows", 1, "parts", 0, "y"), 27),
        (("rows", 1, "parts", 1, "y"), 29), (("rows", 1, "absent"), 23), (("absent",), 0), (("nor",), 0), (("not",), 0),
    ],
)  # fmt: skip
def test_lines(path: tuple[str | int, ...], line: int) -> None:
    tomllib.loads(TEXT)
    assert Lines(TEXT).line(path) == line


@given(st.text(alphabet="a=\"'[]{}.#\n\\ ,1"))
def test_it_never_raises_on_valid_toml(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    Lines(text).line(("a",))
