"""The pages follow what happens: event stream, one for all tabs, and what is shown while the portal is away."""

import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from pages_harness import place_of
from playwright.sync_api import Page, Request, expect

SOON = 5000  # ms; by hand it is there before one looks


def test_from_start_to_join_without_reload(harness, page: Page) -> None:
    page.goto(harness.url("/applications/terminal"))
    page.get_by_role("button", name="Start Terminal").click()
    page.wait_for_url(re.compile("/sessions/"))
    page.evaluate("window.sameDocument = true")
    page.get_by_label("Open when ready").uncheck()
    session = page.locator("#live").get_attribute("data-live")
    expect(page.locator("#live .state")).to_contain_text("Waiting for its turn")
    expect(page.get_by_role("link", name="Join")).to_have_count(0)
    harness.ready(session)
    expect(page.locator("#live .state")).to_contain_text("Ready", timeout=SOON)
    join = page.get_by_role("link", name="Join")
    expect(join).to_have_attribute("href", f"/sessions/{session}/join")
    expect(join).to_have_attribute("target", "_blank")
    expect(page.locator("#said")).to_have_text("Ready")
    assert page.evaluate("window.sameDocument")


def test_a_change_reaches_its_row_and_moves_nothing(harness, page: Page, running: Callable[..., str]) -> None:
    below = running("Below")
    session = harness.launch("terminal", "Changes").session.id
    expect(page.locator(f"#s-{session}")).to_contain_text("Waiting", timeout=SOON)
    page.evaluate("window.sameDocument = true")
    before = place_of(page.locator(f"#s-{below}"))
    harness.ready(session)
    expect(page.locator(f"#s-{session} .state")).to_have_text("Ready", timeout=SOON)
    assert place_of(page.locator(f"#s-{below}")) == before
    assert page.evaluate("window.sameDocument")


def test_the_place_of_the_keyboard_survives_a_change(harness, page: Page, running: Callable[..., str]) -> None:
    session = running()
    row = page.locator(f"#s-{session}")
    expect(row).to_be_visible(timeout=SOON)
    page.keyboard.press("j")
    expect(row).to_be_focused()
    harness.change(session, heard_at=harness.portal.clock.now().replace(year=2020))
    expect(row.locator(".state")).to_contain_text("not been heard of", timeout=SOON)
    expect(row).to_be_focused()


def test_a_choice_that_is_not_sent_yet_survives_a_change(harness, page: Page, running: Callable[..., str]) -> None:
    session = running()
    page.goto(harness.url(f"/sessions/{session}"))
    choice, save = page.get_by_label("When nobody uses it"), page.locator("#idle button")
    choice.select_option("7200")
    save.focus()
    page.evaluate("document.querySelector('#idle').old = true")
    harness.change(session, heard_at=harness.portal.clock.now().replace(year=2020))
    expect(page.locator("#live .state")).to_contain_text("not been heard of", timeout=SOON)
    assert page.evaluate("document.querySelector('#idle').old") is None, "it is another one"
    expect(choice).to_have_value("7200")
    expect(save).to_be_focused()
    choice.focus()
    with page.expect_navigation():
        save.press("Enter")
    expect(page.get_by_label("When nobody uses it")).to_have_value("7200")
    assert harness.run(harness.portal.store.get(session)).session.idle_after == timedelta(hours=2)


def test_two_tabs_share_one_stream_and_the_second_takes_over(harness, visitor) -> None:
    streams: list[Request] = []
    context = visitor.context()
    context.on("request", lambda request: streams.append(request) if request.url.endswith("/events") else None)
    page = context.new_page()
    page.goto(harness.login_url())
    expect_count(page, streams, 1)
    second = page.context.new_page()
    second.goto(harness.url("/"))
    session = harness.launch("terminal", "Shared").session.id
    for tab in (page, second):
        expect(tab.locator(f"#s-{session}")).to_be_visible(timeout=SOON)
    assert len(streams) == 1
    page.close()
    expect_count(second, streams, 2)
    harness.ready(session)
    expect(second.locator(f"#s-{session} .state")).to_have_text("Ready", timeout=SOON)


def expect_count(page: Page, found: list[Request], wanted: int) -> None:
    deadline = time.monotonic() + 5
    while len(found) < wanted:
        assert time.monotonic() < deadline, f"{len(found)} streams, not {wanted}"
        page.wait_for_timeout(20)  # playwright tells of requests while it waits
    assert len(found) == wanted


def test_a_portal_that_is_away_and_comes_back(harness, visitor, page: Page, running: Callable[..., str]) -> None:
    visitor.expected += ["net::ERR_"]
    session = running()
    expect(page.locator(f"#s-{session} .state")).to_have_text("Ready", timeout=SOON)
    banner = page.get_by_text("The portal does not answer")
    with harness.outage():
        expect(banner).to_be_visible(timeout=8000)
        harness.change(session, ready_at=None, heard_at=harness.portal.clock.now())
    expect(banner).to_be_hidden(timeout=8000)
    expect(page.locator(f"#s-{session} .state")).to_contain_text("Still starting", timeout=SOON)


@pytest.mark.parametrize("ticked", [True, False])
def test_open_when_ready(harness, visitor, page: Page, ticked: bool) -> None:
    visitor.expected += ["404"]  # no application stands behind this portal
    session = harness.launch("terminal", "Opens").session.id
    page.goto(harness.url(f"/sessions/{session}?open=1"))
    box = page.get_by_label("Open when ready")
    expect(box).to_be_checked()
    assert "open=1" not in page.url
    box.set_checked(ticked)
    place = place_of(page.locator("#live"))["y"]
    harness.ready(session)
    if ticked:
        page.wait_for_url(re.compile(rf"^http://{session}\."))
    else:
        expect(page.get_by_role("link", name="Join")).to_be_visible(timeout=SOON)
        assert page.url == harness.url(f"/sessions/{session}")
        expect(box).to_be_hidden()
        assert place_of(page.locator("#live"))["y"] == place, "nothing jumps"
