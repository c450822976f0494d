"""A person's whole way, in a real browser, through the real portal, gateway, agent and applications.

They start what `make run` starts, follow the printed link, work in JupyterLab, a terminal and an X11 program, come back
from another browser, and the portal is killed with -9 under their hands.
"""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from persons_portal import CHROMIUM, KITS, READY, PersonsPortal, person, start, until
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from armchair.catalogue.kits import Kits
from armchair.launchers import command


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PersonsPortal]:
    kits = Kits(KITS)
    if not kits.status("jupyter").ready:
        asyncio.run(kits.install("jupyter", command.run, lambda _: None))
    made = PersonsPortal(tmp_path_factory.mktemp("walk") / "home")
    made.start()
    try:
        yield made
    finally:
        made.run("down", "--yes")
        made.process.wait(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield made
        made.close()


def join(context: BrowserContext, portal: PersonsPortal, title: str) -> Page:
    """Join the newest session of this application from the sessions page."""
    page = context.new_page()
    page.goto(portal.page)
    row = page.locator("li, tr, article").filter(has_text=title).filter(has=page.get_by_role("link", name="Join")).first
    link = row.get_by_role("link", name="Join")
    with context.expect_page() as opened:
        link.click()
    page.close()
    return opened.value


def state_on_page(context: BrowserContext, portal: PersonsPortal, number: int) -> Page:
    page = context.new_page()
    page.goto(f"{portal.page}/sessions/{number}")
    return page


def run_cell(page: Page, code: str, answer: str) -> None:
    """Type into the last cell and run it. A notebook that is still being drawn, or has no kernel yet, loses keys."""
    output = page.locator(".jp-OutputArea-output").filter(has_text=answer).last
    for _ in range(6):
        cell = page.locator(".jp-Notebook .jp-Cell").last.locator(".cm-content")
        cell.click()
        cell.press("Control+a")
        cell.press_sequentially(code)
        if code in cell.inner_text():
            cell.press("Shift+Enter")
            with contextlib.suppress(AssertionError):
                expect(output).to_be_visible(timeout=15_000)
                return
        page.wait_for_timeout(500)
    expect(output).to_be_visible()


def save(page: Page, notebook: Path, text: str) -> None:
    """Save until the file has the text: a save that comes while another is under way is dropped."""
    for _ in range(20):
        page.keyboard.press("Control+s")
        page.wait_for_timeout(500)
        if text in notebook.read_text():
            return
    raise AssertionError(f"{text!r} was never saved")


def test_jupyterlab(portal: PersonsPortal, browser: Browser, tmp_path: Path) -> None:
    def fill(page: Page) -> None:
        page.get_by_text("More options").click()
        page.get_by_label("Folder").fill(str(tmp_path))

    with person(browser, portal.printed_link()) as home:
        lab = start(home, portal, "JupyterLab", fill)
        lab.locator(".jp-LauncherCard[data-category=Notebook]").first.click(timeout=READY)
        run_cell(lab, "answer = 6 * 7; print('it is', answer)", "it is 42")
        lab.keyboard.press("Control+s")
        lab.locator(".jp-Dialog .jp-mod-accept").click()  # the first save offers another name
        until((tmp_path / "Untitled.ipynb").exists, "the saved notebook")

        portal.kill()
        run_cell(lab, "print('after', answer + 1)", "after 43")
        save(lab, tmp_path / "Untitled.ipynb", "after 43")
        portal.start()

    with person(browser, portal.fresh_link()) as elsewhere:
        lab = join(elsewhere, portal, "JupyterLab")
        lab.wait_for_url(re.compile(r"\.apps-"))
        lab.goto(lab.url.partition("/lab")[0].rstrip("/") + "/lab/tree/Untitled.ipynb")
        expect(lab.locator(".jp-OutputArea-output").filter(has_text="after 43")).to_be_visible(timeout=READY)
        run_cell(lab, "print('still', answer)", "still 42")
    portal.run("stop", "1", "--wait")
    assert json.loads(portal.run("show", "1", "--json"))["outcome"]["kind"] == "cancelled"


def typed(page: Page, text: str) -> None:
    page.locator(".xterm").first.click()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_terminal(portal: PersonsPortal, browser: Browser, tmp_path: Path) -> None:
    with person(browser, portal.fresh_link()) as home:
        page = start(home, portal, "Terminal")
        rows = page.locator(".xterm-rows")
        typed(page, "echo first-$((6*7))")
        expect(rows).to_contain_text("first-42", timeout=READY)

        portal.kill()
        typed(page, "echo second-$((7*7))")
        expect(rows).to_contain_text("second-49")
        portal.start()
        typed(page, "echo third-$((8*8))")
        expect(rows).to_contain_text("third-64")

    opened = tmp_path / "opened"
    portal.environment["BROWSER"] = f"sh -c 'echo $0 >{opened}' %s"
    portal.run("open", "2")
    until(opened.exists, "the browser was called")
    with contextlib.closing(browser.new_context()) as unknown:
        page = unknown.new_page()
        page.goto(opened.read_text().strip())
        expect(page.locator(".xterm-rows")).to_contain_text("third-64", timeout=READY)

    with person(browser, portal.fresh_link()) as elsewhere:
        page = join(elsewhere, portal, "Terminal")
        rows = page.locator(".xterm-rows")
        expect(rows).to_contain_text("third-64", timeout=READY)
        typed(page, "exit")
        overview = state_on_page(elsewhere, portal, 2)
        expect(overview.get_by_text("The program ended by itself").first).to_be_visible(timeout=READY)


def test_x11_program(portal: PersonsPortal, browser: Browser, tmp_path: Path) -> None:
    with person(browser, portal.fresh_link()) as home:
        page = start(home, portal, "xterm")
        expect(page.frame_locator("iframe.frame:not(.coming)").locator("canvas").first).to_be_visible(timeout=READY)

        until_typed(page, type_into(page), f"touch {tmp_path}/drawn", tmp_path / "drawn")
        portal.kill()
        until_typed(page, type_into(page), f"touch {tmp_path}/alone", tmp_path / "alone")
        portal.start()

    with person(browser, portal.fresh_link()) as elsewhere:
        page = join(elsewhere, portal, "xterm")
        expect(page.frame_locator("iframe.frame:not(.coming)").locator("canvas").first).to_be_visible(timeout=READY)
        until_typed(page, type_into(page), f"touch {tmp_path}/again", tmp_path / "again")
        until_typed(page, type_into(page), "exit", None)
        overview = state_on_page(elsewhere, portal, 3)
        expect(overview.get_by_text("The program ended by itself").first).to_be_visible(timeout=READY)


def type_into(page: Page) -> Callable[[str], None]:
    def type_text(text: str) -> None:
        page.frame_locator("iframe.frame:not(.coming)").locator("canvas").last.click(position={"x": 60, "y": 60})
        page.keyboard.type(text, delay=20)
        page.keyboard.press("Enter")

    return type_text


def until_typed(page: Page, type_text: Callable[[str], None], text: str, expected: Path | None) -> None:
    """Type into an X11 window; its focus comes a moment after its picture, so the words are typed again if they got lost."""
    for _ in range(4):
        type_text(text)
        if expected is None:
            return
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if expected.exists():
                return
            page.wait_for_timeout(100)
    raise AssertionError(f"{text!r} never reached the window")
