"""What a window shows comes from anywhere, a web page's title say: none of it becomes part of the page around it."""

import socket
from collections.abc import Iterator

import pytest
from persons_portal import READY, PersonsPortal
from playwright.sync_api import Browser, expect
from screens import Screen, at_a_computer

EVIL = "<img src=x onerror=top.owned=1><svg/onload=top.owned=2>"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PersonsPortal]:
    made = PersonsPortal(tmp_path_factory.mktemp("hostile") / "home")
    made.start()
    try:
        made.run("launch", "xterm", "--wait")
        yield made
    finally:
        made.run("down", "--yes")
        made.process.wait(20)


@pytest.fixture
def screen(chromium: Browser, portal: PersonsPortal) -> Iterator[Screen]:
    with at_a_computer(chromium, portal) as made:
        yield made


def test_the_displays_own_page_works_by_itself(screen: Screen) -> None:
    page = screen.page.context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(screen.page.evaluate("location.origin") + "/index.html?sharing=true")
    expect(page.locator("canvas").last).to_be_visible(timeout=READY)
    page.evaluate("document.querySelector('#float_menu [onclick^=show_about]').click()")
    expect(page.locator("#about")).to_be_visible()
    page.close()
    assert complaints == []


def titled(screen: Screen, title: str) -> None:
    """Have the shell give its window this title."""
    (screen.home / "title.sh").write_text(f"printf '\\033]0;%s\\007' '{title}'\n", "utf-8")
    screen.shell("cat ~/title.sh; . ~/title.sh >/dev/tty; sleep 1", "titled")


def test_a_windows_title_is_text(screen: Screen) -> None:
    titled(screen, "a <b>&lt; " + EVIL)
    expect(screen.frame.locator(".windowtitle")).to_contain_text("a <b>&lt; <img", timeout=READY)
    assert screen.page.evaluate("typeof top.owned") == "undefined"
    assert screen.frame.locator(".windowtitle *").count() == 0


def test_the_title_that_a_new_window_comes_with_is_text_too(screen: Screen) -> None:
    (screen.home / "new.sh").write_text(f"xterm -title 'new {EVIL}' & sleep 2\n", "utf-8")
    screen.shell(". ~/new.sh", "opened")
    expect(screen.frame.locator(".windowtitle").last).to_contain_text("new <img", timeout=READY)
    assert screen.page.evaluate("typeof top.owned") == "undefined"
    assert screen.frame.locator(".windowtitle *").count() == 0


def test_no_other_script_runs_in_the_displays_page(screen: Screen) -> None:
    frame = screen.page.frames[-1]
    with screen.page.expect_console_message(lambda said: "Content Security Policy" in said.text):
        frame.evaluate("evil => document.body.insertAdjacentHTML('beforeend', evil)", EVIL)
    with screen.page.expect_console_message(lambda said: "Content Security Policy" in said.text):
        frame.evaluate("document.head.append(Object.assign(document.createElement('script'), {text: 'top.owned = 3'}))")
    assert screen.page.evaluate("typeof top.owned") == "undefined"
    screen.complaints.clear()


def test_an_address_with_somebody_elses_server_leads_to_nobody(screen: Screen) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        other = f"/index.html?server=127.0.0.1&port={listener.getsockname()[1]}&ssl=false"
        page = screen.page.context.new_page()
        with page.expect_console_message(lambda said: "websocket error" in said.text):
            page.goto(screen.page.evaluate("location.origin") + other)
        with pytest.raises(BlockingIOError):
            listener.accept()
        page.close()
