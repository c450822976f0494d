"""The launch form's texts to a wish and back: what a person filled in, earlier or just now."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from armchair.domain.application import Application
from armchair.domain.forms import custom
from armchair.domain.forms import placement as forms
from armchair.domain.forms.values import duration_text, memory_text, shown
from armchair.domain.session import Placement, Resources, Session
from armchair.sessions.launch import LaunchRequest

OWN = frozenset({"csrf", "launch_key", "size", "title", "cluster", "where"})
PLACES = tuple(forms.PREFIX + name for name in forms.FIELDS)
NUMBERS = tuple(custom.PREFIX + name for name in custom.NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The form as it stands, all as texts. `numbers` count only while the size is "custom"."""

    size: str = ""
    title: str = ""
    cluster: str = ""
    places: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)

    def request(self, app: Application, launch_key: str = "") -> LaunchRequest:
        """What the use cases take."""
        names = {name.removeprefix(forms.PREFIX): value.strip()[:200] for name, value in self.places.items()}
        numbers = {name.removeprefix(custom.PREFIX): value for name, value in self.numbers.items() if value.strip()}
        return LaunchRequest(
            app=app.name,
            size=self.size,
            cluster=self.cluster,
            placement=Placement(**names),
            resources=numbers if self.size == custom.CUSTOM else {},
            answers=self.answers,
            title=self.title,
            launch_key=launch_key[:64] or secrets.token_hex(16),
        )


def of_form(pairs: Iterable[tuple[str, str]]) -> Wish:
    """The wish that was sent, by form or in an address. The last value of a name counts."""
    sent = dict(pairs)
    return Wish(
        size=sent.get("size", ""),
        title=sent.get("title", ""),
        cluster=sent.get("cluster", ""),
        places={name: sent[name] for name in PLACES if name in sent},
        numbers={name: sent[name] for name in NUMBERS if name in sent},
        answers={name: value for name, value in sent.items() if name not in OWN and name not in PLACES and name not in NUMBERS},
    )


def of_session(app: Application, session: Session) -> Wish:
    """The wish that made an earlier session of this application."""
    kept = {one.name: shown(one, session.answers[one.name]) for one in app.fields if one.name in session.answers}
    places = {forms.PREFIX + name: str(getattr(session.placement, name)) for name in forms.FIELDS}
    own = session.size == custom.CUSTOM
    return Wish(
        size=session.size,
        title=session.title,
        cluster=session.cluster,
        places={name: value for name, value in places.items() if value},
        numbers=_numbers(session.resources) if own else {},
        answers=kept,
    )


def again(session: Session, launch_key: str) -> LaunchRequest:
    """The same once more: same answers, same size, same place."""
    asked = session.resources
    numbers = {
        "cores": asked.cores,
        "memory": asked.memory,
        "walltime": int(asked.walltime.total_seconds()) if asked.walltime is not None else None,
        "gpus": asked.gpus,
    }
    return LaunchRequest(
        app=session.app,
        size=session.size,
        cluster=session.cluster,
        placement=session.placement,
        resources={name: value for name, value in numbers.items() if value is not None}
        if session.size == custom.CUSTOM
        else {},
        answers=session.answers,
        title=session.title,
        launch_key=launch_key[:64] or secrets.token_hex(16),
    )


def _numbers(asked: Resources) -> dict[str, str]:
    texts = {
        "cores": str(asked.cores),
        "memory": memory_text(asked.memory) if asked.memory is not None else "",
        "walltime": duration_text(asked.walltime.total_seconds()) if asked.walltime is not None else "",
        "gpus": str(asked.gpus),
    }
    return {custom.PREFIX + name: text for name, text in texts.items()}
