"""Connections that are lost and come back: the gateway dies, the network is cut, the ticket is gone, the program ends."""

import os
import re
import signal
from collections.abc import Iterator

import pytest
from persons_portal import READY, PersonsPortal, until
from playwright.sync_api import Browser, Route, expect
from screens import Screen, address, at_a_computer, logged_in, portal_with

from armchair.testing.processes import processes_of

DISPLAYS = pytest.mark.parametrize("number", [1, 2], ids=["Xpra", "VNC"])


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PersonsPortal]:
    with portal_with(tmp_path_factory.mktemp("lost") / "home", "xterm", "vnc-xterm") as made:
        yield made


def kill_gateway(portal: PersonsPortal) -> None:
    """HAProxy, and with it every connection of every browser."""
    for found in processes_of(portal.home):
        if found.command.partition(" ")[0].endswith("haproxy"):
            os.kill(found.pid, signal.SIGKILL)


def is_back(screen: Screen) -> None:
    expect(screen.page.locator("#cover")).to_be_hidden(timeout=READY)
    expect(screen.page.locator("iframe")).to_have_count(1)


@DISPLAYS
def test_a_killed_gateway_is_got_over_and_the_windows_are_as_they_were(
    chromium: Browser, portal: PersonsPortal, number: int
) -> None:
    with at_a_computer(chromium, portal, number) as screen:
        screen.shell("kept=$((6*7)); echo", "before")
        screen.type("kept=$((6*7))")
        kill_gateway(portal)
        expect(screen.page.get_by_role("heading", name="You were disconnected")).to_be_visible()
        is_back(screen)
        assert screen.shell("echo $kept", "after") == "42\n"
        screen.expected.append("")  # whatever breaks, the browser complains of


@DISPLAYS
def test_a_network_that_is_cut_comes_back(chromium: Browser, portal: PersonsPortal, number: int) -> None:
    with at_a_computer(chromium, portal, number) as screen:
        screen.type("kept=$((7*7))")
        screen.page.context.set_offline(True)
        expect(screen.page.get_by_role("heading", name="This computer is offline")).to_be_visible(timeout=READY)
        for _ in range(3):  # what is tried meanwhile changes nothing
            with screen.page.expect_request("**/.armchair/screen/live", timeout=READY):
                screen.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(screen.page.get_by_role("heading", name="This computer is offline")).to_be_visible()
        screen.page.context.set_offline(False)
        is_back(screen)
        assert screen.shell("echo $kept", "cut") == "49\n"
        screen.expected.append("")  # whatever breaks, the browser complains of


@pytest.mark.parametrize(
    ("number", "part"), [(1, "**/js/Utilities.js"), (1, "**/index.html*"), (2, "**/vnc*.js"), (2, "**/.armchair/screen/vnc")]
)
def test_a_display_whose_page_comes_only_in_part_is_opened_again(
    chromium: Browser, portal: PersonsPortal, number: int, part: str
) -> None:
    """A laptop that changes from cable to wireless breaks off what is being loaded."""
    broken: list[str] = []

    def break_once(route: Route) -> None:
        broken.append(route.request.url)
        if len(broken) == 1:
            route.abort("internetdisconnected")
        else:
            route.continue_()

    # a minute is how long a page that is merely slow is waited for
    with at_a_computer(chromium, portal, number, prepare=lambda one: one.route(part, break_once), patience=40_000) as screen:
        assert len(broken) == 2
        screen.shell("echo", "whole")
        screen.expected.append("")  # whatever breaks, the browser complains of
        screen.errors.clear()


def test_a_ticket_that_is_gone_is_got_again_by_the_page(chromium: Browser, portal: PersonsPortal) -> None:
    with at_a_computer(chromium, portal) as screen:
        screen.type("kept=$((8*8))")
        here = screen.page.url
        questions: list[str] = []
        screen.page.on("dialog", lambda dialog: (questions.append(dialog.type), dialog.accept()))
        for cookie in screen.page.context.cookies():
            if ".apps-" in cookie["domain"]:
                screen.page.context.clear_cookies(name=cookie["name"], domain=cookie["domain"])
        with screen.page.expect_navigation(url=here, timeout=READY):
            kill_gateway(portal)
        screen.shows()
        assert screen.shell("echo $kept", "ticket") == "64\n"
        assert questions == []
        screen.expected.append("")  # whatever breaks, the browser complains of


def test_a_page_whose_script_never_came_offers_to_load_again(chromium: Browser, portal: PersonsPortal) -> None:
    context = chromium.new_context(storage_state=logged_in(chromium, portal), reduced_motion="reduce")
    context.route("**/screen-*.js", lambda route: route.abort())
    page = context.new_page()
    page.goto(address(portal, 2))
    link = page.get_by_role("link", name="Load this page again")
    expect(link).to_be_hidden()
    page.evaluate("for (const one of document.getAnimations()) one.finish()")  # so long nobody waits in a test
    expect(link).to_be_visible()
    context.unroute_all()
    link.click()
    expect(page.locator("#cover")).to_be_hidden(timeout=READY)
    expect(page.locator("#cover-stuck")).to_have_count(0)
    context.close()


def test_the_portal_may_be_away(chromium: Browser, portal: PersonsPortal) -> None:
    with at_a_computer(chromium, portal) as screen:
        portal.kill()
        assert screen.shell("echo works", "alone") == "works\n"
        portal.start()
        screen.expected.append("")  # whatever breaks, the browser complains of


@DISPLAYS
def test_the_end_is_told_in_the_portals_words(chromium: Browser, portal: PersonsPortal, number: int) -> None:
    with at_a_computer(chromium, portal, number) as screen:
        questions: list[str] = []
        screen.page.on("dialog", lambda dialog: (questions.append(dialog.type), dialog.accept()))
        screen.type("exit")
        expect(screen.page.get_by_role("heading", name=re.compile("The program ended by itself"))).to_be_visible(timeout=READY)
        expect(screen.page.locator("#time")).to_have_text(re.compile("page$"))
        expect(screen.tool("Files")).to_be_hidden()
        screen.page.locator("#cover").get_by_role("link", name="page").click()
        expect(screen.page.get_by_text("The program ended by itself").first).to_be_visible()
        until(lambda: "/sessions/" in screen.page.url, "the session's page")
        assert questions == []
        screen.expected.append("")  # whatever breaks, the browser complains of
