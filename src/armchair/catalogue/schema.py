"""The form of app.toml: what may stand in it and of what kind. `python -m armchair.catalogue.schema` prints its JSON Schema."""

import json
import re
import sys
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from armchair.domain.application import AppType, Transport
from armchair.domain.forms.fields import FieldType
from armchair.domain.forms.values import parse_duration, parse_memory

NAME = r"[a-z][a-z0-9_-]{0,62}"
FIELD_NAME = r"[a-z][a-z0-9_]{0,62}"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"


def _duration(text: str) -> str:
    if parse_duration(text) is None:
        raise ValueError('must be a time with its unit, such as "90s", "30m", "4h" or "1:30:00"')
    return text


def _memory(text: str) -> str:
    if parse_memory(text) is None:
        raise ValueError('must be a size with its unit, such as "512 MB" or "16 GB"')
    return text


def _statuses(value: int | str) -> int | str:
    if not re.fullmatch(r"[1-5][0-9]{2}(-[1-5][0-9]{2})?", str(value)):
        raise ValueError('must be an HTTP status such as 200 or a range such as "200-399"')
    return value


def _variable(name: str) -> str:
    if not re.fullmatch(VARIABLE, name) or name.startswith("ARMCHAIR_"):
        raise ValueError("must be the name of an environment variable, and not begin with ARMCHAIR_")
    return name


def _printable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain a NUL character")
    return text


Words = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True), AfterValidator(_printable)]
Text = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_printable)]
Duration = Annotated[str, AfterValidator(_duration)]
Memory = Annotated[str, AfterValidator(_memory)]
Limit = int | float | str
Path = Annotated[str, StringConstraints(pattern=r"^/[!-~]*$", max_length=1000)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ConnectionTable(_Table):
    """How the program listens."""

    transport: Literal["unix", "tcp_isolated", "tcp_loopback"] = Field(
        default="unix",
        description="`unix`: on the socket `$ARMCHAIR_SOCKET`. `tcp_isolated`: on 127.0.0.1 port `$ARMCHAIR_PORT`, in a "
        "network of its own without a way out. `tcp_loopback`: the same port in the node's own network, where each user of "
        "the node reaches it; the administrator must allow it.",
    )
    field: str = Field(
        default="", description="Name of a choice field whose answer (one of the three words above) decides instead."
    )


class ReadinessTable(_Table):
    """When the program counts as ready."""

    path: Path = Field(default="/", description="Asked with GET until the answer has one of the statuses.")
    statuses: tuple[Annotated[int | str, AfterValidator(_statuses)], ...] = Field(
        default=("200-399",), min_length=1, description="HTTP statuses, or ranges of them in quotes, that mean ready."
    )
    usual: Duration = Field(default="3s", description="How long it usually takes; for the words on the page only.")


class StopTable(_Table):
    """How the program is asked to end."""

    signal: Literal["TERM", "INT", "HUP", "QUIT"] = Field(default="TERM", description="Sent to the program's process group.")
    grace: Duration = Field(default="10s", description="What is still alive after this time is killed.")


class RequiresTable(_Table):
    """What the machine must have. Where something is absent, the application is shown greyed, with the cure."""

    commands: tuple[Words, ...] = Field(default=(), description="Programs that must be found on PATH.")
    files: tuple[Words, ...] = Field(default=(), description="Absolute paths that must exist.")
    packages: tuple[Words, ...] = Field(default=(), description="Debian packages that bring them; they make the cure.")


class SizeTable(_Table):
    """A preset on the launch page."""

    name: Annotated[str, StringConstraints(pattern=f"^{NAME}$")] = Field(description="Short name, for the command line.")
    title: Words = Field(description="What people read.")
    cores: Annotated[int, Field(ge=1, le=100_000)] = Field(default=1, description="Processor cores.")
    memory: Memory | None = Field(default=None, description='Memory, such as "16 GB". Absent: as the launcher has it.')
    walltime: Duration | None = Field(default=None, description='Longest time, such as "4h". Absent: as the launcher has it.')
    gpus: Annotated[int, Field(ge=0, le=10_000)] = Field(default=0, description="Graphics processors.")


class ChoiceTable(_Table):
    """A value of a choice field with words of its own."""

    value: Words
    title: Words


class FieldTable(_Table):
    """One question of the launch form."""

    name: Annotated[str, StringConstraints(pattern=f"^{FIELD_NAME}$")] = Field(
        description="The answer reaches run.sh as `$ARMCHAIR_FIELD_<NAME>`, in upper case."
    )
    type: Literal["text", "integer", "number", "choice", "boolean", "duration", "memory"] = Field(description="Kind of answer.")
    label: Words = Field(description="The question in a few words.")
    help: Text = Field(default="", description="One line below the label.")
    default: str | int | float | bool | None = Field(default=None, description="The answer when none is given.")
    required: bool = Field(default=False, description="Whether it must be answered.")
    minimum: Limit | None = Field(default=None, description="Least value; for text, least number of characters.")
    maximum: Limit | None = Field(default=None, description="Greatest value; for text, greatest number of characters.")
    step: Limit | None = Field(default=None, description="Values go in steps of this from the minimum on.")
    pattern: Text = Field(default="", description="Regular expression (Python) that a whole text answer must match.")
    choices: tuple[Annotated[str, StringConstraints(min_length=1)] | ChoiceTable, ...] = Field(
        default=(), description='Values of a choice: texts, or tables `{value = "…", title = "…"}`.'
    )
    show_when: dict[str, str | bool | int | tuple[str | bool | int, ...]] = Field(
        default_factory=dict,
        description="The field applies only while each field named here has the value, or one of the values, given.",
    )
    advanced: bool = Field(default=False, description="Shown under *More options*.")


class AppFile(_Table):
    """An application's app.toml. Its name is the name of its directory."""

    title: Words = Field(description="Name on the page.")
    description: Words = Field(description="One sentence that says what one does with it.")
    type: Literal["web", "x11"] = Field(
        description="`web`: it serves HTTP. `x11`: it draws windows, which Armchair brings into the browser."
    )
    version: Words = Field(default="1", description="Version of this definition; kept with each session.")
    category: Words = Field(default="Other", description="Heading under which the page lists it.")
    icon: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+\.svg$")] = Field(
        default="icon.svg", description="SVG in this directory, at most 64 KiB, without script."
    )
    kit: Annotated[str, StringConstraints(pattern=f"^({NAME})?$")] = Field(
        default="", description="Environment that it needs; `$ARMCHAIR_KIT` is its directory."
    )
    start_path: Path = Field(default="/", description="Path and query that Join opens.")
    connection: ConnectionTable = Field(default_factory=ConnectionTable, description="How it listens.")
    readiness: ReadinessTable = Field(default_factory=ReadinessTable, description="When it is ready.")
    stop: StopTable = Field(default_factory=StopTable, description="How it ends.")
    requires: RequiresTable = Field(default_factory=RequiresTable, description="What the machine must have.")
    environment: dict[Annotated[str, AfterValidator(_variable)], Text] = Field(
        default_factory=dict, description="Environment variables for run.sh."
    )
    sizes: tuple[SizeTable, ...] = Field(
        default=(), description="Presets; the first is the default. Absent: small, medium, large."
    )
    fields: tuple[FieldTable, ...] = Field(default=(), description="Questions of the form, in this order.")


TABLES: dict[tuple[str, ...], type[BaseModel]] = {
    (): AppFile,
    ("connection",): ConnectionTable,
    ("readiness",): ReadinessTable,
    ("stop",): StopTable,
    ("requires",): RequiresTable,
    ("sizes",): SizeTable,
    ("fields",): FieldTable,
    ("fields", "choices"): ChoiceTable,
}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of app.toml, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **AppFile.model_json_schema()}


def json_schema_text() -> str:
    """The same as it stands in the documentation."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


# the words in the schema and those in the model must be the same; a test compares them
WORDS = {"type": AppType, "transport": Transport, "field": FieldType}

if __name__ == "__main__":
    sys.stdout.write(json_schema_text())
