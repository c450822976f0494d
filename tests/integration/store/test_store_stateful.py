"""Any sequence of calls: the database answers as the model in memory does, also after it was closed and opened again."""

import asyncio
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from armchair.domain import absorb
from armchair.domain.absorb import AgentNews, Enrolment, JobSeen
from armchair.domain.errors import ArmchairError
from armchair.domain.run import JobRef, JobState, Outcome, OutcomeKind, Phase, ProcessEnd, UsageSample
from armchair.domain.session import By, Grant, Role
from armchair.sessions.ports import Change, ListQuery
from armchair.store.store import Store
from armchair.testing.clock import FakeClock
from armchair.testing.samples import some_session
from armchair.testing.store import MemoryStore

IDS = st.sampled_from(["s1", "s2", "s3"])
OWNERS = st.sampled_from(["ann", "ben"])
TITLES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)


def job(number):
    return JobRef(cluster="local", id=str(number), submitted_at=FakeClock().now())


STEPS = st.one_of(
    st.builds(lambda n: lambda r, now: absorb.job_submitted(r, job(n), now), st.integers(1, 2)),
    st.builds(
        lambda n, state, restarts: (
            lambda r, now: absorb.job_seen(r, JobSeen(job=job(n), state=state, host="node", restarts=restarts), now)
        ),
        st.integers(1, 2),
        st.sampled_from(JobState),
        st.integers(0, 2),
    ),
    st.just(lambda r, now: absorb.enrolled(r, Enrolment(port=1, node="n", nonce_hash="h", restarts=0), now)),
    st.builds(
        lambda ready, end: (
            lambda r, now: absorb.agent_heard(
                r,
                AgentNews(
                    ready=ready,
                    sample=UsageSample(at=now, cpu=0.1, memory=2**33),
                    end=ProcessEnd(at=now, signal=9, params={"message": "ü"}) if end else None,
                ),
                now,
            )
        ),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(
        lambda kind: lambda r, now: absorb.ended(r, Outcome(kind=kind, by=By.SYSTEM, at=now, detail="x"), now),
        st.sampled_from(OutcomeKind),
    ),
    st.just(lambda r, now: absorb.stop_asked(r, By.OWNER, now)),
    st.just(absorb.job_absent),
    st.builds(lambda title: lambda r, now: absorb.renamed(r, title, now), TITLES),
    # what the store itself has to refuse
    st.just(lambda r, now: (replace(r, runs=(*r.runs[:-1], replace(r.run, outcome=None))), [])),
    st.just(lambda r, now: (replace(r, session=replace(r.session, owner="eve")), [])),
)
QUERIES = st.builds(
    ListQuery,
    subject=OWNERS,
    text=st.sampled_from(["", "#1", "te", "E", "ß"]) | TITLES,
    phases=st.none() | st.frozensets(st.sampled_from(Phase)),
    sort=st.sampled_from(["newest", "title", "app"]),
    page=st.integers(0, 2),
    page_size=st.integers(1, 3),
)


class StoreAndModel(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.runner = asyncio.Runner()
        self.home = tempfile.TemporaryDirectory()
        self.clock = FakeClock()
        self.model = MemoryStore(self.clock)
        self.store = self.runner.run(Store.open(Path(self.home.name), self.clock))

    def teardown(self):
        if hasattr(self, "store"):
            self.same()
            self.runner.run(self.store.close())
            self.runner.close()
            self.home.cleanup()

    def same(self):
        self.both(lambda store: store.live())
        for session in ("s1", "s2", "s3"):
            self.both(lambda store, session=session: store.get(session))
            self.both(lambda store, session=session: store.events(session))
            self.both(lambda store, session=session: store.grants(session))

    def both(self, call):
        assert self.answer(call, self.store) == self.answer(call, self.model)

    def answer(self, call, store):
        try:
            return self.runner.run(call(store))
        except (ArmchairError, ValueError) as error:
            return type(error), str(error)

    @rule(session=IDS, owner=OWNERS, title=TITLES, key=st.sampled_from(["", "k"]))
    def create(self, session, owner, title, key):
        if self.answer(lambda store: store.get(session), self.model) is None:
            fresh = some_session(session, owner=owner, title=title, launch_key=key, created_at=self.clock.now())
            self.both(lambda store: store.create(fresh, (), {"spec": title}))

    @rule(session=IDS, step=STEPS)
    def change(self, session, step):
        now = self.clock.now()

        def apply(record):
            after, events = step(record, now)
            return Change(record=after, events=events)

        self.both(lambda store: store.change(session, apply))

    @rule(session=IDS, attempt=st.integers(1, 3), text=st.text(st.characters(), max_size=5))
    def keep(self, session, attempt, text):
        self.both(lambda store: store.keep(session, attempt, "log", text))
        self.both(lambda store: store.document(session, attempt, "log"))

    @rule(session=IDS, subject=OWNERS, role=st.sampled_from(Role), hours=st.none() | st.integers(0, 3))
    def give(self, session, subject, role, hours):
        until = None if hours is None else self.clock.now() + timedelta(hours=hours)
        self.both(lambda store: store.give(Grant(session=session, subject=subject, role=role, until=until)))

    @rule(session=IDS, subject=OWNERS)
    def take_back(self, session, subject):
        self.both(lambda store: store.take_back(session, subject))

    @rule(hours=st.integers(0, 2))
    def wait(self, hours):
        self.clock.advance(timedelta(hours=hours, microseconds=1))

    @rule(query=QUERIES)
    def look(self, query):
        self.both(lambda store: store.listing(query))

    @rule()
    def open_again(self):
        self.same()
        self.runner.run(self.store.close())
        self.store = self.runner.run(Store.open(Path(self.home.name), self.clock))


TestStoreAndModel = StoreAndModel.TestCase
TestStoreAndModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
