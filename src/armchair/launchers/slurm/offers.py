"""What a cluster offers and how busy it is, for all its viewers, from few answers that are kept: the queue's part of the port.

Whatever the number of viewers, Slurm gets in a minute at most: 1 `scontrol show partition`, 1 `scontrol show reservation`,
3 sinfo, 3 squeue, and each five minutes 4 questions about configuration and accounts. Nobody views: nothing is asked.
"""

import asyncio
import grp
import os
import pwd
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from armchair.domain.cluster import ClusterJob, Estimate, Offer, Overview, Starts
from armchair.domain.errors import ArmchairError, SchedulerSilent
from armchair.domain.session import Placement, Resources
from armchair.launchers.schedulerdoor import LIMIT, SlurmDoor
from armchair.launchers.slurm import answers, crowding, offerbuild, offerparse, overview, parse, questions
from armchair.launchers.slurm.estimate import Estimates
from armchair.launchers.slurm.kept import Kept
from armchair.launchers.slurm.offerparse import NodeFacts, PartitionFacts, ReservationFacts
from armchair.launchers.slurm.overview import QueuedJob

BUSY, SITE, BOOKS, GROUPS = 20.0, 60.0, 300.0, 300.0  # seconds that answers are kept
LARGE = 64 * 1024 * 1024
TIMEOUT = timedelta(seconds=30)
_STRANGER = 60.0  # how often accounting is asked anew because somebody is not in it
_GROUPS_KEPT = 2000
NESTED_SINCE = (25, 11)

Answer = TypeVar("Answer")


class QueueDesk:
    """Answers `offer`, `estimate`, `overview` and `jobs` of the port `Scheduler` for one cluster.

    `name` is the cluster's name in this portal, `cluster` its name for Slurm's --clusters ("": the default one).
    `estimates_per_minute` 0: none are asked for.
    """

    def __init__(  # noqa: PLR0913 - what it asks through, how often, and whose clocks it goes by
        self,
        door: SlurmDoor,
        *,
        name: str,
        cluster: str = "",
        estimates_per_minute: int = 6,
        extra: tuple[str, ...] = (),
        timeout: timedelta = TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._door, self._name, self._cluster, self._timeout = door, name, cluster, timeout
        self._clock, self._now = clock, now
        self._listeners: list[Callable[[], None]] = []
        self._estimates = Estimates(
            door,
            per_minute=estimates_per_minute,
            news=self._tell,
            cluster=cluster,
            extra=extra,
            clock=clock,
            now=now,
        )

        def kept(what: str, read: Callable[[], Awaitable[Answer]], seconds: float) -> Kept[Answer]:
            return Kept(f"{name}.{what}", read, seconds, news=self._tell, live=what == "queue", clock=clock)

        self._config = kept("config", self._read_config, BOOKS * 2)
        self._partitions = kept("partitions", self._read_partitions, SITE)
        self._reservations = kept("reservations", self._read_reservations, SITE)
        self._nodes = kept("nodes", self._read_nodes, BUSY)
        self._queue = kept("queue", self._read_queue, BUSY)
        self._books = kept("books", self._read_books, BOOKS)
        self._groups: dict[str, tuple[float, frozenset[str] | None]] = {}
        self._stranger_at = 0.0
        # counted once for all viewers: of thousands of nodes and jobs that takes a while
        self._shown: tuple[Sequence[object], Overview] | None = None

    # --- the port's ---

    def watch(self, news: Callable[[], None]) -> None:
        """Call `news` whenever an answer is there that somebody may be waiting for."""
        self._listeners.append(news)

    async def close(self) -> None:
        """End what goes on in the background."""
        self._listeners.clear()
        for one in (self._estimates, self._config, self._partitions, self._reservations, self._nodes, self._queue, self._books):
            await one.close()

    async def offer(self, login: str) -> Offer:
        """What this person may use. Raises SchedulerSilent when the controller has never answered."""
        partitions, nodes, reservations, books, groups = await asyncio.gather(
            self._partitions.get(),
            self._nodes.get(),
            self._or(self._reservations, []),
            self._known_books(),
            self._groups_of(login),
        )
        places = offerbuild.Places(partitions=partitions, nodes=nodes, reservations=reservations)
        found = offerbuild.offer(self._name, login, places, books, groups, self._now())
        if not found.known and self._clock() - self._stranger_at > _STRANGER:
            # just told to accounting, perhaps: nobody should have to wait until the books are old
            self._stranger_at = self._clock()
            self._books.refresh()
        return found

    def estimate(self, login: str, resources: Resources, placement: Placement) -> Estimate:
        """When a job of this shape would start, from what is known now.

        `--test-only` looks for free nodes alone. So a partition that is closed, and limits of what may run at the same time,
        are looked at here: the estimate is then UNKNOWN, with the code for which the job would wait.
        """
        found = self._estimates.get(login, resources, placement)
        if found.starts not in {Starts.NOW, Starts.LATER}:
            return found
        waits_for = self._waits_for(crowding.Asked(login=login, resources=resources, placement=placement))
        return replace(found, starts=Starts.UNKNOWN, at=None, reason=waits_for) if waits_for else found

    def _waits_for(self, asked: crowding.Asked) -> str:
        partitions, books = self._partitions.peek() or [], self._books.peek()
        place = next((one for one in partitions if one.name == asked.placement.partition), None)
        if place is not None and place.state != "UP":
            return "PartitionDown" if place.state == "DOWN" else "PartitionInactive"
        if books is None or not crowding.has_rules(asked, books, partitions):
            return ""
        return crowding.full(asked, books, partitions, self._queue.peek() or [])

    async def overview(self) -> Overview:
        """How busy each partition is."""
        facts = await asyncio.gather(self._partitions.get(), self._nodes.get(), self._queue.get())
        if self._shown is None or any(new is not old for new, old in zip(facts, self._shown[0], strict=True)):
            self._shown = (facts, overview.overview(self._name, *facts, self._now()))
        return self._shown[1]

    async def jobs(self, login: str) -> Sequence[ClusterJob]:
        """All this person's jobs that are not over, in the order of the queue."""
        return [one.job for one in await self._queue.get() if one.user == login]

    # --- what is asked ---

    async def _read_config(self) -> dict[str, str]:
        return parse.config(await self._ask(questions.configuration(self._cluster)))

    async def _read_partitions(self) -> list[PartitionFacts]:
        return offerparse.partitions(await self._ask(questions.all_of("partition", self._cluster)))

    async def _read_reservations(self) -> list[ReservationFacts]:
        return offerparse.reservations(await self._ask(questions.all_of("reservation", self._cluster)))

    async def _read_nodes(self) -> list[NodeFacts]:
        return offerparse.nodes(await self._ask(questions.nodes(offerparse.NODE_FIELDS, self._cluster), LARGE))

    async def _read_queue(self) -> list[QueuedJob]:
        separator = parse.new_separator()
        argv = questions.queue(overview.JOB_FIELDS, separator, self._cluster)
        return overview.jobs(await self._ask(argv, LARGE), separator)

    async def _read_books(self) -> offerbuild.Books:
        config = await self._config.get()
        if not config.get("AccountingStorageType", "").endswith("slurmdbd"):
            return offerbuild.Books()
        enforced = {word.strip().lower() for word in config.get("AccountingStorageEnforce", "").split(",")}
        name = config.get("ClusterName", self._cluster)
        qos = await self._ask(questions.accounting("qos", offerparse.QOS_FIELDS))
        users = await self._ask(questions.accounting("user", offerparse.USER_FIELDS), LARGE)
        rows = await self._ask(questions.accounting("association", offerparse.ASSOCIATION_FIELDS, cluster=name), LARGE)
        return offerbuild.Books(
            associations=offerparse.associations(rows),
            qos=offerparse.qos(qos),
            defaults=offerparse.default_accounts(users),
            enforced=bool(enforced & {"associations", "limits", "qos", "safe", "all", "1"}),
            limits=bool(enforced & {"limits", "safe", "all"}),
            nested=parse.release(config) >= NESTED_SINCE,
        )

    async def _known_books(self) -> offerbuild.Books | None:
        try:
            return await self._books.get()
        except SchedulerSilent:
            return None

    async def _or(self, kept: Kept[Answer], otherwise: Answer) -> Answer:
        try:
            return await kept.get()
        except SchedulerSilent:
            return otherwise

    async def _groups_of(self, login: str) -> frozenset[str] | None:
        """The person's Unix groups on this machine. They may come from a directory over the network: kept, and in a thread."""
        known = self._groups.get(login)
        if known is None or self._clock() - known[0] > GROUPS:
            known = (self._clock(), await asyncio.to_thread(unix_groups, login))
            self._groups[login] = known
            while len(self._groups) > _GROUPS_KEPT:
                self._groups.pop(next(iter(self._groups)))
        return known[1]

    async def _ask(self, argv: Sequence[str], limit: int = LIMIT) -> str:
        try:
            done = await self._door.read(argv, timeout=self._timeout, limit=limit)
        except ArmchairError as error:
            raise SchedulerSilent("scheduler_silent", cluster=self._name, reason=str(error)) from error
        if answers.is_error(done):
            raise SchedulerSilent("scheduler_silent", cluster=self._name, reason=answers.sentence(done))
        return done.stdout

    def _tell(self) -> None:
        for news in self._listeners:
            news()


def unix_groups(login: str) -> frozenset[str] | None:
    """The names of an account's Unix groups; None when this machine does not know the account. Blocking."""
    try:
        account = pwd.getpwnam(login)
        return frozenset(_group(number) for number in os.getgrouplist(login, account.pw_gid))
    except (KeyError, OSError):
        return None


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
