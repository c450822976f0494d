"""What the API answers, typed. `data` keeps the whole JSON, for `--json` and for fields that are newer than this client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as it stood when it was asked for."""

    id: str
    number: int
    title: str
    app: str
    phase: str
    state: str
    detail: str
    url: str
    created_at: datetime
    ready_at: datetime | None
    outcome: str
    data: Mapping[str, Any]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the API's JSON."""
        return cls(
            id=data["id"],
            number=data["number"],
            title=data["title"],
            app=data["app"],
            phase=data["phase"],
            state=data["state"]["title"],
            detail=data["state"]["detail"],
            url=data["url"],
            created_at=datetime.fromisoformat(data["created_at"]),
            ready_at=datetime.fromisoformat(data["ready_at"]) if data["ready_at"] else None,
            outcome=data["outcome"]["text"] if data["outcome"] else "",
            data=data,
        )

    @property
    def ready(self) -> bool:
        return self.phase == "ready"

    @property
    def ended(self) -> bool:
        return self.phase == "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where a session is to run, and the numbers of a size of one's own. What is left out is chosen."""

    cluster: str = ""
    placement: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    """One page of a listing."""

    sessions: Sequence[Session]
    total: int
    data: Mapping[str, Any]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the API's JSON."""
        return cls(sessions=[Session.of(one) for one in data["sessions"]], total=data["total"], data=data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application. `missing` are (what, cure) pairs that keep it from being started."""

    name: str
    title: str
    description: str
    sizes: Sequence[str]
    missing: Sequence[tuple[str, str]]
    unseen: Sequence[str]
    data: Mapping[str, Any]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the API's JSON."""
        return cls(
            name=data["name"],
            title=data["title"],
            description=data["description"],
            sizes=[size["name"] for size in data["sizes"]],
            missing=[(one["what"], one["cure"]) for one in data["missing"]],
            unseen=data["unseen"],
            data=data,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What reaches the application without a browser. `value` is a secret."""

    url: str
    name: str
    value: str
    host: str
    expires: datetime

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the API's JSON."""
        cookie = data["cookie"]
        expires = datetime.fromisoformat(cookie["expires"])
        return cls(url=data["url"], name=cookie["name"], value=cookie["value"], host=cookie["host"], expires=expires)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token, without its secret."""

    id: str
    name: str
    scopes: Sequence[str]
    expires_at: str
    data: Mapping[str, Any]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the API's JSON."""
        expires = data["expires_at"] or ""
        return cls(id=data["id"], name=data["name"], scopes=data["scopes"], expires_at=expires, data=data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The portal that answers."""

    version: str
    url: str
    pid: int
    live_sessions: int
    data: Mapping[str, Any]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the API's JSON."""
        live = data["live_sessions"]
        return cls(version=data["version"], url=data["url"], pid=data["pid"], live_sessions=live, data=data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing the portal looked at in itself."""

    name: str
    ok: bool
    detail: str
    cure: str

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the API's JSON."""
        return cls(name=data["name"], ok=data["ok"], detail=data["detail"], cure=data["cure"])


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """One event of a stream."""

    name: str
    data: Mapping[str, Any]
