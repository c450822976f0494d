"""One answer against its field: reads it, checks type and limits, and says what is wrong by code."""

import re
import unicodedata
from decimal import Decimal, InvalidOperation

from armchair.domain.errors import FieldError
from armchair.domain.forms import values
from armchair.domain.forms.fields import Field, FieldType

TEXT_MAXIMUM = 1000  # where a field gives no maximum; keeps environment and database rows small
LARGEST_FLOAT = float.fromhex("0x1.fffffffffffffp+1023")  # of IEEE 754's double precision
_TRUE = frozenset({"true", "on", "yes", "1"})
_FALSE = frozenset({"false", "off", "no", "0"})
_EXAMPLES = {FieldType.DURATION: "4h", FieldType.MEMORY: "16 GB", FieldType.INTEGER: "4", FieldType.NUMBER: "0.5"}

Value = str | int | float | bool | None


def read(field: Field, answer: object) -> Value | FieldError:
    """The answer as the field's value: None when it is not answered, a FieldError when it can't be one."""
    if answer is None or (isinstance(answer, str) and not answer.strip()):
        return FieldError(field=field.name, code="field_required") if field.required else None
    if field.type is FieldType.TEXT:
        return _text(field, answer)
    if field.type is FieldType.CHOICE:
        return _choice(field, answer)
    if field.type is FieldType.BOOLEAN:
        return _boolean(field, answer)
    return _number(field, answer)


def has_control_characters(text: str) -> bool:
    """Also lone surrogates, which no file, database or environment can hold as UTF-8, and line separators."""
    return any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text)


def _text(field: Field, answer: object) -> Value | FieldError:
    if not isinstance(answer, str):
        return FieldError(field=field.name, code="field_not_a_text")
    maximum = TEXT_MAXIMUM if field.maximum is None else field.maximum
    # length first: the other checks look at each character
    if len(answer) > maximum:
        return FieldError(field=field.name, code="field_too_long", params={"maximum": values.number_text(maximum)})
    if has_control_characters(answer):
        return FieldError(field=field.name, code="field_has_control_characters")
    if field.minimum is not None and len(answer) < field.minimum:
        return FieldError(field=field.name, code="field_too_short", params={"minimum": values.number_text(field.minimum)})
    if field.pattern and not re.fullmatch(field.pattern, answer):
        return FieldError(field=field.name, code="field_bad_pattern", params={"pattern": field.pattern, "help": field.help})
    return answer


def _choice(field: Field, answer: object) -> Value | FieldError:
    allowed = [choice.value for choice in field.choices]
    text = values.variable_text(answer) if isinstance(answer, str | int | float) and _writable(answer) else None
    if text not in allowed:
        return FieldError(field=field.name, code="field_bad_choice", params={"allowed": allowed})
    return text


def _writable(answer: str | float) -> bool:
    # Python refuses to write integers of thousands of digits; such an answer is no choice anyway
    return not isinstance(answer, int) or abs(answer) <= values.LARGEST


def _boolean(field: Field, answer: object) -> Value | FieldError:
    if isinstance(answer, bool):
        return answer
    text = answer.strip().lower() if isinstance(answer, str) else ""
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    return FieldError(field=field.name, code="field_not_a_boolean", params={"allowed": ["true", "false"]})


def _number(field: Field, answer: object) -> Value | FieldError:
    number = _parse(field, answer)
    if number is None:
        code = {
            FieldType.INTEGER: "field_not_a_whole_number",
            FieldType.DURATION: "field_bad_duration",
            FieldType.MEMORY: "field_bad_memory",
        }.get(field.type, "field_not_a_number")
        return FieldError(field=field.name, code=code, params={"example": _EXAMPLES[field.type]})
    error = _within(field, number)
    return number if error is None else error


def _parse(field: Field, answer: object) -> int | float | None:
    if field.type is FieldType.NUMBER:
        return values.parse_number(answer)
    if field.type is FieldType.DURATION and isinstance(answer, str):
        return values.parse_duration(answer)
    if field.type is FieldType.MEMORY and isinstance(answer, str):
        return values.parse_memory(answer)
    return values.parse_whole_number(answer)  # JSON numbers of durations and memory are seconds and bytes


def _within(field: Field, number: float) -> FieldError | None:
    low, high = _bounds(field)
    if number < low:
        return FieldError(field=field.name, code="field_too_small", params={"minimum": values.limit_text(field, low)})
    if number > high:
        return FieldError(field=field.name, code="field_too_large", params={"maximum": values.limit_text(field, high)})
    base = field.minimum or 0
    if field.step is not None and not _on_step(number, field.step, base):
        params: dict[str, object] = {
            "step": values.limit_text(field, field.step),
            "minimum": values.limit_text(field, base),
        }
        return FieldError(field=field.name, code="field_not_a_step", params=params)
    return None


def _bounds(field: Field) -> tuple[float, float]:
    """The limits; where the field gives none, those of its type: 64 bits, and neither times nor sizes are negative."""
    if field.type is FieldType.NUMBER:
        low, high = -LARGEST_FLOAT, LARGEST_FLOAT
    else:
        low, high = (-values.LARGEST if field.type is FieldType.INTEGER else 0), values.LARGEST
    return (low if field.minimum is None else field.minimum), (high if field.maximum is None else field.maximum)


def _on_step(number: float, step: float, base: float) -> bool:
    """Exactly, in decimal: 0.3 is a step of 0.1, although no binary number is either."""
    try:
        return (Decimal(str(number)) - Decimal(str(base))) % Decimal(str(step)) == 0
    except InvalidOperation:  # the quotient has more digits than can be looked at: nothing typed by a person
        return False
