"""Any sequence of facts, in any order: the phase is always derived, outcomes are final, silence ends nothing (I2, I3, I4)."""

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from armchair.domain import absorb
from armchair.domain.decide import Cancel, Conclude, Policy, ResolveIntent, decide, overlays, resolve_intent
from armchair.domain.run import JobRef, JobState, Outcome, OutcomeKind, Phase, ProcessEnd, Record, Run, UsageSample
from armchair.domain.session import By, Session, Wanted

T0 = datetime(2026, 11, 1, tzinfo=UTC)
JOB = JobRef(cluster="local", id="1", submitted_at=T0)
POLICY = Policy()
ENDS = st.one_of(
    st.builds(lambda code: {"exit_code": code}, st.integers(0, 255)),
    st.builds(lambda number: {"signal": number}, st.sampled_from([2, 9, 11, 15])),
    st.builds(lambda kind: {"kind": kind, "signal": 9}, st.sampled_from(list(OutcomeKind))),
)


class LifeOfASession(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        session = Session(id="a" * 26, app="x", title="x", owner="ada", run_as="ada", created_by="ada", created_at=T0)
        self.record = Record(session=session, runs=(Run(session=session.id, intended_at=T0),))
        self.outcomes: dict[int, Outcome] = {}
        self.facts_of_an_end = False
        self.trusted_absence = False

    def take(self, absorbed: absorb.Absorbed) -> None:
        before = self.record
        self.record, events = absorbed
        assert (self.record != before) or not events, "an event tells of a change that was not made"

    @initialize(submitted=st.sampled_from([True, True, False]))
    def begins(self, submitted: bool) -> None:
        if submitted:
            self.job_is_submitted()

    @rule(seconds=st.integers(0, 400))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def job_is_submitted(self) -> None:
        self.take(absorb.job_submitted(self.record, JOB, self.now))

    @rule(state=st.sampled_from(list(JobState)), restarts=st.integers(0, 2), end=st.none() | ENDS)
    def launcher_lists_the_job(self, state: JobState, restarts: int, end: dict | None) -> None:
        made = ProcessEnd(at=self.now, **end) if end and state is JobState.ENDED else None
        if state is JobState.ENDED and self.record.run.job is not None:
            self.facts_of_an_end = True
        fact = absorb.JobSeen(job=JOB, state=state, host="h", restarts=restarts, end=made)
        self.take(absorb.job_seen(self.record, fact, self.now))

    @rule()
    def another_job_is_listed(self) -> None:
        foreign = JobRef(cluster="local", id="1", submitted_at=T0 + timedelta(days=1))
        before = self.record
        self.take(absorb.job_seen(before, absorb.JobSeen(job=foreign, state=JobState.ENDED), self.now))
        assert self.record is before

    @rule()
    def a_trusted_listing_lacks_the_job(self) -> None:
        self.trusted_absence = self.trusted_absence or self.record.run.job is not None
        self.take(absorb.job_absent(self.record, self.now))

    @rule(nonce=st.sampled_from(["a", "b"]), restart=st.integers(0, 2))
    def agent_enrols(self, nonce: str, restart: int) -> None:
        run = self.record.run
        if run.outcome is None and run.job is not None and absorb.may_enrol(run, nonce, restart):
            fact = absorb.Enrolment(port=7000, node="n", nonce_hash=nonce, restarts=restart)
            self.take(absorb.enrolled(self.record, fact, self.now))

    @rule(ready=st.booleans(), end=st.none() | ENDS)
    def agent_reports(self, ready: bool, end: dict | None) -> None:
        sample = UsageSample(at=self.now, cpu=0.5, memory=1)
        made = ProcessEnd(at=self.now, **end) if end else None
        self.take(absorb.agent_heard(self.record, absorb.AgentNews(ready=ready, sample=sample, end=made), self.now))

    @rule(by=st.sampled_from(list(By)))
    def stop_is_asked(self, by: By) -> None:
        self.take(absorb.stop_asked(self.record, by, self.now))

    @rule(complete=st.booleans())
    def reconciler_acts(self, complete: bool) -> None:
        for action in decide(self.record, self.now, POLICY):
            if isinstance(action, Conclude):
                assert self.facts_of_an_end or self.trusted_absence or self.record.run.refused, "ended by silence"
                self.take(absorb.ended(self.record, action.outcome, self.now))
            elif isinstance(action, Cancel):
                assert self.record.session.wanted is Wanted.STOP, "a job was ended that nobody wanted ended"
                self.take(absorb.stop_sent(self.record, self.now))
            elif isinstance(action, ResolveIntent):
                found = resolve_intent(self.record, [], complete=complete, now=self.now, policy=POLICY)
                assert complete or (found.outcome is None and not found.submit)
                if found.outcome is not None:
                    self.take(absorb.ended(self.record, found.outcome, self.now))

    @precondition(lambda self: self.record.run.outcome is not None)
    @rule(kind=st.sampled_from(list(OutcomeKind)))
    def somebody_tries_another_outcome(self, kind: OutcomeKind) -> None:
        before = self.record
        self.take(absorb.ended(before, Outcome(kind=kind, by=By.SYSTEM, at=self.now), self.now))
        assert self.record is before

    @invariant()
    def outcomes_are_final(self) -> None:
        for run in self.record.runs:
            if run.attempt in self.outcomes:
                assert run.outcome == self.outcomes[run.attempt]
            elif run.outcome is not None:
                self.outcomes[run.attempt] = run.outcome

    @invariant()
    def earlier_runs_have_ended(self) -> None:
        assert all(run.outcome is not None for run in self.record.runs[:-1])
        assert [run.attempt for run in self.record.runs] == list(range(1, len(self.record.runs) + 1))

    @invariant()
    def phase_and_overlays_follow_from_the_facts(self) -> None:
        phase = self.record.phase
        assert (phase is Phase.ENDED) == (self.record.run.outcome is not None)
        if phase is Phase.READY:
            assert self.record.run.port is not None
        assert phase is not Phase.ENDED or not overlays(self.record, self.now, silent=True, policy=POLICY)


LifeOfASession.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLifeOfASession = LifeOfASession.TestCase
