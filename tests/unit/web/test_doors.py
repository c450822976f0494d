"""Who gets in: hosts, headers, one-time links, cookies, forged forms, logging out, bodies and errors."""

import base64
import re

import pytest
import structlog

from armchair import words
from armchair.accounts.actor import Person, PortalRole
from armchair.accounts.logins import Accounts
from armchair.domain.errors import StorageFull
from armchair.web import problems
from armchair.web.security import HEADERS, form_token

SESSION_HOST = "abc.apps.test"


@pytest.mark.parametrize(
    ("host", "path", "status"),
    [
        ("portal.test", "/healthz", 200),
        ("PORTAL.test:8000", "/healthz", 200),
        (SESSION_HOST, "/healthz", 404),
        (SESSION_HOST, "/", 404),
        (SESSION_HOST, "/login", 404),
        (SESSION_HOST, "/api/v1/health", 404),
        ("portal.test", "/.armchair/enter", 404),
        ("portal.test", "/.armchair/renew", 404),
        ("portal.test", "/.armchair/waiting", 404),
        ("evil.example", "/healthz", 421),
        ("evil.example", "/login", 421),
        ("portal.test.evil.example", "/healthz", 421),
    ],
)
async def test_each_host_has_its_own_routes(guest, host, path, status) -> None:
    assert (await guest.get(path, host=host)).status_code == status


@pytest.mark.parametrize(
    ("host", "method", "path"),
    [
        ("portal.test", "GET", "/login"),
        ("portal.test", "GET", "/nowhere"),
        ("portal.test", "POST", "/login"),
        ("portal.test", "DELETE", "/login"),
        ("portal.test", "GET", "/api/v1/sessions"),
        ("portal.test", "GET", "/healthz"),
        (SESSION_HOST, "GET", "/nowhere"),
        (SESSION_HOST, "GET", "/.armchair/enter"),
        (SESSION_HOST, "POST", "/.armchair/renew"),
        ("evil.example", "GET", "/"),
    ],
)
async def test_every_answer_carries_the_headers(guest, host, method, path) -> None:
    answer = await guest.ask(method, path, host=host)
    for name, value in HEADERS.items():
        expected = value.replace("form-action 'self'", "form-action 'self' http://*.apps.test")
        assert answer.headers[name] in {value, expected}, name
    assert answer.headers["cache-control"] == "no-store"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


async def test_a_link_is_used_by_posting_only_and_once(guest) -> None:
    code = await guest.link()
    for _ in range(2):
        page = await guest.get(f"/login?code={code}")
        assert page.status_code == 200
        assert code in page.text
        assert not guest.cookies
    await guest.ask("HEAD", f"/login?code={code}")
    first = await guest.post("/login", {"code": code})
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert (await guest.get("/")).status_code == 200
    guest.cookies.clear()
    second = await guest.post("/login", {"code": code})
    assert second.status_code == 403
    assert words.error("login_link_unknown", {}).title in second.text
    assert not guest.cookies


async def test_the_login_cookie_stays_with_the_portal(guest) -> None:
    answer = await guest.post("/login", {"code": await guest.link()})
    cookie = guest.set_cookies(answer)[guest.portal.names.login_cookie]
    assert cookie.key.startswith("__Host-")
    assert (cookie["path"], cookie["domain"]) == ("/", "")
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "lax"
    assert int(cookie["max-age"]) == guest.portal.accounts_settings.login_lifetime.total_seconds()


async def test_a_shorter_login_lifetime_is_kept_to(guest) -> None:
    from_settings = type(guest.portal.accounts_settings)(login_lifetime="PT1H")
    guest.portal.accounts_settings = from_settings
    await guest.login()
    guest.fake.clock.advance(from_settings.login_lifetime)
    assert (await guest.get("/")).status_code == 303


async def test_links_live_as_long_as_the_settings_say(guest) -> None:
    guest.portal.accounts_settings = type(guest.portal.accounts_settings)(link_lifetime="PT2M")
    token = (await Accounts(guest.portal.accounts, guest.portal.clock).client_token("ada")).reveal()
    made = await guest.ask("POST", "/api/v1/login-links", headers={"authorization": f"Bearer {token}"})
    assert made.json()["expires_in"] == 120
    guest.fake.clock.advance(guest.portal.accounts_settings.link_lifetime)
    assert (await guest.post("/login", {"code": made.json()["url"].partition("code=")[2]})).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"sec-fetch-site": ""}, 303),
        ({"origin": ""}, 303),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://abc.apps.test"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example", "sec-fetch-site": ""}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "", "sec-fetch-site": "cross-site"}, 403),
        ({"origin": "", "sec-fetch-site": ""}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/login", "/account/theme"])
async def test_forms_of_other_sites_are_refused(guest, path, headers, status) -> None:
    code = await guest.link()
    if path != "/login":
        await guest.login()
    answer = await guest.post(path, {"code": code, "theme": "dark"}, headers)
    assert answer.status_code == status
    assert status == 303 or "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["", "x", "AAAA", "é" * 9, base64.urlsafe_b64encode(b"\0" * 64).decode(), "\ud800"])
async def test_a_form_needs_its_token(ada, token) -> None:
    data = {"csrf": token.encode("utf-8", "surrogatepass"), "theme": "dark"}
    assert (await ada.post("/account/theme", data)).status_code == 403


async def test_a_token_of_another_login_does_not_count(ada, opened) -> None:
    foreign = form_token("somebody else's cookie")
    assert (await ada.post("/account/theme", {"csrf": foreign, "theme": "dark"})).status_code == 403
    assert form_token(ada.cookie) != form_token(ada.cookie), "a token must differ each time"


async def test_forms_need_a_login(guest) -> None:
    for path in (
        "/logout",
        "/logout/everywhere",
        "/account/theme",
        "/account/tokens",
        "/applications/hello",
        "/sessions/1/end",
    ):
        answer = await guest.post(path)
        assert answer.status_code == 401, path
        assert answer.headers["hx-redirect"].endswith("/login")
        assert "You are no longer logged in, so nothing was done." in answer.text, path


@pytest.mark.parametrize(
    "path", ["/", "/applications", "/applications/hello?size=large", "/account", "/sessions/1", "/sessions/1/join?next=%2Fa"]
)
async def test_pages_lead_to_the_login_and_back(guest, path) -> None:
    sent = await guest.get(path)
    assert sent.status_code == 303
    await guest.get(sent.headers["location"])
    back = await guest.post("/login", {"code": await guest.link()})
    assert back.headers["location"] == path


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil", "/"),
        ('/漢字;a="1",b', "/%E6%BC%A2%E5%AD%97%3Ba=%221%22%2Cb"),
    ],
)
async def test_the_way_back_is_on_this_portal(guest, wanted, found) -> None:
    answer = await guest.ask("GET", "/login", params={"next": wanted})
    assert answer.status_code == 200
    back = await guest.post("/login", {"code": await guest.link()})
    assert back.headers["location"] == found


async def test_logging_out_ends_the_login_here_and_at_the_gateway(ada) -> None:
    cookie = ada.cookie
    await ada.ready((await ada.launch()).session.id)
    logins = await Accounts(ada.portal.accounts, ada.portal.clock).logins(ada.fake.actor)
    answer = await ada.post("/logout")
    assert answer.headers["location"] == "/login"
    assert ada.cookie == ""
    assert len(ada.fake.gateway.revoked) == 1
    assert ada.fake.gateway.revoked[0] in {one.id for one in logins} - {ada.fake.actor.login_id}
    assert ada.fake.gateway.cut == [("127.0.0.1", 7001)]
    again = await ada.get("/", headers={"cookie": f"{ada.portal.names.login_cookie}={cookie}"})
    assert again.status_code == 303


async def test_logging_out_everywhere_ends_every_login(ada) -> None:
    await ada.post("/logout/everywhere")
    assert len(ada.fake.gateway.revoked) == 2
    assert ada.fake.actor.login_id in ada.fake.gateway.revoked


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["/login", "/applications/hello", "/api/v1/sessions"])
async def test_a_body_that_is_too_large_is_refused_in_words(ada, path, chunked) -> None:
    token = (await Accounts(ada.portal.accounts, ada.portal.clock).client_token("ada")).reveal()
    whole = b"code=" + b"x" * 300_000

    async def pieces():
        for start in range(0, len(whole), 60_000):
            yield whole[start : start + 60_000]

    kind = "application/json" if path.startswith("/api") else "application/x-www-form-urlencoded"
    headers = {"origin": "http://portal.test", "content-type": kind, "authorization": f"Bearer {token}"}
    answer = await ada.ask("POST", path, headers=headers, content=pieces() if chunked else whole)
    assert answer.status_code == 413
    assert words.error("form_too_large", {}).title in (
        answer.json()["error"]["message"] if path.startswith("/api") else answer.text
    )


async def test_what_nobody_foresaw_shows_a_reference_that_is_in_the_log(ada, monkeypatch) -> None:
    def broken() -> list[object]:
        message = "secret detail"
        raise RuntimeError(message)

    monkeypatch.setattr(ada.portal.catalogue, "applications", broken)
    with structlog.testing.capture_logs() as logged:
        answer = await ada.get("/applications")
    assert answer.status_code == 500
    line = next(entry for entry in logged if entry["event"] == "web.unforeseen")
    assert line["reference"] in answer.text
    assert "secret detail" not in answer.text
    assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]


async def test_a_full_disk_is_told_in_words(ada) -> None:
    ada.fake.store.fail = StorageFull("storage_full")
    answer = await ada.post("/applications/hello", {"launch_key": "k", "title": "Kept for later"})
    assert answer.status_code == 507
    assert "disk is full" in answer.text
    assert 'value="Kept for later"' in answer.text, "what was answered is lost"


async def test_pages_that_are_not_there_say_so(ada) -> None:
    answer = await ada.get("/nowhere")
    assert answer.status_code == 404
    assert words.error("not_found", {}).title in answer.text
    assert (await ada.ask("DELETE", "/account")).status_code == 405
    assert (await ada.get("/applications/nothing")).status_code == 404
    assert (await ada.get("/applications/hello/icon.svg")).status_code == 404


def test_the_codes_of_bare_statuses_have_words() -> None:
    assert set(problems.PLAIN.values()) | {"form_malformed"} <= set(words.errors.ERRORS)


async def test_the_tokens_secret_is_shown_once(ada) -> None:
    made = await ada.post("/account/tokens", {"name": "robot", "scope": ["sessions:read"], "life": "30"})
    assert made.status_code == 200
    secret = made.text.partition('id="new-token">')[2].partition("<")[0]
    assert (await Accounts(ada.portal.accounts, ada.portal.clock).actor_of_token(secret)) is not None
    page = await ada.get("/account")
    assert "robot" in page.text
    assert secret not in page.text
    token = (await Accounts(ada.portal.accounts, ada.portal.clock).tokens(ada.fake.actor))[0]
    await ada.post(f"/account/tokens/{token.id}/revoke")
    assert token.id in ada.fake.gateway.revoked
    assert (await Accounts(ada.portal.accounts, ada.portal.clock).actor_of_token(secret)) is None


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"name": "", "scope": "sessions:read"}, "token_name_invalid"),
        ({"name": "x"}, "token_scopes_missing"),
        ({"name": "<b>", "scope": "nonsense"}, "token_scopes_missing"),
    ],
)
async def test_a_wrong_token_form_says_what_is_wrong(ada, form, code) -> None:
    answer = await ada.post("/account/tokens", form)
    assert answer.status_code == 422
    assert words.fielderrors.FIELDS[code].partition("%")[0] in answer.text
    assert "<b>" not in answer.text


async def test_a_refused_token_form_keeps_what_was_filled_in_and_says_it_beside_the_field(ada) -> None:
    form = {"name": "robot", "scope": ["sessions:write", "tokens:write"], "life": "7"}
    assert (await ada.post("/account/tokens", form)).status_code == 200
    again = await ada.post("/account/tokens", form)
    assert again.status_code == 409
    field = again.text.partition('<label for="token-name">')[2].partition("</div>")[0]
    assert 'value="robot"' in field
    assert "There is a token named robot already." in field
    assert re.findall(r'value="([a-z:]+)" checked', again.text) == ["sessions:write", "tokens:write"]
    assert '<option value="7" selected>' in again.text
    none = (await ada.post("/account/tokens", {"name": "other"})).text
    assert "Choose at least one" in none.partition("<fieldset")[2].partition("</fieldset>")[0]
    assert 'value="other"' in none
    assert " checked" not in none


async def test_the_theme_stays(ada) -> None:
    answer = await ada.post("/account/theme", {"theme": "dark", "back": "//evil.example"})
    assert answer.headers["location"] == "/"
    assert 'data-theme="dark"' in (await ada.get("/account")).text
    ada.cookies["armchair-theme"] = '"><script>'
    assert 'data-theme="system"' in (await ada.get("/account")).text


async def test_health_is_for_all_and_numbers_are_for_administrators(ada) -> None:
    await ada.launch()
    assert (await ada.get("/healthz", headers={"cookie": "x=y"})).text == "ok\n"
    assert 'armchair_sessions{phase="queued"} 1.0' in (await ada.get("/metrics")).text
    accounts = Accounts(ada.portal.accounts, ada.portal.clock)
    token = (await accounts.client_token("ada")).reveal()
    by_token = await ada.get("/metrics", headers={"cookie": "x=y", "authorization": f"Bearer {token}"})
    assert by_token.status_code == 200
    assert (await ada.get("/metrics", headers={"cookie": "x=y"})).status_code == 401
    assert (await ada.get("/metrics", headers={"authorization": "Bearer arm_no"})).status_code == 401
    await accounts.remember(Person(login="ada", name="Ada", roles=frozenset({PortalRole.USER})))
    assert (await ada.get("/metrics")).status_code == 403


async def test_a_silent_gateway_does_not_keep_anybody_logged_in(ada, monkeypatch) -> None:
    from_gateway = StorageFull("gateway_silent")

    async def silent(*_: object) -> None:
        raise from_gateway

    monkeypatch.setattr(type(ada.fake.gateway), "revoke", silent)
    assert (await ada.post("/logout")).status_code == 303
    assert (await ada.get("/")).status_code == 303
