"""Use cases of agents: enrol, report, ask for commands. All they say is untrusted and bound to their run (I11)."""

import asyncio
import contextlib
import hashlib
import math
from datetime import datetime, timedelta

import structlog

from armchair.domain import absorb, idle, lasting
from armchair.domain.errors import ArmchairError, SchedulerSilent
from armchair.domain.run import JobState, OutcomeKind, ProcessEnd, Record, Run, UsageSample
from armchair.domain.session import Wanted
from armchair.sessions import idleness
from armchair.sessions.launcherports import Listing
from armchair.sessions.perform import as_seen
from armchair.sessions.portal import Portal
from armchair.sessions.tokens import BearerClaim
from armchair.wire import runspec
from armchair.wire.messages import LOG_TAIL, Command, Commands, End, EnrolAnswer, EnrolRequest, Report

log = structlog.get_logger()

# greater than the number of any warning, which is the minute of the end that it warns of
STOP = Command(number=2**40, verb="stop")
# seconds that an agent waits for its own launch to be recorded, before it is told to ask again
RECORDED_WITHIN = 5.0
# a scheduler's signal may come a minute early
EARLY = timedelta(minutes=2)
_KINDS = {"out_of_memory": OutcomeKind.OUT_OF_MEMORY, "cancelled": OutcomeKind.CANCELLED}
_RUNNING = frozenset({JobState.RUNNING, JobState.SUSPENDED})


class AgentError(ArmchairError):
    """An agent is refused. `status` is the HTTP status of wire/messages.py: 401, 409 or 410."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status


async def enrol(portal: Portal, bearer: str, request: EnrolRequest) -> EnrolAnswer:
    """Admit the run's agent: once for each restart of its job, and only while the launcher says that the job runs.

    The same agent (nonce) may repeat an enrolment whose answer was lost. Raises AgentError.
    """
    claim, record = await _who(portal, bearer, "e")
    record = await _looked_for(portal, record)
    run = _alive(record, claim)
    if run.job is None:
        record = await _when_recorded(portal, record)
        run = _alive(record, claim)
    if run.job is None or run.job_state is JobState.PENDING:
        record = await _look_at(portal, record)
        run = _alive(record, claim)
    if run.job is None or run.job_state not in _RUNNING:
        portal.look_soon(record.session.cluster)
        raise AgentError(409, "job_not_recorded")
    nonce_hash = hashlib.sha256(request.nonce.encode()).hexdigest()
    if not absorb.may_enrol(run, nonce_hash, claim.restart):
        # the job may have been started anew and its agent be quicker than the next look
        record = await _look_at(portal, record)
        run = _alive(record, claim)
    if not absorb.may_enrol(run, nonce_hash, claim.restart):
        log.warning("agent.replay_refused", session=claim.session, run=run.id)
        raise AgentError(401, "enrolment_used")
    fact = absorb.Enrolment(port=request.port, node=request.node[:200], nonce_hash=nonce_hash, restarts=claim.restart)

    def step(current: Record, now: datetime) -> absorb.Absorbed:
        if not absorb.may_enrol(_alive(current, claim), nonce_hash, claim.restart):
            raise AgentError(401, "enrolment_used")
        return absorb.enrolled(current, fact, now)

    run = (await portal.apply(claim.session, step)).run
    identity = await portal.ca.identity(claim.session, run.id, record.session.mandate)
    spec = runspec.load(await portal.store.document(claim.session, 1, "spec"))
    # the plan was made before the store gave the session its number
    environment = {**spec.environment, "ARMCHAIR_SESSION_NUMBER": str(record.session.number)}
    log.info("agent.enrolled", session=claim.session, run=run.id, port=request.port)
    return EnrolAnswer(
        certificate=identity.certificate,
        key=identity.key.reveal(),
        gateway_ca=portal.ca.gateway_ca(),
        credential=portal.derived.credential(claim.session, run.attempt, claim.restart).reveal(),
        spec=runspec.dump(runspec.for_agent(spec._replace(environment=environment), request.version)),
    )


async def report(portal: Portal, bearer: str, news: Report) -> None:
    """Take in what an agent reports. Raises AgentError."""
    claim, record = await _who(portal, bearer, "c")
    record = await _looked_for(portal, record)
    run = _alive(record, claim)
    if news.log is not None:
        await portal.store.keep(claim.session, run.attempt, "log", _clean(news.log))
    now = portal.clock.now()
    active = _active(portal, record, news)
    taken = absorb.AgentNews(ready=news.ready, sample=_sample(news, now), active=active, end=_end(news.end, now))
    after = await portal.apply(claim.session, lambda r, at: absorb.agent_heard(r, taken, at))
    if news.warned:
        await portal.apply(claim.session, lambda r, at: lasting.end_warned(r, at, portal.policy.warning + EARLY))
    if news.log is not None:
        portal.tell(after)
    if news.end is not None:
        portal.look_soon(record.session.cluster)


async def commands(portal: Portal, bearer: str, after: int, wait: float) -> Commands:
    """What the agent is to do, waiting up to `wait` seconds for something newer than command `after`. Raises AgentError."""
    claim, record = await _who(portal, bearer, "c")
    record = await _looked_for(portal, record)
    _alive(record, claim)
    loop_end = portal.clock.now().timestamp() + wait
    while True:
        found = tuple(one for one in _orders(record, portal.clock.now()) if one.number > after)
        if found:
            return found
        left = loop_end - portal.clock.now().timestamp()
        if left <= 0 or not await portal.changes.wait(claim.session, left):
            return ()
        claim, record = await _who(portal, bearer, "c")
        record = await _looked_for(portal, record)
        _alive(record, claim)


async def fell_silent(portal: Portal, bearer: str) -> None:
    """An agent is gone that waited for commands, as when its job is killed: a hint to look, and no fact. Raises AgentError."""
    claim, record = await _who(portal, bearer, "c")
    run = _alive(record, claim)
    if run.agent_end is None:
        log.info("agent.hung_up", session=claim.session, run=run.id)
        portal.look_soon(record.session.cluster)


def _orders(record: Record, now: datetime) -> Commands:
    """All that the agent is to do, in the order of their numbers. Repeating it does nothing new."""
    end, orders = record.run.warned_for, []
    if end is not None and now < end:
        orders.append(Command(number=int(end.timestamp()) // 60, verb="warn", ends_at=end.timestamp()))
    if record.session.wanted is Wanted.STOP:
        orders.append(STOP)
    return tuple(orders)


def _active(portal: Portal, record: Record, news: Report) -> bool | None:
    """Whether there is a sign of life; None when this report says nothing of it. What never ends for this is always alive."""
    if news.activity is None:
        return None
    rules = idleness.rules(portal, record)
    if rules.after is None:
        return True
    seen = idle.Activity(input=news.activity.input, cpu=news.activity.cpu, gpu=news.activity.gpu, busy=news.activity.busy)
    return idle.is_active(seen, rules, record.session.resources.gpus)


async def _who(portal: Portal, bearer: str, purpose: str) -> tuple[BearerClaim, Record]:
    claim = portal.derived.read(bearer)
    if claim is None or claim.purpose != purpose:
        raise AgentError(401, "bad_credential")
    record = await portal.store.get(claim.session)
    if record is None or claim.attempt > len(record.runs):
        raise AgentError(401, "bad_credential")
    return claim, record


def _alive(record: Record, claim: BearerClaim) -> Run:
    """The run that this agent belongs to, if it is the present one.

    A job keeps its script, and with it the token, when it is queued again, and its agent when its run was found again. The
    agent of a job that was started anew elsewhere speaks for the old run alone.
    """
    mine, current = record.runs[claim.attempt - 1], record.run
    same_job = mine.job is not None and mine.job == current.job
    same = same_job and (claim.purpose == "e" or mine.enrol_nonce == current.enrol_nonce)
    if current.outcome is not None or not (claim.attempt == current.attempt or same):
        raise AgentError(410, "run_over")
    return current


async def _looked_for(portal: Portal, record: Record) -> Record:
    """Somebody speaks for a run that we had given up: if its job lives, nothing is killed and the session goes on.

    Raises SchedulerSilent while nobody can say whether it does: an agent that is told that its run is over ends it.
    """
    run = record.run
    if run.outcome is None or run.outcome.kind not in absorb.GIVEN_UP or run.job is None:
        return record
    listing = await portal.launcher(record.session.cluster).look([run.job])
    if not listing.complete and not any(fact.job == run.job for fact in listing.facts):
        raise SchedulerSilent("scheduler_silent", cluster=record.session.cluster)
    return await _take_in(portal, record, listing)


async def _when_recorded(portal: Portal, record: Record) -> Record:
    """The record when the launch that has its lock is done: of many at once, a job may run before its number is written down.

    Its agent waits here, for to ask again and again would cost the launches more time.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RECORDED_WITHIN), portal.locks[record.session.id]:
            pass
    return await portal.store.get(record.session.id) or record


async def _look_at(portal: Portal, record: Record) -> Record:
    """Ask the launcher about this one job now: an agent that calls is news, and waiting for the next tick would cost time."""
    job = record.run.job
    if job is None:
        return record
    try:
        listing = await portal.launcher(record.session.cluster).look([job])
    except SchedulerSilent:
        return record
    return await _take_in(portal, record, listing)


async def _take_in(portal: Portal, record: Record, listing: Listing) -> Record:
    job = record.run.job
    fact = next((fact for fact in listing.facts if fact.job == job and portal.is_ours(record, fact)), None)
    if fact is None:
        return record
    seen = as_seen(fact)
    return await portal.apply(record.session.id, lambda r, now: absorb.job_seen(r, seen, now))


def _sample(news: Report, now: datetime) -> UsageSample | None:
    if not math.isfinite(news.cpu) or news.cpu < 0 or news.memory <= 0:
        return None
    return UsageSample(at=now, cpu=min(round(news.cpu, 2), 1e5), memory=min(news.memory, 2**60), gpu=news.gpu)


def _end(end: End | None, now: datetime) -> ProcessEnd | None:
    if end is None:
        return None
    return ProcessEnd(
        at=now,
        kind=_KINDS.get(end.kind),
        exit_code=end.exit_code,
        signal=end.signal,
        detail=end.detail[:60],
        params={"message": _clean(end.message)[:500]} if end.message else {},
    )


def _clean(text: str) -> str:
    return text.replace("\x00", "\ufffd")[-LOG_TAIL:]
