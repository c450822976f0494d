"""One graphical session in several browsers at once: nobody is turned away, and nobody takes it from the others."""

from collections.abc import Iterator

import pytest
from persons_portal import PersonsPortal, until
from playwright.sync_api import Browser, expect
from screens import Screen, at_a_computer, portal_with


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PersonsPortal]:
    with portal_with(tmp_path_factory.mktemp("shared") / "home", "xterm") as made:
        yield made


def losses(screen: Screen) -> list[str]:
    """What the page will say of each loss of its display."""
    said: list[str] = []
    screen.page.on("console", lambda one: said.append(one.text) if one.text.startswith("display lost") else None)
    return said


def test_two_browsers_share_the_windows(chromium: Browser, portal: PersonsPortal) -> None:
    with at_a_computer(chromium, portal) as one:
        # a page whose display is taken away comes back by itself, and would take it in turn
        lost = losses(one)
        shell = one.shell("echo $$", "first")
        with at_a_computer(chromium, portal) as two:
            lost_too = losses(two)
            assert two.shell("echo $$", "second") == shell
            assert one.shell("echo $$", "third") == shell
            for screen in (one, two):
                expect(screen.page.locator("#cover")).to_be_hidden()
            assert lost + lost_too == []


def test_a_smaller_browser_that_joins_leaves_the_others_picture_whole(chromium: Browser, portal: PersonsPortal) -> None:
    height = "canvas => canvas.height"
    last_point = "canvas => canvas.getContext('2d').getImageData(canvas.width - 9, canvas.height - 9, 1, 1).data[3]"
    with at_a_computer(chromium, portal) as one:
        before = one.window.evaluate(height)
        with at_a_computer(chromium, portal, viewport={"width": 900, "height": 440}):
            until(lambda: one.window.evaluate(height) < before, "the window has shrunk for both")
            until(lambda: one.window.evaluate(last_point) == 255, "all of it is drawn again")
