"""What may be added to a session's time now, as far as site and scheduler are known to allow it."""

from datetime import timedelta

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


def room(portal: Portal, record: Record) -> timedelta | None:
    """How much time may be added now; None: none, or it is known that this cluster gives none."""
    cluster = record.session.cluster
    if not _extends(portal.launchers.get(cluster)) or portal.launcher_states[cluster].gives_no_time:
        return None
    if is_denied(record.run.extend_refused):
        return None
    try:
        return lasting.extendable(record, portal.clock.now(), portal.policy.extend)
    except ArmchairError:
        return None


def _extends(launcher: Launcher | None) -> bool:
    """Whether this launcher can give more time: asked for each row of a list, slow to find out, and the same for its class."""
    kind = type(launcher)
    if kind not in _EXTENDERS:
        _EXTENDERS[kind] = isinstance(launcher, Extender)
    return _EXTENDERS[kind]
