"""Who is told of what, and by which way: wishes and events in, letters out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from armchair.domain.event import Event
from armchair.domain.session import Session


class Occasion(StrEnum):
    """What a person may want to hear of."""

    START = "start"
    END_NEAR = "end_near"
    IDLE_NEAR = "idle_near"
    END = "end"


class Channel(StrEnum):
    """How it reaches them. BROWSER: a notification of an open page of the portal."""

    MAIL = "mail"
    WEBHOOK = "webhook"
    BROWSER = "browser"


# of these people want to hear once, and then no more
ONCE = frozenset({Occasion.START})
GIVE_UP_AFTER = timedelta(hours=24)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=20), timedelta(hours=1)
_OCCASIONS = {
    "session.ready": Occasion.START,
    "end.near": Occasion.END_NEAR,
    "idle.near": Occasion.IDLE_NEAR,
    "run.ended": Occasion.END,
}
CODES = frozenset(_OCCASIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """`login` wants to hear of these occasions of a session. `target` is a webhook's address, "" for other ways."""

    session: str
    login: str
    channel: Channel
    occasions: frozenset[Occasion]
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One thing to tell one person by one way. `params` fill the words; there is one letter for each event, person and way.

    `id` stays the same however often it is sent, so that whoever gets it twice can tell. `due_at` None: sent or given up.
    """

    id: int = 0
    event: int
    session: str
    login: str
    channel: Channel
    target: str = ""
    occasion: Occasion
    params: Mapping[str, object] = field(default_factory=dict)
    created_at: datetime
    due_at: datetime | None
    tries: int = 0


Always = Mapping[Channel, frozenset[Occasion]]


def occasion_of(event: Event) -> Occasion | None:
    """What people would call this event; None: nothing to write of. A job that was queued again has not ended."""
    found = _OCCASIONS.get(event.code)
    if found is Occasion.END and str(event.params.get("detail", "")).startswith("requeued"):
        return None
    return found


def letters(event: Event, session: Session, wishes: Sequence[Wish], always: Always, now: datetime) -> Sequence[Letter]:
    """The letters that this event makes. `always`: what the site tells each owner, also without a wish.

    Whoever waits for the start hears of an end that comes before it. What a portal that was away comes too late with makes
    none.
    """
    occasion = occasion_of(event)
    if occasion is None or is_over(occasion, event.params, event.at, now):
        return ()
    site = [
        Wish(session=session.id, login=session.owner, channel=channel, occasions=occasions)
        for channel, occasions in always.items()
        if not any(wish.login == session.owner and wish.channel is channel for wish in wishes)
    ]
    made = []
    for wish in (*wishes, *site):
        wanted = wish.occasions | (always.get(wish.channel, frozenset()) if wish.login == session.owner else frozenset())
        if occasion in wanted or (occasion is Occasion.END and Occasion.START in wish.occasions):
            made.append(_letter(event, occasion, session, wish, now))
    return made


def _letter(event: Event, occasion: Occasion, session: Session, wish: Wish, now: datetime) -> Letter:
    return Letter(
        event=event.id,
        session=session.id,
        login=wish.login,
        channel=wish.channel,
        target=wish.target,
        occasion=occasion,
        params={**event.params, "number": session.number, "title": session.title},
        created_at=now,
        due_at=now,
    )


def is_over(occasion: Occasion, params: Mapping[str, object], told_at: datetime, now: datetime) -> bool:
    """Whether this warning, made at `told_at`, comes too late: what it warns of has been."""
    if occasion is Occasion.END_NEAR:
        seconds = params.get("seconds")
        return isinstance(seconds, int) and now >= told_at + timedelta(seconds=seconds)
    if occasion is Occasion.IDLE_NEAR:
        try:
            return now >= datetime.fromisoformat(str(params.get("ends_at")))
        except ValueError:
            return False
    return False


def left_of(wish: Wish, event: Event) -> Wish:
    """What is still wanted after this event. Without occasions: nothing."""
    occasion = occasion_of(event)
    if occasion is Occasion.END:
        return replace(wish, occasions=frozenset())
    return replace(wish, occasions=wish.occasions - {occasion}) if occasion in ONCE else wish


def next_try(letter: Letter, now: datetime) -> datetime | None:
    """When to try again after a failure; None: it is given up, for it would tell of old news."""
    pause: timedelta = FIRST_PAUSE * (1 << min(letter.tries, 12))
    again = now + min(LONGEST_PAUSE, pause)
    if now - letter.created_at >= GIVE_UP_AFTER or is_over(letter.occasion, letter.params, letter.created_at, again):
        return None
    return again
