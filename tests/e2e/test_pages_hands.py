"""What a person does on the pages with mouse and keyboard, and without scripts."""

import re
from collections.abc import Callable

from persons_portal import until_page
from playwright.sync_api import Page, expect

from armchair.domain.run import Outcome, OutcomeKind
from armchair.domain.session import By

SOON = 5000  # ms


def test_the_keyboard(harness, visitor, page: Page, running: Callable[..., str]) -> None:
    visitor.expected += ["404"]  # no application stands behind this portal
    first, second = running("First"), running("Second")
    page.goto(harness.url("/"))
    page.keyboard.press("j")
    expect(page.locator(f"#s-{second}")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(f"#s-{first}")).to_be_focused()
    page.keyboard.press("k")
    expect(page.locator(f"#s-{second}")).to_be_focused()
    with page.context.expect_page() as opened:
        page.keyboard.press("Enter")
    opened.value.wait_for_url(re.compile(rf"^http://{second}\."))
    opened.value.close()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("first")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("q=first"))
    expect(page.locator(".row")).to_have_count(1)
    page.keyboard.press("n")
    page.wait_for_url(harness.url("/applications"))
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/applications/."))


def test_rename_end_and_start_again(harness, page: Page, running: Callable[..., str]) -> None:
    session = running()
    page.goto(harness.url(f"/sessions/{session}"))
    page.get_by_text("Rename").click()
    page.get_by_label("Title").fill("Ångström & <b>Söhne</b>")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ångström & <b>Söhne</b>")
    page.get_by_role("link", name="End").click()
    dialog = page.get_by_role("dialog", name="End #1 Ångström & <b>Söhne</b>?")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#live")).to_have_attribute("data-phase", "ready")
    page.get_by_role("link", name="End").click()
    dialog.get_by_role("button", name="End").click()
    expect(page.locator("#live")).to_have_attribute("data-phase", "ending")
    harness.change(session, outcome=Outcome(kind=OutcomeKind.CANCELLED, by=By.OWNER, at=harness.portal.clock.now()))
    expect(page.locator("#live .state")).to_contain_text("You ended this", timeout=SOON)
    page.get_by_role("button", name="Start again").dblclick()
    page.wait_for_url(lambda url: "/sessions/" in url and session not in url)
    page.goto(harness.url("/"))
    expect(page.locator(".row")).to_have_count(2)


def test_end_from_the_list_stays_in_the_list(harness, page: Page, running: Callable[..., str]) -> None:
    session = running()
    page.goto(harness.url("/"))
    row = page.locator(f"#s-{session}")
    row.get_by_label("More for #1").click()
    row.get_by_role("link", name="End").click()
    page.get_by_role("dialog").get_by_role("button", name="End").click()
    expect(row.locator(".state")).to_contain_text("Ending", timeout=SOON)
    assert page.url == harness.url("/")


def test_fields_show_when_they_apply(harness, visitor, page: Page) -> None:
    visitor.expected += ["422"]  # the answer to what does not fit
    page.goto(harness.url("/applications/model"))
    chains = page.get_by_label("Chains")
    expect(chains).to_be_hidden()
    page.get_by_label("Method").select_option("sample")
    expect(chains).to_be_visible()
    chains.fill("99")
    page.get_by_role("button", name="Start Model fitting").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was started")
    expect(chains).to_have_attribute("aria-invalid", "true")
    expect(chains).to_have_value("99")
    page.get_by_label("Method").select_option("fit")
    expect(chains).to_be_hidden()


def test_a_double_click_starts_one_session(harness, page: Page) -> None:
    page.goto(harness.url("/applications/terminal"))
    page.get_by_role("button", name="Start Terminal").dblclick()
    page.wait_for_url(re.compile("/sessions/"))
    page.goto(harness.url("/"))
    expect(page.locator(".row")).to_have_count(1)


POST_TWICE = """form => Promise.all([1, 2].map(() =>
    fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) }).then(answer => answer.url)))"""


def test_the_same_form_sent_twice_starts_one_session(harness, page: Page) -> None:
    """As a browser does that repeats a lost request: the page's script can't hold that back, the form's key makes it one."""
    page.goto(harness.url("/applications/terminal"))
    first, second = page.locator("form.launch").evaluate(POST_TWICE)
    assert "/sessions/" in first
    assert first == second


def test_the_first_time_notice_is_shown_until_it_is_read(harness, page: Page, running: Callable[..., str]) -> None:
    page.goto(harness.url(f"/sessions/{running()}"))
    notice = page.get_by_text("Closing the tab does not end the session")
    expect(notice).to_be_visible()
    page.get_by_role("button", name="Got it").click()
    expect(notice).to_be_hidden()
    page.reload()
    until_page(page, "document.documentElement.classList.contains('scripted')")
    expect(notice).to_be_hidden()


def test_the_theme_stays(harness, page: Page) -> None:
    page.goto(harness.url("/account"))
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    with page.expect_navigation():
        page.get_by_label("Theme").select_option("dark")
    page.goto(harness.url("/"))
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_copy(harness, visitor, running: Callable[..., str]) -> None:
    session = running()
    page = visitor.logged_in(permissions=["clipboard-read", "clipboard-write"])
    page.goto(harness.url(f"/sessions/{session}"))
    page.get_by_text("Details for support").click()
    page.locator("[data-copy='#facts']").click()
    expect(page.locator("#said")).to_have_text("Copied")
    assert session in page.evaluate("navigator.clipboard.readText()")


def test_everything_works_without_scripts(harness, visitor) -> None:
    page = visitor.logged_in(java_script_enabled=False)
    page.get_by_role("link", name="New session").click()
    page.get_by_role("link", name="Model fitting").click()
    expect(page.get_by_label("Chains")).to_be_visible()
    page.goto(harness.url("/applications/terminal"))
    page.get_by_role("button", name="Start Terminal").click()
    page.wait_for_url(re.compile("/sessions/"))
    page.get_by_text("Rename").click()
    page.get_by_label("Title").fill("By hand")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("By hand")
    page.get_by_role("link", name="End").click()
    page.get_by_role("button", name="End").click()
    expect(page.locator("#live")).to_have_attribute("data-phase", re.compile("ending|ended"))
    page.goto(harness.url("/account"))
    page.get_by_role("button", name="Log out here").click()
    expect(page.get_by_role("heading", name="You are logged out")).to_be_visible()
