"""Where a session may run: its cluster, and its place there, checked against what the cluster offers to this person."""

from dataclasses import dataclass, field

import structlog

from armchair.domain.application import Application
from armchair.domain.cluster import Offer
from armchair.domain.errors import FieldError, InvalidInput, SchedulerSilent
from armchair.domain.forms import placement as forms
from armchair.domain.session import Placement, Resources
from armchair.sessions.portal import Portal

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Where a person wants a session of this size to run. `preset`: the size is one of the application's."""

    placement: Placement = field(default_factory=Placement)
    resources: Resources
    preset: bool = True


def clusters_for(portal: Portal, application: Application) -> tuple[str, ...]:
    """The clusters that are set up and that this application may run on, in the order of the settings."""
    return tuple(name for name in portal.launchers if not application.clusters or name in application.clusters)


def choose_cluster(portal: Portal, application: Application, asked: str) -> str:
    """The cluster that was asked for, else the first that there is for this application.

    Raises InvalidInput (field "cluster"). Without any that works it is "local": the launch then waits for its launcher.
    """
    known = clusters_for(portal, application)
    if asked and asked not in known:
        params: dict[str, object] = {"name": asked, "app": application.title, "allowed": list(known)}
        raise InvalidInput([FieldError(field="cluster", code="cluster_unknown", params=params)])
    return asked or next(iter(known), next(iter(application.clusters), "local"))


async def offer_for(portal: Portal, cluster: str, login: str) -> Offer | None:
    """What the cluster offers to this person; None when it has no queue, or when nothing is known as yet."""
    scheduler = portal.scheduler(cluster)
    if scheduler is None:
        return None
    try:
        return await scheduler.offer(login)
    except SchedulerSilent as silence:
        log.info("offer.unknown", cluster=cluster, code=silence.code)
        return None


async def settle(portal: Portal, cluster: str, login: str, wanted: Wanted) -> Placement:
    """The placement to be stored and handed on. Raises InvalidInput with every limit that would keep the job from starting.

    A cluster whose offer was never read takes the wish as it is: a silent scheduler must not keep anybody from asking.
    """
    if portal.scheduler(cluster) is None:
        return _without_queue(portal, cluster, wanted.placement)
    offer = await offer_for(portal, cluster, login)
    if offer is None:
        if bad := forms.check_names(wanted.placement):
            raise InvalidInput(bad)
        return wanted.placement
    settled = forms.settle(offer, wanted.resources, wanted.placement)
    errors = forms.check(offer, wanted.resources, settled, portal.clock.now(), preset=wanted.preset)
    if errors:
        raise InvalidInput(errors)
    return settled


def _without_queue(portal: Portal, cluster: str, wished: Placement) -> Placement:
    named = [name for name in forms.FIELDS if getattr(wished, name)]
    if named and cluster in portal.launchers:
        params: dict[str, object] = {"cluster": cluster}
        raise InvalidInput([FieldError(field=forms.PREFIX + name, code="place_no_queue", params=params) for name in named])
    return wished
