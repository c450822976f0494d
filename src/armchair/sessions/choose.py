"""What the launch page shows of clusters and sizes: for each size when it would start, or why it can't."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from armchair.domain.application import Application, Size
from armchair.domain.cluster import Estimate, Offer, Starts
from armchair.domain.errors import FieldError, InvalidInput, SchedulerSilent
from armchair.domain.forms import custom
from armchair.domain.forms import placement as forms
from armchair.domain.session import Placement, Resources
from armchair.sessions.launch import LaunchRequest
from armchair.sessions.place import choose_cluster, clusters_for, offer_for
from armchair.sessions.portal import Portal

WORTH_A_HINT = timedelta(minutes=5)  # nobody changes a wish to start two minutes earlier
_NOW = Estimate(starts=Starts.NOW)
_NO_ANSWER = Estimate(starts=Starts.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeChoice:
    """One size with its fate. `size.name` is "custom" for one of one's own. `errors` say why it can't start, ever."""

    size: Size
    placement: Placement
    errors: tuple[FieldError, ...] = ()
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Sooner:
    """A change of the wish that would start earlier: other `resources` (less time) or another `placement` (partition)."""

    resources: Resources
    placement: Placement
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """All that a launch form needs beyond the application's own fields.

    `cluster` is the one chosen out of `clusters`. `queue`: it has partitions and the like; `offer` says which, and is None
    without a queue or while its scheduler is silent; `machine` is what there is where all runs on one machine, without a
    queue. `chosen` is what would be started as the form stands, with its settled placement. `errors` are mistakes of the wish
    itself (a number that is none, a cluster that is not there).
    `asking`: some estimates are on their way; the event "cluster" tells when they are there.
    """

    clusters: tuple[str, ...]
    cluster: str
    queue: bool
    offer: Offer | None
    sizes: tuple[SizeChoice, ...]
    chosen: SizeChoice
    sooner: Sooner | None = None
    errors: tuple[FieldError, ...] = ()
    qos: tuple[str, ...] = ()
    now: datetime
    custom: bool = False
    machine: Resources | None = None
    asking: bool = field(default=False)

    @property
    def as_of(self) -> datetime | None:
        """When the cluster gave the oldest of the estimates that are shown; None without any."""
        shown = [choice.estimate.as_of for choice in (*self.sizes, self.chosen) if not choice.errors]
        return min((moment for moment in shown if moment is not None), default=None)


async def choices(portal: Portal, login: str, application: Application, wish: LaunchRequest) -> Choices:
    """The choices as they stand with this half-filled wish; of it, `cluster`, `placement`, `size` and `resources` count.

    Never waits for an estimate, and raises nothing for a wrong wish.
    """
    errors: list[FieldError] = []
    try:
        cluster = choose_cluster(portal, application, wish.cluster)
    except InvalidInput as invalid:
        errors.extend(invalid.errors)
        cluster = choose_cluster(portal, application, "")
    offer = await offer_for(portal, cluster, login)
    desk = _Desk(portal, login, cluster, offer)
    sizes = [await desk.judge(size, wish.placement, preset=True) for size in application.sizes]
    own = wish.size == custom.CUSTOM or custom.is_custom(wish.resources)
    chosen = next((one for one in sizes if one.size.name == wish.size), sizes[0] if sizes else None)
    if own or chosen is None:
        base = chosen.size.resources if chosen else Resources()
        resources = custom.resize(base, wish.resources, errors)
        chosen = await desk.judge(Size(name=custom.CUSTOM, title="", resources=resources), wish.placement, preset=False)
    sooner = await desk.sooner(chosen)
    return Choices(
        clusters=clusters_for(portal, application),
        cluster=cluster,
        queue=portal.scheduler(cluster) is not None,
        offer=offer,
        sizes=tuple(sizes),
        chosen=chosen,
        sooner=sooner,
        errors=tuple(errors),
        qos=tuple(forms.allowed_qos(offer, chosen.placement)) if offer else (),
        now=portal.clock.now(),
        custom=own,
        machine=portal.machine(cluster),
        asking=desk.asking,
    )


class _Desk:
    """Judges sizes for one person on one cluster, and remembers whether an answer is still to come."""

    def __init__(self, portal: Portal, login: str, cluster: str, offer: Offer | None) -> None:
        self._portal, self._login, self._cluster, self._offer = portal, login, cluster, offer
        self.asking = False

    async def judge(self, size: Size, wished: Placement, *, preset: bool) -> SizeChoice:
        if self._portal.scheduler(self._cluster) is None:
            return SizeChoice(size=size, placement=wished, estimate=_NOW)
        if self._offer is None:
            return SizeChoice(size=size, placement=wished, estimate=_NO_ANSWER)
        placement = forms.settle(self._offer, size.resources, wished)
        errors = forms.check(self._offer, size.resources, placement, self._portal.clock.now(), preset=preset)
        never = Estimate(starts=Starts.NEVER)
        estimate = never if errors else await self._estimate(size.resources, placement)
        return SizeChoice(size=size, placement=placement, errors=tuple(errors), estimate=estimate)

    async def sooner(self, chosen: SizeChoice) -> Sooner | None:
        """The first alternative that starts at least five minutes earlier; one that starts now is looked for first."""
        at, now = chosen.estimate.at, self._portal.clock.now()
        if self._offer is None or chosen.estimate.starts is not Starts.LATER or at is None or at - now < WORTH_A_HINT:
            return None
        found = []
        for resources, placement in forms.alternatives(self._offer, chosen.size.resources, chosen.placement, now):
            estimate = await self._estimate(resources, placement)
            found.append(Sooner(resources=resources, placement=placement, estimate=estimate))
        better = [one for one in found if _start(one.estimate, now) + WORTH_A_HINT <= at]
        return min(better, key=lambda one: _start(one.estimate, now), default=None)

    async def _estimate(self, resources: Resources, placement: Placement) -> Estimate:
        scheduler = self._portal.scheduler(self._cluster)
        try:
            found = _NO_ANSWER if scheduler is None else await scheduler.estimate(self._login, resources, placement)
        except SchedulerSilent:
            return _NO_ANSWER
        self.asking = self.asking or found.asking
        return found if found.at is None or found.at > self._portal.clock.now() else replace(found, starts=Starts.NOW, at=None)


def _start(estimate: Estimate, now: datetime) -> datetime:
    if estimate.starts is Starts.NOW:
        return now
    return estimate.at or datetime.max.replace(tzinfo=now.tzinfo) - timedelta(days=1)
