"""The one reconciler: asks each launcher once per tick about all living jobs, takes in the facts and does what follows.

It is quick while something is about to change and slow otherwise; a launcher that gives no answer is asked again with
growing pauses, and nothing is concluded from its silence (I4, I6).
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence

import structlog

from armchair.domain import absorb
from armchair.domain.decide import Action, Cancel, Conclude, decide, overlays
from armchair.domain.errors import ArmchairError, SchedulerSilent
from armchair.domain.run import JobRef, Overlay, Phase, Record
from armchair.sessions import perform
from armchair.sessions.perform import as_seen
from armchair.sessions.portal import Absorb, Portal
from armchair.sessions.ports import JobFact

log = structlog.get_logger()

QUICK = (0.05, 0.1, 0.2, 0.4, 0.8)
RESTLESS = frozenset({Phase.ACCEPTED, Phase.ENDING})
BACK_OFF_MAX = 60.0


class Reconciler:
    """Runs for the portal's life. One per home: the store's lock sees to that."""

    def __init__(self, portal: Portal, tick_seconds: float) -> None:
        self._portal = portal
        self._tick_seconds = tick_seconds
        self._quick = 0
        self._next_query: dict[str, float] = {}
        self._turns: set[asyncio.Task[None]] = set()
        self._shown: dict[str, frozenset[Overlay]] = {}

    async def run(self) -> None:
        """Tick until cancelled. A tick that fails is logged and does not end the loop."""
        try:
            await self._run()
        finally:
            for turn in self._turns:
                turn.cancel()

    async def _run(self) -> None:
        while True:
            restless = True
            try:
                restless = await self.tick()
            except ArmchairError as error:
                log.warning("tick.failed", code=error.code, **{k: str(v) for k, v in error.params.items()})
            except Exception:  # the edge of the loop: one session's surprise must not stop everybody's
                log.exception("tick.crashed")
            await self._pause(restless)

    async def _pause(self, restless: bool) -> None:
        if self._portal.nudge.is_set():
            self._portal.nudge.clear()
            self._quick = 0
        seconds = self._tick_seconds
        if restless and self._quick < len(QUICK):
            seconds = min(QUICK[self._quick], seconds)
            self._quick += 1
        try:
            async with asyncio.timeout(seconds):
                await self._portal.nudge.wait()
        except TimeoutError:
            return

    async def tick(self) -> bool:
        """Look, absorb, decide, perform: once. True when something is about to change."""
        by_cluster: dict[str, list[Record]] = defaultdict(list)
        for record in await self._portal.store.live():
            by_cluster[record.session.cluster].append(record)
        fresh = [record for cluster, members in by_cluster.items() for record in await self._look(cluster, members)]
        for record in fresh:
            self._attend(record)
        self._tell_overlays(fresh)
        return any(record.phase in RESTLESS for record in fresh)

    async def _look(self, cluster: str, records: Sequence[Record]) -> Sequence[Record]:
        """Ask the launcher once about all these sessions' jobs; the records as they then stand."""
        jobs = [record.run.job for record in records if record.run.job is not None]
        loop = asyncio.get_running_loop()
        if not jobs or loop.time() < self._next_query.get(cluster, 0.0):
            return records
        state = self._portal.launcher_states[cluster]
        try:
            listing = await self._portal.launcher(cluster).look(jobs)
        except SchedulerSilent as silence:
            state.failures += 1
            pause = min(BACK_OFF_MAX, self._tick_seconds * 2**state.failures)
            self._next_query[cluster] = loop.time() + pause * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, no secret
            if state.silent_since is None:
                state.silent_since = self._portal.clock.now()
                log.warning("launcher.silent", cluster=cluster, code=silence.code)
            return records
        if state.silent_since is not None:
            log.info("launcher.answers_again", cluster=cluster, since=state.silent_since.isoformat())
            state.silent_since, state.failures = None, 0
        facts = {fact.job: fact for fact in listing.facts}
        return [await self._absorb(record, facts, listing.complete) for record in records]

    async def _absorb(self, record: Record, facts: Mapping[JobRef, JobFact], complete: bool) -> Record:
        if record.run.job is None:
            return record
        fact = facts.get(record.run.job)
        if fact is not None:
            return await self._take(record, fact)
        return await self._apply_if_new(record, absorb.job_absent) if complete else record

    async def _take(self, record: Record, fact: JobFact) -> Record:
        expected = self._portal.derived.mark(record.session.id, record.run.attempt)
        if fact.mark != expected and not self._marked_for_earlier_attempt(record, fact):
            log.warning("job.foreign_mark", session=record.session.id, job=fact.job.id)
            return record
        seen = as_seen(fact)
        return await self._apply_if_new(record, lambda r, now: absorb.job_seen(r, seen, now))

    def _marked_for_earlier_attempt(self, record: Record, fact: JobFact) -> bool:
        """A requeued or found-again job keeps the mark of the attempt that submitted it."""
        attempts = range(1, record.run.attempt)
        return any(fact.mark == self._portal.derived.mark(record.session.id, attempt) for attempt in attempts)

    async def _apply_if_new(self, record: Record, step: Absorb) -> Record:
        """Most looks say nothing new: find that out without a write transaction."""
        after, events = step(record, self._portal.clock.now())
        return await self._portal.apply(record.session.id, step) if after != record or events else record

    def _tell_overlays(self, records: Sequence[Record]) -> None:
        """What is said beside the phase changes with time alone: tell the pages when it does."""
        now, shown = self._portal.clock.now(), {}
        for record in records:
            session = record.session
            silent = self._portal.launcher_states[session.cluster].silent_since is not None
            shown[session.id] = overlays(record, now, silent, self._portal.policy)
            if shown[session.id] != self._shown.get(session.id, frozenset()):
                self._portal.tell(record)
        self._shown = shown

    def _attend(self, record: Record) -> None:
        """Begin a session's turn, unless somebody is at work on it already. A slow launcher holds up only its own sessions."""
        actions = decide(record, self._portal.clock.now(), self._portal.policy)
        if not actions or self._portal.locks[record.session.id].locked():
            return
        turn = asyncio.create_task(self._take_turn(record.session.id))
        self._turns.add(turn)
        turn.add_done_callback(self._turns.discard)

    async def _take_turn(self, session: str) -> None:
        async with self._portal.locks[session]:
            record = await self._portal.store.get(session)
            if record is not None:
                await self._perform_all(record)

    async def _perform_all(self, record: Record) -> None:
        session = record.session.id
        for action in decide(record, self._portal.clock.now(), self._portal.policy):
            try:
                record = await self._perform(record, action)
            except SchedulerSilent as silence:
                log.info("action.postponed", session=session, action=type(action).__name__, code=silence.code)
                return
            except ArmchairError as error:
                # foreseen, such as a full disk: said in a line at each attempt, and tried again
                log.warning("action.failed", session=session, action=type(action).__name__, code=error.code)
                return
            except Exception:  # the edge of one session's turn: the others must have theirs
                log.exception("action.failed", session=session, action=type(action).__name__)
                return

    async def _perform(self, record: Record, action: Action) -> Record:
        if isinstance(action, Conclude):
            record = await perform.conclude(self._portal, record, action)
            self._portal.locks.pop(record.session.id, None)
            return record
        if isinstance(action, Cancel):
            return await perform.cancel(self._portal, record, action)
        return await perform.resolve(self._portal, record)
