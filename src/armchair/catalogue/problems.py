"""What pydantic and tomllib say of an app.toml, as sentences with file, line and key."""

import difflib
import re
import tomllib
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from armchair.catalogue.schema import TABLES
from armchair.catalogue.toml_lines import Lines
from armchair.domain.errors import DefinitionProblem

Location = Sequence[str | int]

_KINDS = {
    "string_type": "must be a text in quotes",
    "int_type": "must be a whole number without quotes",
    "float_type": "must be a number without quotes",
    "bool_type": "must be true or false, without quotes",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "tuple_type": 'must be a list such as ["a", "b"]',
}


class Report:
    """Collects the problems of one application directory."""

    def __init__(self, file: str, text: str = "") -> None:
        self.file = file
        self.problems: list[DefinitionProblem] = []
        self._lines = Lines(text)

    def add(self, location: Location, message: str, *, file: str = "") -> None:
        """One mistake at this place of app.toml; `file` when it is another file's."""
        line = 0 if file else self._lines.line(location)
        self.problems.append(DefinitionProblem(file=file or self.file, line=line, key=key(location), message=message))

    def add_all(self, error: ValidationError) -> None:
        """What pydantic found. Alternatives that all failed become one problem."""
        seen: set[tuple[str | int, ...]] = set()
        for one in error.errors():
            place = _place(one["loc"])
            if place not in seen:
                seen.add(place)
                self.add(place, _sentence(place, one))


def key(location: Location) -> str:
    """`fields[1].default` for ("fields", 1, "default"); elements are counted from 1, as people do."""
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def syntax(file: str, error: tomllib.TOMLDecodeError) -> DefinitionProblem:
    """A text that is no TOML."""
    match = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    if match is None:
        return DefinitionProblem(file=file, line=0, key="", message=f"This is not TOML: {error}.")
    what = str(error)[: match.start()].strip().lower()
    message = f"This is not TOML: {what}, in column {match[2]}. Texts need quotes; tables begin with [name]."
    return DefinitionProblem(file=file, line=int(match[1]), key="", message=message)


def _place(location: Location) -> tuple[str | int, ...]:
    """A location without the names that pydantic adds for alternatives and keys (they have no place in the file)."""
    place: list[str | int] = []
    for part in location:
        if isinstance(part, str) and (part in _ALTERNATIVES or "[" in part):
            break
        place.append(part)
    return tuple(place)


_ALTERNATIVES = {"str", "int", "float", "bool", "ChoiceTable", "constrained-str"}


def _sentence(place: tuple[str | int, ...], error: Any) -> str:
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind == "extra_forbidden":
        return _unknown(place)
    sentences = {
        "missing": lambda: f"This is missing. Add a line {place[-1]} = … .",
        "literal_error": lambda: f"Must be {context['expected']}.",
        "value_error": lambda: f"It {context['error']}.",
        "string_pattern_mismatch": lambda: f"{error['input']!r} does not have the form {context['pattern']}.",
    }
    if kind in sentences:
        return sentences[kind]()
    return f"It {_KINDS[kind]}." if kind in _KINDS else f"{error['msg']}."


def _unknown(place: tuple[str | int, ...]) -> str:
    names = tuple(part for part in place[:-1] if isinstance(part, str))
    table = TABLES.get(names)
    allowed = sorted(table.model_fields) if table else []
    close = difflib.get_close_matches(str(place[-1]), allowed, 1)
    if close:
        return f"There is no such key. Did you mean {close[0]}?"
    return f"There is no such key. Allowed: {', '.join(allowed)}." if allowed else "There is no such key."
