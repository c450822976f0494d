"""Line numbers of the keys in a TOML text, which tomllib does not give.

The text must be valid TOML: only then may the scanner be as simple as it is.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Sequence

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r'''(?P<string>"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')'''
    r"""|(?P<comment>\#[^\n]*)|(?P<open>[\[{])|(?P<close>[\]}])|(?P<end>\n)|(?P<equals>=)|(?P<dot>\.)|(?P<comma>,)"""
    r"""|(?P<bare>[A-Za-z0-9_+:-]+)|(?P<blank>[ \t\r]+)""",
    re.DOTALL,
)


class Lines:
    """Finds the line (from 1) on which a key stands."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._table: Path = ()
        self._counts: dict[Path, int] = defaultdict(int)
        number = 1
        for statement in _statements(text):
            self._statement(statement, number + _leading(statement))
            number += statement.count("\n")

    def line(self, path: Sequence[str | int]) -> int:
        """The line of this key, or of the nearest thing around it; 0 when none of it is in the text."""
        for length in range(len(path), 0, -1):
            found = self._lines.get(tuple(path[:length]))
            if found:
                return found
        return 0

    def _statement(self, statement: str, number: int) -> None:
        text = statement.strip()
        if text.startswith("[["):
            name = self._inside(_keys(text[2 : text.rindex("]]")]))
            self._table = (*name, self._counts[name])
            self._counts[name] += 1
            self._lines.setdefault(name, number)
            self._lines[self._table] = number
        elif text.startswith("["):
            self._table = self._inside(_keys(_header(text)))
            self._lines.setdefault(self._table, number)
        elif "=" in text:
            key = _keys(text)
            for length in range(1, len(key) + 1):
                self._lines.setdefault((*self._table, *key[:length]), number)

    def _inside(self, name: Path) -> Path:
        """A table's name with the index of the last element wherever a part of it is an array of tables."""
        path: Path = ()
        for part in name[:-1]:
            path = (*path, part)
            if self._counts.get(path):
                path = (*path, self._counts[path] - 1)
        return (*path, name[-1])


def _header(text: str) -> str:
    """What stands between the brackets of a table's header; quoted parts may hold brackets too."""
    position = 1
    while text[position] != "]":
        match = _TOKEN.match(text, position)
        position = match.end() if match else position + 1
    return text[1:position]


def _leading(statement: str) -> int:
    """Empty lines before the statement's first word belong to it."""
    return statement[: len(statement) - len(statement.lstrip())].count("\n")


def _statements(text: str) -> list[str]:
    """The text cut after each line break that ends a statement: those in strings, arrays and tables do not."""
    found: list[str] = []
    start = position = depth = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        position = match.end() if match else position + 1
        kind = match.lastgroup if match else ""
        depth += (kind == "open") - (kind == "close")
        if kind == "end" and depth == 0:
            found.append(text[start:position])
            start = position
    found.append(text[start:])
    return found


def _keys(text: str) -> Path:
    """The dotted key at the beginning of a text."""
    parts: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup in {"equals", "comment", "end"}:
            break
        position = match.end()
        if match.lastgroup == "string":
            # tomllib itself reads the quotes, so that escapes mean here what they mean there
            parts.extend(str(value) for value in tomllib.loads(f"key = {match[0]}").values())
        elif match.lastgroup == "bare":
            parts.append(match[0])
    return tuple(parts)
