"""The administration: for operators only, with a question before each end, and words that reach those concerned."""

import logging
import re
from dataclasses import replace

import pytest

from armchair.accounts.actor import Person, PortalRole
from armchair.accounts.logins import Accounts
from armchair.domain.announcement import AnnouncementKind, Level
from armchair.domain.errors import DefinitionProblem
from armchair.domain.run import Phase
from armchair.sessions.launch import LaunchRequest, launch
from armchair.sessions.ports import Notice

READ = ["/admin", "/admin/people", "/admin/portal", "/admin/people/ada/end-all"]
WRITE = [
    "/admin/drain",
    "/admin/banner",
    "/admin/people/ada/end-all",
]


def inside(page: str) -> str:
    return page.partition("<main")[2].partition("</main>")[0]


async def become(browser, login: str, *roles: PortalRole):
    """Somebody else logs in, in the same browser."""
    accounts = Accounts(browser.portal.accounts, browser.portal.clock)
    await accounts.remember(Person(login=login, name=login.title(), roles=frozenset({PortalRole.USER, *roles})))
    browser.cookies.clear()
    await browser.post("/login", {"code": (await accounts.login_link(login)).reveal()})
    return browser


@pytest.fixture
async def operator(ada):
    """Oscar the operator; a session of Ada's is there."""
    await ada.launch("Private things")
    return await become(ada, "oscar", PortalRole.OPERATOR)


async def session_of(browser, title: str = "Private things"):
    return next(one for one in browser.portal.store._records.values() if one.session.title == title)


@pytest.mark.parametrize("path", READ)
async def test_for_others_there_is_nothing_there(ada, path) -> None:
    await ada.launch("Mine")
    await become(ada, "ulla")
    answer = await ada.get(path)
    nothing = await ada.get("/no-such-page")
    assert answer.status_code == nothing.status_code == 404
    assert inside(answer.text) == inside(nothing.text)
    assert "Administration" not in (await ada.get("/")).text


async def test_others_change_nothing(ada) -> None:
    mine = await ada.launch("Mine")
    await become(ada, "ulla")
    for path in (*WRITE, f"/admin/sessions/{mine.session.id}/end", "/admin/sessions/1/end"):
        assert (await ada.post(path, {"text": "x", "cluster": ""})).status_code == 404, path
    assert (await ada.get(f"/admin/sessions/{mine.session.id}")).status_code == 404
    assert (await session_of(ada, "Mine")).phase is Phase.QUEUED
    assert ada.portal.announcements == ()


@pytest.mark.parametrize("path", [*WRITE, "/admin/sessions/1/end"])
async def test_a_foreign_form_changes_nothing(operator, path) -> None:
    assert (await operator.post(path, {"csrf": "x", "text": "x"})).status_code == 403
    assert (await operator.post(path, {"text": "x"}, headers={"origin": "http://evil.test"})).status_code == 403
    assert (await session_of(operator)).phase is Phase.QUEUED


async def test_an_operator_sees_all_sessions_and_searches_them(operator) -> None:
    other = replace(operator.fake.actor, login="eve")
    await launch(operator.portal, other, LaunchRequest(app="hello", answers={}, title="Hers", launch_key="e"))
    page = (await operator.get("/admin")).text
    assert "Private things" in page
    assert "Hers" in page
    found = (await operator.get("/admin?q=eve")).text
    assert "Hers" in found
    assert "Private things" not in found
    assert "There is no such session now." in (await operator.get("/admin?state=ended")).text
    assert (await operator.get("/admin?state=nonsense&page=-3")).status_code == 200


async def test_an_operator_looks_but_does_not_join_or_read(operator) -> None:
    record = await session_of(operator)
    await operator.portal.store.keep(record.session.id, 1, "log", "a private line")
    await operator.ready(record.session.id)
    page = await operator.get(f"/admin/sessions/{record.session.number}")
    assert page.status_code == 200
    assert "a private line" not in page.text
    assert "/join" not in page.text
    for path in ("", "/join", "/row", "/live"):
        assert (await operator.get(f"/sessions/{record.session.id}{path}")).status_code == 404


async def test_an_end_is_asked_about_and_then_told_to_its_owner(operator) -> None:
    record = await session_of(operator)
    path = f"/admin/sessions/{record.session.id}/end"
    question = (await operator.get(path)).text
    assert "End #1 Private things of ada?" in question
    assert (await session_of(operator)).phase is Phase.QUEUED
    assert (await operator.post(path)).headers["location"] == f"/admin/sessions/{record.session.id}"
    assert (await session_of(operator)).phase is Phase.ENDING
    await operator.post("/logout")
    await operator.login()
    assert "An operator asked for its end" in (await operator.get(f"/sessions/{record.session.id}")).text


async def test_ending_all_of_somebody_names_the_count_first(operator) -> None:
    await operator.launch("Second")
    page = (await operator.get("/admin/people/ada/end-all")).text
    assert "End all 2 sessions of ada?" in page
    assert "Second" in page
    answer = await operator.post("/admin/people/ada/end-all")
    assert answer.headers["location"] == "/admin?state=all&q=ada"
    assert {one.phase for one in operator.portal.store._records.values()} == {Phase.ENDING}
    assert "nobody&amp;co has no running session." in (await operator.get("/admin/people/nobody%26co/end-all")).text


async def test_who_is_logged_in_is_listed(operator) -> None:
    page = (await operator.get("/admin/people")).text
    assert "ada" in page
    assert "oscar" in page
    assert 'href="/admin/people/ada/end-all"' in page
    assert 'href="/admin/people/oscar/end-all"' not in page


async def test_a_drain_reaches_the_launch_form_and_is_taken_back(operator) -> None:
    await operator.post("/admin/drain", {"cluster": "local", "text": "Back at <b>15:00</b>."})
    state = (await operator.get("/admin/portal")).text
    assert "Takes no new sessions." in state
    assert "Back at &lt;b&gt;15:00&lt;/b&gt;." in state
    form = (await operator.get("/applications/hello")).text
    assert "Back at &lt;b&gt;15:00&lt;/b&gt;. Running sessions go on." in form
    assert "Start Hello" not in form
    refused = await operator.post("/applications/hello", {"launch_key": "k"})
    assert refused.status_code == 403
    assert "local takes no new sessions at present." in refused.text
    await operator.post("/admin/drain", {"cluster": "local", "open": "yes"})
    assert "Start Hello" in (await operator.get("/applications/hello")).text


@pytest.mark.parametrize("cluster", ["local", ""])
async def test_a_drain_that_comes_while_somebody_fills_in_the_form_loses_no_answer(operator, cluster) -> None:
    await operator.post("/admin/drain", {"cluster": cluster, "text": "Back at 15:00."})
    answer = await operator.post("/applications/hello", {"title": "My alignment", "size": "large"})
    assert answer.status_code == 403
    assert 'value="My alignment"' in answer.text
    assert 'value="large" data-summary' in answer.text
    assert "Back at 15:00." in answer.text
    assert "What you answered is still here." in answer.text
    assert "Choose another cluster" not in answer.text, "there is none"


async def test_a_banner_is_on_all_pages_and_on_the_door(operator) -> None:
    await operator.post("/admin/banner", {"text": "Maintenance on <Monday>.", "level": "warning", "hours": "8"})
    banner = operator.portal.announcements[0]
    assert (banner.kind, banner.level, banner.by) == (AnnouncementKind.BANNER, Level.WARNING, "oscar")
    for path in ("/", "/applications", "/account", "/admin", "/nothing"):
        assert "Maintenance on &lt;Monday&gt;." in (await operator.get(path)).text, path
    await operator.post("/logout")
    assert "Maintenance on &lt;Monday&gt;." in (await operator.get("/login")).text
    await become(operator, "oscar", PortalRole.OPERATOR)
    await operator.post("/admin/banner", {"remove": "yes"})
    assert "Maintenance" not in (await operator.get("/")).text


async def test_a_wrong_form_says_what_is_wrong(operator) -> None:
    for path, form in (("/admin/banner", {"text": " "}), ("/admin/drain", {"cluster": "moon", "text": "x"})):
        answer = await operator.post(path, form)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    assert operator.portal.announcements == ()


async def test_a_wrong_form_stays_filled_in_and_is_told_beside_its_field(operator) -> None:
    long = "word " * 80
    banner = (await operator.post("/admin/banner", {"text": long, "level": "warning", "hours": "168"})).text
    field = banner.partition('<label for="banner">')[2].partition("</div>")[0]
    assert f'value="{long}"' in field
    assert 'role="alert">' in field
    assert re.findall(r'<option value="(\w*)" selected>', banner) == ["warning", "168"]
    cluster = operator.portal.launchers and next(iter(operator.portal.launchers))
    drain = (await operator.post("/admin/drain", {"cluster": cluster, "text": long})).text
    form = drain.partition(f'id="why-{cluster}"')[2]
    assert form.startswith(f' name="text" value="{long}"')
    assert f'id="why-{cluster}-error" role="alert">' in form
    assert drain.count('role="alert"') == 1


async def test_the_state_of_the_portal_is_told(operator, monkeypatch) -> None:
    portal = operator.portal
    monkeypatch.setattr(portal, "launcher_problems", {"old": "There is no launcher 'pbs'."})
    problem = DefinitionProblem(file="app.toml", line=3, key="title", message="It is missing.")
    monkeypatch.setattr(portal.catalogue, "problems", lambda: (problem,))
    portal.launcher_states["local"].answered(portal.clock.now(), 0.02)
    portal.troubles.emit(logging.LogRecord("x", logging.WARNING, "", 0, "event=launcher.silent token=abc", None, None))
    portal.gateway.told.append(Notice(code="certificate_ends_soon", params={"ends": "2026-12-01 10:00 UTC"}))
    page = (await operator.get("/admin/portal")).text
    assert "certificate ends on 2026-12-01 10:00 UTC" in page
    for words in ("There is no launcher &#39;pbs&#39;.", "answered in 20 ms", "asked 1 time since", "app.toml:3: title"):
        assert words in page, words
    assert "event=launcher.silent token=***" in page
    portal.launcher_states["local"].fell_silent(portal.clock.now(), "scheduler_silent", 1.0)
    assert "Gives no answer since" in (await operator.get("/admin/portal")).text
