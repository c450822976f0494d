"""The API for operators: what pages and command line can do, and nothing of it for anybody else."""

from dataclasses import dataclass

import httpx
import pytest

from armchair.accounts.actor import Person, PortalRole, Scope
from armchair.accounts.logins import Accounts
from armchair.domain.run import Phase
from armchair.sessions.launch import LaunchRequest, launch
from armchair.testing.portal import FakePortal, fake_portal
from armchair.web.app import create_web


@dataclass
class Caller:
    fake: FakePortal
    http: httpx.AsyncClient

    async def ask(self, method: str, path: str, **options: object) -> httpx.Response:
        return await self.http.request(method, f"/api/v1/admin{path}", **options)

    async def phase(self) -> Phase:
        return (await self.fake.store.by_number(1)).phase


@pytest.fixture
async def fake() -> FakePortal:
    made = await fake_portal()
    await launch(made.portal, made.actor, LaunchRequest(app="hello", answers={}, title="Mine", launch_key="k"))
    return made


async def called(fake: FakePortal, login: str, *roles: PortalRole) -> Caller:
    accounts = Accounts(fake.store, fake.clock)
    await accounts.remember(Person(login=login, name=login, roles=frozenset({PortalRole.USER, *roles})))
    token = (await accounts.client_token(login)).reveal()
    transport = httpx.ASGITransport(create_web(fake.portal), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    return Caller(fake, httpx.AsyncClient(transport=transport, base_url="http://portal.test", headers=headers))


@pytest.fixture
async def operator(fake):
    made = await called(fake, "oscar", PortalRole.OPERATOR)
    yield made
    await made.http.aclose()


async def test_an_operator_lists_and_ends_and_sees_no_more(operator: Caller) -> None:
    found = (await operator.ask("GET", "/sessions?text=ada")).json()
    (one,) = found["sessions"]
    assert (found["total"], one["number"], one["owner"], one["phase"]) == (1, 1, "ada", "queued")
    assert not {"answers", "url", "join_url"} & set(one)
    ended = await operator.ask("DELETE", "/sessions/1")
    assert (ended.status_code, ended.json()["phase"]) == (202, "ending")
    assert (await operator.http.get("/api/v1/sessions/1")).status_code == 404
    assert (await operator.http.post("/api/v1/sessions/1/entry")).status_code == 404


async def test_all_of_one_person_end(operator: Caller) -> None:
    assert (await operator.ask("POST", "/people/eve/end-sessions")).json() == {"ended": 0}
    assert (await operator.ask("POST", "/people/ada/end-sessions")).json() == {"ended": 1}
    assert await operator.phase() is Phase.ENDING


async def test_drain_and_banner_come_and_go(operator: Caller) -> None:
    assert (await operator.ask("PUT", "/drain", json={"cluster": "local", "text": "Back at 15:00."})).status_code == 200
    assert (await operator.ask("PUT", "/banner", json={"text": "Soon.", "level": "warning", "lifetime": 60})).status_code == 200
    portal = (await operator.ask("GET", "/portal")).json()
    assert [(one["name"], one["drained"], one["living"]) for one in portal["clusters"]] == [("local", True, 1)]
    assert portal["drains"][0]["text"] == "Back at 15:00."
    assert (portal["banner"]["level"], portal["banner"]["by"]) == ("warning", "oscar")
    assert {one["login"] for one in portal["people"]} == {"ada"}
    for path in ("/drain?cluster=local", "/banner"):
        assert (await operator.ask("DELETE", path)).status_code == 204
    portal = (await operator.ask("GET", "/portal")).json()
    assert (portal["drains"], portal["banner"]) == ([], None)


async def test_mistakes_are_named(operator: Caller) -> None:
    wrong = await operator.ask("PUT", "/drain", json={"cluster": "moon"})
    assert (wrong.status_code, wrong.json()["error"]["fields"][0]["field"]) == (422, "cluster")
    assert (await operator.ask("PUT", "/banner", json={"text": " "})).status_code == 422
    assert (await operator.ask("DELETE", "/sessions/999")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/sessions", None),
        ("DELETE", "/sessions/1", None),
        ("POST", "/people/ada/end-sessions", None),
        ("GET", "/portal", None),
        ("PUT", "/drain", {"cluster": ""}),
        ("DELETE", "/banner", None),
    ],
)
async def test_a_users_token_lacks_the_scope(fake: FakePortal, method: str, path: str, body: object) -> None:
    user = await called(fake, "ulla")
    answer = await user.ask(method, path, json=body)
    assert answer.status_code == 403
    assert answer.json()["error"]["params"] == {"scope": Scope.OPERATE.value}
    assert await user.phase() is Phase.QUEUED
    assert fake.portal.announcements == ()
    await user.http.aclose()
