"""A browser for the pages' tests. A page that logs an error, or breaks its own security policy, fails its test."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))  # tests are imported by path, so helpers beside them need to be found

from pages_harness import Harness, listening

_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

FIELDS = """\
title = "Model fitting"
description = "Fits a model to a data set."
version = "1"
category = "Statistics"
type = "web"

[[fields]]
name = "method"
type = "choice"
label = "Method"
choices = [{ value = "fit", title = "Best fit" }, { value = "sample", title = "Sampling" }]
default = "fit"

[[fields]]
name = "chains"
type = "integer"
label = "Chains"
help = "How many run side by side."
minimum = 1
maximum = 8
default = 4
show_when = { method = ["sample"] }
"""


@dataclass(kw_only=True)  # without slots: playwright marks the object whose methods listen
class Visitor:
    """Browsers for one test. `complaints` holds what their consoles said; `expected` are parts of lines that may be there."""

    browser: Browser
    harness: Harness
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def context(self, **options: object) -> BrowserContext:
        """A fresh browser profile, listened to."""
        made = self.browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        made.set_default_timeout(5000)
        made.on("console", self._console)
        made.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        self.contexts.append(made)
        return made

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")

    def logged_in(self, **options: object) -> Page:
        """A page at the list of sessions."""
        page = self.context(**options).new_page()
        page.goto(self.harness.login_url())
        if options.get("java_script_enabled") is False:
            page.get_by_role("button", name="Log in").click()
        page.wait_for_url(self.harness.url("/"))
        return page

    def unexpected(self) -> list[str]:
        return [line for line in self.complaints if not any(part in line for part in self.expected)]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield from _launched(playwright)


def _launched(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_FLAGS)
    yield browser
    browser.close()


@pytest.fixture
def applications(tmp_path: Path) -> Path:
    """A directory with one application whose second field depends on its first."""
    made = tmp_path / "applications" / "model"
    made.mkdir(parents=True)
    (made / "app.toml").write_text(FIELDS, "utf-8")
    (made / "run.sh").write_text("#!/bin/sh\nexec true\n", "utf-8")
    (made / "README.md").write_text("# Model fitting\n", "utf-8")
    (made / "icon.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"/>\n', "utf-8")
    return made.parent


@pytest.fixture
def harness(tmp_path: Path, applications: Path) -> Iterator[Harness]:
    with listening(tmp_path, [applications]) as made:
        yield made


@pytest.fixture
def visitor(chromium: Browser, harness: Harness) -> Iterator[Visitor]:
    made = Visitor(browser=chromium, harness=harness)
    yield made
    for context in made.contexts:
        context.close()
    assert made.unexpected() == []


@pytest.fixture
def page(visitor: Visitor) -> Page:
    return visitor.logged_in()


@pytest.fixture
def running(harness: Harness) -> Callable[..., str]:
    """Starts a session and makes it ready; gives its id."""

    def start(title: str = "Fitting the 2024 data", app: str = "terminal") -> str:
        session = harness.launch(app, title).session.id
        harness.ready(session)
        return session

    return start
