"""The form of app.toml: what may stand in it and of what kind. `python -m armchair.catalogue.schema` prints its JSON Schema."""

import json
import re
import sys
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from armchair.catalogue.binds import parse_bind
from armchair.domain.application import AppType, Backend, FileExchange, Transport
from armchair.domain.forms.fields import FieldType
from armchair.domain.forms.values import parse_duration, parse_memory

NAME = r"[a-z][a-z0-9_-]{0,62}"
FIELD_NAME = r"[a-z][a-z0-9_]{0,62}"
IMAGE = r"^([~/$][ -~]*)?$"
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


def _size(text: str) -> str:
    if parse_size(text) is None:
        raise ValueError('must be width and height in pixels, such as "1920x1080", from 640x480 to 7680x4320')
    return text


def parse_size(text: str) -> tuple[int, int] | None:
    """Width and height of "1920x1080"; None when it is not that, or no X server would make it."""
    match = re.fullmatch(r"([0-9]{3,4})x([0-9]{3,4})", text)
    if match is None:
        return None
    width, height = int(match[1]), int(match[2])
    return (width, height) if 640 <= width <= 7680 and 480 <= height <= 4320 else None


def _printable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain a NUL character")
    return text


def _bind(text: str) -> str:
    if parse_bind(text) is None:
        raise ValueError('must be a path such as "/data", with a target "/data:/mnt", or read-only "/data:/mnt:ro"')
    return text


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line; put more into run.sh")
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
    warning_signal: Literal["", "USR1", "USR2", "HUP", "INT"] = Field(
        default="",
        description="Sent to the program's process group before the end of its time, if all in it take it as a reason to save. "
        "Absent: none.",
    )


class ActivityTable(_Table):
    """How to tell whether anybody uses it; where the site ends sessions that nobody uses."""

    ends_idle: bool | None = Field(
        default=None, description="Whether its sessions may end because nobody uses them. Absent: as the site has it."
    )
    script: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]*)?$", max_length=100)] = Field(
        default="",
        description="A script in this directory, run beside the program each minute with its environment. It prints `busy` or "
        "`idle`; all else means that it can't be told, which counts as busy.",
    )
    input: Annotated[int, Field(ge=1, le=10**9)] | None = Field(
        default=None,
        description="Bytes a minute from the browser that mean that somebody uses it; more than its page sends by itself. "
        "Absent: as the site has it, and for programs with a screen at least 32768.",
    )


class RequiresTable(_Table):
    """What the machine must have. Where something is absent, the application is shown greyed, with the cure."""

    commands: tuple[Words, ...] = Field(default=(), description="Programs that must be found on PATH.")
    files: tuple[Words, ...] = Field(default=(), description="Absolute paths that must exist.")
    packages: tuple[Words, ...] = Field(default=(), description="Debian packages that bring them; they make the cure.")
    cure: Words | None = Field(
        default=None,
        description="The command that brings them, in place of one made of `packages`. It is shown, never run.",
    )


class DisplayTable(_Table):
    """The screen of an `x11` or `desktop` application."""

    backend: Literal["xpra", "vnc"] | None = Field(
        default=None,
        description="What shows it. `xpra`: each window by itself, in a screen that follows the browser's. `vnc`: one screen "
        "with all in it. Absent: `xpra` for `x11`, `vnc` for `desktop`.",
    )
    files: Literal["both", "upload", "download", "none"] = Field(
        default="both", description="Which way files may go between the browser and the exchange folder."
    )
    folder: Annotated[str, StringConstraints(pattern=r"^(~|~?/[^\x00-\x1f]*)$", max_length=1000)] = Field(
        default="~/Downloads", description="The exchange folder; it is made when the first file comes."
    )
    sound: bool = Field(
        default=False, description="Whether sound comes along (`xpra` only), where the node has PulseAudio and GStreamer."
    )
    size: Annotated[str, AfterValidator(_size)] | None = Field(
        default=None,
        description='Width and height in pixels, such as "1920x1080". With `xpra` the largest screen, "3840x2160" when absent; '
        'with `vnc` the one that it starts with, "1280x800" when absent.',
    )


class ContainerTable(_Table):
    """The container image that the program runs in."""

    image: Annotated[str, StringConstraints(pattern=IMAGE, max_length=1000)] = Field(
        default="",
        description="Path of the image on the nodes: a SIF or squashfs file, a directory, or an OCI image (archive or "
        "directory). `~` and `$VARIABLES` are the node's.",
    )
    field: str = Field(
        default="",
        description="Name of a text or choice field whose answer is the path instead. What people may give is the site's.",
    )
    runtime: Literal["", "apptainer", "singularity", "podman", "charliecloud", "bubblewrap"] = Field(
        default="", description="The one runtime that it needs. Absent: the first of the site's that the node has and that can."
    )
    binds: tuple[Annotated[str, AfterValidator(_bind)], ...] = Field(
        default=(),
        description="Directories and files of the node that it sees besides those of the site: `/data`, `/data:/mnt`, "
        "`/data:/mnt:ro`. They must be there.",
    )
    home: bool = Field(default=True, description="Whether it sees the person's home. Where the site says no, it never does.")
    nv: bool = Field(default=False, description="Whether it gets NVIDIA's GPUs and their libraries (`--nv`).")
    display: Literal["outside", "inside"] = Field(
        default="outside",
        description="Where the display server of an `x11` or `desktop` application comes from: the node, or the image itself. "
        "With `inside` the node needs neither X11 nor Xpra.",
    )


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
    type: Literal["web", "x11", "desktop"] = Field(
        description="`web`: it serves HTTP. `x11`: it draws windows, which Armchair brings into the browser. `desktop`: it "
        "fills a whole screen and brings its own window manager."
    )
    version: Words = Field(default="1", description="Version of this definition; kept with each session.")
    category: Words = Field(default="Other", description="Heading under which the page lists it.")
    icon: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+\.svg$")] = Field(
        default="icon.svg", description="SVG in this directory, at most 64 KiB, without script."
    )
    command: Annotated[str, StringConstraints(max_length=4000, strip_whitespace=True), AfterValidator(_one_line)] = Field(
        default="",
        description="The program with its arguments, as in a shell, in place of a run.sh: `imagej -x 2000`. It starts in the "
        "person's home directory.",
    )
    kit: Annotated[str, StringConstraints(pattern=f"^({NAME})?$")] = Field(
        default="", description="Environment that it needs; `$ARMCHAIR_KIT` is its directory."
    )
    start_path: Path = Field(
        default="/", description="Path and query that Join opens. Absent for `x11` and `desktop`: the page with the screen."
    )
    connection: ConnectionTable = Field(default_factory=ConnectionTable, description="How it listens.")
    display: DisplayTable = Field(default_factory=DisplayTable, description="Its screen.")
    container: ContainerTable = Field(default_factory=ContainerTable, description="The image that it runs in. Absent: none.")
    readiness: ReadinessTable = Field(default_factory=ReadinessTable, description="When it is ready.")
    stop: StopTable = Field(default_factory=StopTable, description="How it ends.")
    activity: ActivityTable = Field(default_factory=ActivityTable, description="When it counts as used.")
    requires: RequiresTable = Field(default_factory=RequiresTable, description="What the machine must have.")
    clusters: tuple[Annotated[str, StringConstraints(pattern=f"^{NAME}$")], ...] = Field(
        default=(), description="Names of the clusters that it may run on. Absent: all."
    )
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
    ("display",): DisplayTable,
    ("container",): ContainerTable,
    ("readiness",): ReadinessTable,
    ("stop",): StopTable,
    ("activity",): ActivityTable,
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
WORDS = {"type": AppType, "transport": Transport, "field": FieldType, "backend": Backend, "files": FileExchange}

if __name__ == "__main__":
    sys.stdout.write(json_schema_text())
