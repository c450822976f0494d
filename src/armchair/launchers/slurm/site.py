"""What the launcher must know of a cluster: what it may see and do, and whether there is accounting. Read rarely, and kept."""

import time
from dataclasses import dataclass

import structlog

from armchair.domain.errors import SchedulerSilent
from armchair.launchers.slurm.door import SlurmDoor
from armchair.launchers.slurm.kept import Kept
from armchair.launchers.slurm.queries import Queries
from armchair.launchers.slurm.settings import Accounting

log = structlog.get_logger()

_KEEP = 600.0
_AGAIN = 15.0
_OPERATORS = frozenset({"Operator", "Administrator"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """`trusted`: a job of ours that a query does not show is really not there. `sees_all`: so is anybody else's."""

    trusted: bool
    sees_all: bool
    accounting: bool


class SiteKnowledge:
    """Asks for the cluster's configuration now and then; what was learned last stays until there is better."""

    def __init__(self, queries: Queries, door: SlurmDoor, accounting: Accounting, name: str) -> None:
        self._queries = queries
        self._door = door
        self._accounting = accounting
        self._name = name
        self._known: Site | None = None
        self._due = 0.0

    async def get(self) -> Site | None:
        """What is known; None when nothing is yet. Never raises."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _AGAIN
            try:
                site = await self._ask()
            except SchedulerSilent as silence:
                log.info("slurm.config_unknown", cluster=self._name, reason=silence.params.get("reason"))
            else:
                if not site.trusted and (self._known is None or self._known.trusted):
                    log.warning("slurm.jobs_hidden", cluster=self._name, reader=self._door.reader)
                self._known, self._due = site, time.monotonic() + _KEEP
        return self._known

    async def _ask(self) -> Site:
        config = await self._queries.config()
        private = {word.strip().lower() for word in config.get("PrivateData", "none").split(",")}
        hidden = bool(private & {"jobs", "all"})
        sees_all = not hidden or await self._is_operator(config)
        has_accounting = config.get("AccountingStorageType", "").endswith("slurmdbd")
        return Site(
            # without PrivateData everybody sees all; with it, each their own
            trusted="PrivateData" in config and (sees_all or not self._door.for_many),
            sees_all=sees_all,
            accounting=has_accounting if self._accounting is Accounting.AUTO else self._accounting is Accounting.ON,
        )

    async def _is_operator(self, config: dict[str, str]) -> bool:
        reader = self._door.reader
        if _owns(reader, config):
            return True
        try:
            return await self._queries.admin_level(reader) in _OPERATORS
        except SchedulerSilent:
            return False


class OwnRights:
    """Whether the account that acts for itself may raise the limits of its jobs: Slurm lets only operators.

    Asked in the background when somebody looks at a job that could get more time.
    """

    def __init__(self, queries: Queries, door: SlurmDoor, name: str) -> None:
        self._queries = queries
        self._door = door
        self._kept = Kept(f"{name}.rights", self._read, _KEEP)

    def gives_time(self) -> bool:
        """False when it is known that it may not. A helper has rights of its own, which only trying shows."""
        return self._door.for_many or self._kept.peek() is not False

    async def close(self) -> None:
        """End what goes on in the background."""
        await self._kept.close()

    async def _read(self) -> bool:
        """Raises SchedulerSilent, also where there is no accounting to ask."""
        if _owns(self._door.reader, await self._queries.config()):
            return True
        level, coordinates = await self._queries.standing(self._door.reader)
        # a coordinator's rights differ between Slurm's versions: only trying shows
        return level in _OPERATORS or bool(coordinates)


def _owns(reader: str, config: dict[str, str]) -> bool:
    return reader in {"root", config.get("SlurmUser", "").partition("(")[0]}
