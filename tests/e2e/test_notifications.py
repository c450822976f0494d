"""Notifications in a real browser: asked for on the click, shown when the session starts, in one tab."""

import asyncio
import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager

from persons_portal import until_page
from playwright.sync_api import Page, expect

from armchair.domain.event import Event
from armchair.sessions.telling import Postman

# what the desktop would be shown is out of a test's sight: the constructor's arguments are not
SPY = """
window.shown = [];
const Real = window.Notification;
window.Notification = new Proxy(Real, { construct(target, args) { window.shown.push(args); return new target(...args); } });
"""


@contextmanager
def postman(harness) -> Iterator[None]:
    future = asyncio.run_coroutine_threadsafe(Postman(harness.portal).run(), harness.loop)
    try:
        yield
    finally:
        future.cancel()


def becomes_ready(harness, session: str) -> None:
    """As the agent's word would make it, with its event."""

    def step(record, now):
        run = dataclasses.replace(
            record.run, enrolled_at=now, ready_at=now, heard_at=now, started_at=now, host="127.0.0.1", port=9
        )
        event = Event(session=session, attempt=1, at=now, code="session.ready", params={"seconds": 3.0})
        return dataclasses.replace(record, runs=(*record.runs[:-1], run)), [event]

    harness.run(harness.portal.apply(session, step))


def ask_to_be_told(harness, page: Page, session: str) -> None:
    page.goto(harness.url(f"/sessions/{session}"))
    if page.get_by_label("Open when ready").count():
        page.get_by_label("Open when ready").uncheck()
    if page.locator("#tell[open]").count() == 0:
        page.locator("#tell summary").click()
    form = page.locator("form[data-notify]")
    form.get_by_label("when it starts").check()
    form.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile("/sessions/"))


def test_tell_me_when_it_starts_in_this_browser(harness, visitor) -> None:
    page = visitor.logged_in(permissions=["notifications"])
    page.context.add_init_script(SPY)
    session = harness.launch("terminal", "Fiji").session.id
    with postman(harness):
        ask_to_be_told(harness, page, session)
        other = page.context.new_page()
        other.goto(harness.url("/"))
        becomes_ready(harness, session)
        tabs = [page, other]
        until_page(page, "window.shown.length > 0")
        shown = [one for tab in tabs for one in tab.evaluate("window.shown")]
    assert len(shown) == 1, "one tab shows it"
    title, options = shown[0]
    assert title == "#1 Fiji is ready"
    assert options["tag"] == f"{session}-start"


def test_without_leave_nothing_is_stored_and_it_is_said(harness, visitor) -> None:
    page = visitor.logged_in()
    page.context.add_init_script("Notification.requestPermission = () => Promise.resolve('denied');")
    session = harness.launch("terminal", "Fiji").session.id
    page.goto(harness.url(f"/sessions/{session}"))
    page.get_by_label("Open when ready").uncheck()
    if page.locator("#tell[open]").count() == 0:
        page.locator("#tell summary").click()
    form = page.locator("form[data-notify]")
    form.get_by_label("when it starts").check()
    form.get_by_role("button", name="Save").click()
    expect(page.locator("#said")).to_contain_text("does not let this page show notifications")
    expect(form.locator("[data-note]")).to_be_visible()
    expect(form.locator("[data-note]")).to_contain_text("does not let this page show notifications")
    assert harness.run(harness.portal.store.wishes(session, harness.login)) == []
