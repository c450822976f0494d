"""A picture that a real browser makes of a canvas, from the session's own host to the list that somebody looks at."""

from collections.abc import Callable

import pytest
from persons_portal import until_page
from playwright.sync_api import Page, expect

SOON = 5000  # ms
PUT = """
async (type) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [320, 200];
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#1f5f9f";
  pen.fillRect(0, 0, 320, 200);
  pen.fillStyle = "#fff";
  pen.fillText("xterm", 20, 40);
  const body = await new Promise((done) => canvas.toBlob(done, type));
  const answer = await fetch("/.armchair/screen/thumbnail", { method: "PUT", body });
  return [answer.status, body.type];
}
"""


def place_of(page: Page, session: str) -> object:
    """Where its row is; waits while the list is being replaced."""
    where = "(id) => document.getElementById(id)?.getBoundingClientRect().toJSON()"
    return until_page(page, where, f"s-{session}")


@pytest.mark.parametrize("kind", ["webp", "jpeg", "png"])
def test_a_picture_of_the_screen_appears_in_the_open_list(harness, visitor, running: Callable[..., str], kind: str) -> None:
    visitor.expected += ["404"]  # no application stands behind the session's host here
    below, session = running("Below", "xterm"), running("Pictured", "xterm")
    page: Page = visitor.logged_in()
    row = page.locator(f"#s-{session}")
    expect(row.locator(".face .shot")).to_have_count(0)
    before = place_of(page, below)
    inside = page.context.new_page()
    inside.goto(harness.url(f"/sessions/{session}/join?next=/nothing"))
    assert inside.evaluate(PUT, f"image/{kind}") == [204, f"image/{kind}"]
    shot = row.get_by_role("img", name="Screen of #2 Pictured")
    expect(shot).to_be_visible(timeout=SOON)
    until_page(page, "(one) => one.complete && one.naturalWidth === 320", shot.element_handle())
    assert place_of(page, below) == before, "nothing has moved"
    page.goto(harness.url(f"/sessions/{session}"))
    until_page(page, "document.querySelector('.screen .shot')?.naturalWidth === 320")
