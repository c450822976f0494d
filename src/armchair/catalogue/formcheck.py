"""Form fields and sizes of an app.toml: builds them, and reports what does not fit together."""

import re
from collections import Counter
from collections.abc import Sequence

from armchair.catalogue.problems import Report
from armchair.catalogue.schema import ChoiceTable, FieldTable
from armchair.domain.application import Size, Transport
from armchair.domain.errors import FieldError
from armchair.domain.forms import conditions, limits
from armchair.domain.forms.fields import Choice, Field, FieldType
from armchair.domain.forms.plan import RESERVED
from armchair.domain.forms.values import parse_duration, parse_memory, variable_text

_MEASURED = frozenset({FieldType.TEXT, FieldType.INTEGER, FieldType.NUMBER, FieldType.DURATION, FieldType.MEMORY})


def build(tables: Sequence[FieldTable], report: Report) -> tuple[Field, ...]:
    """The fields, with each mistake reported at its key."""
    fields = tuple(_field(index, table, report) for index, table in enumerate(tables))
    _check_names(fields, report)
    for index, field in enumerate(fields):
        _check_default(index, field, report)
        _check_conditions(index, field, fields, report)
    circle = conditions.order(fields)[1]
    if circle:
        first = next(index for index, field in enumerate(fields) if field.name in circle)
        report.add(("fields", first, "show_when"), f"These conditions go round in a circle: {', '.join(circle)}.")
    return fields


def check_transport(name: str, fields: Sequence[Field], report: Report) -> None:
    """The field that decides how the program listens must be a choice among the three ways."""
    if not name:
        return
    field = next((field for field in fields if field.name == name), None)
    known = {transport.value for transport in Transport}
    if field is None:
        report.add(("connection", "field"), f"There is no field {name}.")
    elif field.type is not FieldType.CHOICE or not {choice.value for choice in field.choices} <= known:
        report.add(("connection", "field"), f"The field {name} must be a choice among {', '.join(sorted(known))}.")


def check_sizes(sizes: Sequence[Size], report: Report) -> None:
    """Names of sizes are unique; what they give is more than nothing."""
    counts = Counter(size.name for size in sizes)
    for index, size in enumerate(sizes):
        if counts[size.name] > 1:
            report.add(("sizes", index, "name"), f"The name {size.name} stands for more than one size.")
        if size.resources.memory is not None and size.resources.memory < 1024**2:
            report.add(("sizes", index, "memory"), "The memory must be at least 1 MB.")
        if size.resources.walltime is not None and size.resources.walltime.total_seconds() < 1:
            report.add(("sizes", index, "walltime"), "The walltime must be at least 1 second.")


def _field(index: int, table: FieldTable, report: Report) -> Field:
    kind = FieldType(table.type)
    minimum, maximum, step = (
        _limit(index, name, getattr(table, name), kind, report) for name in ("minimum", "maximum", "step")
    )
    if minimum is not None and maximum is not None and minimum > maximum:
        report.add(("fields", index, "minimum"), "The minimum is greater than the maximum.")
    if step is not None and step <= 0:
        report.add(("fields", index, "step"), "The step must be greater than 0.")
        step = None
    return Field(
        name=table.name,
        type=kind,
        label=table.label,
        help=table.help,
        default=table.default,
        required=table.required,
        minimum=minimum,
        maximum=maximum,
        step=step,
        pattern=_pattern(index, table, kind, report),
        choices=_choices(index, table, kind, report),
        show_when={other: _texts(value) for other, value in table.show_when.items()},
        advanced=table.advanced,
    )


def _limit(index: int, name: str, limit: float | str | None, kind: FieldType, report: Report) -> float | None:
    if limit is None:
        return None
    place = ("fields", index, name)
    if kind not in _MEASURED or (name == "step" and kind is FieldType.TEXT):
        report.add(place, f"A {kind.value} field has no {name}.")
        return None
    if kind in {FieldType.DURATION, FieldType.MEMORY}:
        parse, example = (parse_duration, "30m") if kind is FieldType.DURATION else (parse_memory, "512 MB")
        value = parse(limit) if isinstance(limit, str) else None
        if value is None:
            report.add(place, f'It must be a {kind.value} in quotes, such as "{example}".')
        return value
    if isinstance(limit, str) or (kind is not FieldType.NUMBER and not float(limit).is_integer()):
        report.add(place, "It must be a whole number." if kind is not FieldType.NUMBER else "It must be a number.")
        return None
    return limit


def _pattern(index: int, table: FieldTable, kind: FieldType, report: Report) -> str:
    if not table.pattern:
        return ""
    if kind is not FieldType.TEXT:
        report.add(("fields", index, "pattern"), "Only text fields have a pattern.")
        return ""
    try:
        re.compile(table.pattern)
    except re.error as error:
        report.add(("fields", index, "pattern"), f"This is no regular expression: {error}.")
        return ""
    return table.pattern


def _choices(index: int, table: FieldTable, kind: FieldType, report: Report) -> tuple[Choice, ...]:
    place = ("fields", index, "choices")
    choices = tuple(
        Choice(value=choice.value, title=choice.title)
        if isinstance(choice, ChoiceTable)
        else Choice(value=choice, title=choice)
        for choice in table.choices
    )
    if kind is FieldType.CHOICE and not choices:
        report.add(place, "A choice field needs choices.")
    if kind is not FieldType.CHOICE and choices:
        report.add(place, "Only choice fields have choices.")
    if len({choice.value for choice in choices}) < len(choices):
        report.add(place, "A value stands there twice.")
    if any(limits.has_control_characters(choice.value) for choice in choices):
        report.add(place, "A value contains control characters.")
    return choices


def _texts(value: str | bool | int | tuple[str | bool | int, ...]) -> tuple[str, ...]:
    return tuple(variable_text(one) for one in (value if isinstance(value, tuple) else (value,)))


def _check_names(fields: Sequence[Field], report: Report) -> None:
    counts = Counter(field.name for field in fields)
    for index, field in enumerate(fields):
        if field.name in RESERVED:
            report.add(("fields", index, "name"), f"The name {field.name} is the form's own. Choose another.")
        if counts[field.name] > 1:
            report.add(("fields", index, "name"), f"The name {field.name} stands for more than one field.")


def _check_default(index: int, field: Field, report: Report) -> None:
    if field.default is None:
        return
    value = limits.read(field, field.default)
    if isinstance(value, FieldError):
        details = ", ".join(f"{name} {text}" for name, text in value.params.items() if text)
        message = f"The default {field.default!r} is not a valid answer: {value.code.removeprefix('field_').replace('_', ' ')}"
        report.add(("fields", index, "default"), f"{message} ({details})." if details else f"{message}.")


def _check_conditions(index: int, field: Field, fields: Sequence[Field], report: Report) -> None:
    by_name = {other.name: other for other in fields}
    for name, wanted in field.show_when.items():
        place = ("fields", index, "show_when", name)
        other = by_name.get(name)
        if other is None:
            report.add(place, f"There is no field {name}. Fields: {', '.join(by_name)}.")
            continue
        possible = {"true", "false"} if other.type is FieldType.BOOLEAN else {choice.value for choice in other.choices}
        if possible and not set(wanted) <= possible:
            report.add(place, f"The field {name} has no such value. Its values: {', '.join(sorted(possible))}.")
