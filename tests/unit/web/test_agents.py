"""What arrives at the agents listener: size, shape and credential are checked before anything is believed (I11)."""

from collections.abc import AsyncIterator

import httpx
import pytest

from armchair.domain.run import Phase
from armchair.sessions.launch import LaunchRequest, launch
from armchair.testing.portal import FakePortal, fake_portal
from armchair.web.agents import create_agents
from armchair.wire.messages import MAX_ENROL, MAX_REPORT
from armchair.words.outcomes import DETAILS

ENROL = {"port": 7001, "python": "3.11.2", "node": "c12", "nonce": "0" * 32, "version": 1}
REPORT = {"seq": 1, "ready": True, "cpu": 0.5, "memory": 10, "log": "hi\n", "end": None, "version": 1}
END = {"exit_code": 0, "signal": None, "kind": "", "detail": "", "message": ""}


@pytest.fixture
async def fake() -> FakePortal:
    return await fake_portal()


@pytest.fixture
async def http(fake: FakePortal) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_agents(fake.portal))
    async with httpx.AsyncClient(transport=transport, base_url="https://agents.test") as client:
        yield client


async def running(fake: FakePortal) -> tuple[str, dict[str, str]]:
    request = LaunchRequest(app="hello", answers={}, launch_key="one")
    record = (await launch(fake.portal, fake.actor, request)).record
    fake.launcher.run(record.run.job.id)
    token = fake.portal.derived.enrolment_token(record.session.id, 1).reveal()
    return record.session.id, {"Authorization": f"Bearer {token}"}


async def test_an_agent_gets_in_and_its_session_becomes_ready(fake: FakePortal, http: httpx.AsyncClient) -> None:
    session, bearer = await running(fake)
    answer = await http.post("/agent/v1/enrol", json=ENROL, headers=bearer)
    assert answer.status_code == 200
    credential = {"Authorization": f"Bearer {answer.json()['credential']}"}
    assert (await http.post("/agent/v1/report", json=REPORT, headers=credential)).status_code == 200
    assert (await fake.portal.store.get(session)).phase is Phase.READY
    commands = await http.get("/agent/v1/commands?after=0&wait=0", headers=credential)
    assert commands.json() == {"commands": []}


async def test_what_a_newer_agent_says_of_its_use_is_taken_in_and_bounded(fake: FakePortal, http: httpx.AsyncClient) -> None:
    session, bearer = await running(fake)
    answer = await http.post("/agent/v1/enrol", json={**ENROL, "version": 2}, headers=bearer)
    credential = {"Authorization": f"Bearer {answer.json()['credential']}"}
    activity = {"input": 10, "cpu": 0.2, "gpu": 0.5, "busy": None}
    more = {"gpu": 0.5, "activity": activity, "warned": False, "version": 2}
    assert (await http.post("/agent/v1/report", json={**REPORT, **more}, headers=credential)).status_code == 200
    run = (await fake.portal.store.get(session)).run
    assert run.usage[-1].gpu == 0.5
    assert run.active_at is not None
    for wrong in ({"gpu": 2.0}, {"activity": {**activity, "input": -1}}, {"activity": {**activity, "x": 1}}, {"warned": "yes"}):
        told = await http.post("/agent/v1/report", json={**REPORT, **more, **wrong}, headers=credential)
        assert told.status_code == 422, wrong


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 0},
        {"port": 70000},
        {"port": "7001"},
        {"port": None},
        {"nonce": "short"},
        {"node": "x" * 501},
        {"extra": 1},
        {"python": 3},
    ],
)
async def test_malformed_enrolments_change_nothing(fake: FakePortal, http: httpx.AsyncClient, wrong: dict) -> None:
    session, bearer = await running(fake)
    answer = await http.post("/agent/v1/enrol", json={**ENROL, **wrong}, headers=bearer)
    assert answer.status_code == 422
    assert (await fake.portal.store.get(session)).run.enrolled_at is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"seq": -1},
        {"ready": "yes"},
        {"cpu": -1.0},
        {"cpu": "Infinity"},
        {"memory": -5},
        {"memory": 1.5},
        {"log": "x" * 70000},
        {"end": {**END, "exit_code": 256}},
        {"end": {**END, "signal": 0}},
        {"end": {**END, "detail": "<b>"}},
        {"end": {**END, "kind": "x" * 41}},
        {"end": "ended"},
        {"host": "evil.test"},
    ],
)
async def test_malformed_reports_change_nothing(fake: FakePortal, http: httpx.AsyncClient, wrong: dict) -> None:
    session, bearer = await running(fake)
    credential = (await http.post("/agent/v1/enrol", json=ENROL, headers=bearer)).json()["credential"]
    headers = {"Authorization": f"Bearer {credential}"}
    before = await fake.portal.store.get(session)
    answer = await http.post("/agent/v1/report", json={**REPORT, **wrong}, headers=headers)
    assert answer.status_code == 422
    assert await fake.portal.store.get(session) == before


@pytest.mark.parametrize("detail", DETAILS)
async def test_every_end_that_has_words_can_be_reported(fake: FakePortal, http: httpx.AsyncClient, detail: str) -> None:
    session, bearer = await running(fake)
    credential = (await http.post("/agent/v1/enrol", json=ENROL, headers=bearer)).json()["credential"]
    end = {**END, "exit_code": 1, "detail": detail}
    answer = await http.post("/agent/v1/report", json={**REPORT, "end": end}, headers={"Authorization": f"Bearer {credential}"})
    assert answer.status_code == 200
    assert (await fake.portal.store.get(session)).run.agent_end.detail == detail


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"port": 7001'])
async def test_what_is_no_json_is_refused(fake: FakePortal, http: httpx.AsyncClient, body: bytes) -> None:
    _, bearer = await running(fake)
    assert (await http.post("/agent/v1/enrol", content=body, headers=bearer)).status_code == 422


async def test_bodies_are_bounded(fake: FakePortal, http: httpx.AsyncClient) -> None:
    _, bearer = await running(fake)
    assert (await http.post("/agent/v1/enrol", content=b"x" * (MAX_ENROL + 1), headers=bearer)).status_code == 413
    assert (await http.post("/agent/v1/report", content=b"x" * (MAX_REPORT + 1), headers=bearer)).status_code == 413


@pytest.mark.parametrize("wait", ["nan", "NaN", "inf", "-inf", "x"])
async def test_a_wait_that_is_no_number_starts_no_timer(fake: FakePortal, http: httpx.AsyncClient, wait: str) -> None:
    _, bearer = await running(fake)
    credential = (await http.post("/agent/v1/enrol", json=ENROL, headers=bearer)).json()["credential"]
    asked = await http.get(f"/agent/v1/commands?after=0&wait={wait}", headers={"Authorization": f"Bearer {credential}"})
    assert asked.status_code == 422


async def test_no_credential_no_answer(http: httpx.AsyncClient) -> None:
    for headers in ({}, {"Authorization": "Basic x"}, {"Authorization": "Bearer x"}):
        assert (await http.post("/agent/v1/enrol", json=ENROL, headers=headers)).status_code == 401
        assert (await http.post("/agent/v1/report", json=REPORT, headers=headers)).status_code == 401
        assert (await http.get("/agent/v1/commands", headers=headers)).status_code == 401


async def test_an_unready_portal_asks_for_patience(fake: FakePortal, http: httpx.AsyncClient) -> None:
    session, bearer = await running(fake)
    fake.launcher.jobs[(await fake.portal.store.get(session)).run.job.id].hidden = True
    assert (await http.post("/agent/v1/enrol", json=ENROL, headers=bearer)).status_code == 409


async def test_a_late_report_of_an_older_state_does_not_undo_a_newer_one(fake: FakePortal, http: httpx.AsyncClient) -> None:
    session, bearer = await running(fake)
    credential = (await http.post("/agent/v1/enrol", json=ENROL, headers=bearer)).json()["credential"]
    headers = {"Authorization": f"Bearer {credential}"}
    await http.post("/agent/v1/report", json={**REPORT, "seq": 2, "end": END}, headers=headers)
    await http.post("/agent/v1/report", json={**REPORT, "seq": 1, "ready": False}, headers=headers)
    run = (await fake.portal.store.get(session)).run
    assert run.ready_at is not None
    assert run.agent_end is not None


async def ask_and_hang_up(fake: FakePortal, credential: str) -> None:
    """A question for commands whose connection breaks before there is an answer."""
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}])

    async def receive() -> dict:
        return next(asked)

    async def send(_message: dict) -> None:
        """Nobody hears it."""

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/agent/v1/commands",
        "query_string": b"after=0&wait=20",
        "headers": [(b"authorization", f"Bearer {credential}".encode())],
        "http_version": "1.1",
        "scheme": "http",
    }
    await create_agents(fake.portal)(scope, receive, send)


async def test_an_agent_that_hangs_up_is_a_hint_and_no_fact(fake: FakePortal, http: httpx.AsyncClient) -> None:
    session, bearer = await running(fake)
    answer = await http.post("/agent/v1/enrol", json=ENROL, headers=bearer)
    credential = answer.json()["credential"]
    ready = await http.post("/agent/v1/report", json=REPORT, headers={"Authorization": f"Bearer {credential}"})
    assert ready.status_code == 200
    fake.portal.take_news()
    await ask_and_hang_up(fake, credential)
    assert fake.portal.take_news() == {fake.launcher.name}
    assert (await fake.portal.store.get(session)).phase is Phase.READY
    ended = {**REPORT, "seq": 2, "end": END}
    assert (
        await http.post("/agent/v1/report", json=ended, headers={"Authorization": f"Bearer {credential}"})
    ).status_code == 200
    fake.portal.take_news()
    await ask_and_hang_up(fake, credential)
    assert not fake.portal.take_news(), "it has said why it goes"
