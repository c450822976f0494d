"""More time and *Keep it* on the pages: offered when they work, refused in words, and only for whom it concerns."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from armchair.accounts.actor import Person, PortalRole
from armchair.accounts.logins import Accounts
from armchair.domain.idle import IdleRules
from armchair.domain.run import JobState

HOUR = timedelta(hours=1)


async def running(browser, **facts: object) -> str:
    """A session that runs since twenty minutes."""
    record = await browser.launch("Mine")
    await browser.ready(record.session.id)
    await browser.change(record.session.id, job_state=JobState.RUNNING, **facts)
    return record.session.id


async def test_more_time_is_offered_in_steps_and_given(on_cluster) -> None:
    session = await running(on_cluster)
    page = (await on_cluster.get(f"/sessions/{session}")).text
    choice = page.partition('<select id="by"')[2].partition("</select>")[0]
    assert re.findall(r'<option value="(\d+)"', choice) == ["1800", "3600", "7200"]
    assert f'href="/sessions/{session}#time"' in (await on_cluster.get("/")).text
    answer = await on_cluster.post(f"/sessions/{session}/extend", {"by": "3600"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sessions/{session}")
    assert on_cluster.fake.scheduler.extended == [("1", 2 * HOUR)]
    assert "1 h 40 min left" in (await on_cluster.get(f"/sessions/{session}")).text


def chosen(page: str) -> str:
    choice = page.partition('<select id="by"')[2].partition("</select>")[0]
    return str(re.findall(r'<option value="(\d+)" selected>', choice))


async def test_the_least_is_chosen_until_somebody_has_asked_for_another(on_cluster) -> None:
    session = await running(on_cluster)
    assert chosen((await on_cluster.get(f"/sessions/{session}")).text) == "['1800']"
    await on_cluster.post(f"/sessions/{session}/extend", {"by": "3600"})
    assert chosen((await on_cluster.get(f"/sessions/{session}")).text) == "['3600']"
    await on_cluster.post(f"/sessions/{session}/extend", {"by": "7200"})
    assert chosen((await on_cluster.get(f"/sessions/{session}")).text) == "['7200']", "of several the last"


@pytest.mark.parametrize("by", ["", "x", "-1", "99999999999999999999", "1800.5", "٣"])
async def test_nonsense_adds_nothing_and_says_so(on_cluster, by) -> None:
    session = await running(on_cluster)
    answer = await on_cluster.post(f"/sessions/{session}/extend", {"by": by})
    assert answer.status_code == 409
    assert 'role="alert">This adds no time.' in answer.text
    assert on_cluster.fake.scheduler.extended == []


async def test_a_refusal_is_told_in_words(on_cluster) -> None:
    session = await running(on_cluster)
    too_much = await on_cluster.post(f"/sessions/{session}/extend", {"by": "90000"})
    assert too_much.status_code == 403
    assert "This site adds at most 2 h at once." in too_much.text
    on_cluster.fake.scheduler.refuse_extensions = "Access denied"
    denied = await on_cluster.post(f"/sessions/{session}/extend", {"by": "3600"})
    assert denied.status_code == 403
    assert "only operators raise" in denied.text
    assert 'action="/sessions/' + session + '/extend"' not in (await on_cluster.get(f"/sessions/{session}")).text


async def test_where_only_operators_may_the_page_says_so_in_place_of_the_button(on_cluster) -> None:
    session = await running(on_cluster)
    on_cluster.fake.scheduler.operators_only = True
    page = (await on_cluster.get(f"/sessions/{session}")).text
    assert f'action="/sessions/{session}/extend"' not in page
    assert "The cluster lets only operators raise a job&#39;s limit." in page
    assert "#time" not in (await on_cluster.get("/")).text


async def test_nothing_is_offered_before_it_runs(on_cluster) -> None:
    on_cluster.fake.scheduler.operators_only = True
    record = await on_cluster.launch("Mine")
    page = (await on_cluster.get(f"/sessions/{record.session.id}")).text
    assert "/extend" not in page
    assert "only operators" not in page


async def test_keep_it_takes_an_announced_end_back(on_cluster) -> None:
    now = on_cluster.portal.clock.now()
    session = await running(on_cluster, active_at=now - 2 * HOUR, activity_at=now, idle_ends_at=now + HOUR)
    for path in ("/", f"/sessions/{session}"):
        assert f'action="/sessions/{session}/keep"' in (await on_cluster.get(path)).text
    answer = await on_cluster.post(f"/sessions/{session}/keep", {"back": "list"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await on_cluster.portal.store.get(session)).run.idle_ends_at is None
    assert "/keep" not in (await on_cluster.get("/")).text


async def test_when_it_ends_for_not_being_used_is_chosen_on_its_page(on_cluster) -> None:
    session = await running(on_cluster)
    path = f"/sessions/{session}"
    page = (await on_cluster.get(path)).text
    assert '<option value="">it goes on</option>' in page
    assert re.findall(r'<option value="(\d+)"( selected)?>it ends', page)[:2] == [("3600", ""), ("7200", "")]
    answer = await on_cluster.post(f"{path}/idle", {"after": "7200"})
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    page = (await on_cluster.get(path)).text
    assert '<option value="7200" selected>it ends after 2 hours</option>' in page
    assert "It is to end after 2 h without use" in page
    await on_cluster.post(f"{path}/idle", {"after": ""})
    assert " selected>it ends" not in (await on_cluster.get(path)).text


async def test_what_the_site_says_is_the_longest_choice(on_cluster) -> None:
    on_cluster.portal.policy = replace(on_cluster.portal.policy, idle=IdleRules(after=2 * HOUR))
    session = await running(on_cluster)
    page = (await on_cluster.get(f"/sessions/{session}")).text
    assert '<option value="">it ends after 2 hours, as this site has it</option>' in page
    assert re.findall(r'<option value="(\d+)">it ends', page) == ["3600"]
    refused = await on_cluster.post(f"/sessions/{session}/idle", {"after": "10800"})
    assert refused.status_code == 403
    assert 'role="alert">This site ends sessions of this application after 2 h without use.' in refused.text


@pytest.mark.parametrize("after", ["0", "-1", "x", "1e9", "599", "99999999999999999"])
async def test_nonsense_chooses_nothing(on_cluster, after) -> None:
    session = await running(on_cluster)
    answer = await on_cluster.post(f"/sessions/{session}/idle", {"after": after})
    assert answer.status_code == 403
    assert 'role="alert">The least is 10 min without use.' in answer.text
    assert (await on_cluster.portal.store.get(session)).session.idle_after is None


@pytest.mark.parametrize("action", ["extend", "keep", "idle"])
async def test_a_stranger_finds_nothing(on_cluster, action) -> None:
    session = await running(on_cluster)
    accounts = Accounts(on_cluster.portal.accounts, on_cluster.portal.clock)
    await accounts.remember(Person(login="eve", name="Eve", roles=frozenset({PortalRole.USER, PortalRole.OPERATOR})))
    on_cluster.cookies.clear()
    await on_cluster.post("/login", {"code": (await accounts.login_link("eve")).reveal()})
    for reference in (session, "1"):
        assert (await on_cluster.post(f"/sessions/{reference}/{action}", {"by": "3600", "after": "3600"})).status_code == 404
    assert on_cluster.fake.scheduler.extended == []
