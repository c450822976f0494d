"""A person's whole way on a real cluster, in a real browser: what starts when, the queue, work on a compute node, and the end.

The portal is Alice's own, on a login node; the jobs are Slurm's; the browser reaches the nodes through the gateway alone.
"""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from cluster.names import ALICE
from cluster.rig import Cluster
from cluster.shell import run
from integration.slurm.slurm_portal import SlurmPortal, portal_of, shared_program

pytestmark = pytest.mark.timeout(600)
READY = 60_000


@pytest.fixture(scope="module")
def portal(slurm: Cluster) -> Iterator[SlurmPortal]:
    with shared_program(slurm) as program, portal_of(slurm, program) as made:
        yield made


@pytest.fixture
def person(chromium: Browser, portal: SlurmPortal) -> Iterator[BrowserContext]:
    """Alice at a computer of her own, logged in."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(portal.client.login_link())
    expect(page.get_by_role("link", name="Applications")).to_be_visible()
    page.close()
    yield context
    context.close()


def url(portal: SlurmPortal, path: str) -> str:
    return portal.client.login_link().partition("/login")[0] + path


def form(person: BrowserContext, portal: SlurmPortal, title: str) -> Page:
    page = person.new_page()
    page.goto(url(portal, "/applications"))
    page.get_by_role("link", name=title).first.click()
    return page


def until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def text_of(path: Path) -> str:
    return run(["cat", path], user=ALICE.name, check=False).stdout


def test_a_terminal_on_a_compute_node(slurm: Cluster, portal: SlurmPortal, person: BrowserContext) -> None:
    page = form(person, portal, "Terminal")
    expect(page.get_by_text("starts now").first).to_be_visible(timeout=READY)

    slurm.drain()
    page.get_by_role("button", name="Start Terminal").click()
    expect(page.get_by_text(re.compile(r"^Waiting")).last).to_be_visible()
    expect(page.get_by_text(re.compile("hpc/short")).first).to_be_visible()
    portal_page = page.url
    slurm.resume()
    # nobody touches the page: it goes to the application by itself
    page.wait_for_url(re.compile(r"\.apps-"), timeout=READY)
    page.locator(".xterm").first.click()
    page.keyboard.type("echo on-$(hostname)-as-$(id -un)")
    page.keyboard.press("Enter")
    expect(page.locator(".xterm-rows")).to_contain_text(re.compile(r"on-node[123]-as-armalice"), timeout=READY)

    overview = person.new_page()
    overview.goto(portal_page.partition("?")[0])
    expect(overview.get_by_text(re.compile(r"hpc/short · node[123]"))).to_be_visible()
    expect(overview.get_by_text(re.compile(r"3 h \d+ min left"))).to_be_visible()

    cluster = person.new_page()
    cluster.goto(url(portal, "/cluster"))
    expect(cluster.get_by_role("row").filter(has_text="scavenge")).to_be_visible()
    expect(cluster.get_by_role("link", name=re.compile("Terminal")).first).to_be_visible(timeout=READY)

    # accounting says that she is no operator: the reason stands in the place of the button
    expect(overview.get_by_text("The cluster lets only operators raise a job's limit.")).to_be_visible()
    expect(overview.get_by_role("button", name="Extend")).to_have_count(0)

    overview.goto(portal_page.partition("?")[0])
    overview.get_by_role("link", name="End", exact=True).click()
    overview.get_by_role("dialog").get_by_role("button", name="End", exact=True).click()
    expect(overview.get_by_text(re.compile("You ended this at")).first).to_be_visible(timeout=READY)


def test_an_x11_program_on_a_compute_node(portal: SlurmPortal, person: BrowserContext) -> None:
    page = form(person, portal, "xterm")
    page.get_by_role("button", name="Start xterm").click()
    page.wait_for_url(re.compile(r"\.apps-"), timeout=READY)
    expect(page.frame_locator("iframe.frame:not(.coming)").locator("canvas").first).to_be_visible(timeout=READY)
    drawn = Path(f"~{ALICE.name}/drawn").expanduser()
    run(["rm", "-f", drawn], user=ALICE.name)
    for _ in range(5):
        page.frame_locator("iframe.frame:not(.coming)").locator("canvas").last.click(position={"x": 60, "y": 60})
        page.keyboard.type("hostname > ~/drawn", delay=20)
        page.keyboard.press("Enter")
        page.wait_for_timeout(3000)
        if text_of(drawn).startswith("node"):
            break
    assert text_of(drawn).startswith("node")
    page.frame_locator("iframe.frame:not(.coming)").locator("canvas").last.click(position={"x": 60, "y": 60})
    page.keyboard.type("exit", delay=20)
    page.keyboard.press("Enter")
    number = portal.client.sessions().sessions[0].id
    assert portal.outcome(number)[0] in {"finished", "failed"}


def test_a_notebook_on_a_compute_node(portal: SlurmPortal, person: BrowserContext) -> None:
    # people's homes outlive test runs, and JupyterLab opens what was open last
    run(["sh", "-c", "rm -rf ~/.jupyter ~/.local/share/jupyter ~/Untitled*.ipynb"], user=ALICE.name)
    argv = portal.program.argv("kit", "install", "jupyter", "--home", str(portal.home))
    done = run(argv, env=portal.program.environment, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    until(lambda: not next(app for app in portal.client.applications() if app.name == "jupyterlab").missing, "the kit is seen")
    page = form(person, portal, "JupyterLab")
    page.get_by_role("button", name="Start JupyterLab").click()
    page.wait_for_url(re.compile(r"\.apps-"), timeout=READY)
    page.locator(".jp-LauncherCard[data-category=Notebook]").first.click(timeout=READY)
    output = page.locator(".jp-OutputArea-output").filter(has_text=re.compile("it runs on node[123]")).last
    code = "import socket; print('it runs on', socket.gethostname())"
    for _ in range(6):
        cell = page.locator(".jp-Notebook .jp-Cell").last.locator(".cm-content")
        cell.click()
        cell.press("Control+a")
        cell.press_sequentially(code)
        cell.press("Shift+Enter")
        page.wait_for_timeout(5000)
        if output.is_visible():
            break
    expect(output).to_be_visible(timeout=READY)
    for session in portal.client.sessions().sessions:
        portal.client.stop(session.id)
