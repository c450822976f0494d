"""The fields of a launch form: types, limits and the condition under which a field is shown."""

from dataclasses import dataclass, field
from enum import StrEnum


class FieldType(StrEnum):
    """What a field holds. DURATION is kept as whole seconds, MEMORY as bytes."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    CHOICE = "choice"
    BOOLEAN = "boolean"
    DURATION = "duration"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One value of a choice field and what people read for it."""

    value: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One question of a form. `minimum`, `maximum`, `step`: numbers, seconds or bytes, by type; for TEXT lengths.

    `show_when` maps names of other fields to the values (as text) with which this one applies: all must hold.
    """

    name: str
    type: FieldType
    label: str
    help: str = ""
    default: object = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    pattern: str = ""
    choices: tuple[Choice, ...] = ()
    show_when: dict[str, tuple[str, ...]] = field(default_factory=dict)
    advanced: bool = False
