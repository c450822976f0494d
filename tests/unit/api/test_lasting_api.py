"""More time, keep it and tell me by the API: answers, and each refusal with its reason."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from armchair.accounts.actor import Scope
from armchair.accounts.logins import Accounts
from armchair.domain.idle import IdleRules
from armchair.domain.run import JobState
from armchair.domain.telling import Channel
from armchair.notify.settings import WebhookSettings
from armchair.notify.webhook import Webhook
from armchair.sessions.launch import LaunchRequest, launch
from armchair.testing.portal import FakePortal, fake_portal
from armchair.testing.scheduler import FakeScheduler
from armchair.web.api import router


class Api:
    def __init__(self, fake: FakePortal, http: httpx.AsyncClient, session: str) -> None:
        self.fake, self.http, self.session = fake, http, session

    async def change(self, **facts: object) -> None:
        def step(record, now):  # type: ignore[no-untyped-def]
            return replace(record, runs=(*record.runs[:-1], replace(record.run, **facts))), []

        await self.fake.portal.apply(self.session, step)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    fake = await fake_portal(cluster=FakeScheduler)
    wish = LaunchRequest(app="hello", size="large", answers={}, title="", launch_key="one")
    record = (await launch(fake.portal, fake.actor, wish)).record
    now = fake.clock.now()
    fake.scheduler.run_on(record.run.job.id, "c12")
    app = FastAPI()
    app.include_router(router(fake.portal))
    made = await Accounts(fake.portal.accounts, fake.clock).create_token(fake.actor, "t", frozenset(Scope), None)
    headers = {"Authorization": f"Bearer {made.secret.reveal()}"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://t/api/v1", headers=headers) as http:
        stage = Api(fake, http, record.session.id)
        await stage.change(job_state=JobState.RUNNING, started_at=now, ready_at=now, enrolled_at=now, heard_at=now)
        yield stage


async def test_more_time_moves_the_end(api: Api) -> None:
    before = (await api.http.get("/sessions/1")).json()
    assert before["extend_by"] == 7200
    assert "extend" in before["actions"]
    answer = await api.http.post("/sessions/1/extend", json={"by": 3600})
    assert answer.status_code == 200
    assert answer.json()["ends_at"] > before["ends_at"]
    assert api.fake.scheduler.extended[0][1] == timedelta(hours=5)


@pytest.mark.parametrize("by", [0, -1, "2h", None, 10**9])
async def test_what_is_no_time_is_refused(api: Api, by: object) -> None:
    assert (await api.http.post("/sessions/1/extend", json={"by": by})).status_code == 422
    assert api.fake.scheduler.extended == []


async def test_a_refusal_names_rule_or_reason(api: Api) -> None:
    answer = await api.http.post("/sessions/1/extend", json={"by": 10800})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "extend_too_much")
    assert "2 h" in answer.json()["error"]["message"]
    api.fake.scheduler.refuse_extensions = "Access/permission denied"
    answer = await api.http.post("/sessions/1/extend", json={"by": 3600})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "extend_operators_only")
    assert "extend" not in (await api.http.get("/sessions/1")).json()["actions"]


async def test_keeping_takes_the_announced_end_back(api: Api) -> None:
    now = api.fake.clock.now()
    await api.change(active_at=now - timedelta(hours=2), activity_at=now, idle_ends_at=now + timedelta(minutes=20))
    seen = (await api.http.get("/sessions/1")).json()
    assert seen["idle_ends_at"] is not None
    assert "keep" in seen["actions"]
    assert "2 h" in seen["state"]["title"]
    kept = (await api.http.post("/sessions/1/keep")).json()
    assert kept["idle_ends_at"] is None
    assert "keep" not in kept["actions"]


async def test_an_end_without_use_is_chosen_within_the_sites_rule(api: Api) -> None:
    assert (await api.http.get("/sessions/1")).json()["idle"] == {"after": None, "site": None, "chosen": None}
    answer = await api.http.put("/sessions/1/idle", json={"after": 14400})
    assert answer.json()["idle"] == {"after": 14400, "site": None, "chosen": 14400}
    policy = api.fake.portal.policy
    api.fake.portal.policy = replace(policy, idle=IdleRules(after=timedelta(hours=2)))
    assert (await api.http.get("/sessions/1")).json()["idle"] == {"after": 7200, "site": 7200, "chosen": 14400}
    refused = await api.http.put("/sessions/1/idle", json={"after": 7201})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "idle_too_long")
    cleared = await api.http.put("/sessions/1/idle", json={"after": None})
    assert cleared.json()["idle"] == {"after": 7200, "site": 7200, "chosen": None}
    for wrong in ({}, {"after": 0}, {"after": "2h"}, {"after": 10**9}):
        assert (await api.http.put("/sessions/1/idle", json=wrong)).status_code == 422


async def test_tell_me_is_stored_and_can_be_taken_back(api: Api) -> None:
    answer = await api.http.put("/sessions/1/tell", json={"channel": "browser", "occasions": ["end", "end_near"]})
    assert answer.json() == {"channel": "browser", "occasions": ["end", "end_near"], "target": "", "secret": ""}
    found = (await api.http.get("/sessions/1/tell")).json()
    assert found["channels"] == ["browser"]
    assert [wish["channel"] for wish in found["wishes"]] == ["browser"]
    await api.http.put("/sessions/1/tell", json={"channel": "browser", "occasions": []})
    assert (await api.http.get("/sessions/1/tell")).json()["wishes"] == []


async def test_ways_that_are_not_there_and_what_has_been_are_refused(api: Api) -> None:
    answer = await api.http.put("/sessions/1/tell", json={"channel": "mail", "occasions": ["end"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "channel_off")
    answer = await api.http.put("/sessions/1/tell", json={"channel": "browser", "occasions": ["start"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "tell_too_late")
    assert (await api.http.put("/sessions/1/tell", json={"channel": "pigeon", "occasions": []})).status_code == 422


async def test_a_webhook_has_a_key_of_its_own_and_no_way_inside(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_up(_host: str, port: int, **_: object) -> object:
        return [(0, 0, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    derived = api.fake.portal.derived
    api.fake.portal.notifiers = {Channel.WEBHOOK: Webhook(WebhookSettings(allow=("localhost",)), derived.webhook_secret)}
    first, second = [
        (await api.http.put("/sessions/1/tell", json={"channel": "webhook", "occasions": ["end"], "target": target})).json()
        for target in ("http://localhost/a", "http://localhost/b")
    ]
    assert first["secret"] != second["secret"]
    assert len(first["secret"]) == 64
    answer = await api.http.put(
        "/sessions/1/tell", json={"channel": "webhook", "occasions": ["end"], "target": "https://127.0.0.1/"}
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["code"] == "webhook_not_public"
