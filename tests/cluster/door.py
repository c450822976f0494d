"""The launcher's door for tests that run as root: its commands run as one of the cluster's people, on the machine itself."""

import pwd
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from armchair.domain.secret import Secret
from armchair.launchers import command
from armchair.launchers.command import Completed
from armchair.launchers.slurm.door import DirectDoor


class PersonDoor(DirectDoor):
    """As if `user` ran the launcher."""

    def __init__(self, user: str, slurm_conf: Path, bin_directory: str = "") -> None:
        super().__init__(slurm_conf=str(slurm_conf), bin_directory=bin_directory)
        self._user = pwd.getpwnam(user)

    async def _run(self, argv: Sequence[str], stdin: Secret | None, timeout: timedelta, limit: int) -> Completed:  # noqa: ASYNC109 - as in its base
        program = str(Path(self._directory, argv[0])) if self._directory else argv[0]
        return await command.run(
            ["runuser", "-u", self.reader, "--", program, *argv[1:]],
            stdin=stdin,
            timeout=timeout,
            limit=limit,
            env=self._environment,
            clean=True,
            cwd="/",
        )
