"""The JSON API on a portal of fakes: who may do what, what is answered, how mistakes are told."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from armchair.accounts.actor import Person, PortalRole, Scope
from armchair.accounts.logins import Accounts
from armchair.domain import tail
from armchair.domain.session import Wanted
from armchair.sessions.portal import Portal
from armchair.sessions.ports import Notice
from armchair.testing.portal import FakePortal, fake_portal
from armchair.web.api import router, streams


@dataclass
class Api:
    fake: FakePortal
    http: httpx.AsyncClient

    async def token(self, *scopes: Scope) -> str:
        accounts = Accounts(self.fake.portal.accounts, self.fake.portal.clock)
        name = " ".join(scopes) or "all"
        made = await accounts.create_token(self.fake.actor, name, frozenset(scopes) or frozenset(Scope), None)
        return made.secret.reveal()

    async def launch(self, **wish: object) -> httpx.Response:
        return await self.http.post("/sessions", json={"app": "hello", **wish})


class Late:
    """Looks things up when they are used: one web application, which takes long to build, serves the portal of each test."""

    def __init__(self, get: Callable[[], object]) -> None:
        self._get = get

    def __getattr__(self, name: str) -> Any:
        if name in {"accounts", "accounts_settings", "clock"}:
            return Late(lambda: getattr(self._get(), name))
        return getattr(self._get(), name)


current: list[FakePortal] = []


@pytest.fixture(scope="module")
def web() -> FastAPI:
    made = FastAPI()
    made.include_router(router(cast("Portal", Late(lambda: current[-1].portal))))
    return made


@pytest.fixture
async def api(web: FastAPI) -> AsyncIterator[Api]:
    fake = await fake_portal()
    current[:] = [fake]
    transport = httpx.ASGITransport(web, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://portal.test/api/v1") as http:
        made = Api(fake, http)
        http.headers["Authorization"] = f"Bearer {await made.token()}"
        yield made


async def test_health_needs_no_token(api: Api) -> None:
    answer = await api.http.get("/health", headers={"Authorization": ""})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(("header", "code"), [("", "token_missing"), ("Bearer arm_invented", "token_unknown")])
async def test_without_a_good_token_nothing_is_told(api: Api, header: str, code: str) -> None:
    for method, path in (
        ("GET", "/sessions"),
        ("POST", "/sessions"),
        ("GET", "/events"),
        ("GET", "/status"),
        ("POST", "/tokens"),
    ):
        answer = await api.http.request(method, path, headers={"Authorization": header}, json={})
        assert answer.status_code == 401, path
        assert answer.json()["error"]["code"] == code
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("method", "path", "body", "scope"),
    [
        ("GET", "/applications", None, Scope.APPS_READ),
        ("GET", "/sessions", None, Scope.SESSIONS_READ),
        ("GET", "/sessions/1", None, Scope.SESSIONS_READ),
        ("GET", "/sessions/1/log", None, Scope.SESSIONS_READ),
        ("POST", "/sessions", {"app": "hello"}, Scope.SESSIONS_WRITE),
        ("PATCH", "/sessions/1", {"title": "x"}, Scope.SESSIONS_WRITE),
        ("DELETE", "/sessions/1", None, Scope.SESSIONS_WRITE),
        ("POST", "/sessions/1/join", {}, Scope.SESSIONS_WRITE),
        ("POST", "/sessions/1/entry", None, Scope.SESSIONS_WRITE),
        ("GET", "/tokens", None, Scope.TOKENS_WRITE),
        ("GET", "/status", None, Scope.ADMIN),
        ("GET", "/doctor", None, Scope.ADMIN),
        ("GET", "/admin/sessions", None, Scope.OPERATE),
        ("DELETE", "/admin/sessions/1", None, Scope.OPERATE),
        ("POST", "/admin/people/ada/end-sessions", None, Scope.OPERATE),
        ("GET", "/admin/portal", None, Scope.OPERATE),
        ("PUT", "/admin/drain", {"cluster": ""}, Scope.OPERATE),
        ("DELETE", "/admin/drain", None, Scope.OPERATE),
        ("PUT", "/admin/banner", {"text": "x"}, Scope.OPERATE),
        ("DELETE", "/admin/banner", None, Scope.OPERATE),
    ],
)
async def test_each_route_needs_its_scope(api: Api, method: str, path: str, body: object, scope: Scope) -> None:
    others = frozenset(Scope) - {scope}
    headers = {"Authorization": f"Bearer {await api.token(*others)}"}
    answer = await api.http.request(method, path, json=body, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["params"] == {"scope": scope.value}


async def test_a_weaker_token_cannot_make_a_login_link(api: Api) -> None:
    headers = {"Authorization": f"Bearer {await api.token(Scope.TOKENS_WRITE, Scope.SESSIONS_WRITE)}"}
    assert (await api.http.post("/login-links", headers=headers)).status_code == 403
    url = (await api.http.post("/login-links")).json()["url"]
    assert url.startswith("http://portal.test/login?code=")
    code = url.partition("code=")[2]
    assert (await Accounts(api.fake.store, api.fake.clock).exchange(code)).actor.login == "ada"


async def test_launch_show_rename_end(api: Api) -> None:
    made = await api.launch(size="large", title="my work")
    session = made.json()
    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/v1/sessions/{session['id']}"
    assert (session["number"], session["title"], session["size"], session["phase"]) == (1, "my work", "large", "queued")
    assert session["resources"]["cores"] == 4
    assert session["join_url"] == f"http://portal.test/sessions/{session['id']}/join"
    for reference in (session["id"], "1", "%231"):
        assert (await api.http.get(f"/sessions/{reference}")).json()["id"] == session["id"]
    renamed = await api.http.patch("/sessions/1", json={"title": "other"})
    assert renamed.json()["title"] == "other"
    assert renamed.json()["version"] > session["version"]
    ended = await api.http.delete("/sessions/1")
    assert (ended.status_code, ended.json()["phase"]) == (202, "ending")
    record = await api.fake.store.get(session["id"])
    assert record is not None
    assert record.session.wanted is Wanted.STOP
    codes = [event["code"] for event in (await api.http.get("/sessions/1/events")).json()["events"]]
    assert codes[0] == "session.accepted"
    assert "stop.asked" in codes
    assert "<enrolment token>" in (await api.http.get("/sessions/1/script")).text


async def test_the_same_key_makes_one_session(api: Api) -> None:
    headers = {"Idempotency-Key": "wish-1"}
    first = await api.http.post("/sessions", json={"app": "hello"}, headers=headers)
    second = await api.http.post("/sessions", json={"app": "hello"}, headers=headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    other = await api.launch()
    assert other.json()["id"] != first.json()["id"]


async def test_every_mistake_is_named_and_nothing_stored(api: Api) -> None:
    answer = await api.launch(size="huge", answers={"bogus": "1"}, title="x" * 300)
    problem = answer.json()["error"]
    assert answer.status_code == 422
    assert {one["field"]: one["code"] for one in problem["fields"]} == {
        "size": "size_unknown",
        "bogus": "field_unknown",
        "title": "title_too_long",
    }
    assert all(one["message"].endswith(".") for one in problem["fields"])
    assert (await api.http.get("/sessions")).json()["total"] == 0


@pytest.mark.parametrize("body", [{}, {"app": 7}, {"app": "hello", "sizes": "small"}, [], "text"])
async def test_a_malformed_body_is_told_in_the_same_shape(api: Api, body: object) -> None:
    answer = await api.http.post("/sessions", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"]


async def test_a_foreign_session_looks_like_none(api: Api) -> None:
    await api.launch()
    record = await api.fake.store.by_number(1)
    assert record is not None
    accounts = Accounts(api.fake.store, api.fake.clock)
    await accounts.remember(Person(login="eve", name="Eve", roles=frozenset({PortalRole.ADMIN})))
    headers = {"Authorization": f"Bearer {(await accounts.client_token('eve')).reveal()}"}
    foreign = await api.http.get(f"/sessions/{record.session.id}", headers=headers)
    absent = await api.http.get("/sessions/zzzzzzzzzzzzzzzzzzzzzzzzzz", headers=headers)
    assert foreign.status_code == absent.status_code == 404
    assert foreign.json()["error"]["code"] == absent.json()["error"]["code"] == "no_such_session"
    assert (await api.http.delete("/sessions/1", headers=headers)).status_code == 404
    assert (await api.http.get("/sessions", headers=headers)).json()["total"] == 0


async def test_listing_searches_filters_and_pages(api: Api) -> None:
    for title in ("alpha", "beta", "gamma"):
        await api.launch(title=title)
    await api.http.delete("/sessions/2")
    found = await api.http.get("/sessions", params={"text": "bet"})
    assert [one["title"] for one in found.json()["sessions"]] == ["beta"]
    found = await api.http.get("/sessions", params={"phase": ["queued", "ready"], "sort": "title"})
    assert [one["title"] for one in found.json()["sessions"]] == ["alpha", "gamma"]
    page = (await api.http.get("/sessions", params={"page": 2, "page_size": 2})).json()
    assert (page["total"], len(page["sessions"])) == (3, 1)
    assert (await api.http.get("/sessions", params={"page": 0})).status_code == 422
    assert (await api.http.get("/sessions", params={"sort": "nonsense"})).status_code == 422


async def test_entry_only_when_ready(api: Api) -> None:
    await api.launch()
    answer = await api.http.post("/sessions/1/entry")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_ready")
    link = (await api.http.post("/sessions/1/join", json={"path": "/x"})).json()["url"]
    assert "/.armchair/enter?code=" in link


async def test_a_token_is_shown_once_and_dies_with_what_came_from_it(api: Api) -> None:
    made = await api.http.post("/tokens", json={"name": "job", "scopes": ["sessions:read"], "lifetime": 60})
    secret, token = made.json()["secret"], made.json()["token"]
    listed = await api.http.get("/tokens")
    assert secret not in listed.text
    assert "job" in [one["name"] for one in listed.json()["tokens"]]
    headers = {"Authorization": f"Bearer {secret}"}
    assert (await api.http.get("/sessions", headers=headers)).status_code == 200
    assert (await api.http.post("/tokens", json={"name": "job", "scopes": ["sessions:read"]})).status_code == 409
    assert (await api.http.delete("/tokens/job")).status_code == 204
    assert api.fake.gateway.revoked == [token["id"]]
    assert (await api.http.get("/sessions", headers=headers)).status_code == 401
    assert (await api.http.delete("/tokens/job")).status_code == 404
    bad = await api.http.post("/tokens", json={"name": "job", "scopes": ["everything"]})
    assert bad.json()["error"]["fields"][0]["code"] == "field_bad_choice"


async def test_an_unforeseen_error_has_a_reference_and_no_traceback(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(api.fake.store, "listing", broken)
    answer = await api.http.get("/sessions")
    assert answer.status_code == 500
    assert answer.json()["error"]["reference"]
    assert "secret detail" not in answer.text


async def test_the_stream_of_changes_and_its_end_with_the_token(api: Api) -> None:
    actor = api.fake.actor
    stream = streams.changes(api.fake.portal, actor)
    assert await anext(stream) == "event: hello\ndata: {}\n\n"
    session = (await api.launch()).json()["id"]
    event = await anext(stream)
    assert event.startswith("event: session\n")
    assert json.loads(event.partition("data: ")[2])["session"] == session
    await Accounts(api.fake.store, api.fake.clock).logout(actor.login_id)
    await api.launch()
    assert [one async for one in stream] == []


async def test_the_stream_of_a_session_begins_with_it_and_tells_each_change(api: Api) -> None:
    await api.launch()
    record = await api.fake.store.by_number(1)
    assert record is not None
    stream = streams.one(api.fake.portal, api.fake.actor, record, log=False)
    assert '"phase": "queued"' in await anext(stream)
    # a change between two looks is not missed
    await api.http.patch("/sessions/1", json={"title": "while nobody looked"})
    assert "while nobody looked" in await anext(stream)
    await stream.aclose()


@pytest.mark.parametrize(
    ("before", "after", "gained"),
    [
        ("", "abc", "abc"),
        ("abc", "abcdef", "def"),
        ("a" * 300 + "x", "a" * 255 + "xyz", "yz"),
        ("abc", "quite different", "quite different"),
    ],
)
def test_what_a_sliding_tail_gained(before: str, after: str, gained: str) -> None:
    assert tail.added(before, after) == gained


async def test_the_doctor_says_what_the_gateway_has_to_tell(api: Api) -> None:
    async def gateway() -> list[tuple[bool, str]]:
        checks = (await api.http.get("/doctor")).json()["checks"]
        return [(one["ok"], one["detail"]) for one in checks if one["name"] == "gateway"]

    assert await gateway() == [(True, "has nothing to tell")]
    told = {"path": "/etc/armchair/site.pem"}
    api.fake.portal.gateway.told.append(Notice(code="certificate_key_differs", params=told))  # type: ignore[attr-defined]
    [(ok, detail)] = await gateway()
    assert not ok
    assert "/etc/armchair/site.pem do not belong together" in detail
