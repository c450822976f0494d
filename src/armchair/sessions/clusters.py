"""Use cases that only read: which clusters there are, how busy one is, what it offers and which jobs a person has there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from armchair.domain.cluster import ClusterJob, Offer, Overview
from armchair.domain.errors import NotFound, SchedulerSilent
from armchair.sessions.place import offer_for
from armchair.sessions.portal import Portal


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRow:
    """One cluster of this portal. `queue`: it has a scheduler. `silent_since`: which gives no answer since then."""

    name: str
    queue: bool
    silent_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """What a person may see of one cluster. None (and no jobs): without a queue, or not known as yet."""

    row: ClusterRow
    offer: Offer | None = None
    overview: Overview | None = None
    jobs: Sequence[ClusterJob] = ()
    now: datetime


def rows(portal: Portal) -> tuple[ClusterRow, ...]:
    """All clusters that are set up, in the order of the settings."""
    return tuple(
        ClusterRow(
            name=name,
            queue=portal.scheduler(name) is not None,
            silent_since=portal.launcher_states[name].silent_since,
        )
        for name in portal.launchers
    )


async def view(portal: Portal, login: str, name: str) -> ClusterView:
    """One cluster. All of it comes from answers that everybody shares. Raises NotFound("no_such_cluster")."""
    row = next((one for one in rows(portal) if one.name == name), None)
    if row is None:
        raise NotFound("no_such_cluster", cluster=name)
    scheduler, now = portal.scheduler(name), portal.clock.now()
    if scheduler is None:
        return ClusterView(row=row, now=now)
    try:
        overview, jobs = await scheduler.overview(), await scheduler.jobs(login)
    except SchedulerSilent:
        overview, jobs = None, ()
    return ClusterView(row=row, offer=await offer_for(portal, name, login), overview=overview, jobs=jobs, now=now)
