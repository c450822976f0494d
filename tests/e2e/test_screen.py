"""The page around a graphical program, in a real browser, through gateway and agent, with the real Xpra behind it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from persons_portal import READY, PersonsPortal, until, until_page
from playwright.sync_api import Browser, BrowserContext, expect
from screens import Screen, at_a_computer, portal_with

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "color_scheme": "dark"}


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PersonsPortal]:
    with portal_with(tmp_path_factory.mktemp("screen") / "home", "xterm") as made:
        yield made


@pytest.fixture
def screen(chromium: Browser, portal: PersonsPortal) -> Iterator[Screen]:
    with at_a_computer(chromium, portal) as made:
        yield made


def test_a_program_in_its_page(screen: Screen) -> None:
    assert screen.shell("echo $((6*7))", "sum") == "42\n"
    expect(screen.page).to_have_title("xterm · #1")
    expect(screen.page.locator("#quality")).to_have_text(re.compile(r"^(Good|Slow|Poor) · \d+ ms$"), timeout=READY)
    expect(screen.page.locator("#time")).to_have_text(re.compile("left$"))
    # Xpra's own menu and messages stay away
    for own in ("#float_menu", "#progress"):
        expect(screen.frame.locator(own)).to_be_hidden()


def test_sizes_are_known_to_the_x_server_before_xpra_asks_for_them(screen: Screen) -> None:
    """It would stand still at one that it has to make itself: of 50 Hz, by which one knows them."""
    modes = "xrandr | grep '[*]'"
    inner = "[innerWidth, innerHeight].join('x')"
    taken = screen.page.frames[-1].evaluate(inner)
    assert screen.shell(modes, "first-mode").split() == [taken, "60.00*"]
    screen.page.set_viewport_size({"width": 1155, "height": 733})
    # in the middle of a change no size is marked
    until(lambda: screen.shell(modes, "next-mode").split()[:1] not in ([taken], []), "the new size")
    taken = screen.page.frames[-1].evaluate(inner)
    assert screen.shell(modes, "next-mode").split() == [taken, "60.00*"]


def test_windows_stay_in_sight_in_a_smaller_browser(screen: Screen) -> None:
    def edges() -> tuple[float, float, float, float]:
        box = screen.window.bounding_box()
        return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]

    before = screen.window.evaluate("canvas => [canvas.width, canvas.height]")
    try:
        screen.page.set_viewport_size({"width": 900, "height": 440})
        until(lambda: edges()[2] <= 900 and edges()[3] <= 440, "the window is moved and shrunk")
        assert edges()[0] >= 0
        assert screen.shell("echo $((7*6))", "small") == "42\n"
    finally:
        screen.page.set_viewport_size({"width": 1280, "height": 800})
    until(lambda: screen.window.evaluate("canvas => [canvas.width, canvas.height]") == before, "it has its size again")


def test_a_window_that_makes_itself_too_large_is_brought_back(screen: Screen) -> None:
    height = "() => Object.values(window.client.id_to_window)[0].h + Object.values(window.client.id_to_window)[0].y"
    before = screen.window.evaluate("canvas => [canvas.width, canvas.height]")
    screen.shell("xdotool getactivewindow windowsize 1200 1400; echo $?", "large")
    until(lambda: screen.window.evaluate("canvas => canvas.width") > before[0], "it has made itself larger")
    until(lambda: screen.page.frames[-1].evaluate(height) <= screen.page.frames[-1].evaluate("window.innerHeight"), "in sight")
    assert screen.shell("echo $((8*7))", "after") == "56\n"
    width, tall = before
    screen.shell(f"xdotool getactivewindow windowsize {width} {tall}; echo $?", "as-before")
    until(lambda: screen.window.evaluate("canvas => [canvas.width, canvas.height]") == before, "it has its size again")


MIDDLE = """image => {
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    const pen = canvas.getContext('2d');
    pen.drawImage(image, 0, 0);
    return [canvas.width, ...pen.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data.slice(0, 3)];
}"""


def test_the_list_of_sessions_shows_the_screen(screen: Screen, portal: PersonsPortal) -> None:
    screen.type("printf '\\e[41m\\e[2J'")
    with screen.page.expect_response(lambda answer: answer.url.endswith("/screen/thumbnail"), timeout=READY) as sent:
        pass
    assert sent.value.status == 204
    overview = screen.page.context.new_page()
    overview.goto(portal.page)
    picture = overview.locator("img[src*='/thumbnail']").first
    expect(picture).to_be_visible(timeout=READY)
    picture.evaluate("image => image.decode()")
    width, red, green, blue = picture.evaluate(MIDDLE)
    assert width == 480
    assert red > 100 > max(green, blue)
    overview.close()
    screen.type("printf '\\e[0m\\e[2J'")


def record_locks(context: BrowserContext) -> None:
    context.add_init_script(
        "window.locks = []; for (const name of ['lock', 'unlock']) {"
        " const real = navigator.keyboard[name].bind(navigator.keyboard);"
        " navigator.keyboard[name] = (...keys) => { window.locks.push(name); return real(...keys); }; }"
    )


def test_full_screen_takes_all_keys(chromium: Browser, portal: PersonsPortal) -> None:
    with at_a_computer(chromium, portal, prepare=record_locks) as screen:
        screen.tool("Full screen").click()
        until_page(screen.page, "document.fullscreenElement !== null && window.locks.includes('lock')")
        screen.page.mouse.move(640, 400)
        expect(screen.page.locator("#note")).to_have_text("In full screen all keys go to the program. Hold Esc to leave.")
        expect(screen.page.locator("#bar")).to_be_hidden()
        # the keyboard is the program's again without a click
        until_page(screen.page, "document.activeElement?.tagName === 'IFRAME'")
        # three keys let go together lead to the bar, which goes away by itself
        for key in ("Control", "Alt", "Shift"):
            screen.page.keyboard.down(key)
        for key in ("Shift", "Alt", "Control"):
            screen.page.keyboard.up(key)
        expect(screen.tool("Clipboard")).to_be_focused()
        screen.page.keyboard.press("ArrowRight")
        screen.page.keyboard.press("Escape")
        expect(screen.page.locator("#bar")).to_be_hidden()
        screen.page.locator("#handle").click()
        screen.tool("Leave full screen").click()
        until_page(screen.page, "document.fullscreenElement === null && window.locks.includes('unlock')")
        expect(screen.page.locator("#bar")).to_be_visible()


def test_keys_that_the_browser_keeps_are_sent_from_a_drawer(screen: Screen) -> None:
    screen.shell("rm -f key; echo", "awake")  # from here on the window takes keys
    screen.type('rm -f key; IFS= read -rsn1 k; printf %q "$k" >key')
    screen.open("Keyboard").get_by_role("button", name="Ctrl+W").click()
    until((screen.home / "key").exists, "the key")
    assert (screen.home / "key").read_text() == r"$'\027'"


def let_use_the_clipboard(context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])


def test_text_goes_both_ways_through_the_dialog(screen: Screen) -> None:
    dialog = screen.open("Clipboard")
    dialog.get_by_label("From this computer").fill("naïve: 12 €")
    dialog.get_by_role("button", name="Give it to the program").click()
    expect(dialog.get_by_text("The program has the text")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    assert screen.shell("xclip -o -selection clipboard", "given") == "naïve: 12 €"

    screen.shell("printf 'caf\\303\\251 5 \\342\\202\\254' | xclip -selection clipboard", "copied")
    dialog = screen.open("Clipboard")
    expect(dialog.get_by_label("What the program copied last")).to_have_value("café 5 €")
    dialog.get_by_label("From this computer").fill("echo 'Is it {7}?' >typed-there\n")
    dialog.get_by_role("button", name="Type it there").click()
    until((screen.home / "typed-there").exists, "what was typed")
    assert (screen.home / "typed-there").read_text() == "Is it {7}?\n"


def test_the_two_clipboards_are_one_where_the_browser_lets_us(chromium: Browser, portal: PersonsPortal) -> None:
    with at_a_computer(chromium, portal, prepare=let_use_the_clipboard) as screen:
        screen.shell("printf 'gr\\303\\274n' | xclip -selection clipboard", "out")
        until(lambda: screen.page.evaluate("navigator.clipboard.readText()") == "grün", "the copied text")
        screen.page.evaluate("navigator.clipboard.writeText('überall')")
        screen.window.click(position={"x": 60, "y": 60})
        assert screen.shell("xclip -o -selection clipboard", "in") == "überall"


def test_pasting_with_the_keyboard_needs_no_leave(screen: Screen) -> None:
    screen.window.click(position={"x": 60, "y": 60})
    screen.frame.locator("body").evaluate(
        """body => {
            const data = new DataTransfer();
            data.setData('text/plain', 'brought along: ß');
            body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
        }"""
    )
    assert screen.shell("xclip -o -selection clipboard", "pasted") == "brought along: ß"


def test_things_can_be_made_larger_and_the_pointer_stays_true(screen: Screen) -> None:
    settings = screen.open("Settings")
    width = screen.frame.locator("html").evaluate("html => html.clientWidth")
    settings.get_by_label("Size of things").select_option("200")
    until(lambda: screen.frame.locator("html").evaluate("html => html.clientWidth") == width // 2, "a frame of half the size")
    screen.page.keyboard.press("Escape")
    screen.page.mouse.move(400, 340)
    screen.page.mouse.move(402, 340)
    where = screen.shell("xdotool getmouselocation", "where", typing=screen.page_types)
    assert re.match(r"x:201 y:150 ", where), where


def test_settings_take_effect_at_once_and_are_kept(screen: Screen) -> None:
    drawer = screen.open("Keyboard")
    drawer.get_by_label("Keyboard layout").select_option("de")
    drawer.get_by_role("button", name="Close").click()
    until(lambda: '"de"' in screen.shell("xprop -root _XKB_RULES_NAMES", "layout"), "the German keyboard")
    drawer = screen.open("Settings")
    sent = "window => window.packets.filter(packet => packet[0] === 'quality').map(packet => packet[1])"
    screen.frame.locator("html").evaluate(
        """() => {
            const real = window.client.send;
            window.packets = [];
            window.client.send = function (packet) { window.packets.push(packet); return real.apply(this, arguments); };
        }"""
    )
    drawer.get_by_label("Picture", exact=True).select_option("best")
    drawer.get_by_label("Picture", exact=True).select_option("auto")
    assert screen.frame.locator("html").evaluate(f"() => ({sent})(window)") == [100, -1]
    drawer.get_by_label("Hide the bar").check()
    drawer.get_by_role("button", name="Close").click()
    screen.page.mouse.move(640, 500)
    expect(screen.page.locator("#bar")).to_be_hidden()
    screen.page.on("dialog", lambda dialog: dialog.accept())
    screen.page.reload()
    screen.shows()
    expect(screen.page.locator("#bar")).to_be_hidden()
    screen.page.locator("#handle").click()
    drawer = screen.open("Keyboard")
    expect(drawer.get_by_label("Keyboard layout")).to_have_value("de")
    assert "keyboard_layout=de" in screen.page.locator("iframe").get_attribute("src")
    drawer.get_by_label("Keyboard layout").select_option("us")
    drawer.get_by_role("button", name="Close").click()
    until(lambda: '"us"' in screen.shell("xprop -root _XKB_RULES_NAMES", "layout"), "the American keyboard")


def test_what_the_portal_warns_of_stands_below_the_bar(screen: Screen, portal: PersonsPortal) -> None:
    told = {"phase": "ready", "tone": "warn", "title": "Nobody has used this for 2 h.", "detail": "It ends at 16:30."}
    body = json.dumps({**told, "until": "2030-01-01T00:00:00+00:00", "left": "12 min left"})
    screen.page.route("**/.armchair/screen/live", lambda route: route.fulfill(body=body, content_type="application/json"))
    screen.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    warning = screen.page.locator("#warning")
    expect(warning).to_contain_text("Nobody has used this for 2 h. It ends at 16:30.")
    expect(warning.get_by_role("link")).to_have_attribute("href", re.compile(re.escape(portal.page) + "/sessions/"))
    expect(screen.page.locator("#time")).to_have_text("12 min left")


def test_closing_the_tab_is_asked_about_while_the_program_runs(screen: Screen) -> None:
    asked: list[str] = []
    screen.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    screen.window.click(position={"x": 60, "y": 60})
    screen.page.close(run_before_unload=True)
    until(lambda: (screen.page.wait_for_timeout(50), asked)[1] == ["beforeunload"], "the question")
    screen.open("Settings").get_by_label("Ask before this tab is closed").uncheck()
    with screen.page.expect_event("close"):
        screen.page.close(run_before_unload=True)
    assert asked == ["beforeunload"]


def test_it_becomes_an_application_window(screen: Screen) -> None:
    devtools = screen.page.context.new_cdp_session(screen.page)
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    told = json.loads(manifest["data"])
    assert (told["name"], told["display"], told["start_url"]) == ("xterm", "standalone", "/.armchair/screen")
    problems = [one["errorId"] for one in devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert set(problems) <= {"in-incognito"}, "a test's profile can't install"


@pytest.mark.parametrize("options", [{}, PHONE], ids=["light, at a desk", "dark, on a phone"])
def test_it_suits_everybody(chromium: Browser, portal: PersonsPortal, options: dict[str, object], tmp_path: Path) -> None:
    with at_a_computer(chromium, portal, **options) as screen:
        found = looks(screen, "the page")
        for name in ("Keyboard", "Settings", "Clipboard"):
            opened = screen.open(name)
            found += looks(screen, name)
            screen.page.screenshot(path=tmp_path / f"{name}.png")
            opened.get_by_role("button", name="Close").click()
        screen.page.evaluate("document.getElementById('cover').hidden = false")
        found += looks(screen, "the cover")
        assert found == []


def looks(screen: Screen, name: str) -> list[object]:
    # Xpra's own document is not ours
    violations = Axe().run(screen.page, options={"iframes": False}).response["violations"]
    found: list[object] = [(name, one["id"], [node["target"] for node in one["nodes"]][:3]) for one in violations]
    width = screen.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    return found + ([(name, "wider than the window", width)] if width[0] > width[1] else [])


def test_a_phone_types_with_the_keyboard_on_its_screen(chromium: Browser, portal: PersonsPortal) -> None:
    with at_a_computer(chromium, portal, **PHONE) as screen:
        screen.open("Keyboard").get_by_role("button", name="Show the keyboard on the screen").click()

        def typing(text: str) -> None:
            screen.page.keyboard.insert_text("cleaR")  # as a word is chosen, then mended
            for _ in "cleaR":
                screen.page.locator("#typing").press("Backspace")
            screen.page.keyboard.insert_text(f"{text}\n")

        assert screen.shell('echo "A|b"', "phone", typing) == "A|b\n"
        screen.type('rm -f left; IFS= read -rsn3 k; printf %q "$k" >left')
        screen.page.locator("#typing").focus()
        screen.page.get_by_role("group", name="Keys").get_by_role("button", name="←").click()
        until((screen.home / "left").exists, "the key")
        assert (screen.home / "left").read_text() == r"$'\E[D'"
