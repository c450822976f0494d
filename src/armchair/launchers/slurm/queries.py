"""The questions that the launcher asks Slurm. Each answer is data, or SchedulerSilent when there was none to be used."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from armchair.domain.errors import ArmchairError, SchedulerSilent
from armchair.launchers.command import CommandFailed, Completed
from armchair.launchers.schedulerdoor import LIMIT, SlurmDoor
from armchair.launchers.slurm import answers, commands, parse
from armchair.launchers.slurm.parse import Row
from armchair.sessions.pace import Allowance

log = structlog.get_logger()

ALL_JOBS_LIMIT = 64 * 1024 * 1024


class TooMuch(SchedulerSilent):
    """The answer was longer than asked for."""


class Queries:
    """Asks through `door`. `name` is the cluster's name in this portal, `cluster` its name for Slurm's -M ("": the default).

    `allowance` counts each look at the queue.
    """

    def __init__(
        self, door: SlurmDoor, *, name: str, cluster: str, timeout: timedelta, allowance: Allowance | None = None
    ) -> None:
        self._door = door
        self._name = name
        self._cluster = cluster
        self._timeout = timeout
        self._basic = False
        self._allowance = allowance

    def silence(self, reason: str) -> SchedulerSilent:
        """What to raise when a command gave nothing."""
        return SchedulerSilent("scheduler_silent", cluster=self._name, reason=reason)

    async def queue(self, jobs: Sequence[str] = (), *, user: str = "", limit: int = LIMIT) -> list[Row]:
        """The jobs that the controller lists, also ended ones: these `jobs`, all of `user`, or all. Unknown ones are absent.

        Raises TooMuch when there are more than `limit` bytes of them.
        """
        basic, separator = self._basic, parse.new_separator()
        if self._allowance is not None:
            self._allowance.take(time.monotonic())
        done = await self._read(commands.queue(separator, jobs, user=user, basic=basic, cluster=self._cluster), limit)
        if answers.is_unknown_job(done):
            return []
        if answers.is_unknown_field(done) and not basic:
            log.warning("slurm.old_squeue", cluster=self._name, words=answers.sentence(done))
            self._basic = True
            return await self.queue(jobs, user=user, limit=limit)
        return parse.queue(self._usable(done), separator, basic=basic)

    async def accounting(self, *, jobs: Sequence[str] = (), user: str = "", since: datetime) -> list[Row]:
        """What accounting has of these jobs, or of all of `user`, since then."""
        separator = parse.new_separator()
        argv = commands.accounting(separator, jobs=jobs, user=user, since=since, cluster=self._cluster)
        return parse.accounting(self._usable(await self._read(argv, ALL_JOBS_LIMIT)), separator)

    async def controller(self, job: str) -> Row | None:
        """What the controller says of one job; None when it has none of this id."""
        done = await self._read(commands.show_job(job, self._cluster), LIMIT)
        return None if answers.is_unknown_job(done) else parse.controller(self._usable(done))

    async def config(self) -> dict[str, str]:
        """The cluster's configuration."""
        return parse.config(self._usable(await self._read(commands.show_config(self._cluster), LIMIT)))

    async def admin_level(self, user: str) -> str:
        """The account's rights in accounting: "None", "Operator", "Administrator", or "" when it is not known there."""
        done = await self._read(commands.admin_level(user), LIMIT)
        return self._usable(done).strip().partition("\n")[0].strip("|").strip()

    async def standing(self, user: str) -> tuple[str, str]:
        """The account's rights in accounting as `admin_level`, and the group accounts that it coordinates."""
        done = await self._read(commands.standing(user), LIMIT)
        level, _, coordinates = self._usable(done).strip().partition("\n")[0].partition("|")
        return level.strip(), coordinates.strip("| ")

    async def node_addresses(self, nodes: Sequence[str]) -> dict[str, str]:
        """NodeAddr of these nodes, as far as they are known."""
        separator = parse.new_separator()
        text = self._usable(await self._read(commands.node_addresses(separator, nodes, self._cluster), LIMIT))
        return {node.strip(): address.strip() for node, address in parse.records(text, separator, 2)}

    async def _read(self, argv: Sequence[str], limit: int) -> Completed:
        try:
            return await self._door.read(argv, timeout=self._timeout, limit=limit)
        except CommandFailed as error:
            if error.code == "command_output_too_long":
                raise TooMuch("scheduler_silent", cluster=self._name, reason=str(error)) from error
            raise self.silence(str(error)) from error
        except ArmchairError as error:
            raise self.silence(str(error)) from error

    def _usable(self, done: Completed) -> str:
        if answers.is_error(done):
            raise self.silence(answers.sentence(done))
        return done.stdout
