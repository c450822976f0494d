"""What the services run is as powerful as they are: only root may be able to change it, and they must be able to read it."""

import os
import stat
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from armchair.setup.site import Finding

_SHEBANG = b"#!"


def findings(program: Path) -> Sequence[Finding]:
    """The first thing that is wrong with the command, the Python that runs it, or what that loads."""
    if not program.exists():
        cure = "Name the command: armchair setup --program /opt/armchair/bin/armchair"
        return [Finding(what=f"{program} is not there.", cure=cure)]
    found = next(chain(_way_to(program, program), _loaded_by(program)), None)
    return [] if found is None else [found]


def _way_to(path: Path, program: Path) -> Iterator[Finding]:
    """The file and every directory on the way to it."""
    whole = path.resolve()
    for one in (whole, *whole.parents):
        found = one.stat()
        if _is_others(found):
            yield _changeable(one, program)
        elif not found.st_mode & stat.S_IXOTH and (one != whole or path == program):
            what = f"{one} is closed to the accounts of the services, which run {program}."
            yield Finding(what=what, cure="Install Armchair in a directory that everybody can read, such as /opt/armchair.")


def _loaded_by(program: Path) -> Iterator[Finding]:
    with program.open("rb") as file:
        first = file.readline(4096).strip()
    interpreter = Path(os.fsdecode(first.removeprefix(_SHEBANG).split(b" ")[0])) if first.startswith(_SHEBANG) else None
    if interpreter is not None and interpreter.exists():
        yield from _way_to(interpreter, program)
    for place in program.resolve().parent.parent.glob("lib/python3*/site-packages"):
        yield from _way_to(place, program)
        for directory, _, files in os.walk(place):
            for one in (Path(directory), *(Path(directory, name) for name in files)):
                if one.exists() and _is_others(one.stat()):
                    yield _changeable(one, program)
        for linked in place.glob("*.pth"):  # where packages lie that are installed to be edited
            for line in linked.read_text("utf-8", "replace").splitlines():
                if line.startswith("/") and Path(line).is_dir():
                    yield from _way_to(Path(line), program)


def _is_others(found: os.stat_result) -> bool:
    by_others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
    return found.st_uid != 0 or bool(by_others)


def _changeable(path: Path, program: Path) -> Finding:
    what = f"{path} can be changed by others than root, and the services run {program}."
    return Finding(what=what, cure="Install Armchair as root, in a directory such as /opt/armchair.")
