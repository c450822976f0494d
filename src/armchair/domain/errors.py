"""Every error that Armchair raises on purpose, drawn as one tree.

ArmchairError                 code (stable, documented, a metric label) and params (data for the words)
├── InvalidInput              a person's answers are wrong: one FieldError per mistake, nothing was stored
├── NotFound                  it does not exist, or the actor may not know that it does
├── Refused                   the actor may see it but not do this
├── Conflict                  it exists already, or its state does not allow this now
├── Unavailable               a part that we need does not answer; the request may be repeated
│   ├── SchedulerSilent       no answer from a scheduler: nothing is known, nothing changes (I4)
│   └── StorageFull           the disk took nothing; nothing was stored
├── JobRefused                the scheduler understood the request and said no
├── BadDefinition             an application directory is wrong: one DefinitionProblem per mistake
└── BadSettings               a setting is wrong: names file, key and what is allowed
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """What is wrong with one answer. `field` is the form field's name, or "" for the form as a whole."""

    field: str
    code: str
    params: dict[str, object] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionProblem:
    """One mistake in an application's definition: where it stands and what is wrong with it.

    `line` counts from 1; 0 when the mistake is the absence of something. `message` is a whole English sentence that
    says what is wrong, what is allowed and what to do.
    """

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ArmchairError(Exception):
    """Base of the tree. `code` is stable and has words; `params` fill them."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params: dict[str, object] = params

    def __str__(self) -> str:
        details = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.code} ({details})" if details else self.code


class InvalidInput(ArmchairError):
    """A person's answers are wrong. Nothing was stored or started."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("invalid_input", count=len(errors))
        self.errors: tuple[FieldError, ...] = tuple(errors)


class NotFound(ArmchairError):
    """It does not exist, or the actor may not know that it does: no access looks like not found (I8)."""


class Refused(ArmchairError):
    """The actor is known and may see the thing, but not do this to it."""


class Conflict(ArmchairError):
    """It exists already, or its present state does not allow this."""


class Unavailable(ArmchairError):
    """A part that is needed does not answer now. The same request may be made again."""


class SchedulerSilent(Unavailable):
    """A scheduler gave no usable answer. Nothing is known and nothing may be concluded (I4)."""


class StorageFull(Unavailable):
    """The disk took nothing. Nothing was stored."""


class JobRefused(ArmchairError):
    """The scheduler understood the request and said no. No job exists."""


class BadDefinition(ArmchairError):
    """An application directory can't be used."""

    def __init__(self, problems: Sequence[DefinitionProblem]) -> None:
        super().__init__("bad_definition", count=len(problems))
        self.problems: tuple[DefinitionProblem, ...] = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class BadSettings(ArmchairError):
    """A setting can't be used. `params` has `key`, `origin` (file or variable) and `problem` (a sentence)."""
