"""The API client against a stand-in for the network: requests, errors, streams, and where it finds the portal."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from armchair.client import ApiError, Client, ClientSettings, NotConfigured, PortalAway, find, read, write
from armchair.client.api import LocalTransport

SETTINGS = ClientSettings(url="http://armchair-abc123.localhost:8000", token="arm_x")


def client(answer: Callable[[httpx.Request], httpx.Response]) -> Client:
    return Client(SETTINGS, httpx.MockTransport(answer))


def test_requests_carry_the_token_and_the_base() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"url": "http://x/login?code=1"})

    assert client(answer).login_link() == "http://x/login?code=1"
    assert str(seen[0].url) == "http://armchair-abc123.localhost:8000/api/v1/login-links"
    assert seen[0].headers["Authorization"] == "Bearer arm_x"


def test_an_api_error_has_its_fields() -> None:
    body = {"error": {"code": "invalid_input", "message": "No.", "fields": [{"field": "size", "code": "c", "message": "m"}]}}
    with pytest.raises(ApiError) as caught:
        client(lambda _: httpx.Response(422, json=body)).launch("terminal")
    assert (caught.value.status, caught.value.code, caught.value.fields[0].field) == (422, "invalid_input", "size")


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [(404, "<html>", ApiError), (503, "<html>", PortalAway), (502, "", PortalAway), (302, "", ApiError), (500, "[]", ApiError)],
)
def test_answers_that_are_not_the_api_s(status: int, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        client(lambda _: httpx.Response(status, text=text)).whoami()


def test_a_portal_that_does_not_answer() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(PortalAway, match="refused"):
        client(refuse).session("3")
    assert not client(refuse).healthy()


@pytest.mark.parametrize("reference", ["", "#", "../tokens", "1/join", "a?b", "ä"])
def test_a_reference_leads_to_no_other_route(reference: str) -> None:
    with pytest.raises(ApiError) as caught:
        client(lambda request: pytest.fail(f"asked for {request.url}")).session(reference)
    assert caught.value.code == "no_such_session"


def test_streams_are_parsed_and_may_break_off() -> None:
    text = ': hello\n\nevent: log\ndata: {"text": "a\\nb"}\n\n: still here\n\nevent: session\ndata: {"x": 1}\n\nevent: half\nda'
    events = list(client(lambda _: httpx.Response(200, text=text)).follow("3", log=True))
    assert [(event.name, event.data) for event in events] == [("log", {"text": "a\nb"}), ("session", {"x": 1})]


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://sid.apps-abc.localhost:81/x", "http://127.0.0.1:81/x"),
        ("http://localhost/x", "http://127.0.0.1/x"),
        ("https://portal.example.org/x", "https://portal.example.org/x"),
        ("http://notlocalhost/x", "http://notlocalhost/x"),
    ],
)
def test_names_under_localhost_are_loopback(monkeypatch: pytest.MonkeyPatch, url: str, target: str) -> None:
    seen: list[httpx.Request] = []

    def handle(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    with httpx.Client(transport=LocalTransport(), trust_env=False) as http:
        http.get(url)
    assert str(seen[0].url) == target
    assert seen[0].headers["Host"] == httpx.URL(url).netloc.decode()


def test_settings_are_private_and_found_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, config = tmp_path / "home", {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    monkeypatch.setenv("XDG_CONFIG_HOME", config["XDG_CONFIG_HOME"])
    write(home, SETTINGS)
    assert stat.S_IMODE((home / "client.json").stat().st_mode) == 0o600
    assert read(home) == SETTINGS
    assert find(None, config) == SETTINGS
    assert find(None, {**config, "ARMCHAIR_HOME": str(home)}) == SETTINGS
    assert "arm_x" not in repr(SETTINGS)


def test_the_environment_overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    monkeypatch.setenv("XDG_CONFIG_HOME", config["XDG_CONFIG_HOME"])
    write(tmp_path / "home", SETTINGS)
    both = find(None, {**config, "ARMCHAIR_URL": "https://p.example.org", "ARMCHAIR_TOKEN": "arm_y"})
    assert (both.url, both.token) == ("https://p.example.org", "arm_y")
    assert find(None, {**config, "ARMCHAIR_TOKEN": "arm_z"}).token == "arm_z"


@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", json.dumps({"url": "x"}), json.dumps({"url": "x", "token": "y", "z": 1})]
)
def test_without_good_settings_the_way_to_start_is_told(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "client.json").write_text(content)
    with pytest.raises(NotConfigured, match="armchair serve"):
        find(None, {"ARMCHAIR_HOME": str(tmp_path)})
