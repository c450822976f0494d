"""Carries out what was decided: submit, adopt, cancel, conclude. Each step records before it acts and may be repeated."""

import asyncio
import contextlib
from datetime import datetime

import structlog

from armchair.domain import absorb
from armchair.domain.decide import Cancel, Candidate, Policy, Resolution, conclusion, resolve_intent
from armchair.domain.errors import ArmchairError, JobRefused, SchedulerSilent, StorageFull
from armchair.domain.run import JobRef, Record
from armchair.domain.session import Session
from armchair.sessions.launcherports import JobFact, JobRequest
from armchair.sessions.portal import Portal

log = structlog.get_logger()


async def submit(portal: Portal, record: Record) -> Record:
    """Hand the run to its launcher (steps ② and ③ of a launch). The caller holds the session's lock; ① is stored.

    When the launcher does not answer, it is not known whether a job exists: the reconciler looks for its mark.
    """
    session, run = record.session, record.run
    launcher = portal.launcher(session.cluster)
    token = portal.derived.enrolment_token(session.id, run.attempt)
    turn = contextlib.ExitStack()
    request = JobRequest(
        mark=portal.derived.mark(session.id, run.attempt),
        name=f"armchair-{session.number}-{session.app}",
        script=portal.scripts.render(token, session.cluster).script,
        run_as=session.run_as,
        resources=session.resources,
        placement=session.placement,
        mandate=session.mandate,
        warning=portal.policy.warning,
        handed_over=turn.close,
    )
    await portal.submitting.acquire()
    turn.callback(portal.submitting.release)
    try:
        with turn:
            job = await launcher.submit(request)
    except SchedulerSilent as silence:
        _keep_wish(portal, session, silence)
        raise
    except (JobRefused, StorageFull) as refused:
        reason = _reason(refused)
        log.info("job.refused", session=session.id, reason=reason)
        return await portal.apply(session.id, lambda r, now: absorb.job_refused(r, reason, now))
    portal.wishes.pop(session.id, None)
    log.info("job.submitted", session=session.id, job=job.id, cluster=job.cluster)
    return await portal.apply(session.id, lambda r, now: absorb.job_submitted(r, job, now))


def _reason(refused: JobRefused | StorageFull) -> str:
    """Why there is no job, and certainly none: a job that finds no room is taken back whole."""
    if isinstance(refused, StorageFull):
        return f"the disk is full: {refused.params.get('path', '')}"
    return str(refused.params.get("reason", refused.code))


def _keep_wish(portal: Portal, session: Session, silence: SchedulerSilent) -> None:
    """Remember that the session waits for nothing but its launcher's answer, and that there is none."""
    portal.wishes[session.id] = portal.clock.now()
    portal.launcher_states[session.cluster].fell_silent(portal.clock.now(), silence.code, 1.0)


async def resolve(portal: Portal, record: Record) -> Record:
    """A run without a job on record: find its job by the mark, or submit it (again), or give it up. Caller holds the lock."""
    session, run = record.session, record.run
    launcher = portal.launcher(session.cluster)
    mark = portal.derived.mark(session.id, run.attempt)
    began = asyncio.get_running_loop().time()
    tried = portal.wishes.get(session.id, run.intended_at)
    kept = portal.clock.now() - tried < portal.policy.adopt_window
    try:
        listing = await launcher.find(mark, run_as=session.run_as, since=run.intended_at)
    except SchedulerSilent as silence:
        if kept:
            _keep_wish(portal, session, silence)
        raise
    portal.launcher_states[session.cluster].answered(portal.clock.now(), asyncio.get_running_loop().time() - began)
    candidates = [
        Candidate(job=fact.job, state=fact.state)
        for fact in listing.facts
        if fact.mark == mark and portal.is_ours(record, fact)
    ]
    now = portal.clock.now()
    if kept and not listing.complete:
        portal.wishes[session.id] = now  # a launcher that can't say it all holds the wish up as one that says nothing
    found = resolve_intent(record, candidates, complete=listing.complete, now=now, policy=portal.policy, kept=kept)
    for job in found.cancel:
        await launcher.cancel(job, mandate=session.mandate)
        log.warning("job.surplus_cancelled", session=session.id, job=job.id)
    return await _carry_out(portal, record, found)


async def _carry_out(portal: Portal, record: Record, found: Resolution) -> Record:
    session = record.session.id
    if found.adopt is not None or found.outcome is not None:
        portal.wishes.pop(session, None)
    if found.adopt is not None:
        job = found.adopt
        log.info("job.adopted", session=session, job=job.id)
        return await portal.apply(session, lambda r, now: absorb.job_submitted(r, job, now, adopted=True))
    if found.outcome is not None:
        outcome = found.outcome
        return await portal.apply(session, lambda r, now: absorb.ended(r, outcome, now))
    if found.submit:
        return await submit(portal, record)
    return record


async def cancel(portal: Portal, record: Record, action: Cancel) -> Record:
    """Ask the launcher to end the job. Raises SchedulerSilent when it may not have heard: asked again later."""
    session = record.session
    await portal.launcher(session.cluster).cancel(action.job, force=action.force, mandate=session.mandate)
    return await portal.apply(session.id, absorb.stop_sent)


async def conclude(portal: Portal, record: Record) -> Record:
    """Write the outcome; keep what the job itself wrote when its application left no log; let the launcher forget the job.

    While that was read more may have become known, even that the job lives: what is written follows from the facts by then.
    """
    session, job = record.session, record.run.job
    if job is not None:
        await _keep_output(portal, record, job)
    shown_at = portal.launcher_states[session.cluster].shown_at
    record = await portal.apply(session.id, lambda r, now: _ended(r, now, portal.policy, shown_at))
    outcome = record.run.outcome
    if outcome is None:
        return record
    log.info("session.ended", session=session.id, number=session.number, outcome=outcome.kind.value)
    if job is not None:
        await forget(portal, session, job)
    return record


def _ended(record: Record, now: datetime, policy: Policy, shown_at: datetime) -> absorb.Absorbed:
    outcome = conclusion(record, now, policy, shown_at)
    return (record, []) if outcome is None else absorb.ended(record, outcome, outcome.at)


async def _keep_output(portal: Portal, record: Record, job: JobRef) -> None:
    session, run = record.session, record.run
    try:
        if await portal.store.document(session.id, run.attempt, "log"):
            return
        text = await portal.launcher(session.cluster).output(job, run_as=session.run_as, mandate=session.mandate)
        if text:
            await portal.store.keep(session.id, run.attempt, "log", text)
    except ArmchairError as error:
        # the log is a courtesy; the outcome must be written all the same
        log.warning("job.output_lost", session=session.id, code=error.code)


async def forget(portal: Portal, session: Session, job: JobRef) -> None:
    """The outcome is stored: the launcher may drop what it keeps of the job. Silence costs only a little disk."""
    try:
        await portal.launcher(session.cluster).forget(job)
    except SchedulerSilent:
        log.info("job.not_forgotten", session=session.id, job=job.id)


def as_seen(fact: JobFact) -> absorb.JobSeen:
    """A launcher's fact as the domain takes it in."""
    return absorb.JobSeen(
        job=fact.job,
        state=fact.state,
        host=fact.host,
        node=fact.node,
        started_at=fact.started_at,
        ends_at=fact.ends_at,
        walltime=fact.walltime,
        restarts=fact.restarts,
        reason=fact.reason,
        expected_start=fact.expected_start,
        position=fact.position,
        previous=fact.previous,
        end=fact.end,
    )
