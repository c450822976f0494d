"""`armchair app check DIR`: all that can be said about an application directory without starting it."""

import re
from collections.abc import Collection
from pathlib import Path

from armchair.catalogue import definition
from armchair.catalogue.kits import Kits
from armchair.catalogue.toml_lines import Lines
from armchair.domain.errors import DefinitionProblem

README = "README.md"


def check(directory: Path, kits: Collection[str] | None = None) -> list[DefinitionProblem]:
    """Every mistake found, each with file, line and key; [] when the directory is good. Never raises.

    `kits` are the names of the kits there are; None stands for those that come with Armchair.
    """
    directory = directory.absolute()
    if not directory.is_dir():
        return [DefinitionProblem(file=str(directory), line=0, key="", message="There is no such directory.")]
    found, problems = definition.read(directory)
    return [*problems, *_readme(directory), *(_kit(directory, found, kits) if found else []), *_script(directory, found)]


def _readme(directory: Path) -> list[DefinitionProblem]:
    path = directory / README
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    if not text.strip():
        return [DefinitionProblem(file=str(path), line=0, key="", message="The README is empty.")]
    return []


def _kit(directory: Path, found: definition.Definition, kits: Collection[str] | None) -> list[DefinitionProblem]:
    known = Kits(directory).names() if kits is None else kits
    name = found.application.kit
    if not name or name in known:
        return []
    file = directory / definition.APP_FILE
    line = Lines(file.read_text(encoding="utf-8")).line(("kit",))
    message = f"There is no kit {name}. Kits: {', '.join(sorted(known))}."
    return [DefinitionProblem(file=str(file), line=line, key="kit", message=message)]


def _script(directory: Path, found: definition.Definition | None) -> list[DefinitionProblem]:
    """Variables of fields that the form does not have: a misspelt name is an empty answer at run time."""
    if found is None:
        return []
    names = {f"ARMCHAIR_FIELD_{field.name.upper()}" for field in found.application.fields}
    problems: list[DefinitionProblem] = []
    for number, line in enumerate(found.script.splitlines(), 1):
        for variable in re.findall(r"ARMCHAIR_FIELD_[A-Z0-9_]+", line.partition(" #")[0]):
            if variable not in names and not line.lstrip().startswith("#"):
                message = f"The form has no field for {variable}. Its fields: {', '.join(sorted(names)) or 'none'}."
                file = str(directory / definition.RUN_FILE)
                problems.append(DefinitionProblem(file=file, line=number, key=variable, message=message))
    return problems
