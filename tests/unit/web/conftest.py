"""The web application on a portal of fakes, and a browser that shows what is sent and what comes back."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any, cast

import httpx
import pytest

from armchair.accounts.logins import Accounts
from armchair.domain.application import Application
from armchair.domain.run import Record
from armchair.sessions.launch import LaunchRequest, launch
from armchair.sessions.portal import Portal
from armchair.testing.launcher import FakeLauncher
from armchair.testing.portal import FakePortal, fake_portal
from armchair.testing.scheduler import FakeScheduler
from armchair.web.app import create_web
from armchair.web.security import form_token

PORTAL = "portal.test"
ORIGIN = f"http://{PORTAL}"


class Late:
    """Looks things up when they are used: one web application, which takes long to build, serves the portal of each test."""

    def __init__(self, get: Callable[[], object]) -> None:
        object.__setattr__(self, "_get", get)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._get(), name, value)

    def __getattr__(self, name: str) -> Any:
        if name in {"accounts", "clock", "accounts_settings"}:
            return Late(lambda: getattr(self._get(), name))
        return getattr(self._get(), name)


current: list[FakePortal] = []
built: list[Any] = []


@dataclass
class Browser:
    """Sends what a browser on a page of the portal sends. `cookies` are the portal host's."""

    http: httpx.AsyncClient
    fake: FakePortal
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def portal(self) -> Portal:
        return self.fake.portal

    @property
    def cookie(self) -> str:
        return self.cookies.get(self.portal.names.login_cookie, "")

    async def ask(
        self, method: str, path: str, *, host: str = PORTAL, headers: dict[str, str] | None = None, **more: Any
    ) -> Any:
        sent = {"host": host, **(headers or {})}
        if host == PORTAL and self.cookies:
            sent.setdefault("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        answer = await self.http.request(method, path, headers={k: v for k, v in sent.items() if v}, **more)
        if host == PORTAL:
            for name, morsel in self.set_cookies(answer).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return answer

    @staticmethod
    def set_cookies(answer: httpx.Response) -> SimpleCookie:
        found = SimpleCookie()
        for line in answer.headers.get_list("set-cookie"):
            found.load(line)
        return found

    async def get(self, path: str, **more: Any) -> Any:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, data: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> Any:
        """A form of the portal's own page; `headers` with "" leave a header out."""
        form = {"csrf": form_token(self.cookie), **(data or {})}
        ours = {"origin": ORIGIN, "sec-fetch-site": "same-origin", **(headers or {})}
        return await self.ask("POST", path, headers=ours, data=form)

    async def link(self) -> str:
        return (await Accounts(self.portal.accounts, self.portal.clock).login_link("ada")).reveal()

    async def login(self) -> "Browser":
        answer = await self.post("/login", {"code": await self.link()})
        assert answer.status_code == 303, answer.text
        return self

    async def launch(self, title: str = "", app: str = "hello", key: str = "") -> Record:
        wish = LaunchRequest(app=app, answers={}, title=title, launch_key=key or title or app)
        return (await launch(self.portal, self.fake.actor, wish)).record

    async def change(self, session: str, **facts: object) -> Record:
        """Set facts of the session's last run."""

        def step(record: Record, now: object) -> tuple[Record, list[Any]]:
            del now
            return replace(record, runs=(*record.runs[:-1], replace(record.run, **facts))), []  # type: ignore[arg-type] # callers name fields

        return await self.portal.apply(session, step)

    async def ready(self, session: str) -> Record:
        now = self.portal.clock.now()
        facts = {"host": "127.0.0.1", "port": 7001, "started_at": now - timedelta(minutes=20), "enrolled_at": now}
        return await self.change(session, ready_at=now, heard_at=now, **facts)


Opener = Callable[..., Any]


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    """Opens a browser, not logged in, on a fresh portal with these applications."""
    clients: list[httpx.AsyncClient] = []

    async def open_browser(*applications: Application, cluster: type[FakeLauncher] = FakeLauncher) -> Browser:
        current[:] = [await fake_portal(*applications, cluster=cluster)]
        if not built:
            built.append(create_web(cast("Portal", Late(lambda: current[-1].portal))))
        transport = httpx.ASGITransport(built[0], raise_app_exceptions=False)
        clients.append(httpx.AsyncClient(transport=transport, base_url=ORIGIN))
        return Browser(clients[-1], current[-1])

    yield open_browser
    for client in clients:
        await client.aclose()


@pytest.fixture
async def guest(opened: Opener) -> Browser:
    """A browser that has not logged in."""
    return cast("Browser", await opened())


@pytest.fixture
async def ada(guest: Browser) -> Browser:
    """A browser in which Ada is logged in."""
    return await guest.login()


@pytest.fixture
async def on_cluster(opened: Opener) -> Browser:
    """A browser in which Ada is logged in, on a portal whose sessions run on a cluster with a queue."""
    return await cast("Browser", await opened(cluster=FakeScheduler)).login()
