"""The page around a graphical program: who gets it and when, what it may do, and what it is told."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from armchair import words
from armchair.domain.application import AppType, Screen
from armchair.domain.run import Outcome, OutcomeKind
from armchair.domain.session import By
from armchair.testing.portal import fake_application
from armchair.words.language import language

NAVIGATION = {"sec-fetch-mode": "navigate", "accept": "text/html"}
SCRIPT = {"sec-fetch-mode": "cors", "accept": "*/*"}
PATHS = ("/screen", "/screen/vnc", "/screen/live", "/screen/manifest.webmanifest", "/screen/icon.svg")


class Visit:
    """A browser on the session's host, with the ticket that it got at its door."""

    def __init__(self, browser, session: str) -> None:
        self.browser, self.session, self.ticket = browser, session, ""

    async def ask(self, path: str, headers=NAVIGATION):
        names = self.browser.portal.names
        cookie = f"{names.ticket_cookie}={self.ticket}" if self.ticket else ""
        host = names.session_host(self.session)
        answer = await self.browser.ask("GET", f"/.armchair{path}", host=host, headers={**headers, "cookie": cookie})
        found = self.browser.set_cookies(answer).get(names.ticket_cookie)
        self.ticket = found.value if found is not None else self.ticket
        return answer


async def enter(browser, app: str = "draws") -> Visit:
    title = "My drawing" if app == "draws" else "Other"
    visit = Visit(browser, (await browser.launch(title, app=app)).session.id)
    await browser.ready(visit.session)
    answer = await browser.ask("GET", f"/sessions/{visit.session}/join", params={"next": "/.armchair/screen"})
    await visit.ask(answer.headers["location"].partition("/.armchair")[2])
    return visit


@pytest.fixture
async def visit(opened, tmp_path: Path) -> Visit:
    (tmp_path / "icon.svg").write_text("<svg/>")
    draws = replace(fake_application("draws", "Draws"), type=AppType.X11, screen=Screen(), icon=str(tmp_path / "icon.svg"))
    return await enter(await (await opened(draws, fake_application())).login())


async def test_the_page_is_there_when_the_session_is_ready(visit) -> None:
    page = await visit.ask("/screen")
    assert page.status_code == 200
    assert "My drawing" in page.text
    policy = page.headers["content-security-policy"]
    host = visit.browser.portal.names.session_host(visit.session)
    assert f"connect-src 'self' ws://{host} wss://{host};" in policy
    assert "frame-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_the_frame_of_a_vnc_display_is_for_its_own_page_alone(visit) -> None:
    frame = await visit.ask("/screen/vnc")
    assert frame.status_code == 200
    assert "frame-ancestors 'self'" in frame.headers["content-security-policy"]
    assert frame.headers["x-frame-options"] == "SAMEORIGIN"
    assert "frame-src" not in frame.headers["content-security-policy"]


async def test_before_and_after_it_leads_to_the_page_to_wait_on(visit) -> None:
    await visit.browser.change(visit.session, ready_at=None)
    page = await visit.ask("/screen")
    assert (page.status_code, page.headers["location"]) == (303, "/.armchair/waiting?next=/.armchair/screen")
    outcome = Outcome(kind=OutcomeKind.FINISHED, by=By.SYSTEM, at=visit.browser.portal.clock.now(), exit_code=0)
    await visit.browser.change(visit.session, outcome=outcome)
    assert (await visit.ask("/screen")).status_code == 303
    told = (await visit.ask("/screen/live", SCRIPT)).json()
    assert told["phase"] == "ended"
    assert "ended by itself" in told["title"]
    assert told["left"] == ""


async def test_it_is_told_how_the_session_stands(visit) -> None:
    told = (await visit.ask("/screen/live", SCRIPT)).json()
    assert (told["phase"], told["tone"], told["title"]) == ("ready", "good", "Ready")
    assert told["left"] == "40 min left"
    assert told["until"].endswith("+00:00")


async def test_a_program_without_a_screen_opens_as_ever(visit) -> None:
    other = await enter(visit.browser, "hello")
    page = await other.ask("/screen")
    assert (page.status_code, page.headers["location"]) == (303, "/")


async def test_a_session_outlives_its_applications_definition(visit) -> None:
    visit.browser.portal.catalogue._applications.pop("draws")
    assert (await visit.ask("/screen")).status_code == 200
    assert (await visit.ask("/screen/icon.svg")).status_code == 404


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("why", ["no ticket", "not a ticket", "another session's"])
async def test_nobody_gets_it_without_a_good_ticket(visit, path, why) -> None:
    if why == "another session's":
        visit.ticket = (await enter(visit.browser, "hello")).ticket
    else:
        visit.ticket = "nonsense" if why == "not a ticket" else ""
    answer = await visit.ask(path, SCRIPT)
    assert answer.status_code == 401
    assert "My drawing" not in answer.text
    if path in {"/screen", "/screen/vnc"}:
        page = await visit.ask(path)
        assert page.status_code == 303
        assert page.headers["location"].startswith(f"http://portal.test/sessions/{visit.session}/join?next=")


async def test_the_manifest_names_the_session(visit) -> None:
    answer = await visit.ask("/screen/manifest.webmanifest", SCRIPT)
    assert answer.headers["content-type"].startswith("application/manifest+json")
    told = answer.json()
    assert (told["name"], told["short_name"], told["display"]) == ("My drawing", "Draws", "standalone")
    icon = await visit.ask(told["icons"][0]["src"].removeprefix("/.armchair"), SCRIPT)
    assert icon.status_code == 200, icon.text
    assert icon.headers["content-type"].startswith("image/svg+xml")
    assert "sandbox" in icon.headers["content-security-policy"]


# --- words: the script asks for each by name -----------------------------------------------------------------------

SCRIPTS = sorted((Path(__file__).parents[3] / "frontend/src/screen").glob("*.ts"))


def test_the_script_and_the_table_have_the_same_words() -> None:
    text = "\n".join(path.read_text("utf-8") for path in SCRIPTS)
    quoted = set(re.findall(r'"([a-z_]+)"', text))
    assert set(words.screen()) - quoted == set(), "words that nobody says"
    called = set(re.findall(r'\b(?:words|say)\("([a-z_]+)"', text))
    assert called - set(words.screen()) == set(), "words that are missing"


def test_each_place_in_a_sentence_is_filled(visit) -> None:
    del visit
    text = "\n".join(path.read_text("utf-8") for path in SCRIPTS)
    places = {place for sentence in words.screen().values() for place in re.findall(r"%\((\w+)\)s", sentence)}
    assert {place for place in places if not re.search(rf"\b{place}\b", text)} == set()


async def test_words_reach_the_page_as_data(visit) -> None:
    token = language.set("en")
    page = (await visit.ask("/screen")).text
    language.reset(token)
    data = page.partition('<script type="application/json" id="said">')[2].partition("</script>")[0]
    assert json.loads(data) == words.screen()
