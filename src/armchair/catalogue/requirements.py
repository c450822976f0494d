"""What an application needs of this machine, what of it is absent, and the exact command that cures it."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from armchair.catalogue.displays.backend import DisplayBackend
from armchair.catalogue.kits import Kits
from armchair.domain.application import Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """Programs, files and a kit that must be there, and the Debian packages that bring the programs and files.

    A `cure` is the command to show instead of one that installs the packages. `besides` has a cure of its own.
    """

    commands: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    kit: str = ""
    cure: str = ""
    besides: "Requirements | None" = None

    def for_display(self, backend: DisplayBackend) -> "Requirements":
        """These, and what Armchair itself needs to show windows in this way."""
        if self.cure:
            own = Requirements(commands=backend.commands, files=backend.files, packages=backend.packages)
            return replace(self, besides=own)
        return replace(
            self,
            commands=(*backend.commands, *self.commands),
            files=(*backend.files, *self.files),
            packages=tuple(dict.fromkeys((*backend.packages, *self.packages))),
        )

    def programs(self) -> tuple[Missing, ...]:
        """The programs and files that are absent now. The portal's PATH is asked: that of jobs on this machine is the same."""
        found = () if self.besides is None else self.besides.programs()
        absent = [name for name in self.commands if shutil.which(name) is None]
        absent += [name for name in self.files if not Path(name).exists()]
        return (*found, Missing(what=", ".join(absent), cure=self._cure(absent))) if absent else found

    def kits(self, kits: Kits) -> tuple[Missing, ...]:
        """The kit, if it is absent now."""
        if not self.kit or kits.status(self.kit).ready:
            return ()
        # the place is named: whoever types this may have other settings than the portal, as root has on a site
        cure = f"{program()} kit install {self.kit} --directory {shlex.quote(str(kits.directory))}"
        return (Missing(what=f"the kit {self.kit}", cure=cure),)

    def _cure(self, absent: list[str]) -> str:
        return self.cure or install(self.packages or absent)


def install(packages: Iterable[str]) -> str:
    """The command that installs these packages of Debian's."""
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    return command if os.geteuid() == 0 else f"sudo {command}"


def program() -> str:
    """What to type to run this very armchair: its name, or its path when the name would find nothing or another one."""
    beside = Path(sys.executable).parent / "armchair"
    if not beside.exists() or shutil.which("armchair") == str(beside):
        return "armchair"
    return str(beside)
