"""A whole portal that speaks TLS: link, login, launch, join and a WebSocket in a real browser, and the client of commands."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, sync_playwright

from armchair.gateway import pki

from .portal_stage import Stage  # noqa: TID252 - one folder's own

OPEN = """(url) => new Promise((resolve) => {
  const socket = new WebSocket(url);
  socket.onopen = () => resolve("open");
  socket.onerror = () => resolve("failed");
})"""


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def give_certificate(stage: Stage, folder: Path) -> Path:
    """Have the portal speak TLS; the file with the authority that its clients are to trust."""
    now, instance = datetime.now(UTC), stage.keys.instance
    authority = pki.load_issuer(pki.make_ca("a site's authority", now))
    names = (f"armchair-{instance}.localhost", f"*.apps-{instance}.localhost")
    leaf = pki.make_leaf(authority, "site", names, pki.Purpose.SERVER, now)
    (folder / "site.pem").write_bytes(leaf.certificate + leaf.key)
    (folder / "trust.pem").write_text(authority.pem)
    file = stage.home / "armchair.toml"
    file.write_text(file.read_text().replace("[gateway]", f'[gateway]\ntls_certificate = ["{folder / "site.pem"}"]'))
    return folder / "trust.pem"


def test_from_the_link_to_a_websocket(
    monkeypatch: pytest.MonkeyPatch, home_stage: Stage, browser: Browser, tmp_path: Path
) -> None:
    # as a person with a private authority does for the command line; set before the stage, so that its end still sees it
    monkeypatch.setenv("SSL_CERT_FILE", str(give_certificate(home_stage, tmp_path)))
    home_stage.up()
    session = home_stage.launch("hello")
    link = home_stage.client.login_link()
    assert link.startswith("https://")
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto(link)
    page.wait_for_url(lambda url: urlsplit(url).path == "/")
    assert page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
    cookies = {cookie["name"]: cookie for cookie in context.cookies()}
    assert all(cookie["secure"] for cookie in cookies.values())
    join = session.data["join_url"]
    assert join.startswith("https://")
    answer = page.goto(join)
    assert answer is not None
    assert (answer.status, urlsplit(page.url).hostname) == (200, urlsplit(session.url).hostname)
    assert page.evaluate(OPEN, page.url.replace("https://", "wss://", 1).rstrip("/") + "/ws") == "open"
    context.close()
