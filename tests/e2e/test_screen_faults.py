"""What a program or a person does to the page around it: many windows, floods for the clipboard, a client that does not fit."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from persons_portal import READY, PersonsPortal, until
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from screens import VNC as BY_VNC
from screens import Screen, at_a_computer

WINDOWS = 50
MANY = """\
title = "Many"
description = "Fifty windows and a terminal."
version = "1"
category = "Tests"
type = "x11"
"""
MANY_RUN = "#!/bin/sh\nfor n in $(seq 50); do xlogo -geometry 80x80 & done\nexec xterm -title last\n"
XPRA, VNC, FIFTY = 1, 2, 3
MB = 1_000_000
HERE = "This text is too long for the clipboard. Put it into a file and upload that."
THERE = "What the program has copied does not fit into the clipboard."


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PersonsPortal]:
    place = tmp_path_factory.mktemp("faults")
    made = PersonsPortal(place / "home")
    for name, text in (("by-vnc", BY_VNC), ("many", MANY)):
        (place / "apps" / name).mkdir(parents=True)
        (place / "apps" / name / "app.toml").write_text(text, "utf-8")
    (place / "apps" / "many" / "run.sh").write_text(MANY_RUN)
    made.environment["ARMCHAIR__CATALOGUE__DIRECTORIES"] = json.dumps([str(place / "apps")])
    made.start()
    try:
        for app in ("xterm", "by-vnc", "many"):
            made.run("launch", app, "--wait")
        yield made
    finally:
        made.run("down", "--yes")
        made.process.wait(20)


def test_fifty_windows_are_there_and_one_of_them_is_typed_in(chromium: Browser, portal: PersonsPortal) -> None:
    with at_a_computer(chromium, portal, FIFTY) as screen:
        expect(screen.frame.locator("div.window canvas")).to_have_count(WINDOWS + 1, timeout=READY)
        last = screen.frame.locator("div.window").filter(has_text="last")

        def typing(text: str) -> None:
            last.locator("canvas").click(position={"x": 20, "y": 200})
            screen.page_types(text)

        assert screen.shell("echo $((6*7))", "among-fifty", typing) == "42\n"
        screen.page.reload()
        screen.shows()
        expect(screen.frame.locator("div.window canvas")).to_have_count(WINDOWS + 1, timeout=READY)


PASTE = """(body, size) => {
    const data = new DataTransfer();
    data.setData('text/plain', 'b'.repeat(size));
    body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
}"""


def in_the_program(screen: Screen, trace: str) -> int:
    """How many bytes a program gets that pastes."""
    return int(screen.shell("timeout 20 xclip -o -selection clipboard | wc -c", trace))


@pytest.mark.parametrize("number", [XPRA, VNC], ids=["Xpra", "VNC"])
def test_a_flood_from_this_computer_is_refused_in_words(chromium: Browser, portal: PersonsPortal, number: int) -> None:
    with at_a_computer(chromium, portal, number) as screen:
        body, note = screen.frame.locator("body"), screen.page.locator("#note")
        body.evaluate(PASTE, MB)
        until(lambda: in_the_program(screen, "all") == MB, "a megabyte that the program can paste")
        body.evaluate(PASTE, 50 * MB)
        expect(note).to_have_text(HERE)
        # a letter may be several bytes; with more than Xpra takes it would cut the page off
        body.evaluate(PASTE.replace("'b'", "'€'"), MB // 2)
        expect(note).to_have_text(HERE)
        assert in_the_program(screen, "still") == MB
        dialog = screen.open("Clipboard")
        dialog.get_by_label("From this computer").evaluate("(place, size) => { place.value = 'c'.repeat(size); }", MB + 1)
        for button in ("Give it to the program", "Type it there"):
            dialog.get_by_role("button", name=button).click()
            expect(dialog.get_by_text(HERE)).to_be_visible()
        dialog.get_by_label("From this computer").evaluate("(place) => { place.value = 'c'.repeat(20001); }")
        dialog.get_by_role("button", name="Type it there").click()
        expect(dialog.get_by_text("This text is too long to be typed.")).to_be_visible()
        dialog.get_by_role("button", name="Close").click()
        expect(screen.page.locator("#cover")).to_be_hidden()
        assert in_the_program(screen, "after") == MB


# a program that says how much will come, as xclip does not: of that Xpra takes the first piece for all
COPIES = """\
import gi, sys
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk
Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD).set_text("a" * int(sys.argv[1]), -1)
Gtk.main()
"""


def copied_last(page: Page) -> str:
    return str(page.evaluate("document.getElementById('clip-out').value"))


def test_a_flood_from_the_program_is_told_and_the_page_goes_on(chromium: Browser, portal: PersonsPortal) -> None:
    with at_a_computer(chromium, portal, XPRA) as screen:
        note = screen.page.locator("#note")
        screen.shell("printf before | xclip -selection clipboard", "before")
        until(lambda: copied_last(screen.page) == "before", "what was copied")
        (screen.home / "copies.py").write_text(COPIES)
        for command in (
            "head -c 2000000 /dev/zero | xclip -selection clipboard",
            f"/usr/bin/python3 copies.py {50 * MB} & disown",
        ):
            screen.type(command)
            expect(note).to_contain_text(THERE, timeout=READY)
            # what it copied before is not to be taken for it
            assert copied_last(screen.page) == ""
            screen.page.evaluate("document.getElementById('note').textContent = ''")
        screen.shell("printf after | xclip -selection clipboard", "after")
        until(lambda: copied_last(screen.page) == "after", "what was copied afterwards")


def old_client(context: BrowserContext) -> None:
    """The page's client of the display says that it is of another version."""

    script = Path("/usr/share/xpra/www/js/Utilities.js").read_text("utf-8")
    said = re.sub(r'VERSION\s*: "[^"]+"', 'VERSION : "0.10.0"', script)
    assert said != script

    def changed(route: Route) -> None:
        route.fulfill(body=said, content_type="application/javascript")

    context.route("**/js/Utilities.js", changed)


def test_a_client_that_does_not_fit_is_told_so(chromium: Browser, portal: PersonsPortal) -> None:
    with at_a_computer(chromium, portal, XPRA) as good:
        context = chromium.new_context(storage_state=good.page.context.storage_state())
        old_client(context)
        page = context.new_page()
        page.goto(f"{portal.page}/sessions/{XPRA}/join")
        expect(page.get_by_role("heading", name="do not understand each other")).to_be_visible(timeout=READY)
        expect(page.get_by_text("They are of different versions.")).to_be_visible()
        # as soon as the client fits, it is let in
        context.unroute_all()
        page.get_by_role("button", name="Try now").click()
        expect(page.locator("#cover")).to_be_hidden(timeout=READY)
        assert good.shell("echo undisturbed", "good") == "undisturbed\n"
        context.close()
