"""Use cases: give a session more time, keep one that nobody seems to use, and choose when it ends for not being used."""

from datetime import timedelta

import structlog

from armchair.accounts.actor import Actor
from armchair.domain import idle, lasting
from armchair.domain.access import Verb
from armchair.domain.decide import EndIdle, Extend, Lasts, WarnOfEnd
from armchair.domain.errors import Conflict, JobRefused, NotFound, Refused, SchedulerSilent
from armchair.domain.run import Phase, Record
from armchair.sessions import idleness
from armchair.sessions.launcherports import Extender
from armchair.sessions.portal import Portal
from armchair.sessions.show import permitted
from armchair.sessions.timeleft import is_denied

log = structlog.get_logger()


async def extend(portal: Portal, actor: Actor, session: str, by: timedelta) -> Record:
    """Let a session run for `by` longer.

    Stored first, then asked of the launcher. While that does not answer the wish stands, and the reconciler asks again.
    Raises NotFound("no_such_session"), Conflict and Refused with the rule that is against it, Refused("extend_refused", reason)
    or Refused("extend_operators_only") when the scheduler says no.
    """
    await permitted(portal, actor, session, Verb.EXTEND)
    async with portal.locks[session]:
        record = await permitted(portal, actor, session, Verb.EXTEND)
        cluster = record.session.cluster
        if not isinstance(portal.launcher(cluster), Extender):
            raise Refused("extend_not_here", cluster=cluster)
        walltime = lasting.extended_limit(record, by, portal.clock.now(), portal.policy.extend)
        record = await portal.apply(session, lambda r, now: lasting.extend_asked(r, walltime, now))
        log.info("session.extend_asked", session=session, walltime=int(walltime.total_seconds()))
        try:
            record = await _ask(portal, record, walltime)
        except SchedulerSilent as silence:
            log.info("session.extend_postponed", session=session, code=silence.code)
    portal.look_soon(cluster)
    reason = record.run.extend_refused
    if reason:
        raise Refused("extend_operators_only" if is_denied(reason) else "extend_refused", reason=reason)
    return record


async def keep(portal: Portal, actor: Actor, session: str) -> Record:
    """Somebody still wants this session: an announced end for idleness is taken back. Repeating it changes nothing.

    Raises NotFound("no_such_session"), Conflict("not_now") when it is ending all the same.
    """
    record = await permitted(portal, actor, session, Verb.KEEP)
    if record.phase is Phase.ENDING:
        raise Conflict("not_now")
    return await portal.apply(session, idle.kept)


async def end_when_idle(portal: Portal, actor: Actor, session: str, after: timedelta | None) -> Record:
    """Let a session end after this long without use, or (None) leave that to the site. Repeating it changes nothing.

    Raises NotFound("no_such_session"), Conflict("not_now") when it is ending, Refused("idle_too_short", least) and, since
    nobody escapes the site's rule, Refused("idle_too_long", most).
    """
    record = await permitted(portal, actor, session, Verb.MANAGE)
    if record.phase in {Phase.ENDING, Phase.ENDED}:
        raise Conflict("not_now")
    if after is not None:
        _check(portal, record, after)
    record = await portal.apply(session, lambda r, now: idle.chosen(r, after, now))
    log.info("session.idle_chosen", session=session, after=int(after.total_seconds()) if after is not None else None)
    return record


async def perform(portal: Portal, record: Record, action: Lasts) -> Record:
    """Carry out what time alone brought about. Raises SchedulerSilent: then it is asked again. The caller holds the lock."""
    session = record.session
    if isinstance(action, Extend):
        return await _ask(portal, record, action.walltime)
    if isinstance(action, WarnOfEnd):
        return await portal.apply(session.id, lambda r, now: lasting.end_warned(r, now, portal.policy.warning))
    if isinstance(action, EndIdle):
        record = await portal.apply(session.id, lambda r, now: idle.ended(r, now, idleness.rules(portal, r)))
        log.info("session.idle_end", session=session.id, number=session.number)
        portal.look_soon(session.cluster)
        return record
    return await portal.apply(session.id, lambda r, now: idle.warned(r, now, idleness.rules(portal, r)))


async def _ask(portal: Portal, record: Record, walltime: timedelta) -> Record:
    """Ask the launcher for this limit in all, unless its own word shows that it was given already."""
    session, job = record.session, record.run.job
    launcher = portal.launcher(session.cluster)
    if job is None or not isinstance(launcher, Extender):
        return await _refused(portal, record, "this launcher gives no more time")
    if not lasting.is_extended(record):
        try:
            await launcher.extend(job, walltime, session.mandate)
        except JobRefused as refused:
            return await _refused(portal, record, str(refused.params.get("reason", refused.code)))
    log.info("session.extended", session=session.id, walltime=int(walltime.total_seconds()))
    return await portal.apply(session.id, lambda r, now: lasting.extended(r, walltime, now))


async def _refused(portal: Portal, record: Record, reason: str) -> Record:
    session = record.session
    log.info("session.extend_refused", session=session.id, reason=reason)
    if is_denied(reason):
        portal.launcher_states[session.cluster].gives_no_time = True
    return await portal.apply(session.id, lambda r, now: lasting.extension_refused(r, reason, now))


def _check(portal: Portal, record: Record, after: timedelta) -> None:
    if after < idle.LEAST:
        raise Refused("idle_too_short", least=int(idle.LEAST.total_seconds()))
    try:
        most = idleness.limit(portal, portal.catalogue.get(record.session.app))
    except NotFound:
        return
    if most is not None and after > most:
        raise Refused("idle_too_long", most=int(most.total_seconds()))
