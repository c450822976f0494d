"""Kits: Python environments for applications, installed once from pinned, hashed requirements.

A virtual environment can't be moved, so a kit is built where it will stay, in a directory named for the content of its
requirements, and counts as there only once its `.ready` file is. A broken-off installation is gone on with by the next.
"""

import fcntl
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Protocol

from armchair.domain.errors import ArmchairError, Conflict, NotFound, Unavailable

READY = ".ready"
_INSTALL_TIME = timedelta(minutes=30)
_TAIL = 2000


class Completed(Protocol):
    """What came of a command."""

    @property
    def exit_code(self) -> int: ...
    @property
    def stdout(self) -> str: ...
    @property
    def stderr(self) -> str: ...


class Run(Protocol):
    """Runs a command: `armchair.launchers.command.run`, handed in because rooms beside each other do not import each other."""

    async def __call__(
        self,
        argv: Sequence[str],
        *,
        timeout: timedelta,  # noqa: ASYNC109 the command's own limit: it ends the process, not only the wait
        env: Mapping[str, str],
    ) -> Completed: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KitStatus:
    """A kit as it is now. `version` is the beginning of its requirements' SHA-256; `directory` where it is or will be."""

    name: str
    directory: str
    ready: bool
    version: str


class Kits:
    """The kits under one directory. Which there are is given by the requirements shipped beside this module."""

    def __init__(self, directory: Path, shipped: Path | None = None) -> None:
        self._directory = directory.absolute()
        self._shipped = shipped or Path(str(resources.files("armchair.catalogue"))) / "kits_shipped"

    @property
    def directory(self) -> Path:
        """Where they are, or will be."""
        return self._directory

    def names(self) -> tuple[str, ...]:
        """The kits that can be installed."""
        return tuple(sorted(path.stem for path in self._shipped.glob("*.txt")))

    def status(self, name: str) -> KitStatus:
        """The kit as it is now; one of an unknown name is never ready."""
        version = self._version(name)
        directory = self._directory / f"{name}-{version}" if version else self._directory / name
        return KitStatus(name=name, directory=str(directory), ready=(directory / READY).is_file(), version=version)

    async def install(self, name: str, run: Run, progress: Callable[[str], None]) -> KitStatus:
        """Install the kit, or go on where an earlier attempt broke off; a kit that is ready is left alone.

        `progress` gets "kit.creating", "kit.downloading", "kit.checking", "kit.ready". Raises NotFound("no_such_kit"),
        Conflict("kit_install_running"), Unavailable("kit_install_failed", step, reason).
        """
        if name not in self.names():
            raise NotFound("no_such_kit", kit=name, known=list(self.names()))
        status = self.status(name)
        target = Path(status.directory)
        if not status.ready:
            self._make(name, target)
            with _locked(target.with_suffix(".lock"), name):
                await self._build(name, target, run, progress)
        progress("kit.ready")
        return self.status(name)

    def _make(self, name: str, target: Path) -> None:
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable("kit_install_failed", kit=name, step="create", reason=str(error)) from error

    async def _build(self, name: str, target: Path, run: Run, progress: Callable[[str], None]) -> None:
        async def step(title: str, *argv: str) -> None:
            await _step(name, title, argv, run)

        python = str(target / "bin" / "python")
        progress("kit.creating")
        await step("create", sys.executable, "-m", "venv", str(target))
        progress("kit.downloading")
        pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--no-input", "--quiet", "--only-binary=:all:")
        await step("download", *pip, "--require-hashes", "--requirement", str(self._shipped / f"{name}.txt"))
        progress("kit.checking")
        await step("check", python, "-m", "pip", "check")
        self._finish(name, target)

    def _finish(self, name: str, target: Path) -> None:
        """Add the files that we ship for the kit, then the mark that it is whole."""
        extras = self._shipped / name
        try:
            for source in sorted(path for path in extras.rglob("*") if path.is_file()):
                copy = target / source.relative_to(extras)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(source.read_bytes())
            (target / READY).write_text(self._version(name) + "\n")
        except OSError as error:
            raise Unavailable("kit_install_failed", kit=name, step="finish", reason=str(error)) from error

    def _version(self, name: str) -> str:
        """Begins the hash of all that goes into the kit, so that another content is another kit; "" for an unknown one."""
        listing = self._shipped / f"{name}.txt"
        if name not in self.names():
            return ""
        digest = hashlib.sha256(listing.read_bytes())
        for path in sorted(path for path in (self._shipped / name).rglob("*") if path.is_file()):
            digest.update(f"\0{path.relative_to(self._shipped)}\0".encode() + path.read_bytes())
        digest.update(f"{sys.version_info.major}.{sys.version_info.minor}".encode())
        return digest.hexdigest()[:12]


async def _step(name: str, title: str, argv: Sequence[str], run: Run) -> None:
    try:
        completed = await run(argv, timeout=_INSTALL_TIME, env={"PIP_NO_INPUT": "1", "PYTHONNOUSERSITE": "1"})
    except ArmchairError as error:
        raise Unavailable("kit_install_failed", kit=name, step=title, reason=str(error)) from error
    if completed.exit_code != 0:
        reason = (completed.stderr.strip() or completed.stdout.strip())[-_TAIL:]
        raise Unavailable("kit_install_failed", kit=name, step=title, reason=reason)


@contextmanager
def _locked(path: Path, name: str) -> Iterator[None]:
    """Two installations of one kit at once would spoil each other; the lock goes with the process that holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("kit_install_running", kit=name) from None
        yield
    finally:
        os.close(handle)
