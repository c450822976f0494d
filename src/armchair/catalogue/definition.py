"""One application directory in, one Application out: reads app.toml and checks what a schema can't say."""

import json
import re
import tomllib
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from armchair.catalogue import containers, formcheck, icons, problems, screens
from armchair.catalogue.displays.backend import PAGE
from armchair.catalogue.displays.registry import BACKENDS
from armchair.catalogue.requirements import Requirements
from armchair.catalogue.schema import NAME, AppFile, SizeTable
from armchair.domain.application import Application, AppType, Readiness, Screen, Size, Transport
from armchair.domain.errors import DefinitionProblem
from armchair.domain.forms.values import parse_duration, parse_memory
from armchair.domain.session import Resources

APP_FILE = "app.toml"
RUN_FILE = "run.sh"
MAXIMUM_BYTES = 256 * 1024  # of app.toml and run.sh each: both are read by people
FILES = (APP_FILE, RUN_FILE, "README.md")

_HOUR = timedelta(hours=1)
_GB = 1024**3
DEFAULT_SIZES = (
    Size(name="small", title="Small", resources=Resources(cores=1, memory=2 * _GB, walltime=4 * _HOUR)),
    Size(name="medium", title="Medium", resources=Resources(cores=2, memory=4 * _GB, walltime=8 * _HOUR)),
    Size(name="large", title="Large", resources=Resources(cores=4, memory=16 * _GB, walltime=8 * _HOUR)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A valid application, the texts of its run script and of its activity script ("" without one), and what it needs."""

    application: Application
    script: str
    activity: str
    requirements: Requirements


def read(directory: Path) -> tuple[Definition | None, list[DefinitionProblem]]:
    """The definition in this directory, or why there is none. Never raises."""
    file = str(directory / APP_FILE)
    try:
        text = _read_text(directory / APP_FILE)
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return None, [problems.syntax(file, error)]
    except _Unreadable as error:
        return None, [DefinitionProblem(file=file, line=0, key="", message=str(error))]
    report = problems.Report(file, text)
    if not re.fullmatch(NAME, directory.name):
        report.add((), "The directory's name is the application's: lower-case letters, digits, - and _, a letter first.")
    try:
        # through JSON, because there a list may stand for a tuple although all else is strict
        table = AppFile.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        report.add_all(error)
        return None, report.problems
    return _build(directory, table, report)


def _build(directory: Path, table: AppFile, report: problems.Report) -> tuple[Definition | None, list[DefinitionProblem]]:
    script = _command(directory, table.command, report) if table.command else _script(directory, report)
    activity = _script(directory, report, table.activity.script) if table.activity.script else ""
    icon = _icon(directory, table)
    icons.check(Path(icon), report)
    fields = formcheck.build(table.fields, report)
    formcheck.check_transport(table.connection.field, fields, report)
    sizes = tuple(_size(size) for size in table.sizes) or DEFAULT_SIZES
    formcheck.check_sizes(sizes, report)
    screen = screens.build(table, report)
    container = containers.build(table, fields, report)
    if report.problems:
        return None, report.problems
    application = replace(_application(directory, table, screen), sizes=sizes, fields=fields, container=container)
    requires = table.requires
    requirements = Requirements(
        commands=requires.commands,
        files=requires.files,
        packages=requires.packages,
        kit=table.kit,
        cure=requires.cure or "",
    )
    if container is not None:
        requirements = Requirements()  # what the program needs is in the image
    if screen is not None and not (container and container.display_inside):
        requirements = requirements.for_display(BACKENDS[screen.backend])
    definition = Definition(application=application, script=script, activity=activity, requirements=requirements)
    return definition, []


def _application(directory: Path, table: AppFile, screen: Screen | None) -> Application:
    return Application(
        name=directory.name,
        version=table.version,
        title=table.title,
        description=table.description,
        category=table.category,
        type=AppType(table.type),
        directory=str(directory.absolute()),
        icon=_icon(directory, table),
        transport=Transport(table.connection.transport),
        transport_field=table.connection.field,
        readiness=_readiness(table, screen),
        start_path=_start_path(table, screen),
        screen=screen,
        stop_signal=table.stop.signal,
        stop_grace=timedelta(seconds=parse_duration(table.stop.grace) or 0),
        warning_signal=table.stop.warning_signal,
        ends_idle=table.activity.ends_idle,
        idle_input=table.activity.input,
        kit=table.kit,
        clusters=table.clusters,
        environment=dict(table.environment),
    )


def _icon(directory: Path, table: AppFile) -> str:
    """The drawing's path: the application's own, else a plain one."""
    own = directory / table.icon
    if own.exists() or "icon" in table.model_fields_set:
        return str(own.absolute())
    return str(resources.files("armchair.catalogue") / "icon.svg")


def _readiness(table: AppFile, screen: Screen | None) -> Readiness:
    ranges: list[tuple[int, int]] = []
    for status in table.readiness.statuses:
        low, _, high = str(status).partition("-")
        ranges.append((int(low), int(high or low)))
    path = table.readiness.path if screen is None or "path" in table.readiness.model_fields_set else screens.READY_PATH
    return Readiness(path=path, statuses=tuple(ranges), usual=timedelta(seconds=parse_duration(table.readiness.usual) or 0))


def _start_path(table: AppFile, screen: Screen | None) -> str:
    if screen is None or "start_path" in table.model_fields_set:
        return table.start_path
    return PAGE


def _size(table: SizeTable) -> Size:
    walltime = None if table.walltime is None else timedelta(seconds=parse_duration(table.walltime) or 0)
    memory = None if table.memory is None else parse_memory(table.memory)
    resources = Resources(cores=table.cores, memory=memory, walltime=walltime, gpus=table.gpus)
    return Size(name=table.name, title=table.title, resources=resources)


class _Unreadable(Exception):
    """A file that can't be read as text; the message is a sentence."""


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAXIMUM_BYTES + 1)
        if len(data) > MAXIMUM_BYTES:
            raise _Unreadable(f"This file is larger than {MAXIMUM_BYTES // 1024} KiB.")
        return data.decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        raise _Unreadable("There is no such file.") from None
    except UnicodeDecodeError:
        raise _Unreadable("This file is not UTF-8 text.") from None
    except OSError as error:
        raise _Unreadable(f"This file can't be read: {error.strerror}.") from None


def _command(directory: Path, command: str, report: problems.Report) -> str:
    """The run script that a `command` amounts to."""
    if (directory / RUN_FILE).exists():
        report.add(("command",), f"There is a {RUN_FILE} too. Keep one of them.")
    return f"#!/bin/sh\ncd || exit 1\n{command}\n"


def _script(directory: Path, report: problems.Report, name: str = RUN_FILE) -> str:
    path = directory / name
    try:
        script = _read_text(path)
    except _Unreadable as error:
        ours = f"{error} It is what starts the application, unless app.toml has a command."
        report.add((), ours if name == RUN_FILE else str(error), file=str(path))
        return ""
    if not re.match(r"#! *(/[^\s]+)", script):
        report.add((), "It must begin with #! and the interpreter's path, such as #!/bin/sh.", file=str(path))
    if "\0" in script:
        report.add((), "It contains a NUL character.", file=str(path))
    return script
