"""From a filled-in form to a plan: all of it is right, or every mistake is told at once."""

import difflib
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from armchair.domain.application import Application, Plan, Size, Transport
from armchair.domain.errors import FieldError, InvalidInput
from armchair.domain.forms import conditions, custom, limits, values
from armchair.domain.forms.fields import Field, FieldType
from armchair.domain.session import Resources

TITLE_MAXIMUM = 200
RESERVED = frozenset({"size", "title", "cluster"})  # errors of the form's own questions carry these names
SHOWN_UNKNOWN = 20  # a form of a thousand unknown fields needs no thousand messages
# embeddings, overrides and isolates of Unicode's bidirectional algorithm; right-to-left text needs none of them
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
NOTHING: Mapping[str, object] = MappingProxyType({})


def plan(
    application: Application,
    size: str,
    answers: Mapping[str, object],
    title: str,
    resources: Mapping[str, object] = NOTHING,
) -> Plan:
    """What these answers amount to. An absent answer takes the field's default; a blank one is no answer.

    `size` "" is the first size, `title` "" the application's. Answers to fields that do not apply are ignored. `resources`
    replaces numbers of the size (see `custom.resize`), which is then the size "custom"; that name alone is the first size.
    Raises InvalidInput with all mistakes, and nothing else whatever the answers are.
    """
    errors: list[FieldError] = []
    chosen = _size(application, size, errors)
    own = custom.resize(chosen.resources if chosen else Resources(), resources, errors)
    cleaned = _title(title, errors)
    kept = _answers(application.fields, answers, errors)
    errors.extend(_unknown(application.fields, answers))
    if errors or chosen is None:
        raise InvalidInput(errors)
    return Plan(
        app=application.name,
        size=custom.CUSTOM if custom.is_custom(resources) else chosen.name,
        title=cleaned or application.title,
        resources=own,
        answers={name: value for name, value in kept.items() if value is not None},
        environment={variable(name): values.variable_text(value) for name, value in kept.items()},
        transport=_transport(application, kept),
    )


def variable(name: str) -> str:
    """The environment variable that carries the answer to this field."""
    return f"ARMCHAIR_FIELD_{name.upper()}"


def check_title(title: str) -> str:
    """The title as it is kept: at most 200 characters, one line.

    Runs of control characters and line breaks become one blank rather than an error: titles are pasted, and nothing that a
    person sees is lost. So do the characters that turn the direction of what follows: others read it among words that are not
    the title's. Raises InvalidInput (field "title", code title_too_long).
    """
    errors: list[FieldError] = []
    cleaned = _title(title, errors)
    if errors:
        raise InvalidInput(errors)
    return cleaned


def _title(title: str, errors: list[FieldError]) -> str:
    too_long = FieldError(field="title", code="title_too_long", params={"maximum": TITLE_MAXIMUM})
    text = title.strip()
    if len(text) > TITLE_MAXIMUM:
        errors.append(too_long)
        return ""
    pieces: list[str] = []
    for character in text:
        if unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"} and character not in _TURNS:
            pieces.append(character)
        elif not pieces or pieces[-1] != " ":
            pieces.append(" ")
    return "".join(pieces).strip()


def _size(application: Application, size: str, errors: list[FieldError]) -> Size | None:
    for one in application.sizes:
        if size in {"", one.name}:
            return one
    if size == custom.CUSTOM and application.sizes:
        return application.sizes[0]
    allowed = [one.name for one in application.sizes]
    errors.append(FieldError(field="size", code="size_unknown", params={"allowed": allowed}))
    return None


def _answers(fields: tuple[Field, ...], answers: Mapping[str, object], errors: list[FieldError]) -> dict[str, limits.Value]:
    """The value of each field that applies. A field whose condition rests on a wrong answer is not looked at."""
    read: dict[str, limits.Value | FieldError] = {}
    for field in fields:
        value = limits.read(field, answers.get(field.name, _default(field)))
        # a box that is not ticked is an answer, however it is written
        read[field.name] = False if value is None and field.type is FieldType.BOOLEAN else value
    texts = {name: values.variable_text(value) for name, value in read.items() if not isinstance(value, FieldError)}
    shown = conditions.applies(fields, texts)
    kept: dict[str, limits.Value] = {}
    for field in fields:
        value = read[field.name]
        if field.name not in shown:
            continue
        if isinstance(value, FieldError):
            errors.append(value)
        else:
            kept[field.name] = value
    return kept


def _default(field: Field) -> object:
    return False if field.default is None and field.type is FieldType.BOOLEAN else field.default


def _unknown(fields: tuple[Field, ...], answers: Mapping[str, object]) -> list[FieldError]:
    names = [field.name for field in fields]
    strangers = [str(name) for name in answers if name not in names][:SHOWN_UNKNOWN]
    found: list[FieldError] = []
    for name in strangers:
        close = difflib.get_close_matches(name[:100], names, 1)
        found.append(FieldError(field=name[:100], code="field_unknown", params={"suggestion": close[0] if close else ""}))
    return found


def _transport(application: Application, kept: Mapping[str, limits.Value]) -> Transport:
    answer = kept.get(application.transport_field)
    known = {transport.value: transport for transport in Transport}
    return known.get(str(answer), application.transport)
