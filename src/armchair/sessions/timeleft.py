"""What may be added to a session's time now, as far as site and scheduler are known to allow it."""

from datetime import timedelta
from typing import TypeGuard

from armchair.domain import lasting
from armchair.domain.errors import ArmchairError
from armchair.domain.run import Record
from armchair.sessions.launcherports import Extender, Launcher
from armchair.sessions.portal import Portal

# as schedulers write it whose limits only operators may raise
_DENIED = ("permission denied", "access denied", "not authorized", "only operators")
_EXTENDERS: dict[type, bool] = {}


def is_denied(reason: str) -> bool:
    """Whether the scheduler's refusal means that people may not do this at all."""
    return any(words in reason.lower() for words in _DENIED)


def room(portal: Portal, record: Record) -> tuple[timedelta | None, bool]:
    """How much time may be added now, None: none; and whether that is so only because the cluster lets only operators do it."""
    cluster = record.session.cluster
    launcher = portal.launchers.get(cluster)
    if not _extends(launcher):
        return None, False
    try:
        most = lasting.extendable(record, portal.clock.now(), portal.policy.extend)
    except ArmchairError:
        return None, False
    said_no = portal.launcher_states[cluster].gives_no_time or is_denied(record.run.extend_refused)
    denied = said_no or not launcher.gives_time()
    return (None, True) if denied else (most, False)


def _extends(launcher: Launcher | None) -> TypeGuard[Extender]:
    """Whether this launcher can give more time: asked for each row of a list, slow to find out, and the same for its class."""
    kind = type(launcher)
    if kind not in _EXTENDERS:
        _EXTENDERS[kind] = isinstance(launcher, Extender)
    return _EXTENDERS[kind]
