"""Every page, as everybody gets it: screen readers (axe-core), a phone's width, and the bytes before the list is seen."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from armchair.domain import thumbnail
from armchair.domain.run import Outcome, OutcomeKind
from armchair.domain.session import By
from armchair.domain.thumbnail import Format, Thumbnail
from armchair.testing.pictures import png

PAINT_LIMIT = 100_000  # bytes
# each colour and each width once: a colour does not depend on the width
LOOKS = {
    "light, at a desk": {"viewport": {"width": 1280, "height": 800}},
    "dark, on a phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
}


def pictured(harness, session: str) -> str:
    """The session, with a picture when it is one of xterm: so small that its place is what is looked at."""
    record = harness.run(harness.portal.store.get(session))
    if record.session.app == "xterm":
        now = harness.portal.clock.now()
        picture = Thumbnail(session=session, at=now, format=Format.PNG, body=png(320, 200))
        harness.run(harness.portal.store.keep_thumbnail(picture))
        harness.run(harness.portal.apply(session, thumbnail.seen))
    return session


def populate(harness, running: Callable[..., str]) -> list[str]:
    """Sessions in every state; the paths of all pages."""
    now = harness.portal.clock.now()
    ready = running()
    ended = {kind: harness.launch("terminal", f"Ended, {kind.value}").session.id for kind in OutcomeKind}
    for kind, session in ended.items():
        code = 1 if kind is OutcomeKind.FAILED else None
        harness.change(session, outcome=Outcome(kind=kind, by=By.SYSTEM, at=now - timedelta(minutes=3), exit_code=code))
    old = harness.launch("xterm", "Old").session.id
    harness.change(old, outcome=Outcome(kind=OutcomeKind.FINISHED, by=By.SYSTEM, at=now - timedelta(days=2), exit_code=0))
    screen = pictured(harness, running("With a picture", "xterm"))
    starting = harness.launch("xterm", "A title-that-is-as-long-as-a-title-can-be-and-has-no-blank-in-it-at-all").session.id
    harness.change(starting, host="127.0.0.1", started_at=now, enrolled_at=now, heard_at=now)
    silent = running("Silent")
    harness.change(silent, heard_at=now - timedelta(minutes=3))
    harness.run(harness.portal.store.keep(ready, 1, "log", "a line without any blank " + "x" * 500))
    sessions = [f"/sessions/{one}" for one in (ready, starting, silent, screen, ended[OutcomeKind.OUT_OF_MEMORY])]
    forms = ["/applications/terminal", "/applications/model", "/applications/web-command"]
    return ["/", "/?q=nothing-like-it", "/applications", *forms, *sessions, f"/sessions/{ready}/end", "/account", "/nothing"]


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest) -> dict[str, object]:
    return LOOKS[request.param]


def views(harness, page: Page, paths: list[str]) -> Iterator[str]:
    """Each page in turn, folds open, then the overlays."""
    for path in paths:
        page.goto(harness.url(path))
        page.evaluate("for (const one of document.querySelectorAll('details:not(.menu)')) one.open = true")
        yield path
    page.goto(harness.url("/"))
    page.locator(".menu summary").first.click()
    yield "a menu"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    yield "the help"
    page.keyboard.press("Escape")
    page.goto(harness.url(next(path for path in paths if path.startswith("/sessions/"))))
    page.locator("a[data-ask]").first.click()
    yield "the question"


def test_every_page_suits_everybody(harness, visitor, running: Callable[..., str], look: dict[str, object]) -> None:
    visitor.expected += ["404"]  # the page for what is not there
    paths = populate(harness, running)
    page = visitor.logged_in(**look)
    found: list[object] = []
    for name in views(harness, page, paths):
        violations = Axe().run(page).response["violations"]
        found.extend((name, one["id"], [node["target"] for node in one["nodes"]][:3]) for one in violations)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > look["viewport"]["width"]:
            found.append((name, "wider than the window", width))
    assert found == []


def test_the_door_suits_everybody(harness, visitor, look: dict[str, object]) -> None:
    page = visitor.context(**look).new_page()
    page.goto(harness.url("/login"))
    assert Axe().run(page).response["violations"] == []


def test_the_list_is_seen_after_few_bytes(harness, visitor, chromium: Browser, running: Callable[..., str]) -> None:
    for number in range(25):
        pictured(harness, running(f"Session {number}", ("terminal", "xterm", "model")[number % 3]))
    context = visitor.context()
    page = context.new_page()
    page.goto(harness.login_url())
    page.wait_for_url(harness.url("/"))
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: dict[str, float] = {}
    names: dict[str, str] = {}
    devtools.on("Network.responseReceived", lambda told: names.update({told["requestId"]: told["response"]["url"]}))
    devtools.on("Network.loadingFinished", lambda told: sizes.update({told["requestId"]: told["encodedDataLength"]}))
    page.goto(harness.url("/"), wait_until="load")
    page.evaluate("document.fonts.ready.then(() => true)")
    page.locator(".row").nth(24).wait_for()
    # pictures of screens are fetched after the list is seen, into places that are there already
    assert page.locator('.shot:not([loading="lazy"])').count() == 0
    transferred = {names.get(request, request): size for request, size in sizes.items()}
    first = {name: size for name, size in transferred.items() if "/thumbnail?" not in name}
    assert any("inter-latin" in name for name in first), transferred
    assert page.locator(".shot").count() == 8
    assert sum(first.values()) <= PAINT_LIMIT, first
