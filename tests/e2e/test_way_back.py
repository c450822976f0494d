"""Logging in on the way to a session: the login form's redirects lead through the portal to the session's own host."""

from collections.abc import Callable
from urllib.parse import quote

import pytest


@pytest.mark.parametrize("scripts", [True, False])
def test_a_login_on_the_way_ends_in_the_session(visitor, running: Callable[..., str], scripts: bool) -> None:
    session = running()
    names = visitor.harness.portal.names
    visitor.expected.append("404")  # no application answers on this harness's session host: that it is asked is the point
    page = visitor.context(java_script_enabled=scripts).new_page()
    page.goto(names.portal_url(f"/sessions/{session}/join?next={quote('/lab?a=1', safe='')}"))
    assert page.get_by_role("heading", name="You are logged out").is_visible()
    page.goto(visitor.harness.login_url())
    if not scripts:
        page.get_by_role("button", name="Log in").click()
    page.wait_for_url(names.session_url(session, "/lab?a=1"))
