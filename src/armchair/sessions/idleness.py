"""When a session ends because nobody uses it: the site's rule, its application's own numbers, and what its owner has chosen."""

from dataclasses import replace
from datetime import timedelta

from armchair.domain import idle
from armchair.domain.application import Application
from armchair.domain.decide import Policy
from armchair.domain.errors import NotFound
from armchair.domain.idle import IdleRules
from armchair.domain.run import Record
from armchair.sessions.portal import Portal

# What an open page of a screen sends in a minute in which nobody touches it, measured with Xpra: 1 KiB when nothing moves,
# 8 KiB when the program draws once a second, 55 KiB at ten times a second. A key or a step of the pointer is 100 to 150
# bytes: five seconds of the pointer's way, or a hundred keys, make 32 KiB.
SCREEN_INPUT = 32 * 1024


def limit(portal: Portal, application: Application | None) -> timedelta | None:
    """After how long without use the site ends sessions of this application; None: it does not. Unknown ones are spared."""
    site = portal.policy.idle
    if application is None:
        return None
    ends = application.ends_idle if application.ends_idle is not None else not site.only_chosen
    return site.after if ends else None


def rules(portal: Portal, record: Record) -> IdleRules:
    """The rules for this session, as site, application and owner have them together."""
    site, session = portal.policy.idle, record.session
    if site.after is None and session.idle_after is None:
        return site
    try:
        application = portal.catalogue.get(session.app)
    except NotFound:
        application = None
    found = replace(site, after=limit(portal, application))
    if application is not None:
        found = replace(found, input=_input(application, site.input))
    return idle.own(session, found)


def policy(portal: Portal, record: Record) -> Policy:
    """The portal's patience, with this session's own rules of idleness."""
    own = rules(portal, record)
    return portal.policy if own is portal.policy.idle else replace(portal.policy, idle=own)


def _input(application: Application, site: int) -> int:
    """Bytes a minute from the browser that mean that somebody uses it."""
    if application.idle_input is not None:
        return application.idle_input
    return max(site, SCREEN_INPUT) if application.has_screen else site
