"""The one reconciler: asks each launcher once per tick about all living jobs, takes in the facts and does what follows.

A launcher that gives no answer is asked again with growing pauses, nothing is concluded from its silence (I4, I6), and the
sessions of other clusters do not wait for it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

import structlog

from armchair.domain import absorb
from armchair.domain.decide import Action, Cancel, Conclude, Lasts, decide, overlays
from armchair.domain.errors import ArmchairError, SchedulerSilent
from armchair.domain.run import JobRef, Overlay, Record
from armchair.sessions import extend, idleness, perform
from armchair.sessions.launcherports import JobFact
from armchair.sessions.pace import Beat, Pace
from armchair.sessions.perform import as_seen
from armchair.sessions.portal import Absorb, Portal

log = structlog.get_logger()

PATIENCE = 1.0  # seconds that a tick waits for answers; a slower one is taken in when it comes


class Reconciler:
    """Runs for the portal's life. One per home: the store's lock sees to that."""

    def __init__(self, portal: Portal, tick_seconds: float) -> None:
        self._portal = portal
        self._tick_seconds = tick_seconds
        self._beats: dict[str, Beat] = {}
        self._looks: dict[str, asyncio.Task[Sequence[Record]]] = {}
        self._turns: set[asyncio.Task[None]] = set()
        self._shown: dict[str, frozenset[Overlay]] = {}

    async def run(self) -> None:
        """Tick until cancelled. A tick that fails is logged and does not end the loop."""
        try:
            while True:
                try:
                    await self.tick()
                except ArmchairError as error:
                    log.warning("tick.failed", code=error.code, **{k: str(v) for k, v in error.params.items()})
                except Exception:  # the edge of the loop: one session's surprise must not stop everybody's
                    log.exception("tick.crashed")
                await self._pause()
        finally:
            for task in (*self._turns, *self._looks.values()):
                task.cancel()

    async def _pause(self) -> None:
        """Until something is due or there is news."""
        now = asyncio.get_running_loop().time()
        due = [beat.due - now for cluster, beat in self._beats.items() if cluster not in self._looks]
        try:
            async with asyncio.timeout(max(0.0, min([self._tick_seconds, *due]))):
                await self._portal.news.wait()
        except TimeoutError:
            return

    async def tick(self) -> None:
        """Look, absorb, decide, perform: once."""
        for cluster in self._portal.take_news():
            self._beat(cluster).hurry()
        by_cluster: dict[str, Sequence[Record]] = defaultdict(list)
        for record in await self._portal.store.live():
            by_cluster[record.session.cluster] = [*by_cluster[record.session.cluster], record]
        self._beats = {cluster: beat for cluster, beat in self._beats.items() if cluster in by_cluster}
        by_cluster |= await self._ask(by_cluster)
        fresh = [record for members in by_cluster.values() for record in members]
        for record in fresh:
            self._attend(record)
        self._tell_overlays(fresh)

    def _beat(self, cluster: str) -> Beat:
        if cluster not in self._beats:
            self._beats[cluster] = Beat(pace=self._portal.paces.get(cluster, Pace(soon=self._tick_seconds)))
        return self._beats[cluster]

    async def _ask(self, by_cluster: Mapping[str, Sequence[Record]]) -> Mapping[str, Sequence[Record]]:
        """Ask the clusters whose time has come, each once and all beside each other; what those say that answer soon."""
        now = asyncio.get_running_loop().time()
        for cluster, members in by_cluster.items():
            if cluster not in self._looks and self._beat(cluster).due <= now:
                self._looks[cluster] = asyncio.create_task(self._look(cluster, members))
        if not self._looks:
            return {}
        done, _ = await asyncio.wait(self._looks.values(), timeout=PATIENCE)
        answered = {cluster: task for cluster, task in self._looks.items() if task in done}
        self._looks = {cluster: task for cluster, task in self._looks.items() if task not in done}
        return {cluster: task.result() for cluster, task in answered.items() if cluster in by_cluster}

    async def _look(self, cluster: str, records: Sequence[Record]) -> Sequence[Record]:
        """Ask the launcher once about all these sessions' jobs; the records as they then stand."""
        jobs = [record.run.job for record in records if record.run.job is not None]
        loop, beat = asyncio.get_running_loop(), self._beat(cluster)
        state = self._portal.launcher_states[cluster]
        if not jobs:
            beat.asked(records, loop.time())
            return records
        began = loop.time()
        try:
            listing = await self._portal.launcher(cluster).look(jobs)
        except SchedulerSilent as silence:
            beat.due = loop.time() + state.fell_silent(self._portal.clock.now(), silence.code, self._tick_seconds)
            return records
        except Exception:  # the edge of one cluster's look: the others must have theirs
            log.exception("launcher.look_failed", cluster=cluster)
            beat.due = loop.time() + state.fell_silent(self._portal.clock.now(), "unforeseen", self._tick_seconds)
            return records
        took = loop.time() - began
        now = self._portal.clock.now()
        state.answered(now, took)
        if listing.complete:
            state.shown_at = now
        facts = {fact.job: fact for fact in listing.facts}
        fresh = await self._absorb(records, facts, complete=listing.complete)
        beat.asked(fresh, loop.time(), took)
        return fresh

    async def _absorb(self, records: Sequence[Record], facts: Mapping[JobRef, JobFact], *, complete: bool) -> Sequence[Record]:
        """The records as they stand with what is new. Where much is, it is stored side by side, in few commits."""
        steps = [(record, self._step(record, facts, complete)) for record in records]
        changed = {
            record.session.id: self._portal.apply(record.session.id, step)
            for record, step in steps
            if step is not None and self._is_new(record, step)
        }
        stored = dict(zip(changed, await asyncio.gather(*changed.values()), strict=True))
        return [stored.get(record.session.id, record) for record in records]

    def _step(self, record: Record, facts: Mapping[JobRef, JobFact], complete: bool) -> Absorb | None:
        """What the listing says of this session's job; None: nothing."""
        if record.run.job is None:
            return None
        fact = facts.get(record.run.job)
        if fact is None:
            return absorb.job_absent if complete else None
        if not self._portal.is_ours(record, fact):
            log.warning("job.foreign", session=record.session.id, job=fact.job.id)
            return None
        seen = as_seen(fact)
        return lambda r, now: absorb.job_seen(r, seen, now)

    def _is_new(self, record: Record, step: Absorb) -> bool:
        """Most looks say nothing new: find that out without a write transaction."""
        after, events = step(record, self._portal.clock.now())
        return after != record or bool(events)

    def _tell_overlays(self, records: Sequence[Record]) -> None:
        """What is said beside the phase changes with time alone: tell the pages when it does."""
        now, shown = self._portal.clock.now(), {}
        for record in records:
            session = record.session
            silent = self._portal.launcher_states[session.cluster].silent_since is not None
            shown[session.id] = overlays(record, now, silent, self._portal.policy)
            before = self._shown.get(session.id, frozenset())
            if shown[session.id] != before:
                self._portal.tell(record)
            if Overlay.UNHEARD in shown[session.id] - before:
                # an agent that falls silent is a hint, never a fact
                self._portal.look_soon(session.cluster)
        self._shown = shown

    def _attend(self, record: Record) -> None:
        """Begin a session's turn, unless somebody is at work on it already. A slow launcher holds up only its own sessions."""
        if not self._decide(record) or self._portal.locks[record.session.id].locked():
            return
        turn = asyncio.create_task(self._take_turn(record.session.id))
        self._turns.add(turn)
        turn.add_done_callback(self._turns.discard)

    def _decide(self, record: Record) -> Sequence[Action]:
        portal = self._portal
        shown_at = portal.launcher_states[record.session.cluster].shown_at
        return decide(record, portal.clock.now(), idleness.policy(portal, record), shown_at)

    async def _take_turn(self, session: str) -> None:
        async with self._portal.locks[session]:
            record = await self._portal.store.get(session)
            if record is not None:
                await self._perform_all(record)

    async def _perform_all(self, record: Record) -> None:
        session = record.session.id
        for action in self._decide(record):
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
            record = await perform.conclude(self._portal, record)
            if record.run.outcome is not None:
                self._portal.locks.pop(record.session.id, None)
            return record
        if isinstance(action, Cancel):
            return await perform.cancel(self._portal, record, action)
        if isinstance(action, Lasts):
            return await extend.perform(self._portal, record, action)
        return await perform.resolve(self._portal, record)
