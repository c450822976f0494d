"""One application directory in, one Application out: reads app.toml and checks what a schema can't say."""

import json
import re
import tomllib
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from pydantic import ValidationError

from armchair.catalogue import formcheck, icons, problems
from armchair.catalogue.requirements import Requirements
from armchair.catalogue.schema import NAME, AppFile, SizeTable
from armchair.domain.application import Application, AppType, Readiness, Size, Transport
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
    """A valid application, the text of its run script as it was when it was checked, and what it needs."""

    application: Application
    script: str
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
    script = _script(directory, report)
    icons.check(directory / table.icon, report)
    fields = formcheck.build(table.fields, report)
    formcheck.check_transport(table.connection.field, fields, report)
    sizes = tuple(_size(size) for size in table.sizes) or DEFAULT_SIZES
    formcheck.check_sizes(sizes, report)
    if table.type == "x11" and table.connection.model_fields_set:
        report.add(("connection",), "An x11 application has no connection of its own: Armchair brings its windows over.")
    if report.problems:
        return None, report.problems
    application = replace(_application(directory, table), sizes=sizes, fields=fields)
    requires = table.requires
    requirements = Requirements(commands=requires.commands, files=requires.files, packages=requires.packages, kit=table.kit)
    definition = Definition(application=application, script=script, requirements=requirements.for_type(application.type))
    return definition, []


def _application(directory: Path, table: AppFile) -> Application:
    return Application(
        name=directory.name,
        version=table.version,
        title=table.title,
        description=table.description,
        category=table.category,
        type=AppType(table.type),
        directory=str(directory.absolute()),
        icon=table.icon,
        transport=Transport(table.connection.transport),
        transport_field=table.connection.field,
        readiness=_readiness(table),
        start_path=_start_path(table),
        stop_signal=table.stop.signal,
        stop_grace=timedelta(seconds=parse_duration(table.stop.grace) or 0),
        kit=table.kit,
        environment=dict(table.environment),
    )


def _readiness(table: AppFile) -> Readiness:
    ranges: list[tuple[int, int]] = []
    for status in table.readiness.statuses:
        low, _, high = str(status).partition("-")
        ranges.append((int(low), int(high or low)))
    # Xpra answers /Status as soon as it can show windows
    path = "/Status" if table.type == "x11" and "path" not in table.readiness.model_fields_set else table.readiness.path
    return Readiness(path=path, statuses=tuple(ranges), usual=timedelta(seconds=parse_duration(table.readiness.usual) or 0))


def _start_path(table: AppFile) -> str:
    # two browsers see the same windows; without this the second takes them away from the first
    return (
        "/?sharing=true&sound=false&printing=false&file_transfer=false"
        if (table.type == "x11" and table.start_path == "/")
        else table.start_path
    )


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


def _script(directory: Path, report: problems.Report) -> str:
    path = directory / RUN_FILE
    try:
        script = _read_text(path)
    except _Unreadable as error:
        report.add((), f"{error} It is what starts the application.", file=str(path))
        return ""
    if not re.match(r"#! *(/[^\s]+)", script):
        report.add((), "It must begin with #! and the interpreter's path, such as #!/bin/sh.", file=str(path))
    if "\0" in script:
        report.add((), "It contains a NUL character.", file=str(path))
    return script
