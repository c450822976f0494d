"""Use cases: what operators have told everybody, as pages and launches look at it without asking the store each time."""

from collections.abc import Sequence
from dataclasses import dataclass

from armchair.domain.announcement import Announcement, AnnouncementKind
from armchair.domain.errors import Refused
from armchair.sessions.portal import Portal


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The announcements that hold now."""

    banner: Announcement | None = None
    drains: Sequence[Announcement] = ()

    def drain_of(self, cluster: str) -> Announcement | None:
        """Why this cluster takes no new sessions: its own drain, or that of the whole portal. None: it takes some."""
        return next((one for one in self.drains if one.cluster in {"", cluster}), None)


async def read(portal: Portal) -> None:
    """Read the announcements again: at the start, and after each change."""
    portal.announcements = tuple(await portal.store.announcements())


def board(portal: Portal) -> Board:
    """The announcements that hold now."""
    now = portal.clock.now()
    holding = [one for one in portal.announcements if one.holds(now)]
    banner = next((one for one in holding if one.kind is AnnouncementKind.BANNER), None)
    return Board(banner=banner, drains=tuple(one for one in holding if one.kind is AnnouncementKind.DRAIN))


def refuse_if_drained(portal: Portal, cluster: str) -> None:
    """Raises Refused("portal_drained", text) or Refused("cluster_drained", cluster, text): nothing new is started there."""
    drain = board(portal).drain_of(cluster)
    if drain is not None:
        code = "cluster_drained" if drain.cluster else "portal_drained"
        raise Refused(code, cluster=cluster, text=drain.text)
