"""A portal as a person starts it, and the person who opens its link: for tests that go the whole way in a real browser."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess  # noqa: TID251 - the portal is started as a person does
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

KITS = Path(os.environ.get("ARMCHAIR_TEST_KITS", "/tmp/armchair-test-kits"))
ARMCHAIR = [sys.executable, "-c", "from armchair.cli.main import main; main()"]
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
READY = 60_000


def until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def until_page(page: Page, expression: str, arg: object = None) -> Any:
    """What an expression yields in the page, once it is true.

    Playwright's own wait compiles text in the page at its second look, which the pages' policy forbids.
    """
    until(lambda: page.evaluate(expression, arg), expression)
    return page.evaluate(expression, arg)


class PersonsPortal:
    """`armchair serve` as a person starts it, with its own home and port."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as chosen:
            chosen.bind(("127.0.0.1", 0))
            self.listen = f"127.0.0.1:{chosen.getsockname()[1]}"
        # sessions have a home of their own: whoever runs the tests may have a shell that takes its time, or worse
        person = home.parent / "person"
        person.mkdir()
        self.environment = {
            **os.environ,
            "ARMCHAIR_HOME": str(home),
            "XDG_CONFIG_HOME": str(person / ".config"),
            "XDG_CACHE_HOME": str(person / ".cache"),
            "ARMCHAIR__CATALOGUE__KITS_DIRECTORY": str(KITS),
            "ARMCHAIR__LAUNCHERS__LOCAL__ENVIRONMENT": json.dumps({"HOME": str(person)}),
        }
        self.output = home.parent / "serve.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.output.open("wb") as output:
            command = [*ARMCHAIR, "serve", "--home", str(self.home), "--listen", self.listen]
            self.process = subprocess.Popen(command, env=self.environment, stdout=output, stderr=output)
        until(lambda: "login?code=" in self.output.read_text(), f"the login link ({self.output.read_text()})")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def run(self, *arguments: str) -> str:
        done = subprocess.run([*ARMCHAIR, *arguments], env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def printed_link(self) -> str:
        return re.search(r"http://\S+login\?code=\S+", self.output.read_text())[0]

    def fresh_link(self) -> str:
        return re.search(r"http://\S+login\?code=\S+", self.run("login"))[0]

    @property
    def page(self) -> str:
        return self.printed_link().partition("/login")[0]


@contextlib.contextmanager
def person(browser: Browser, link: str) -> Iterator[BrowserContext]:
    """Somebody at a computer of their own, who opens the link and is logged in."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(link)
    expect(page.get_by_role("link", name="Applications")).to_be_visible()
    try:
        yield context
    finally:
        context.close()


def start(context: BrowserContext, portal: PersonsPortal, title: str, fill: Callable[[Page], None] | None = None) -> Page:
    """Choose an application in the grid, start it, and follow it into the application without touching reload."""
    page = context.new_page()
    page.goto(f"{portal.page}/applications")
    page.get_by_role("link", name=title).first.click()
    if fill:
        fill(page)
    page.get_by_role("button", name=f"Start {title}").click()
    page.wait_for_url(re.compile(r"\.apps-"), timeout=READY)
    return page
