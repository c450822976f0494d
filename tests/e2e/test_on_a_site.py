"""A person at a site, in a real browser: the cluster's password, a job as themselves on a compute node, more time, the end."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from cluster.names import ALICE
from cluster.rig import Cluster
from integration.site.site_stage import SitePortal, site_of
from integration.slurm.slurm_portal import shared_program

pytestmark = pytest.mark.timeout(300)
READY = 60_000


@pytest.fixture(scope="module")
def site(slurm: Cluster) -> Iterator[SitePortal]:
    with shared_program(slurm) as program, site_of(slurm, program) as made:
        yield made


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def log_in(page: Page, password: str) -> None:
    page.get_by_label("Login").fill(ALICE.name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_from_the_password_to_the_end(site: SitePortal, page: Page) -> None:
    page.goto(site.names.portal_url("/applications/terminal"))
    log_in(page, "not hers")
    expect(page.get_by_text("That name and password do not go together.")).to_be_visible()
    expect(page.get_by_label("Login")).to_have_value(ALICE.name)
    log_in(page, ALICE.password)

    # back where she wanted to go
    expect(page.get_by_role("heading", name="Terminal")).to_be_visible()
    expect(page.get_by_text("starts now").first).to_be_visible(timeout=READY)
    page.get_by_text("Your own", exact=True).click()
    for label, answer in (("Cores", "1"), ("Memory", "1 GB"), ("Time", "1h")):
        page.get_by_label(label, exact=True).fill(answer)
    page.get_by_role("button", name="Start Terminal").click()
    page.wait_for_url(re.compile(r"/sessions/"))
    session = page.url.partition("?")[0]
    page.wait_for_url(lambda url: not url.startswith(site.names.portal_origin), timeout=READY)
    page.locator(".xterm").first.click()
    page.keyboard.type("echo on-$(hostname)-as-$(id -un)")
    page.keyboard.press("Enter")
    expect(page.locator(".xterm-rows")).to_contain_text(re.compile(r"on-node[123]-as-armalice"), timeout=READY)

    page.goto(session)
    expect(page.get_by_text(re.compile(r"5\d min left"))).to_be_visible()
    page.get_by_label("More time").select_option("2 hours")
    page.get_by_role("button", name="Extend").click()
    expect(page.get_by_text(re.compile(r"2 h 5\d min left"))).to_be_visible(timeout=READY)

    page.get_by_role("link", name="End", exact=True).or_(page.get_by_role("button", name="End", exact=True)).first.click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^End")).or_(
        page.get_by_role("button", name=re.compile("^End this|^End$"))
    ).last.click()
    expect(page.get_by_text(re.compile("You ended this at")).first).to_be_visible(timeout=READY)
