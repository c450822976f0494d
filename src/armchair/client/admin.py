"""The part of the client that operators use. Each method needs the scope operate; for others it answers 403 or 404."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote


class Asks(Protocol):
    """What carries requests: the client."""

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of the answer, None when it has none. Raises PortalAway, ApiError."""
        ...


class Administration:
    """Everybody's sessions, clusters that are closed, a banner."""

    def __init__(self, client: Asks) -> None:
        self._client = client

    def sessions(self, **filters: str | int | Sequence[str]) -> Mapping[str, Any]:
        """One page of everybody's sessions. `filters`: text, phase (one or several), page, page_size."""
        found: dict[str, Any] = self._client.ask("GET", "/admin/sessions", params=filters)
        return found

    def end(self, reference: str) -> Mapping[str, Any]:
        """End anybody's session."""
        path = f"/admin/sessions/{quote(reference.removeprefix('#'), safe='')}"
        found: dict[str, Any] = self._client.ask("DELETE", path)
        return found

    def end_all(self, login: str) -> int:
        """End all sessions of one person; how many that are."""
        return int(self._client.ask("POST", f"/admin/people/{quote(login, safe='')}/end-sessions")["ended"])

    def portal(self) -> Mapping[str, Any]:
        """Clusters, people, notices and the last troubles."""
        found: dict[str, Any] = self._client.ask("GET", "/admin/portal")
        return found

    def drain(self, cluster: str, text: str) -> None:
        """Let a cluster ("": the whole portal) take no new sessions."""
        self._client.ask("PUT", "/admin/drain", json={"cluster": cluster, "text": text})

    def undrain(self, cluster: str) -> None:
        """Let it take sessions again."""
        self._client.ask("DELETE", "/admin/drain", params={"cluster": cluster})

    def banner(self, text: str, level: str, lifetime: int | None) -> None:
        """Show a sentence on all pages, for `lifetime` seconds or until it is removed."""
        self._client.ask("PUT", "/admin/banner", json={"text": text, "level": level, "lifetime": lifetime})

    def remove_banner(self) -> None:
        """Remove the sentence."""
        self._client.ask("DELETE", "/admin/banner")
