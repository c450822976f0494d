"""What an application needs of this machine, what of it is absent, and the exact command that cures it."""

import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from armchair.catalogue.kits import Kits
from armchair.domain.application import AppType, Missing

# What Armchair itself needs to show X11 windows, besides what the application names.
X11_COMMANDS = ("xpra", "Xvfb", "xauth")
X11_FILES = ("/usr/share/xpra/www/index.html",)
X11_PACKAGES = ("xpra", "xvfb", "xauth", "libjs-jquery", "python3-lz4", "python3-numpy", "python3-pil", "python3-xdg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """Programs, files and a kit that must be there, and the Debian packages that bring the programs and files."""

    commands: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    kit: str = ""

    def for_type(self, kind: AppType) -> "Requirements":
        """These, and what each application of this type needs."""
        if kind is not AppType.X11:
            return self
        return replace(
            self,
            commands=(*X11_COMMANDS, *self.commands),
            files=(*X11_FILES, *self.files),
            packages=tuple(dict.fromkeys((*X11_PACKAGES, *self.packages))),
        )

    def missing(self, kits: Kits) -> tuple[Missing, ...]:
        """What is absent now. The portal's PATH is asked, as that of the jobs on this machine is the same."""
        found: list[Missing] = []
        absent = [name for name in self.commands if shutil.which(name) is None]
        absent += [name for name in self.files if not Path(name).exists()]
        if absent:
            found.append(Missing(what=", ".join(absent), cure=self._cure(absent)))
        if self.kit and not kits.status(self.kit).ready:
            found.append(Missing(what=f"the kit {self.kit}", cure=f"{program()} kit install {self.kit}"))
        return tuple(found)

    def _cure(self, absent: list[str]) -> str:
        packages = self.packages or absent
        command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
        return command if os.geteuid() == 0 else f"sudo {command}"


def program() -> str:
    """What to type to run this very armchair: its name, or its path when the name would find nothing or another one."""
    beside = Path(sys.executable).parent / "armchair"
    if not beside.exists() or shutil.which("armchair") == str(beside):
        return "armchair"
    return str(beside)
