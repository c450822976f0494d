"""A person in front of a graphical program: the page of its session, and the shell in its xterm."""

import functools
import json
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from persons_portal import READY, PersonsPortal
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Locator, Page, StorageState, expect


@dataclass(kw_only=True)
class Screen:
    """The page of a session whose program is an xterm. `home` is where what is typed leaves its traces."""

    page: Page
    home: Path
    complaints: list[str] = field(default_factory=list)  # of the browser
    expected: list[str] = field(default_factory=list)  # parts of complaints that a test brings about; they may come late
    errors: list[str] = field(default_factory=list)  # of scripts

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("iframe.frame:not(.coming)")

    @property
    def window(self) -> Locator:
        return self.frame.locator("canvas").last

    def tool(self, name: str) -> Locator:
        return self.page.get_by_role("toolbar").get_by_role("button", name=name)

    def open(self, name: str) -> Locator:
        """Press a button of the bar; what it opens."""
        self.tool(name).click()
        opened = self.page.get_by_role("dialog", name=name)
        expect(opened).to_be_visible()
        return opened

    def shows(self, patience: float = READY) -> None:
        """Wait until the program can be seen and used, so many milliseconds."""
        expect(self.page.locator("#cover")).to_be_hidden(timeout=patience)
        expect(self.window).to_be_visible(timeout=READY)

    def type(self, text: str) -> None:
        self.window.click(position={"x": 60, "y": 60})
        self.page_types(text)

    def page_types(self, text: str) -> None:
        """Type without touching the pointer."""
        for number, part in enumerate(text.split("|")):
            if number:
                self.page.keyboard.press("Shift+Backslash")  # type() would send a bar without Shift, as no keyboard does
            self.page.keyboard.type(part, delay=15)
        self.page.keyboard.press("Enter")

    def shell(self, command: str, trace: str, typing: Callable[[str], None] | None = None) -> str:
        """Type a command that prints something; what it printed. A window takes keys a moment after its picture is there."""
        path = self.home / trace
        for _ in range(4):
            path.unlink(missing_ok=True)
            (typing or self.type)(f"({command}) >{shlex.quote(trace)}.new; mv {trace}.new {trace}")
            deadline = time.monotonic() + 6
            while time.monotonic() < deadline:
                if path.exists():
                    return path.read_text("utf-8")
                self.page.wait_for_timeout(50)
        raise AssertionError(f"{command!r} never reached the window")


def address(portal: PersonsPortal, number: int) -> str:
    return f"{portal.page}/sessions/{number}/join"


VNC = """\
title = "xterm by VNC"
description = "A terminal on a screen of its own."
version = "1"
category = "Tests"
type = "x11"
command = "xterm"
[display]
backend = "vnc"
"""
NO_FILES = """\
title = "Closed"
description = "Takes no files and gives none."
version = "1"
category = "Tests"
type = "x11"
command = "xterm"
[display]
files = "none"
"""


PROGRAMS = {"vnc-xterm": VNC, "closed": NO_FILES}


@contextmanager
def portal_with(home: Path, *launched: str, programs: Mapping[str, str] = PROGRAMS) -> Iterator[PersonsPortal]:
    """A portal that has these programs (name → app.toml) too, and sessions of what is `launched`, with numbers from 1 on."""
    portal = PersonsPortal(home)
    for name, text in programs.items():
        made = home.parent / "applications" / name
        made.mkdir(parents=True)
        (made / "app.toml").write_text(text, "utf-8")
    portal.environment["ARMCHAIR__CATALOGUE__DIRECTORIES"] = json.dumps([str(home.parent / "applications")])
    portal.start()
    try:
        for app in launched:
            portal.run("launch", app, "--wait")
        yield portal
    finally:
        portal.run("down", "--yes")
        portal.process.wait(20)


@functools.cache
def logged_in(browser: Browser, portal: PersonsPortal) -> StorageState:
    """The cookies of somebody who has followed the printed link."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(portal.printed_link())
    page.get_by_role("link", name="Applications").wait_for()
    state = context.storage_state()
    context.close()
    return state


@contextmanager
def at_a_computer(
    browser: Browser,
    portal: PersonsPortal,
    number: int = 1,
    prepare: Callable[[BrowserContext], None] | None = None,
    patience: float = READY,
    **options: object,
) -> Iterator[Screen]:
    """Somebody logs in and joins the session. Whatever the consoles complain of fails the test that is at work."""
    known = {"viewport": {"width": 1280, "height": 800}, "storage_state": logged_in(browser, portal)}
    context = browser.new_context(**{**known, **options})
    context.set_default_timeout(15_000)
    if prepare:
        prepare(context)
    page = context.new_page()
    made = Screen(page=page, home=portal.home.parent / "person")
    page.on("pageerror", lambda error: made.errors.append(str(error)))
    page.on("console", lambda said: made.complaints.append(f"{said.text} {said.location}") if said.type == "error" else None)
    page.goto(address(portal, number))
    made.shows(patience)
    try:
        yield made
        unexpected = [line for line in made.complaints if not any(part in line for part in made.expected)]
        if unexpected + made.errors:
            raise AssertionError(unexpected + made.errors)  # pytest shows no values for helpers' asserts
    finally:
        context.close()
