"""Use cases: end a session, and give it another title."""

import structlog

from armchair.accounts.actor import Actor
from armchair.domain import absorb
from armchair.domain.access import Verb
from armchair.domain.forms.plan import check_title
from armchair.domain.run import Record
from armchair.domain.session import By
from armchair.sessions.portal import Portal
from armchair.sessions.show import permitted

log = structlog.get_logger()


async def stop(portal: Portal, actor: Actor, session: str, by: By = By.OWNER) -> Record:
    """Ask for the end of a session. Stored first, carried out by the reconciler, also while a launcher is silent.

    Repeating it, or ending an ended session, changes nothing. Raises NotFound("no_such_session").
    """
    await permitted(portal, actor, session, Verb.STOP)
    record = await portal.apply(session, lambda r, now: absorb.stop_asked(r, by, now))
    log.info("session.stop_asked", session=session, by=by.value)
    portal.look_soon(record.session.cluster)
    return record


async def rename(portal: Portal, actor: Actor, session: str, title: str) -> Record:
    """Give the session another title; an empty one is its application's. Raises InvalidInput, NotFound("no_such_session")."""
    await permitted(portal, actor, session, Verb.RENAME)
    clean = check_title(title)
    return await portal.apply(session, lambda r, now: absorb.renamed(r, clean or r.session.app_title or r.session.app, now))
