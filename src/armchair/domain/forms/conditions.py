"""Which fields of a form apply, given the answers to the others (`show_when`)."""

from collections.abc import Mapping, Sequence

from armchair.domain.forms.fields import Field


def applies(fields: Sequence[Field], values: Mapping[str, str]) -> frozenset[str]:
    """The names of the fields that are shown. `values` holds answers as texts; a field without one meets no condition.

    A field applies when each field that its condition names applies too and has one of the values. Fields whose
    conditions go round in a circle do not apply (the catalogue refuses such forms; this function is total anyway).
    """
    by_name = {field.name: field for field in fields}
    shown: set[str] = {field.name for field in fields if not field.show_when}
    waiting = [field for field in fields if field.show_when]
    # Each pass settles at least one field of a chain, so as many passes as fields are enough, in whatever order they stand.
    for _ in fields:
        for field in waiting:
            if all(
                other in by_name and other in shown and values.get(other) in allowed
                for other, allowed in field.show_when.items()
            ):
                shown.add(field.name)
    return frozenset(shown)


def order(fields: Sequence[Field]) -> tuple[list[Field], list[str]]:
    """The fields with each one after those that its condition names, and the names of those that stand in a circle."""
    left = list(fields)
    names = {field.name for field in fields}
    done: dict[str, Field] = {}
    while left:
        ready = [field for field in left if all(other in done or other not in names for other in field.show_when)]
        if not ready:
            break
        done.update((field.name, field) for field in ready)
        left = [field for field in left if field.name not in done]
    return list(done.values()), [field.name for field in left]
