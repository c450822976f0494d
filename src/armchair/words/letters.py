"""What people read in a letter about a session."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from armchair.domain.event import Event
from armchair.domain.telling import Occasion
from armchair.words.events import event
from armchair.words.language import gettext
from armchair.words.line import Message
from armchair.words.quantities import duration

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def letter(occasion: Occasion, params: Mapping[str, object]) -> Message:
    """Subject without a full stop, and what to do. `params` are those of the letter."""
    name = f"#{params.get('number', '?')} {params.get('title', '')}".strip()
    if occasion is Occasion.START:
        return Message(title=gettext("%(name)s is ready") % {"name": name}, detail=gettext("It waits for you."))
    if occasion is Occasion.END_NEAR:
        title = gettext("%(name)s ends in %(span)s") % {"name": name, "span": _span(params.get("seconds"), "seconds")}
        return Message(
            title=title, detail=gettext("Then its time is over. Save your work; its page tells whether it can have more time.")
        )
    if occasion is Occasion.IDLE_NEAR:
        title = gettext("%(name)s ends at %(time)s if nobody uses it") % {"name": name, "time": _time(params.get("ends_at"))}
        span = _span(params.get("minutes"), "minutes")
        detail = gettext("Nobody has used it for %(span)s. Open it, or press Keep it on its page.") % {"span": span}
        return Message(title=title, detail=detail)
    title = gettext("%(name)s has ended") % {"name": name}
    return Message(title=title, detail=event(_end(params)) + ".")


def _end(params: Mapping[str, object]) -> Event:
    return Event(session="", attempt=1, at=_EPOCH, code="run.ended", params=params)


def _span(number: object, unit: str) -> str:
    return duration(timedelta(**{unit: number})) if isinstance(number, int) and 0 <= number < 10**8 else "?"


def _time(text: object) -> str:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return "?"
    return moment.astimezone().strftime("%H:%M")
