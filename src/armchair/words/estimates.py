"""When something would start, in words: short beside a size, and as a sentence in the summary."""

from datetime import datetime, timedelta

from armchair.domain.cluster import Estimate, Starts
from armchair.domain.session import Placement, Resources
from armchair.words.language import gettext
from armchair.words.quantities import clock, cores, duration, long_duration, memory
from armchair.words.reasons import Waiting, family, why

SOON = timedelta(minutes=1)


def estimate(guess: Estimate, now: datetime) -> str:
    """Short, to stand beside a size: "starts now", "likely in about 20 min", "not before tomorrow"."""
    if guess.starts is Starts.NOW:
        return gettext("starts now")
    if guess.starts is Starts.NEVER:
        return gettext("can't start")
    if guess.starts is Starts.UNKNOWN and guess.reason:
        return _after(guess.reason)
    if guess.starts is Starts.UNKNOWN or guess.at is None:
        return gettext("asking the cluster…") if guess.asking else gettext("no estimate")
    if guess.at - now <= SOON:
        return gettext("starts now")
    return _later(guess.at, now)


def estimate_sentence(guess: Estimate, now: datetime, placement: Placement | None = None) -> str:
    """The same as whole sentences, with the time of day; `placement` lets them name the partition, the group and the QOS."""
    if guess.starts is Starts.UNKNOWN and guess.reason:
        found = why(guess.reason, Waiting(placement=placement or Placement(), resources=Resources()))
        return f"{found.title} {found.detail}".strip()
    if guess.starts is Starts.LATER and guess.at is not None and guess.at - now > SOON:
        span, time = about(guess.at - now), clock(guess.at, now)
        if not _is_near(guess.at, now):
            return gettext("Likely not before %(time)s.") % {"time": time}
        return gettext("Likely starts in about %(span)s, at %(time)s.") % {"span": span, "time": time}
    if guess.starts is Starts.NOW or (guess.starts is Starts.LATER and guess.at is not None):
        return gettext("Starts now.")
    if guess.starts is Starts.NEVER:
        reason = guess.reason.rstrip(".")
        return gettext("The cluster says: %(reason)s.") % {"reason": reason} if reason else gettext("This can't start.")
    return gettext("Asking the cluster when it would start…") if guess.asking else gettext("The cluster gives no estimate.")


def sooner(guess: Estimate, now: datetime, *, asked: Resources, resources: Resources, placement: Placement) -> str:
    """What would start earlier than what was asked for: less time, or another partition."""
    if guess.starts is Starts.NOW or guess.at is None:
        when = gettext("now")
    else:
        when = gettext("in about %(span)s") % {"span": about(guess.at - now)}
    if resources.walltime is not None and resources.walltime != asked.walltime:
        span = long_duration(resources.walltime)
        return gettext("With %(span)s instead it would start %(when)s.") % {"span": span, "when": when}
    return gettext("In %(partition)s it would start %(when)s.") % {"partition": placement.partition, "when": when}


def beyond(asked: Resources, machine: Resources) -> str:
    """What one's own machine lacks of a size that starts there all the same; "" when it has that much."""
    if asked.cores <= machine.cores and (asked.memory or 0) <= (machine.memory or 0):
        return ""
    has = {"cores": cores(machine.cores), "memory": memory(machine.memory or 0)}
    return gettext("This machine has only %(cores)s and %(memory)s.") % has


def about(span: timedelta) -> str:
    """A length of time as a guess is told: to 5 minutes above 10, to half hours above 3 hours."""
    minutes = max(1, round(span.total_seconds() / 60))
    if minutes > 180:
        minutes = round(minutes / 30) * 30
    elif minutes > 10:
        minutes = round(minutes / 5) * 5
    return duration(timedelta(minutes=minutes))


def _after(reason: str) -> str:
    """What would have to happen first."""
    kind = family(reason)
    if kind.startswith("person"):
        return gettext("when a job of yours ends")
    if kind.startswith(("group", "account")):
        return gettext("when a job of your group ends")
    return gettext("when a job with its QOS ends") if kind else gettext("not at present")


def _later(at: datetime, now: datetime) -> str:
    if _is_near(at, now):
        return gettext("likely in about %(span)s") % {"span": about(at - now)}
    if _days(at, now) == 1:
        return gettext("not before tomorrow")
    return gettext("not before %(day)s") % {"day": at.astimezone().strftime("%Y-%m-%d")}


def _is_near(at: datetime, now: datetime) -> bool:
    """Whether it is told as a span: at midnight the next hours are not another day."""
    return _days(at, now) == 0 or at - now < timedelta(hours=6)


def _days(at: datetime, now: datetime) -> int:
    return (at.astimezone().date() - now.astimezone().date()).days
