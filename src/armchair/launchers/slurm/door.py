"""The door to Slurm's commands: who runs them. `DirectDoor` runs them as this process's own account."""

import asyncio
import os
import pwd
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from armchair.domain.errors import Refused
from armchair.domain.secret import Secret
from armchair.launchers import command
from armchair.launchers.command import Completed
from armchair.launchers.schedulerdoor import LIMIT, TAIL, TIMEOUT
from armchair.launchers.schedulerdoor import SlurmDoor as SlurmDoor  # noqa: PLC0414 - offered here to the room
from armchair.sessions.launcherports import NO_MANDATE

FIXED = {"TZ": "UTC", "LC_ALL": "C", "SLURM_TIME_FORMAT": "%s"}
_KEPT = frozenset({"SLURM_CONF", "SLURM_JWT"})
_SLURMS = ("SLURM_", "SLURMD_", "SBATCH_", "SRUN_", "SALLOC_", "SQUEUE_", "SINFO_", "SACCT_", "SCANCEL_", "SCONTROL_")
_OTHERS = frozenset({"SLURM_TIME_FORMAT", "LANG", "LANGUAGE", "TZDIR"})


class DirectDoor:
    """Runs the commands as this process's own account, with no right that it does not have itself."""

    def __init__(self, *, bin_directory: str = "", slurm_conf: str = "", environ: Mapping[str, str] | None = None) -> None:
        """`bin_directory` "": found on PATH. `slurm_conf` "": what SLURM_CONF says, else where Slurm looks by itself."""
        self._directory = bin_directory
        self._user = pwd.getpwuid(os.geteuid())
        self._environment = environment(os.environ if environ is None else environ, slurm_conf)

    @property
    def reader(self) -> str:
        """Who we are."""
        return self._user.pw_name

    @property
    def for_many(self) -> bool:
        """Never: we are one person."""
        return False

    async def read(self, argv: Sequence[str], *, timeout: timedelta = TIMEOUT, limit: int = LIMIT) -> Completed:  # noqa: ASYNC109 - as in command.run
        """Run it as ourselves."""
        return await self._run(argv, None, timeout, limit)

    async def act(
        self,
        run_as: str,
        argv: Sequence[str],
        *,
        stdin: Secret | None = None,
        mandate: Secret = NO_MANDATE,  # noqa: ARG002 - nobody else's power is used
        timeout: timedelta = TIMEOUT,  # noqa: ASYNC109 - as in command.run
    ) -> Completed:
        """Run it as ourselves. Raises Refused("not_this_user") for anybody else."""
        self._check(run_as)
        return await self._run(argv, stdin, timeout, LIMIT)

    async def tail(self, run_as: str, path: str, *, mandate: Secret = NO_MANDATE, limit: int = TAIL) -> str:  # noqa: ARG002 - as `act`
        """Read it as ourselves; a file that can't be read is none."""
        self._check(run_as)
        return await asyncio.to_thread(tail, path, Path(self._user.pw_dir), limit)

    def _check(self, run_as: str) -> None:
        if run_as not in {"", self.reader}:
            raise Refused("not_this_user", run_as=run_as, user=self.reader)

    async def _run(self, argv: Sequence[str], stdin: Secret | None, timeout: timedelta, limit: int) -> Completed:  # noqa: ASYNC109 - as in command.run
        program = str(Path(self._directory, argv[0])) if self._directory else argv[0]
        return await command.run(
            [program, *argv[1:]], stdin=stdin, timeout=timeout, limit=limit, env=self._environment, clean=True, cwd="/"
        )


def environment(base: Mapping[str, str], slurm_conf: str = "") -> dict[str, str]:
    """`base` without what changes Slurm's commands, with `FIXED`; `slurm_conf` replaces SLURM_CONF when it is set."""
    kept = {
        name: value
        for name, value in base.items()
        if name in _KEPT or not (name.startswith((*_SLURMS, "LC_")) or name in _OTHERS)
    }
    return {**kept, **FIXED, **({"SLURM_CONF": slurm_conf} if slurm_conf else {})}


def tail(path: str, home: Path, limit: int) -> str:
    """The last `limit` bytes of a regular file, decoded with replacement; "" when there is none. Blocking."""
    place = home / path.removeprefix("~/") if path.startswith("~/") else Path(path)
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            file.seek(max(0, os.fstat(descriptor).st_size - limit))
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return ""
