"""A size of one's own: the four numbers that may replace those of a preset."""

from collections.abc import Mapping
from datetime import timedelta

from armchair.domain.errors import FieldError
from armchair.domain.forms import limits
from armchair.domain.forms.fields import Field, FieldType
from armchair.domain.session import Resources

CUSTOM = "custom"  # the name of a size of one's own
PREFIX = "resources."
FIELDS = (
    Field(name="resources.cores", type=FieldType.INTEGER, label="cores", minimum=1, maximum=100_000),
    Field(name="resources.memory", type=FieldType.MEMORY, label="memory", minimum=2**20, maximum=2**50),
    Field(name="resources.walltime", type=FieldType.DURATION, label="walltime", minimum=60, maximum=366 * 86400),
    Field(name="resources.gpus", type=FieldType.INTEGER, label="gpus", minimum=0, maximum=10_000),
)
NAMES = tuple(field.name.removeprefix(PREFIX) for field in FIELDS)


def is_custom(wished: Mapping[str, object]) -> bool:
    """Whether any number was filled in."""
    return any(wished.get(name) is not None and wished.get(name) != "" for name in NAMES)


def resize(base: Resources, wished: Mapping[str, object], errors: list[FieldError]) -> Resources:
    """`base` with what was wished for in its place: `cores`, `memory`, `walltime`, `gpus` as texts or as numbers (bytes and
    seconds). Absent and blank ones stay as they are. Mistakes go to `errors`, named `resources.<name>`.
    """
    found: dict[str, int | None] = {}
    for field in FIELDS:
        name = field.name.removeprefix(PREFIX)
        value = limits.read(field, wished.get(name))
        if isinstance(value, FieldError):
            errors.append(value)
        else:
            found[name] = int(value) if value is not None else None
    strangers = [str(name)[:100] for name in wished if name not in NAMES]
    errors += [FieldError(field=PREFIX + name, code="field_unknown", params={"suggestion": ""}) for name in strangers]
    seconds = found.get("walltime")
    return Resources(
        cores=found.get("cores") or base.cores,
        memory=found.get("memory") or base.memory,
        walltime=timedelta(seconds=seconds) if seconds else base.walltime,
        gpus=base.gpus if found.get("gpus") is None else int(found["gpus"] or 0),
    )
