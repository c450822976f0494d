"""What the portal answers on a session's own host: enter, renew and waiting, in every branch."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from armchair.accounts.logins import Accounts
from armchair.domain.run import Outcome, OutcomeKind
from armchair.domain.session import By

NAVIGATION = {"sec-fetch-mode": "navigate", "accept": "text/html"}
SCRIPT = {"sec-fetch-mode": "cors", "accept": "*/*"}


class Door:
    """A session's host as the browser sees it, with or without a ticket."""

    def __init__(self, browser, session: str) -> None:
        self.browser, self.session = browser, session
        self.ticket = ""

    async def ask(self, path: str, method: str = "GET", headers=NAVIGATION, **more):
        names = self.browser.portal.names
        cookie = f"{names.ticket_cookie}={self.ticket}" if self.ticket else ""
        host = names.session_host(self.session)
        answer = await self.browser.ask(method, f"/.armchair{path}", host=host, headers={**headers, "cookie": cookie}, **more)
        found = self.browser.set_cookies(answer).get(names.ticket_cookie)
        if found is not None:
            self.ticket = found.value
        return answer

    async def code(self, path: str = "/") -> str:
        answer = await self.browser.ask("GET", f"/sessions/{self.session}/join", params={"next": path})
        return answer.headers["location"].partition("/.armchair")[2]


@pytest.fixture
async def door(ada) -> Door:
    return Door(ada, (await ada.launch("Mine")).session.id)


async def entered(door: Door) -> Door:
    await door.browser.ready(door.session)
    assert (await door.ask(await door.code())).status_code == 303
    return door


async def log_out(door: Door) -> None:
    accounts = Accounts(door.browser.portal.accounts, door.browser.portal.clock)
    for ended in await accounts.logins(door.browser.fake.actor):
        await accounts.logout(ended.id)


def join_url(door: Door, path: str) -> tuple[str, str]:
    return f"http://portal.test/sessions/{door.session}/join", path


def leads_to(answer) -> tuple[str, str]:
    parts = urlsplit(answer.headers["location"])
    return f"{parts.scheme}://{parts.netloc}{parts.path}", parse_qs(parts.query)["next"][0]


async def test_entering_sets_the_ticket_on_this_host_and_goes_on(door) -> None:
    await door.browser.ready(door.session)
    answer = await door.ask(await door.code("/lab?a=1"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/lab?a=1")
    cookie = door.browser.set_cookies(answer)[door.browser.portal.names.ticket_cookie]
    assert (cookie["path"], cookie["domain"], cookie["samesite"].lower()) == ("/", "", "lax")
    assert cookie["secure"]
    assert cookie["httponly"]
    claims = door.browser.portal.tickets.read(cookie.value)
    assert (claims.session, claims.subject, claims.address, claims.port) == (door.session, "ada", "127.0.0.1", 7001)
    assert int(cookie["max-age"]) == claims.expires_at - claims.issued_at


async def test_a_code_works_once_on_its_own_host_and_for_30_seconds(door) -> None:
    await door.browser.ready(door.session)
    other = Door(door.browser, (await door.browser.launch("Other")).session.id)
    code = await door.code()
    assert (await door.ask(code)).status_code == 303
    foreign, late = await door.code(), await door.code()
    assert (await other.ask(foreign)).status_code == 404
    for spent in (code, foreign, "/enter?code=invented", "/enter"):
        answer = await door.ask(spent)
        assert answer.status_code == 404
        assert "has been used or is too old" in answer.text
        assert "set-cookie" not in answer.headers
    door.browser.fake.clock.advance(timedelta(seconds=31))
    assert (await door.ask(late)).status_code == 404
    assert other.ticket == ""


async def test_entering_before_it_is_ready_leads_to_the_waiting_page(door) -> None:
    answer = await door.ask(await door.code("/lab"))
    assert answer.headers["location"] == "/.armchair/waiting?next=%2Flab"
    assert door.browser.portal.tickets.read(door.ticket).address == ""
    page = await door.ask("/waiting?next=%2Flab")
    assert page.status_code == 200
    assert "data-go" not in page.text
    assert "#1" in page.text
    await door.browser.ready(door.session)
    assert 'data-go="/lab"' in (await door.ask("/waiting/live?next=%2Flab")).text
    assert 'data-go="/"' in (await door.ask("/waiting/live?next=//evil.example")).text
    outcome = Outcome(kind=OutcomeKind.FINISHED, by=By.OWNER, at=door.browser.portal.clock.now())
    await door.browser.change(door.session, outcome=outcome)
    assert "nothing to wait for" in (await door.ask("/waiting")).text


async def test_entering_after_logging_out_asks_the_portal(door) -> None:
    await door.browser.ready(door.session)
    code = await door.code("/lab")
    await log_out(door)
    answer = await door.ask(code)
    assert answer.status_code == 303
    assert leads_to(answer) == join_url(door, "/lab")
    assert door.ticket == ""


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_renewing_repeats_the_request_with_a_fresh_ticket(door, method) -> None:
    await entered(door)
    before = door.ticket
    answer = await door.ask("/renew?next=%2Fapi%3Fx%3D1", method, SCRIPT)
    assert (answer.status_code, answer.headers["location"]) == (307, "/api?x=1")
    assert door.ticket != before
    assert (await door.ask("/renew?next=%2F%2Fevil.example", method, SCRIPT)).headers["location"] == "/"
    assert (await door.ask("/renew?next=https%3A%2F%2Fevil.example", method, SCRIPT)).headers["location"] == "/"


async def test_a_ticket_follows_its_run_to_another_address(door) -> None:
    await entered(door)
    await door.browser.change(door.session, port=7002)
    await door.ask("/renew?next=/", "POST", SCRIPT)
    assert door.browser.portal.tickets.read(door.ticket).port == 7002


async def test_renewing_without_an_address_waits(door) -> None:
    await door.ask(await door.code("/lab"))
    page = await door.ask("/renew?next=%2Flab")
    assert (page.status_code, page.headers["location"]) == (303, "/.armchair/waiting?next=%2Flab")
    data = await door.ask("/renew?next=%2Flab", "POST", SCRIPT)
    assert (data.status_code, data.json(), data.headers["retry-after"]) == (503, {"error": "unreachable"}, "1")


@pytest.mark.parametrize("path", ["/renew", "/waiting", "/waiting/live"])
@pytest.mark.parametrize("why", ["no ticket", "not a ticket", "another session's", "logged out", "not there", "not permitted"])
async def test_only_the_portal_can_say_who_comes_without_a_good_ticket(door, path, why) -> None:
    await entered(door)
    if why == "logged out":
        await log_out(door)
    elif why == "another session's":
        other = await entered(Door(door.browser, (await door.browser.launch("Other")).session.id))
        door.ticket = other.ticket
    elif why == "not there":
        door.browser.fake.store._records.pop(door.session)
    elif why == "not permitted":
        records = door.browser.fake.store._records
        record = records[door.session]
        records[door.session] = replace(record, session=replace(record.session, owner="eve"))
    else:
        door.ticket = "nonsense" if why == "not a ticket" else ""
    held = door.ticket
    page = await door.ask(f"{path}?next=%2Flab")
    assert page.status_code == 303
    assert leads_to(page) == join_url(door, "/lab")
    data = await door.ask(f"{path}?next=%2Flab", headers=SCRIPT)
    assert data.status_code == 401
    assert data.json()["error"] in {"login_over", "no_such_session"}
    assert door.ticket == held, "no ticket may be given"


async def test_the_waiting_stream_needs_a_good_ticket(door) -> None:
    answer = await door.ask("/waiting/events", headers=SCRIPT)
    assert answer.status_code == 401
    assert "location" not in answer.headers


async def test_the_built_files_are_served_on_both_hosts_and_nothing_else_is(door) -> None:
    page = (await door.browser.get("/login", headers={"cookie": "x=y"})).text
    style = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    for host in ("portal.test", f"{door.session}.apps.test"):
        answer = await door.browser.get(style, host=host)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/css")
        assert "immutable" in answer.headers["cache-control"]
        for wrong in ("manifest.json", "..%2Fapp.py", "%2Fetc%2Fpasswd", "nothing.css"):
            assert (await door.browser.get(f"/.armchair/static/{wrong}", host=host)).status_code == 404
