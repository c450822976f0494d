"""What one session's page can do to another session in a real browser: nothing."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

FOLDER = Path(__file__).parents[1] / "integration" / "gateway"
_spec = importlib.util.spec_from_file_location("gateway_stage", FOLDER / "gateway_stage.py")
assert _spec is not None
assert _spec.loader is not None
# importlib mode puts no test folder on the path
gateway_stage = sys.modules.setdefault("gateway_stage", importlib.util.module_from_spec(_spec))
if not hasattr(gateway_stage, "make_stage"):
    _spec.loader.exec_module(gateway_stage)
A, B = gateway_stage.A, gateway_stage.B

FETCH = """async ([url, options]) => {
  try { const answer = await fetch(url, options); return answer.type + " " + answer.status + " " + await answer.text(); }
  catch (error) { return "failed"; }
}"""
SOCKET = """(url) => new Promise((resolve) => {
  const socket = new WebSocket(url);
  socket.onopen = () => resolve("open");
  socket.onerror = () => resolve("failed");
})"""


@pytest.fixture(scope="module")
def stage() -> Iterator["gateway_stage.Stage"]:
    made, take_down = gateway_stage.make_stage("/usr/sbin/haproxy")
    try:
        made.run(made.gateway.start())
        yield made
    finally:
        take_down()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def context(browser: Browser, stage: "gateway_stage.Stage") -> Iterator[BrowserContext]:
    """A browser that holds good tickets for both sessions."""
    opened = browser.new_context()
    for sid in (A, B):
        opened.add_cookies(
            [
                {
                    "name": stage.names.ticket_cookie,
                    "value": stage.ticket(sid),
                    "domain": stage.names.session_host(sid),
                    "path": "/",
                    "secure": True,
                    "httpOnly": True,
                    "sameSite": "Lax",
                }
            ]
        )
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, stage: "gateway_stage.Stage") -> Page:
    """Session A's page."""
    opened = context.new_page()
    answer = opened.goto(f"{stage.origin(A)}/page")
    assert answer is not None
    assert answer.status == 200
    return opened


def statuses(page: Page, origin: str) -> list[int]:
    seen: list[int] = []
    page.context.on("response", lambda answer: seen.append(answer.status) if answer.url.startswith(origin) else None)
    return seen


def test_a_page_reaches_its_own_session(page: Page, stage: "gateway_stage.Stage") -> None:
    assert '"app": "A"' in page.evaluate(FETCH, ["/x", {}])
    assert '"method": "POST"' in page.evaluate(FETCH, ["/x", {"method": "POST", "body": "1"}])
    assert page.evaluate(SOCKET, f"ws://{stage.host(A)}/ws") == "open"


def test_the_ticket_cannot_be_read(page: Page) -> None:
    assert page.evaluate("document.cookie") == ""
    seen = page.evaluate(FETCH, ["/x", {}])
    assert "eyJ" not in seen


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("mode", ["cors", "no-cors"])
def test_fetch_to_another_session_is_refused(page: Page, stage: "gateway_stage.Stage", method: str, mode: str) -> None:
    seen = statuses(page, stage.origin(B))
    options = {"method": method, "mode": mode, "credentials": "include"}
    answer = page.evaluate(FETCH, [f"{stage.origin(B)}/x", options])
    assert '"app"' not in answer
    assert set(seen) <= {403}


def test_a_form_posted_to_another_session_is_refused(page: Page, stage: "gateway_stage.Stage") -> None:
    with page.expect_navigation() as navigation:
        page.evaluate(
            """(url) => { const form = document.createElement("form"); form.method = "post"; form.action = url;
               document.body.append(form); form.submit(); }""",
            f"{stage.origin(B)}/x",
        )
    assert navigation.value.status == 403


def test_a_form_posted_to_its_own_session_works_also_without_referrer(page: Page, stage: "gateway_stage.Stage") -> None:
    with page.expect_navigation() as navigation:
        page.evaluate(
            """() => { const meta = document.createElement("meta"); meta.name = "referrer"; meta.content = "no-referrer";
               document.head.append(meta); const form = document.createElement("form");
               form.method = "post"; form.action = "/x";
               document.body.append(form); form.submit(); }"""
        )
    assert navigation.value.status == 200
    assert navigation.value.request.all_headers()["origin"] == "null"


def test_a_websocket_to_another_session_is_refused(page: Page, stage: "gateway_stage.Stage") -> None:
    assert page.evaluate(SOCKET, f"ws://{stage.host(B)}/ws") == "failed"


def test_another_session_cannot_be_framed(page: Page, stage: "gateway_stage.Stage") -> None:
    seen = statuses(page, stage.origin(B))
    page.evaluate(
        """(url) => new Promise((resolve) => { const frame = document.createElement("iframe"); frame.onload = resolve;
           frame.src = url; document.body.append(frame); })""",
        f"{stage.origin(B)}/page",
    )
    assert seen == [403]


def test_a_link_to_another_session_works(page: Page, stage: "gateway_stage.Stage") -> None:
    with page.expect_navigation() as navigation:
        page.evaluate("(url) => { location.href = url; }", f"{stage.origin(B)}/page")
    assert navigation.value.status == 200


def test_tossed_cookies_let_nobody_in_and_lock_nobody_out(browser: Browser, stage: "gateway_stage.Stage") -> None:
    """A's page sets what it can for all sessions; a browser without a ticket for B stays out, one with a ticket stays in."""
    names = stage.names
    for holds_ticket in (False, True):
        context = browser.new_context()
        for sid in (A, B) if holds_ticket else (A,):
            context.add_cookies(
                [
                    {
                        "name": names.ticket_cookie,
                        "value": stage.ticket(sid),
                        "url": f"https://{names.session_host(sid)}",
                        "secure": True,
                        "httpOnly": True,
                    }
                ]
            )
        page = context.new_page()
        page.goto(f"{stage.origin(A)}/page")
        good = stage.ticket(B)
        for cookie in (
            f"{names.ticket_cookie}={good}; Domain={names.apps_domain}; Path=/; Secure",
            f"{names.ticket_cookie}={good}; Domain={names.apps_domain}; Path=/",
            f"={names.ticket_cookie}={good}; Domain={names.apps_domain}; Path=/",
            f"{names.cli_cookie}={good}; Domain={names.apps_domain}; Path=/",
            f'quote="; Domain={names.apps_domain}; Path=/',
        ):
            page.evaluate("(cookie) => { document.cookie = cookie; }", cookie)
        assert names.cli_cookie in page.evaluate("document.cookie")
        answer = page.goto(f"{stage.origin(B)}/page")
        assert answer is not None
        if holds_ticket:
            assert answer.status == 200
        else:
            first = answer.request.redirected_from
            assert first is not None
            assert answer.url.startswith(f"http://{names.portal_host}:{stage.port}/sessions/{B}/join")
        context.close()
