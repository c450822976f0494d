"""Files into a graphical session and out of it, and the page around a VNC display: with the real Xpra and Xvnc behind it."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from persons_portal import READY, PersonsPortal, until
from playwright.sync_api import Browser, Route, expect
from screens import Screen, at_a_computer, portal_with


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PersonsPortal]:
    with portal_with(tmp_path_factory.mktemp("files") / "home", "xterm", "vnc-xterm", "closed") as made:
        yield made


@pytest.fixture(params=[1, 2], ids=["Xpra", "VNC"])
def screen(request: pytest.FixtureRequest, chromium: Browser, portal: PersonsPortal) -> Iterator[Screen]:
    with at_a_computer(chromium, portal, request.param) as made:
        yield made


def folder(screen: Screen) -> Path:
    return screen.home / "Downloads"


def test_chosen_files_arrive_and_come_back(screen: Screen, tmp_path: Path) -> None:
    for old in folder(screen).glob("*"):
        old.unlink()
    data = tmp_path / "größe & 100%.txt"
    data.write_text("some data\n")
    drawer = screen.open("Files")
    expect(drawer.get_by_text("Downloads is empty.")).to_be_visible()
    for _ in range(2):
        with screen.page.expect_file_chooser() as chooser:
            drawer.get_by_role("button", name="Choose files to upload").click()
        chooser.value.set_files([data])
    expect(drawer.get_by_text("größe & 100%.txt: uploaded to Downloads", exact=True)).to_be_visible()
    expect(drawer.get_by_text("uploaded to Downloads as größe & 100% (2).txt")).to_be_visible()
    assert (folder(screen) / "größe & 100% (2).txt").read_text() == "some data\n"
    with screen.page.expect_download() as download:
        drawer.get_by_role("link", name="Download größe & 100%.txt").click()
    assert download.value.suggested_filename == "größe & 100%.txt"
    assert download.value.path().read_text() == "some data\n"


DRAGGED = """(target, { name, type }) => {
    const data = new DataTransfer();
    data.items.add(new File(['dropped here'], name));
    target.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def test_a_dropped_file_arrives(screen: Screen) -> None:
    (folder(screen) / "dropped.txt").unlink(missing_ok=True)
    screen.frame.locator("canvas").last.evaluate(DRAGGED, {"name": "dropped.txt", "type": "dragenter"})
    expect(screen.page.get_by_text("Let go to upload")).to_be_visible()
    screen.page.locator("#drop").evaluate(DRAGGED, {"name": "dropped.txt", "type": "drop"})
    expect(screen.page.locator("#uploads").get_by_text("dropped.txt: uploaded to Downloads")).to_be_visible()
    expect(screen.page.get_by_text("Let go to upload")).to_be_hidden()
    assert (folder(screen) / "dropped.txt").read_text() == "dropped here"


def test_an_upload_shows_how_far_it_is_and_can_be_stopped(chromium: Browser, portal: PersonsPortal, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(3_000_000))
    with at_a_computer(chromium, portal) as screen:
        devtools = screen.page.context.new_cdp_session(screen.page)
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000}
        devtools.send("Network.enable")
        devtools.send("Network.emulateNetworkConditions", slow)
        drawer = screen.open("Files")
        with screen.page.expect_file_chooser() as chooser:
            drawer.get_by_role("button", name="Choose files to upload").click()
        chooser.value.set_files([large])
        expect(drawer.get_by_text(re.compile(r"large.bin: [1-9]\d? % of 3 MB"))).to_be_visible(timeout=READY)
        drawer.get_by_role("button", name="Cancel").click()
        expect(drawer.get_by_text("large.bin: cancelled, nothing was kept")).to_be_visible()
        until(
            lambda: [one.name for one in folder(screen).iterdir() if "large" in one.name or "upload" in one.name] == [], "gone"
        )


def answer_with(status: int, body: str, route: Route) -> None:
    route.fulfill(status=status, body=body, content_type="application/json")


def test_what_went_wrong_is_said_in_words(screen: Screen) -> None:
    answers = [
        (507, '{"error": "disk_full"}', "there is no room left in your directory"),
        (403, '{"error": "files_off"}', "the site does not allow it"),
        (400, '{"error": "bad_name"}', "a file can't have this name here"),
        (500, '{"error": "folder_closed"}', "the folder Downloads can't be written to"),
        (503, '{"error": "unreachable"}', "the connection broke, nothing was kept"),
        (418, "{}", "not uploaded (418)"),
    ]
    screen.expected.append("/-/files/a.txt")
    for status, body, sentence in answers:
        screen.page.unroute_all()
        screen.page.route("**/-/files/*", functools.partial(answer_with, status, body))
        screen.page.locator("#stage").evaluate(DRAGGED, {"name": "a.txt", "type": "drop"})
        expect(screen.page.locator("#uploads").get_by_text(f"a.txt: {sentence}")).to_be_visible()


def test_where_the_policy_forbids_it_nothing_is_offered(chromium: Browser, portal: PersonsPortal) -> None:
    with at_a_computer(chromium, portal, 3) as screen:
        expect(screen.tool("Settings")).to_be_visible()
        expect(screen.tool("Files")).to_be_hidden()
        screen.frame.locator("canvas").last.evaluate(DRAGGED, {"name": "dropped.txt", "type": "dragenter"})
        expect(screen.page.get_by_text("Let go to upload")).to_be_hidden()
        screen.expected.append("/-/files")
        assert screen.page.evaluate("fetch('/-/files').then(answer => answer.status)") == 403


# --- VNC ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2], ids=["Xpra", "VNC"])
def test_two_computers_see_and_use_the_same_windows(chromium: Browser, portal: PersonsPortal, number: int) -> None:
    with at_a_computer(chromium, portal, number) as first, at_a_computer(chromium, portal, number) as second:
        first.type("kept=$((6*7))")
        assert second.shell("echo $kept", "shared") == "42\n"
        assert first.shell("echo $((kept+1))", "shared") == "43\n"


@pytest.fixture
def desktop(chromium: Browser, portal: PersonsPortal) -> Iterator[Screen]:
    with at_a_computer(chromium, portal, 2) as made:
        yield made


def test_a_vnc_display_in_the_same_page(desktop: Screen) -> None:
    assert desktop.shell("echo $((6*7)) 'a|b'", "sum") == "42 a|b\n"
    expect(desktop.page.locator("#quality")).to_have_text(re.compile(r"^(Good|Slow|Poor) · \d+ ms$"), timeout=READY)
    # the screen has the size of its place
    size = desktop.frame.locator("canvas").evaluate("canvas => [canvas.width, canvas.height]")
    assert size == [1280, desktop.page.locator("#stage").evaluate("stage => stage.clientHeight")]


def test_text_goes_both_ways_through_a_vnc_display(desktop: Screen) -> None:
    dialog = desktop.open("Clipboard")
    dialog.get_by_label("From this computer").fill("naïve: 12 €")
    dialog.get_by_role("button", name="Give it to the program").click()
    dialog.get_by_role("button", name="Close").click()
    assert desktop.shell("xclip -o -selection clipboard", "given") == "naïve: 12 €"
    desktop.shell("printf 'caf\\303\\251' | xclip -selection clipboard", "copied")
    dialog = desktop.open("Clipboard")
    expect(dialog.get_by_label("What the program copied last")).to_have_value("café")
    dialog.get_by_label("From this computer").fill("echo 'Is it {7}?' >typed-there\n")
    dialog.get_by_role("button", name="Type it there").click()
    until((desktop.home / "typed-there").exists, "what was typed")
    assert (desktop.home / "typed-there").read_text() == "Is it {7}?\n"


def test_a_vnc_display_can_be_made_larger(desktop: Screen) -> None:
    settings = desktop.open("Settings")
    settings.get_by_label("Size of things").select_option("200")
    until(lambda: desktop.frame.locator("canvas").evaluate("canvas => canvas.width") == 640, "a screen of half the size")
    desktop.page.keyboard.press("Escape")
    assert desktop.shell("xdotool getdisplaygeometry", "size").split()[0] == "640"
    desktop.page.mouse.move(400, 340)
    desktop.page.mouse.move(402, 340)
    where = desktop.shell("xdotool getmouselocation", "where", typing=desktop.page_types)
    assert re.match(r"x:201 y:150 ", where), where
