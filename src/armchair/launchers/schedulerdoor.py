"""The door to a scheduler's commands: what launchers need of whoever runs them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from armchair.domain.secret import Secret
from armchair.launchers.command import Completed
from armchair.sessions.launcherports import NO_MANDATE

TIMEOUT = timedelta(seconds=30)
LIMIT = 4 * 1024 * 1024
TAIL = 64 * 1024


class SlurmDoor(Protocol):
    """Runs Slurm's commands. `argv[0]` is the command's bare name ("squeue"); where it lies is the door's to know.

    Every command gets `FIXED` in its environment and no variable that changes what it does or prints (SBATCH_PARTITION,
    SQUEUE_FORMAT …). An exit code other than 0 is no error of the door. All methods raise CommandMissing, CommandTimedOut and
    CommandFailed (too long an answer), Refused when the door's keeper says no (certainly nothing ran), and Unavailable
    when it does not answer (nothing is known).
    """

    @property
    def reader(self) -> str:
        """The account that `read` runs as: what it may see of others' jobs is for the cluster to say."""
        ...

    @property
    def for_many(self) -> bool:
        """Whether it acts for many people; if not, all our jobs are the reader's own."""
        ...

    async def read(self, argv: Sequence[str], *, timeout: timedelta = TIMEOUT, limit: int = LIMIT) -> Completed:  # noqa: ASYNC109 - as in command.run
        """Run a command that changes nothing, as whoever may see most: squeue, sacct, scontrol show, sacctmgr show …"""
        ...

    async def act(
        self,
        run_as: str,
        argv: Sequence[str],
        *,
        stdin: Secret | None = None,
        mandate: Secret = NO_MANDATE,
        timeout: timedelta = TIMEOUT,  # noqa: ASYNC109 - as in command.run
    ) -> Completed:
        """Run a command of `commands.py` that changes something: sbatch (script on `stdin`), scancel, scontrol update.

        `run_as` is the account it is for; "": that of the mandate (or of this process, for a door without mandates).
        """
        ...

    async def tail(self, run_as: str, path: str, *, mandate: Secret = NO_MANDATE, limit: int = TAIL) -> str:
        """The last `limit` bytes of a job's output file, read as its owner, decoded with replacement; "" when there is none.

        `path` may begin with `~/`, the owner's home, and ends in `.out`.
        """
        ...
