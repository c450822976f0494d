"""The typed client: one method for each thing the API can do. It blocks; time-outs are short except for streams."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from armchair.client.admin import Administration
from armchair.client.errors import ApiError, FieldMessage, PortalAway
from armchair.client.models import Application, Check, Entry, Session, SessionPage, Status, StreamEvent, Token, Where
from armchair.client.settings import ClientSettings

_TIMEOUT = httpx.Timeout(30, connect=5)
# streams say something at least each 15 seconds
_STREAM_TIMEOUT = httpx.Timeout(45, connect=5)


NOT_THE_API = "not_the_api"


class LocalTransport(httpx.HTTPTransport):
    """Connects to loopback for every name under localhost, which not every resolver knows; the Host header stays."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if host == "localhost" or host.endswith(".localhost"):
            request.extensions = {**request.extensions, "sni_hostname": host}
            request.url = request.url.copy_with(host="127.0.0.1")
        return super().handle_request(request)


class Client:
    """Talks to one portal. All methods raise PortalAway when nobody answers and ApiError when the portal says no."""

    def __init__(self, settings: ClientSettings, transport: httpx.BaseTransport | None = None) -> None:
        self.settings = settings
        self._http = httpx.Client(
            base_url=f"{settings.url.rstrip('/')}/api/v1",
            headers={"Authorization": f"Bearer {settings.token}", "Accept": "application/json"},
            timeout=_TIMEOUT,
            transport=transport or LocalTransport(uds=settings.socket or None),
            trust_env=False,
        )
        self.admin = Administration(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    # --- the portal ---

    def healthy(self) -> bool:
        """Whether the portal answers at all."""
        try:
            self._json("GET", "/health")
        except (PortalAway, ApiError):
            return False
        return True

    def status(self) -> Status:
        """Which portal this is. Needs the scope admin."""
        return Status.of(self._json("GET", "/status"))

    def doctor(self) -> Sequence[Check]:
        """What the portal knows of its own health. Needs the scope admin."""
        return [Check.of(one) for one in self._json("GET", "/doctor")["checks"]]

    def whoami(self) -> Mapping[str, Any]:
        """Login, name, roles and scopes of the token's owner."""
        found: dict[str, Any] = self._json("GET", "/whoami")
        return found

    def login_link(self) -> str:
        """An address that logs a browser in, once."""
        return str(self._json("POST", "/login-links")["url"])

    # --- applications ---

    def applications(self) -> Sequence[Application]:
        """All applications, also those that can't be started now."""
        return [Application.of(one) for one in self._json("GET", "/applications")["applications"]]

    # --- sessions ---

    def sessions(self, **filters: str | int | Sequence[str]) -> SessionPage:
        """One page. `filters`: text, phase (one or several), sort (newest, title, app), page, page_size."""
        return SessionPage.of(self._json("GET", "/sessions", params=filters))

    def session(self, reference: str) -> Session:
        """The session with this id or number."""
        return Session.of(self._json("GET", _path(reference)))

    def launch(
        self,
        app: str,
        *,
        size: str = "",
        answers: Mapping[str, object] | None = None,
        title: str = "",
        where: Where | None = None,
        key: str = "",
    ) -> Session:
        """Start a session. The same `key` makes the same session. ApiError 422 has one field for each mistake."""
        body: dict[str, object] = {"app": app, "size": size, "answers": dict(answers or {}), "title": title}
        if where is not None and where != Where():
            body |= {"cluster": where.cluster, "placement": dict(where.placement), "resources": dict(where.resources)}
        return Session.of(self._json("POST", "/sessions", json=body, headers={"Idempotency-Key": key} if key else {}))

    def clusters(self) -> Sequence[Mapping[str, Any]]:
        """All clusters of the portal."""
        found: list[dict[str, Any]] = self._json("GET", "/clusters")["clusters"]
        return found

    def cluster(self, name: str) -> Mapping[str, Any]:
        """One cluster: what it offers, how busy it is, and the caller's jobs there."""
        found: dict[str, Any] = self._json("GET", f"/clusters/{quote(name, safe='')}")
        return found

    def stop(self, reference: str) -> Session:
        """Ask for a session's end; it comes a little later."""
        return Session.of(self._json("DELETE", _path(reference)))

    def rename(self, reference: str, title: str) -> Session:
        """Give a session another title."""
        return Session.of(self._json("PATCH", _path(reference), json={"title": title}))

    def extend(self, reference: str, seconds: int) -> Session:
        """Give a session more time. ApiError 403 and 409 say why not."""
        return Session.of(self._json("POST", f"{_path(reference)}/extend", json={"by": seconds}))

    def keep(self, reference: str) -> Session:
        """Keep a session that is to end because nobody uses it."""
        return Session.of(self._json("POST", f"{_path(reference)}/keep"))

    def end_when_idle(self, reference: str, seconds: int | None) -> Session:
        """Let it end after this long without use; None: as the site has it. Raises ApiError with the reason against it."""
        return Session.of(self._json("PUT", f"{_path(reference)}/idle", json={"after": seconds}))

    def tell(self, reference: str, channel: str, occasions: Sequence[str], target: str = "") -> Mapping[str, Any]:
        """Be told of occasions (start, end_near, idle_near, end) by mail, webhook or browser; none: no longer."""
        body = {"channel": channel, "occasions": list(occasions), "target": target}
        told: dict[str, Any] = self._json("PUT", f"{_path(reference)}/tell", json=body)
        return told

    def timeline(self, reference: str) -> Sequence[Mapping[str, Any]]:
        """A session's transitions, oldest first."""
        events: list[dict[str, Any]] = self._json("GET", f"{_path(reference)}/events")["events"]
        return events

    def log(self, reference: str) -> str:
        """The last 64 KiB of what the application wrote."""
        return self._request("GET", f"{_path(reference)}/log").text

    def script(self, reference: str) -> str:
        """The script as submitted, without its secrets."""
        return self._request("GET", f"{_path(reference)}/script").text

    def join_link(self, reference: str, path: str = "/") -> str:
        """An address that lets a browser into the session, once, within 30 seconds."""
        return str(self._json("POST", f"{_path(reference)}/join", json={"path": path})["url"])

    def entry(self, reference: str) -> Entry:
        """Address and cookie for a client that is no browser. ApiError 409 unless the session is ready."""
        return Entry.of(self._json("POST", f"{_path(reference)}/entry"))

    def display(self, reference: str) -> Entry:
        """The display's address and a ticket of minutes. ApiError 409 unless the session is ready and graphical."""
        return Entry.of(self._json("POST", f"{_path(reference)}/display"))

    # --- streams ---

    def follow(self, reference: str, *, log: bool = False) -> Iterator[StreamEvent]:
        """`session` events (data: the session) and `log` events (data: {"text"}), until the session has ended.

        When the connection breaks, the iterator ends: look at the session and follow it again.
        """
        return self._stream(f"{_path(reference)}/stream", {"log": "true"} if log else {})

    def changes(self) -> Iterator[StreamEvent]:
        """`hello`, then `session` {session, number, version} at each change of your sessions, and `resync`."""
        return self._stream("/events", {})

    # --- tokens ---

    def tokens(self) -> Sequence[Token]:
        """Your tokens, without their secrets."""
        return [Token.of(one) for one in self._json("GET", "/tokens")["tokens"]]

    def create_token(self, name: str, scopes: Sequence[str], lifetime: int | None = None) -> tuple[str, Token]:
        """(secret, token). `lifetime` in seconds; None: without end."""
        made = self._json("POST", "/tokens", json={"name": name, "scopes": list(scopes), "lifetime": lifetime})
        return made["secret"], Token.of(made["token"])

    def revoke_token(self, id_or_name: str) -> None:
        """End a token and what came from it."""
        self._request("DELETE", f"/tokens/{quote(id_or_name, safe='')}")

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of the answer to one request, None when it has none."""
        answer = self._request(method, path, **options)
        return answer.json() if answer.content else None

    # --- inside ---

    def _json(self, method: str, path: str, **options: Any) -> Any:
        return self._request(method, path, **options).json()

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self._reached():
            answer = self._http.request(method, path, **options)
        if answer.is_error or answer.is_redirect:
            raise self._error(answer)
        return answer

    def _error(self, answer: httpx.Response) -> PortalAway | ApiError:
        error = _api_error(answer)
        if error.code == NOT_THE_API and answer.status_code in {502, 503, 504}:
            return PortalAway(self.settings.url, "the gateway runs, the portal behind it does not")
        return error

    def _stream(self, path: str, params: Mapping[str, str]) -> Iterator[StreamEvent]:
        with self._reached(), self._http.stream("GET", path, params=params, timeout=_STREAM_TIMEOUT) as answer:
            if answer.is_error:
                answer.read()
                raise self._error(answer)
            yield from _events(answer.iter_lines())

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except httpx.RemoteProtocolError as error:
            raise PortalAway(self.settings.url, "the connection broke") from error
        except httpx.TransportError as error:
            raise PortalAway(self.settings.url, str(error) or type(error).__name__) from error


def _path(reference: str) -> str:
    """The session's route; people may write #3. What can't be a reference is not asked for: it might be another route."""
    plain = reference.removeprefix("#")
    if not (plain.isascii() and plain.replace("-", "").isalnum()):
        raise ApiError(status=404, code="no_such_session", message=f"There is no session {reference!r}.")
    return f"/sessions/{plain}"


def _events(lines: Iterator[str]) -> Iterator[StreamEvent]:
    name, data = "message", ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data += line.removeprefix("data: ")
        elif not line and data:
            yield StreamEvent(name=name, data=json.loads(data))
            name, data = "message", ""


def _api_error(answer: httpx.Response) -> ApiError:
    try:
        problem = answer.json()["error"]
        fields = tuple(FieldMessage(field=one["field"], code=one["code"], message=one["message"]) for one in problem["fields"])
        return ApiError(status=answer.status_code, code=problem["code"], message=problem["message"], fields=fields)
    except (ValueError, KeyError, TypeError):
        return ApiError(
            status=answer.status_code,
            code=NOT_THE_API,
            message=f"{answer.url} answered {answer.status_code}, but not as Armchair does. Is this the portal's address?",
        )
