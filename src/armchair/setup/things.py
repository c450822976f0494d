"""What set-up makes: groups, accounts, directories, files. Each can say what is wrong with it, and put it right."""

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from armchair.domain.errors import BadSettings
from armchair.launchers import command

NOLOGIN = "/usr/sbin/nologin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where things are: this machine, or (`root`) a directory into which files are rendered, without accounts and owners."""

    root: Path = Path("/")

    @property
    def is_machine(self) -> bool:
        """Whether accounts and owners count."""
        return self.root == Path("/")

    def at(self, path: Path) -> Path:
        """Where this path lies."""
        return self.root / str(path).lstrip("/")


class Thing(Protocol):
    """One thing that a site has."""

    def wrong(self, ground: Ground) -> str:
        """A sentence about what is not as it should be; "" when all is well."""
        ...

    async def mend(self, ground: Ground) -> None:
        """Make it as it should be. Raises what `command.run` raises, and OSError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A Unix group."""

    name: str

    def wrong(self, ground: Ground) -> str:
        return "" if not ground.is_machine or _gid(self.name) is not None else f"There is no group {self.name}."

    async def mend(self, ground: Ground) -> None:
        if ground.is_machine:
            (await command.run(["groupadd", "--system", self.name])).check()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A service's account with a group of its own: no shell, no password, a home that it need not have."""

    name: str
    home: Path

    def wrong(self, ground: Ground) -> str:
        if not ground.is_machine:
            return ""
        try:
            entry = pwd.getpwnam(self.name)
        except KeyError:
            return f"There is no account {self.name}."
        if entry.pw_uid == 0:
            return f"The account {self.name} is root."
        if entry.pw_gid != _gid(self.name):
            return f"The first group of the account {self.name} is not its own, and what is its alone would be others' too."
        return ""

    async def mend(self, ground: Ground) -> None:
        if not ground.is_machine:
            return
        if _uid(self.name) == 0:
            problem = "a service is to have an account of its own, and this one is root"
            raise BadSettings("bad_settings", key=self.name, origin="", problem=problem)
        if _gid(self.name) is None:
            (await command.run(["groupadd", "--system", self.name])).check()
        if _uid(self.name) is None:
            options = ["--system", "--gid", self.name, "--no-create-home", "--home-dir", str(self.home), "--shell", NOLOGIN]
            (await command.run(["useradd", *options, self.name])).check()
        else:
            (await command.run(["usermod", "--gid", self.name, self.name])).check()


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A directory with owner, group and mode."""

    path: Path
    owner: str = "root"
    group: str = "root"
    mode: int = 0o755

    def wrong(self, ground: Ground) -> str:
        return _wrong(ground, self.path, self.owner, self.group, self.mode) or (
            "" if ground.at(self.path).is_dir() else f"{self.path} is no directory."
        )

    async def mend(self, ground: Ground) -> None:
        path = ground.at(self.path)
        path.mkdir(parents=True, exist_ok=True)
        _own(ground, path, self.owner, self.group, self.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file with this text. `keep`: the administrator's once it is there. `check`: a command that has to like it."""

    path: Path
    text: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    keep: bool = False
    check: Sequence[str] = ()

    def wrong(self, ground: Ground) -> str:
        found = _wrong(ground, self.path, self.owner, self.group, self.mode)
        if found or self.keep or ground.at(self.path).read_text("utf-8", "replace") == self.text:
            return found
        return f"{self.path} is not as `armchair setup` writes it."

    async def mend(self, ground: Ground) -> None:
        path = ground.at(self.path)
        if self.keep and path.exists():
            _own(ground, path, self.owner, self.group, self.mode)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        # sudo and PAM read no file whose name has a dot in it or ends like this: a half-written one does no harm
        half = path.with_name(f".{path.name}.armchair~")
        half.unlink(missing_ok=True)
        try:
            half.touch(mode=0o600)
            half.write_text(self.text, "utf-8")
            _own(ground, half, self.owner, self.group, self.mode)
            if self.check:
                (await command.run([*self.check, str(half)])).check()
            half.rename(path)
        finally:
            half.unlink(missing_ok=True)


def _wrong(ground: Ground, path: Path, owner: str, group: str, mode: int) -> str:
    try:
        found = ground.at(path).lstat()
    except OSError:
        return f"{path} is not there."
    if stat.S_ISLNK(found.st_mode):
        return f"{path} is a link; it has to be there itself."
    if stat.S_IMODE(found.st_mode) != mode:
        return f"{path} has mode {stat.S_IMODE(found.st_mode):o} and should have {mode:o}."
    if ground.is_machine and (found.st_uid, found.st_gid) != (_uid(owner), _gid(group)):
        return f"{path} should belong to {owner}:{group}."
    return ""


def _own(ground: Ground, path: Path, owner: str, group: str, mode: int) -> None:
    if ground.is_machine:
        os.chown(path, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid, follow_symlinks=False)
    path.chmod(mode)


def _uid(name: str) -> int | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name).pw_uid
    return None


def _gid(name: str) -> int | None:
    with contextlib.suppress(KeyError):
        return grp.getgrnam(name).gr_gid
    return None
