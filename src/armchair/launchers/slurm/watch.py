"""Watches jobs: one squeue for all of them, then, for those that it no longer lists, one question to accounting.

A job counts as absent only when the controller answered, we may see it, and the second source knows nothing of it either (I4).
"""

import asyncio
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from armchair.domain.errors import SchedulerSilent
from armchair.domain.run import JobRef, JobState, OutcomeKind, ProcessEnd
from armchair.launchers.slurm import facts, states
from armchair.launchers.slurm.gather import Gathered
from armchair.launchers.slurm.nodes import NodeAddresses
from armchair.launchers.slurm.parse import Row, is_job_id
from armchair.launchers.slurm.queries import ALL_JOBS_LIMIT, Queries, TooMuch
from armchair.launchers.slurm.site import Site, SiteKnowledge
from armchair.sessions.launcherports import JobFact, Listing
from armchair.sessions.pace import Allowance

log = structlog.get_logger()

_PAUSES = (0.3, 0.7, 1.5, 3.0, 6.0, 12.0, 30.0, 60.0)
_WHO = 4.0  # seconds that one waits to learn who cancelled a job; its end itself is known by then
_BEFORE = timedelta(hours=1)
_WIDE_LIMIT, _WIDE_ROWS, _NARROW = 1024 * 1024, 2000, 600.0
_BY_HAND = 10
_REMEMBERED = 10_000


@dataclass(slots=True, kw_only=True)
class _Doubt:
    """A job about which accounting was asked: when to ask again, and whether it has answered."""

    since: float
    due: float = 0.0
    step: int = 0
    answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of the controller: the rows of the jobs asked for and, if it showed all jobs, how many go before each."""

    rows: Mapping[str, Row]
    ahead: Mapping[str, int]


class Watch:
    """Looks after the jobs of one cluster. What was learned of an ended job is kept until `forget`."""

    def __init__(self, queries: Queries, site: SiteKnowledge, nodes: NodeAddresses, allowance: Allowance) -> None:
        self._queries = queries
        self._allowance = allowance
        self._site = site
        self._nodes = nodes
        self._gathered = Gathered(self._ask_controller, self._turn)
        self._belongings = Gathered(self._ask_of_users, self._turn)
        self._rows: Mapping[str, Row] = {}
        self._rows_at = -math.inf
        self._some_wait = False
        self._narrow_until = 0.0
        self._ended: dict[JobRef, JobFact] = {}
        self._forgotten: dict[JobRef, None] = {}
        self._doubts: dict[JobRef, _Doubt] = {}
        self._restarts: dict[JobRef, tuple[int, ProcessEnd | None]] = {}
        self.cancelled: set[JobRef] = set()

    # --- the port's ---

    async def look(self, jobs: Sequence[JobRef]) -> Listing:
        """The facts of these jobs. Raises SchedulerSilent."""
        asked = [ref for ref in jobs if is_job_id(ref.id) and ref not in self._forgotten]
        open_ones = [ref for ref in asked if ref not in self._ended]
        found = {ref: self._ended[ref] for ref in asked if ref in self._ended}
        if open_ones:
            answer = await self._gathered.ask(ref.id for ref in open_ones)
            found |= await self._listed(open_ones, answer)
        missing = [ref for ref in open_ones if ref not in found]
        site = await self._site.get() if missing or any(self._is_puzzle(fact) for fact in found.values()) else None
        complete = await self._second_source(missing, found, site)
        for ref, fact in found.items():
            if fact.end is not None:
                self._ended[ref] = fact
        _shorten(self._ended)
        return Listing(facts=[found[ref] for ref in asked if ref in found], complete=complete)

    async def row(self, job: str, *, within: float = 0.0) -> Row | None:
        """What the controller lists of this job, asked now and together with others, or listed at most `within` seconds ago.

        Raises SchedulerSilent.
        """
        if job in self._rows and time.monotonic() - self._rows_at < within:
            return self._rows[job]
        return (await self._gathered.ask([job])).rows.get(job)

    async def jobs_of(self, user: str) -> Sequence[Row]:
        """What the controller lists of this account's jobs ("": of everybody's), and perhaps of others', asked as in `row`.

        Raises SchedulerSilent.
        """
        return await self._belongings.ask([user])

    def forget(self, ref: JobRef) -> None:
        """Drop what is kept of a job that is known to have ended."""
        self._doubts.pop(ref, None)
        if ref in self._ended:
            del self._ended[ref]
            self._restarts.pop(ref, None)
            self.cancelled.discard(ref)
            self._forgotten[ref] = None
            _shorten(self._forgotten)

    def is_forgotten(self, ref: JobRef) -> bool:
        """Whether `forget` was told of this job."""
        return ref in self._forgotten

    # --- the controller ---

    async def _turn(self) -> None:
        """Until there may be one more query."""
        await asyncio.sleep(max(0.0, self._allowance.due() - time.monotonic()))

    async def _ask_controller(self, jobs: frozenset[str]) -> Answer:
        began = time.monotonic()
        answer = await self._ask_widely(jobs)
        self._rows, self._rows_at = answer.rows, began
        return answer

    async def _ask_of_users(self, users: frozenset[str]) -> Sequence[Row]:
        """The jobs of all of them: after a silence, many launches that were held up look for their jobs at the same time."""
        if len(users) > 1:
            with suppress(TooMuch):
                return await self._queries.queue(limit=ALL_JOBS_LIMIT)
        return [row for user in sorted(users) for row in await self._queries.queue(user=user, limit=ALL_JOBS_LIMIT)]

    async def _ask_widely(self, jobs: frozenset[str]) -> Answer:
        if self._some_wait and time.monotonic() >= self._narrow_until:
            rows = await self._all_rows()
            if rows is not None:
                return self._answer(rows, jobs, facts.ahead(rows))
        return self._answer(await self._queries.queue(sorted(jobs)), jobs, {})

    async def _all_rows(self) -> list[Row] | None:
        """The whole queue, which costs the controller no more than a part of it; None where it is too long for us."""
        site = await self._site.get()
        if site is None or not site.sees_all:
            self._narrow_until = time.monotonic() + _NARROW
            return None
        try:
            rows = await self._queries.queue(limit=_WIDE_LIMIT)
        except TooMuch:
            rows = None
        if rows is None or len(rows) > _WIDE_ROWS:
            self._narrow_until = time.monotonic() + _NARROW
        return rows

    def _answer(self, rows: Sequence[Row], jobs: frozenset[str], ahead: Mapping[str, int]) -> Answer:
        mine = {row.id: row for row in rows if row.id in jobs}
        self._some_wait = any(states.word(row.state) == "PENDING" for row in mine.values())
        return Answer(rows=mine, ahead=ahead)

    async def _listed(self, refs: Sequence[JobRef], answer: Answer) -> dict[JobRef, JobFact]:
        now = datetime.now(UTC)
        rows = {ref: row for ref in refs if (row := answer.rows.get(ref.id)) and facts.is_same_job(row, ref)}
        hosts = await self._nodes.of(row.node for row in rows.values() if row.node and row.nodes)
        found = {}
        for ref, row in rows.items():
            fact = facts.fact(row, ref, now, hosts.get(row.node))
            found[ref] = replace(fact, position=answer.ahead.get(ref.id) if fact.state is JobState.PENDING else None)
        return found

    # --- the second source ---

    def _is_puzzle(self, fact: JobFact) -> bool:
        """Whether accounting can say more of a job than the controller: who cancelled it, or why it was started anew."""
        if fact.end is not None and fact.job not in self._ended:
            return fact.end.kind is OutcomeKind.CANCELLED and fact.job not in self.cancelled
        return fact.restarts > 0 and self._restarts.get(fact.job, (0, None))[0] < fact.restarts

    async def _second_source(self, missing: Sequence[JobRef], found: dict[JobRef, JobFact], site: Site | None) -> bool:
        """Complete `found`; whether those that are then still missing are really not there."""
        if site is None:
            return not missing
        puzzles = [ref for ref, fact in found.items() if self._is_puzzle(fact)]
        if not site.accounting:
            self._give_up(puzzles, found)
            return await self._by_hand(missing, found) and site.trusted
        due = [ref for ref in (*missing, *puzzles) if self._is_due(ref)]
        rows = await self._ask_accounting(due)
        for ref in missing:
            if rows is not None and ref in due and (fact := self._from_accounting(ref, rows)):
                found[ref] = fact
        self._solve(puzzles, due, rows, found)
        return site.trusted and all(self._doubts[ref].answered for ref in missing if ref not in found)

    def _is_due(self, ref: JobRef) -> bool:
        now = time.monotonic()
        doubt = self._doubts.setdefault(ref, _Doubt(since=now))
        if now < doubt.due:
            return False
        doubt.due = now + _PAUSES[min(doubt.step, len(_PAUSES) - 1)]
        doubt.step += 1
        return True

    async def _ask_accounting(self, refs: Sequence[JobRef]) -> list[Row] | None:
        """Accounting's rows; None when it gave none or was not asked."""
        if not refs:
            return None
        since = min(ref.submitted_at for ref in refs) - _BEFORE
        try:
            rows = await self._queries.accounting(jobs=sorted({ref.id for ref in refs}), since=since)
        except SchedulerSilent as silence:
            log.info("slurm.accounting_silent", reason=silence.params.get("reason"))
            for ref in refs:
                self._doubts[ref].answered = False
            return None
        for ref in refs:
            self._doubts[ref].answered = True
        return rows

    def _from_accounting(self, ref: JobRef, rows: Sequence[Row]) -> JobFact | None:
        """An end that accounting knows. A job that it takes for alive, and the controller does not list, is none."""
        lives = facts.lifetimes(rows, ref)
        return facts.ended_fact(lives, ref, datetime.now(UTC)) if lives else None

    def _solve(
        self, puzzles: Iterable[JobRef], due: Sequence[JobRef], rows: Sequence[Row] | None, found: dict[JobRef, JobFact]
    ) -> None:
        now = datetime.now(UTC)
        for ref in puzzles:
            fact = found[ref]
            lives = facts.lifetimes(rows, ref) if rows is not None and ref in due else ()
            patient = time.monotonic() - self._doubts[ref].since < _WHO
            if fact.end is None:
                before = [end for row in lives[: fact.restarts] if (end := facts.end_of(row, now))]
                if not before and len(lives) <= fact.restarts and patient and fact.state not in facts.ON_NODE:
                    # told as soon as it is known why, or as the job runs again
                    found[ref] = replace(fact, restarts=fact.restarts - 1)
                    continue
                self._restarts[ref] = (fact.restarts, before[-1] if before else None)
            elif lives and states.canceller(lives[-1].state) is not None:
                end = facts.end_of(lives[-1], now, owner=fact.uid)
                found[ref] = replace(fact, end=replace(fact.end, params=end.params if end else {}))
            elif patient:
                found[ref] = replace(fact, end=None)  # it has ended; how is still being found out
                continue
            self._doubts.pop(ref, None)
        self._tell_previous(found)

    def _tell_previous(self, found: dict[JobRef, JobFact]) -> None:
        for ref, fact in found.items():
            restarts, previous = self._restarts.get(ref, (0, None))
            if previous is not None and restarts == fact.restarts:
                found[ref] = replace(fact, previous=previous)

    def _give_up(self, puzzles: Iterable[JobRef], found: Mapping[JobRef, JobFact]) -> None:
        """Without accounting nobody can say more."""
        for ref in puzzles:
            if found[ref].end is None:
                self._restarts[ref] = (found[ref].restarts, None)

    async def _by_hand(self, missing: Sequence[JobRef], found: dict[JobRef, JobFact]) -> bool:
        """Without accounting the controller is asked once more, for each job alone; False when there are too many."""
        now = datetime.now(UTC)
        for ref in missing[:_BY_HAND]:
            row = await self._queries.controller(ref.id)
            if row is not None and facts.is_same_job(row, ref):
                found[ref] = facts.fact(row, ref, now)
        return len(missing) <= _BY_HAND


def _shorten(kept: dict[JobRef, JobFact] | dict[JobRef, None]) -> None:
    """Drop the oldest of what is remembered, so that a portal of many years stays small."""
    while len(kept) > _REMEMBERED:
        kept.pop(next(iter(kept)))
