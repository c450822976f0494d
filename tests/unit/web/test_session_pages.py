"""The list and a session's page: what is shown, what can be done, and that nobody sees what is not theirs."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from armchair.accounts.actor import Person, PortalRole
from armchair.accounts.logins import Accounts
from armchair.domain.application import AppType, Screen
from armchair.domain.run import Outcome, OutcomeKind, Phase, ProcessEnd
from armchair.domain.session import By, Wanted
from armchair.testing.portal import fake_application


async def as_stranger(browser) -> None:
    """The same browser, logged in as somebody else."""
    accounts = Accounts(browser.portal.accounts, browser.portal.clock)
    await accounts.remember(Person(login="mallory", name="Mallory", roles=frozenset({PortalRole.USER})))
    login = await accounts.exchange((await accounts.login_link("mallory")).reveal())
    browser.cookies[browser.portal.names.login_cookie] = login.cookie.reveal()


async def ended(browser, session: str, kind: OutcomeKind = OutcomeKind.FINISHED, **facts: object):
    outcome = Outcome(kind=kind, by=By.SYSTEM, at=browser.portal.clock.now(), **facts)  # type: ignore[arg-type] # callers name fields
    return await browser.change(session, outcome=outcome)


PATHS = ["", "/live", "/row", "/join", "/end"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_foreign_session_looks_like_none(ada, path) -> None:
    record = await ada.launch("Mine")
    await ada.ready(record.session.id)
    assert (await ada.get(f"/sessions/{record.session.id}{path}")).status_code in {200, 303}
    await as_stranger(ada)
    foreign = [await ada.get(f"/sessions/{reference}{path}") for reference in (record.session.id, "1", "%231")]
    nothing = await ada.get(f"/sessions/{'z' * 26}{path}")
    for answer in foreign:
        assert answer.status_code == nothing.status_code == 404
        strip = re.compile(r'name="csrf" value="[^"]*"')
        assert strip.sub("", answer.text) == strip.sub("", nothing.text)


@pytest.mark.parametrize("path", ["end", "title", "start-again"])
async def test_nobody_else_acts_on_a_session(ada, path) -> None:
    record = await ada.launch("Mine")
    await as_stranger(ada)
    assert (await ada.post(f"/sessions/{record.session.id}/{path}", {"title": "Stolen"})).status_code == 404
    assert (await ada.post(f"/sessions/{'z' * 26}/{path}", {"title": "Stolen"})).status_code == 404
    assert await ada.portal.store.get(record.session.id) == record
    assert len(await ada.portal.store.live()) == 1


@pytest.mark.parametrize("path", ["end", "title", "start-again"])
async def test_acting_needs_the_forms_token(ada, path) -> None:
    record = await ada.launch("Mine")
    assert (await ada.post(f"/sessions/{record.session.id}/{path}", {"csrf": "", "title": "x"})).status_code == 403
    assert await ada.portal.store.get(record.session.id) == record


async def test_the_list_shows_ones_own_and_finds_by_text(ada) -> None:
    await ada.launch("Alpha")
    await ada.launch("Beta")
    page = (await ada.get("/")).text
    assert page.index("Beta") < page.index("Alpha"), "newest first"
    found = (await ada.get("/?q=alph&sort=title&page=1")).text.partition('<div id="list"')[2]
    assert "Alpha" in found
    assert "Beta" not in found
    assert 'with “alph” · <a href="/">Show all</a>' in found
    assert "Show all" not in page
    assert (await ada.get("/?q=%3Cscript%3E&sort=nonsense&page=-1")).status_code == 200
    assert "<script>" not in (await ada.get("/?q=%3Cscript%3E")).text
    assert (await ada.get(f"/?page={'9' * 30}&q={'x' * 5000}")).status_code == 200
    await as_stranger(ada)
    assert "Alpha" not in (await ada.get("/")).text


async def test_the_list_has_pages_and_folds_what_ended_long_ago(ada) -> None:
    first = await ada.launch("Session 0")
    for number in range(1, 27):
        await ada.launch(f"Session {number}")
    assert 'rel="next"' in (await ada.get("/")).text
    assert 'rel="prev"' in (await ada.get("/?page=2")).text
    await ended(ada, first.session.id)
    ada.fake.clock.advance(timedelta(hours=25))
    folded = (await ada.get("/?page=2")).text.partition('class="fold"')[2]
    assert "Session 0<" in folded


async def test_end_asks_then_ends_and_may_be_repeated(ada) -> None:
    record = await ada.launch("Mine")
    ask = await ada.get(f"/sessions/{record.session.id}/end")
    assert "not saved" in ask.text
    assert (await ada.portal.store.get(record.session.id)).session.wanted is Wanted.RUN
    for _ in range(2):
        answer = await ada.post(f"/sessions/{record.session.id}/end")
        assert answer.headers["location"] == f"/sessions/{record.session.id}"
    assert (await ada.portal.store.get(record.session.id)).session.wanted is Wanted.STOP
    assert (await ada.post("/sessions/1/end", {"back": "list"})).headers["location"] == "/"


async def test_renaming(ada) -> None:
    record = await ada.launch("Before")
    url = f"/sessions/{record.session.id}"
    assert (await ada.post(f"{url}/title", {"title": "  After\n"})).status_code == 303
    assert (await ada.portal.store.get(record.session.id)).session.title == "After"
    too_long = await ada.post(f"{url}/title", {"title": "long " * 60})
    assert too_long.status_code == 422
    assert f'value="{"long " * 60}" maxlength="200" aria-invalid="true" aria-describedby="title-error"' in too_long.text
    assert (await ada.post(f"{url}/title", {"title": " "})).status_code == 303
    assert (await ada.portal.store.get(record.session.id)).session.title == record.session.app_title != ""
    await ada.post(f"{url}/title", {"title": "After"})
    wrong = await ada.post(f"{url}/title", {"title": "x" * 201})
    assert wrong.status_code == 422
    assert "200" in wrong.text
    assert (await ada.portal.store.get(record.session.id)).session.title == "After"


async def test_start_again_starts_the_same_once(ada) -> None:
    record = await ada.launch("Mine")
    await ended(ada, record.session.id)
    page = (await ada.get(f"/sessions/{record.session.id}")).text
    key = re.search(r'name="launch_key" value="([^"]+)"', page)[1]
    answers = [await ada.post(f"/sessions/{record.session.id}/start-again", {"launch_key": key}) for _ in range(2)]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    again = await ada.portal.store.by_number(2)
    assert (again.session.title, again.session.app, again.session.size) == ("Mine", "hello", record.session.size)
    assert await ada.portal.store.by_number(3) is None


async def test_start_again_shows_the_form_when_the_application_has_changed(opened) -> None:
    ada = await (await opened()).login()
    record = await ada.launch("Mine")
    await ended(ada, record.session.id)
    ada.portal.catalogue._applications["hello"] = replace(fake_application(), sizes=fake_application().sizes[1:])
    answer = await ada.post(f"/sessions/{record.session.id}/start-again")
    assert answer.headers["location"] == f"/applications/hello?again={record.session.id}"
    del ada.portal.catalogue._applications["hello"]
    assert (await ada.post(f"/sessions/{record.session.id}/start-again")).status_code == 404
    page = (await ada.get(f"/sessions/{record.session.id}")).text
    assert "start-again" not in page


async def test_a_screen_may_be_seen_in_a_client_of_ones_own(opened) -> None:
    windows = replace(fake_application("windows"), type=AppType.X11, screen=Screen())
    ada = await (await opened(windows, fake_application())).login()
    for app, number in (("windows", 1), ("hello", 2)):
        record = await ada.launch(app=app, key=app)
        command = f"armchair attach {number}"
        assert command not in (await ada.get(f"/sessions/{number}")).text
        await ada.ready(record.session.id)
        assert (command in (await ada.get(f"/sessions/{number}")).text) == (app == "windows")


async def test_edit_and_start_tells_nothing_of_others(ada) -> None:
    record = await ada.launch("Secret title")
    path = f"/applications/hello?again={record.session.id}"
    assert "Secret title" in (await ada.get(path)).text
    await as_stranger(ada)
    assert "Secret title" not in (await ada.get(path)).text


async def test_edit_and_start_is_for_the_same_application(opened) -> None:
    ada = await (await opened(fake_application(), fake_application("other", "Other"))).login()
    record = await ada.launch("Mine")
    assert "Mine" not in (await ada.get(f"/applications/other?again={record.session.id}")).text


async def test_out_of_memory_offers_the_next_size_by_its_memory(ada) -> None:
    record = await ada.launch("Mine")
    await ended(ada, record.session.id, OutcomeKind.FAILED, exit_code=1)
    assert "size=large" not in (await ada.get(f"/sessions/{record.session.id}")).text
    other = await ada.launch("Other")
    await ended(ada, other.session.id, OutcomeKind.OUT_OF_MEMORY)
    page = (await ada.get(f"/sessions/{other.session.id}")).text
    assert "Start again with 16 GB" in page
    assert f"/applications/hello?again={other.session.id}&amp;size=large" in page
    assert (await ada.get(f"/applications/hello?again={other.session.id}&size=large")).status_code == 200


@pytest.mark.parametrize("path", ["/sessions/{id}", "/sessions/{id}/row"])
async def test_the_time_left_is_said_once(ada, path) -> None:
    record = await ada.launch("Mine")
    await ada.ready(record.session.id)
    page = (await ada.get(path.format(id=record.session.id))).text
    assert page.count("40 min left") == 1


async def test_a_row_has_two_lines_before_and_after_it_is_ready(ada) -> None:
    record = await ada.launch("Mine")
    now = ada.portal.clock.now()
    await ada.change(record.session.id, host="127.0.0.1", started_at=now, enrolled_at=now, heard_at=now)
    row = (await ada.get(f"/sessions/{record.session.id}/row")).text
    assert "Starting" in row
    assert "data-until" not in row, "time left stands where the sentence is while it starts"


async def test_what_has_ended_is_not_spoken_of_as_if_it_ran(ada) -> None:
    record = await ada.launch("Mine")
    url = f"/sessions/{record.session.id}"
    await ada.ready(record.session.id)
    page = (await ada.get(url)).text
    assert all(words in page for words in ("Closing the tab", "Start another", "has written nothing yet"))
    await ended(ada, record.session.id)
    page = (await ada.get(url)).text
    assert not any(words in page for words in ("Closing the tab", "Start another", "nothing yet"))
    assert all(words in page for words in ("Edit and start again", "The program wrote nothing."))


async def test_join_leads_to_the_sessions_own_host(ada) -> None:
    record = await ada.launch("Mine")
    await ada.ready(record.session.id)
    answer = await ada.get(f"/sessions/1/join?next={'%2Flab%3Fa%3D1'}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"http://{record.session.id}.apps.test/.armchair/enter?code=")
    assert answer.headers["location"].endswith("&next=%2Flab%3Fa%3D1")
    assert answer.headers["referrer-policy"] == "same-origin"
    evil = await ada.get("/sessions/1/join?next=//evil.example")
    assert evil.headers["location"].endswith("&next=%2F")
    await ended(ada, record.session.id)
    assert (await ada.get("/sessions/1/join")).headers["location"] == f"/sessions/{record.session.id}"


async def test_no_secret_is_on_any_page(ada) -> None:
    record = await ada.launch("Mine")
    sid = record.session.id
    await ada.ready(sid)
    await ada.portal.store.keep(sid, 1, "log", "hello from the log <b>bold</b>")
    secrets = {
        "enrolment token": ada.portal.derived.enrolment_token(sid, 1).reveal(),
        "mark": ada.portal.derived.mark(sid, 1),
        "login cookie": ada.cookie,
    }
    for path in (
        "/",
        f"/sessions/{sid}",
        f"/sessions/{sid}/live",
        f"/sessions/{sid}/row",
        "/account",
        "/applications/hello",
        f"/sessions/{sid}/end",
    ):
        page = (await ada.get(path)).text
        for name, secret in secrets.items():
            assert secret not in page, f"{name} on {path}"
    page = (await ada.get(f"/sessions/{sid}")).text
    assert "&lt;enrolment token&gt;" in page
    assert "hello from the log &lt;b&gt;" in page


async def test_an_agents_words_are_only_text(ada) -> None:
    record = await ada.launch("Mine")
    end = ProcessEnd(at=ada.portal.clock.now(), exit_code=1, detail="<img src=x>", params={"message": "<img src=x>"})
    await ada.change(record.session.id, agent_end=end, host="<img src=x>", reason="<img src=x>")
    await ended(
        ada, record.session.id, OutcomeKind.FAILED, exit_code=1, detail="launcher_refused", params={"reason": "<img src=x>"}
    )
    for path in ("", "/live", "/row"):
        page = (await ada.get(f"/sessions/{record.session.id}{path}")).text
        assert "<img src=x>" not in page
        assert "&lt;img src=x&gt;" in page
    assert (await ada.portal.store.get(record.session.id)).phase is Phase.ENDED


async def test_the_empty_list_invites(ada) -> None:
    page = (await ada.get("/")).text
    assert "/applications/hello" in page
    assert (await ada.get("/sessions")).headers["location"] == "/"
