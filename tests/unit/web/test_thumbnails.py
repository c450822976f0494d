"""Pictures of screens: taken in on the session's host from who may join, shown on the portal's to who may see."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from armchair.accounts.actor import Person, PortalRole, Scope
from armchair.accounts.logins import Accounts
from armchair.domain.application import AppType
from armchair.domain.run import Outcome, OutcomeKind
from armchair.domain.session import By
from armchair.domain.thumbnail import MOST_BYTES
from armchair.testing.pictures import jpeg, png, webp
from armchair.testing.portal import fake_application
from armchair.web.api import router

SCREEN = replace(fake_application(), type=AppType.X11)
PAGE = replace(fake_application("page", "A page"), type=AppType.WEB)
PICTURE = png(320, 200)


@dataclass
class Screen:
    """A session with a screen, its ticket, and the browser that looks at it."""

    browser: Any
    session: str
    ticket: str

    @property
    def url(self) -> str:
        return f"/sessions/{self.session}/thumbnail"

    async def put(self, body: bytes = PICTURE, **headers: str) -> int:
        names = self.browser.portal.names
        host = names.session_host(self.session)
        sent = {"origin": f"http://{host}", "sec-fetch-site": "same-origin", "cookie": f"{names.ticket_cookie}={self.ticket}"}
        answer = await self.browser.ask(
            "PUT", "/.armchair/screen/thumbnail", host=host, headers={**sent, **headers}, content=body
        )
        self.said = answer.json()["error"] if answer.content else ""
        return int(answer.status_code)

    async def shown(self) -> bytes | None:
        answer = await self.browser.get(self.url)
        assert answer.status_code in {200, 404}
        return answer.content if answer.status_code == 200 else None

    async def stored(self) -> Any:
        return await self.browser.portal.store.get(self.session)

    def later(self, **span: float) -> None:
        self.browser.fake.clock.advance(timedelta(**span))


Opener = Callable[..., Any]


@pytest.fixture
async def started(opened: Opener) -> Opener:
    """Starts a session of an application in a fresh portal, and joins it."""

    async def start(app: str = "hello") -> Screen:
        browser = await (await opened(SCREEN, PAGE)).login()
        session = (await browser.launch("Mine", app)).session.id
        await browser.ready(session)
        way = (await browser.get(f"/sessions/{session}/join")).headers["location"].partition(".test")[2]
        host = browser.portal.names.session_host(session)
        answer = await browser.ask("GET", way, host=host)
        return Screen(browser, session, browser.set_cookies(answer)[browser.portal.names.ticket_cookie].value)

    return start


@pytest.fixture
async def screen(started: Opener) -> Screen:
    return await started()  # type: ignore[no-any-return] # an Opener opens anything


@pytest.mark.parametrize(("body", "kind"), [(PICTURE, "png"), (jpeg(320, 200), "jpeg"), (webp(320, 200), "webp")])
async def test_a_picture_comes_back_as_itself_and_as_nothing_else(screen, body, kind) -> None:
    assert await screen.put(body, **{"content-type": "text/html"}) == 204
    answer = await screen.browser.get(screen.url)
    assert (answer.status_code, answer.content) == (200, body)
    assert answer.headers["content-type"] == f"image/{kind}"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "body",
    [b"", b"<script>alert(1)</script>", png(641, 10), webp(10, 10, "VP8X", moving=True), b"GIF89a" + b"\x00" * 50],
    ids=["nothing", "script", "large", "moving", "gif"],
)
async def test_what_is_no_small_picture_is_not_kept(screen, body) -> None:
    assert (await screen.put(body), screen.said) == (422, "thumbnail_unfit")
    assert await screen.shown() is None
    assert (await screen.stored()).session.thumbnail_at is None


async def test_a_long_body_is_read_no_further_than_the_limit(screen) -> None:
    read = 0

    async def endless():  # type: ignore[no-untyped-def]
        nonlocal read
        while read < 100 * MOST_BYTES:
            read += 8192
            yield PICTURE.ljust(8192, b"\x00")

    assert await screen.put(endless()) == 413
    assert read <= MOST_BYTES + 2 * 8192
    assert await screen.put(PICTURE.ljust(MOST_BYTES, b"\x00")) == 204


@pytest.mark.parametrize("origin", ["http://evil.example", "http://portal.test", "null"])
async def test_another_origin_puts_no_picture(screen, origin) -> None:
    assert (await screen.put(origin=origin), screen.said) == (403, "form_not_yours")
    assert await screen.put(**{"sec-fetch-site": "cross-site"}) == 403
    assert await screen.shown() is None


async def test_without_a_good_ticket_no_picture_is_taken(screen) -> None:
    browser = screen.browser
    assert (await screen.put(cookie=""), screen.said) == (401, "login_over")
    other = (await browser.launch("Other", key="other")).session.id
    await browser.ready(other)
    assert await Screen(browser, other, screen.ticket).put() == 401
    accounts = Accounts(browser.portal.accounts, browser.portal.clock)
    for login in await accounts.logins(browser.fake.actor):
        await accounts.logout(login.id)
    assert (await screen.put(), screen.said) == (401, "login_over")
    assert await browser.portal.store.thumbnail(screen.session) is None


async def test_an_application_without_a_screen_takes_none(started) -> None:
    page = await started("page")
    assert (await page.put(), page.said) == (409, "thumbnail_not_here")
    assert 'class="face"' not in (await page.browser.get("/")).text


async def test_a_session_that_is_not_ready_takes_none(screen) -> None:
    await screen.browser.change(screen.session, ready_at=None)
    assert (await screen.put(), screen.said) == (409, "not_now")
    assert await screen.shown() is None


async def test_pictures_that_come_quickly_are_dropped_and_each_minute_is_news(screen) -> None:
    assert await screen.put(png(10, 10)) == 204
    first = await screen.stored()
    screen.later(seconds=4)
    assert await screen.put(png(11, 11)) == 204
    assert await screen.shown() == png(10, 10)
    screen.later(seconds=1)
    assert await screen.put(png(12, 12)) == 204
    assert await screen.shown() == png(12, 12)
    assert await screen.stored() == first, "nobody is told of it yet"
    screen.later(seconds=55)
    assert await screen.put(png(13, 13)) == 204
    assert (await screen.stored()).session.version == first.session.version + 1


async def test_the_picture_is_seen_in_list_and_on_the_page_and_kept_by_its_version(screen) -> None:
    for path in ("/", f"/sessions/{screen.session}"):
        page = (await screen.browser.get(path)).text
        assert "/thumbnail" not in page
        assert 'class="face"' in page, "the place is there before the picture"
    await screen.put()
    for path in ("/", f"/sessions/{screen.session}"):
        page = (await screen.browser.get(path)).text
        _, _, rest = page.partition(f'src="{screen.url}?v=')
        tag = rest.partition(">")[0]
        for part in ('alt="Screen of #1 Mine"', 'loading="lazy"', "width=", "height="):
            assert part in tag, (path, part)
    version = rest.partition('"')[0]
    kept = await screen.browser.get(f"{screen.url}?v={version}")
    assert kept.headers["cache-control"] == "private, max-age=31536000, immutable"
    for other in ("", f"?v={version}0", "?v="):
        assert (await screen.browser.get(screen.url + other)).headers["cache-control"] == "private, no-cache"


async def test_after_the_end_it_stays_as_it_last_looked(screen) -> None:
    await screen.put()
    running = (await screen.browser.get("/")).text
    outcome = Outcome(kind=OutcomeKind.FINISHED, by=By.SYSTEM, at=screen.browser.portal.clock.now())
    await screen.browser.change(screen.session, outcome=outcome)
    screen.later(minutes=2)
    assert (await screen.put(png(9, 9)), screen.said) == (409, "not_now")
    assert await screen.shown() == PICTURE
    assert "As it last looked" in (await screen.browser.get(f"/sessions/{screen.session}")).text
    ended = (await screen.browser.get("/")).text
    assert '-last"' in ended
    assert '-last"' not in running


async def test_a_stranger_finds_no_picture_also_as_an_operator(screen) -> None:
    await screen.put()
    browser = screen.browser
    accounts = Accounts(browser.portal.accounts, browser.portal.clock)
    await accounts.remember(Person(login="eve", name="Eve", roles=frozenset({PortalRole.USER, PortalRole.OPERATOR})))
    browser.cookies.clear()
    guest = await browser.get(screen.url)
    assert guest.status_code == 303
    await browser.post("/login", {"code": (await accounts.login_link("eve")).reveal()})
    for reference in (screen.session, "1"):
        assert (await browser.get(f"/sessions/{reference}/thumbnail")).status_code == 404
    assert "/thumbnail" not in (await browser.get("/admin/sessions")).text


async def test_the_api_names_it_and_hands_it_out(screen) -> None:
    portal = screen.browser.portal
    app = FastAPI()
    app.include_router(router(portal))
    made = await Accounts(portal.accounts, portal.clock).create_token(screen.browser.fake.actor, "t", frozenset(Scope), None)
    headers = {"Authorization": f"Bearer {made.secret.reveal()}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://portal.test", headers=headers
    ) as http:
        assert (await http.get("/api/v1/sessions/1")).json()["thumbnail"] is None
        missing = await http.get("/api/v1/sessions/1/thumbnail")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "no_thumbnail")
        await screen.put()
        named = (await http.get("/api/v1/sessions/1")).json()["thumbnail"]
        assert named["at"].startswith("2030-01-02T03:04:05")
        answer = await http.get(named["url"])
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PICTURE, "image/png")
        assert "immutable" in answer.headers["cache-control"]
        assert (await http.get(named["url"], headers={"Authorization": "Bearer x"})).status_code == 401
