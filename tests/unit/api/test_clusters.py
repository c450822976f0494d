"""The API's clusters and choices, and a launch with a place and a size of one's own."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from armchair.accounts.actor import Scope
from armchair.accounts.logins import Accounts
from armchair.domain.cluster import Estimate, Starts
from armchair.testing.portal import FakePortal, fake_portal
from armchair.testing.scheduler import FakeScheduler, rich_offer, some_foreign_job
from armchair.web.api import router


class Stage:
    def __init__(self, fake: FakePortal, http: httpx.AsyncClient, cluster: FakeScheduler) -> None:
        self.fake, self.http, self.cluster = fake, http, cluster


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    fake = await fake_portal()
    cluster = FakeScheduler("hpc", now=fake.clock.now)
    cluster.offers["ada"] = rich_offer(fake.clock.now())
    fake.portal.launchers = {**fake.portal.launchers, "hpc": cluster}
    web = FastAPI()
    web.include_router(router(fake.portal))
    made = await Accounts(fake.portal.accounts, fake.portal.clock).create_token(fake.actor, "all", frozenset(Scope), None)
    headers = {"Authorization": f"Bearer {made.secret.reveal()}"}
    transport = httpx.ASGITransport(web, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://portal.test/api/v1", headers=headers) as http:
        yield Stage(fake, http, cluster)


async def test_clusters_are_listed(stage: Stage) -> None:
    found = (await stage.http.get("/clusters")).json()["clusters"]
    assert [(one["name"], one["queue"], one["silent_since"]) for one in found] == [("local", False, None), ("hpc", True, None)]
    assert (await stage.http.get("/clusters/mars")).status_code == 404


async def test_a_cluster_shows_its_offer_its_load_and_my_jobs(stage: Stage) -> None:
    stage.cluster.people_jobs["ada"] = [some_foreign_job(stage.fake.clock.now())]
    found = (await stage.http.get("/clusters/hpc")).json()
    assert [one["name"] for one in found["offer"]["partitions"]] == ["short", "long", "gpu"]
    assert found["offer"]["qos"][1]["limits"] == {"walltime": 3600, "cores": 8, "memory": None, "gpus": None, "jobs": None}
    short = found["partitions"][0]
    assert (short["cores"]["free"], short["cores"]["total"], short["waiting"]) == (160, 384, 4)
    job = found["jobs"][0]
    assert (job["id"], job["reason_text"], job["started_here"]) == ("4711", "Waiting for free cores.", False)
    plain = (await stage.http.get("/clusters/local")).json()
    assert (plain["offer"], plain["partitions"], plain["jobs"]) == (None, None, [])


async def test_choices_name_limits_and_starts(stage: Stage) -> None:
    later = Estimate(starts=Starts.LATER, at=stage.fake.clock.now() + timedelta(hours=2))
    stage.cluster.shapes = {(4, timedelta(hours=4), "short"): later}
    query = {"cluster": "hpc", "size": "large"}
    found = (await stage.http.get("/applications/hello/choices", params=query)).json()
    assert [one["estimate"]["text"] for one in found["sizes"]] == ["starts now", "likely in about 2 h"]
    assert found["chosen"]["placement"]["partition"] == "short"
    assert found["sooner"]["text"] == "With 2 hours instead it would start now."
    query = {"cluster": "hpc", "size": "custom", "cores": "65", "walltime": "soon"}
    found = (await stage.http.get("/applications/hello/choices", params=query)).json()
    assert found["chosen"]["problems"] == ["The largest node of short has 64 cores."]
    assert found["problems"] == ["A length of time, like 4h."]


async def test_a_launch_takes_a_place_and_a_size_of_ones_own(stage: Stage) -> None:
    body = {
        "app": "hello",
        "cluster": "hpc",
        "placement": {"partition": "long", "account": "physics"},
        "resources": {"cores": 2, "walltime": "5h"},
    }
    made = (await stage.http.post("/sessions", json=body)).json()
    assert (made["cluster"], made["placement"]["partition"], made["placement"]["account"]) == ("hpc", "long", "physics")
    assert (made["resources"]["cores"], made["resources"]["walltime"], made["size"]) == (2, 18000, "custom")
    assert (made["reason"], made["expected_start"], made["position"]) == ("", None, None)


async def test_a_launch_beyond_a_limit_is_refused_with_it(stage: Stage) -> None:
    body = {"app": "hello", "cluster": "hpc", "placement": {"partition": "short"}, "resources": {"walltime": "5h"}}
    answer = await stage.http.post("/sessions", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"] == [
        {"field": "resources.walltime", "code": "place_partition_walltime", "message": "short allows at most 4 hours."}
    ]
    assert (await stage.http.post("/sessions", json={"app": "hello", "placement": {"planet": "mars"}})).status_code == 422
