"""What gets in and what does not, case by case, through a real HAProxy."""

import base64
import hashlib
import hmac
import http.client
import json
import socket

import jwt
import pytest
from gateway_stage import A, B, Stage

from armchair.gateway.pki import new_key, public_pem

PAGE = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


def part(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def payload(stage: Stage) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(stage.ticket(), options={"verify_signature": False})
    return claims


def test_each_ticket_reaches_its_own_session(stage: Stage) -> None:
    assert stage.ask(ticket=stage.ticket()).json["app"] == "A"
    assert stage.ask(sid=B, ticket=stage.ticket(B)).json["app"] == "B"


def test_the_application_sees_no_ticket_and_no_forged_identity(stage: Stage) -> None:
    reply = stage.ask(
        ticket=stage.ticket(),
        X_Forwarded_For="6.6.6.6",
        X_Armchair_User="root",
        X_Forwarded_Proto="gopher",
        Forwarded="for=6.6.6.6",
    )
    seen = reply.json["headers"]
    headers = dict(seen)
    assert stage.names.ticket_cookie not in json.dumps(seen)
    assert headers["cookie"] == "theme=dark; z=1"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert (headers["x-armchair-user"], headers["x-armchair-role"], headers["x-armchair-session"]) == ("alice", "use", A)
    assert "forwarded" not in headers
    assert len([name for name, _ in seen if name == "x-armchair-user"]) == 1


def test_underscore_spelling_of_our_headers_is_dropped(stage: Stage) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=5)
    connection.request(
        "GET", "/", headers={"Host": stage.host(), "Cookie": stage.cookie(stage.ticket()), "X_Armchair_User": "root"}
    )
    seen = dict(json.loads(connection.getresponse().read())["headers"])
    connection.close()
    assert "x_armchair_user" not in seen


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_ticket_of_another_session_is_refused(stage: Stage, method: str) -> None:
    reply = stage.ask(sid=B, ticket=stage.ticket(A), method=method, Origin=stage.origin(B))
    assert (reply.status, reply.json["why"]) == (401, "session")


def test_without_a_ticket_a_fetch_is_told_and_a_page_goes_to_the_portal(stage: Stage) -> None:
    reply = stage.ask()
    assert (reply.status, reply.json) == (401, {"error": "ticket", "why": "missing"})
    page = stage.ask("/a b?c=d&e=f".replace(" ", "%20"), **PAGE)
    assert page.status == 303
    assert page.header("location") == (
        f"http://{stage.names.portal_host}:{stage.port}/sessions/{A}/join?next=%2Fa%2520b%3Fc%3Dd%26e%3Df"
    )


def test_forged_tickets_are_refused(stage: Stage) -> None:
    claims = payload(stage)
    public = public_pem(stage.keys.ticket_key)
    signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    confused = signed + b"." + part(hmac.new(public, signed, hashlib.sha256).digest())
    head, _, mark = stage.ticket().split(".")
    tampered = f"{head}.{part(json.dumps({**claims, 'sid': B}).encode()).decode()}.{mark}"
    for name, ticket in {
        "other key": jwt.encode(claims, new_key(), algorithm="ES256"),
        "no algorithm": jwt.encode(claims, None, algorithm="none"),
        "public key as secret": confused.decode(),
        "tampered": tampered,
        "rubbish": "a.b.c",
        "empty": "",
    }.items():
        for _ in range(2):  # the second time from the cache
            reply = stage.ask(ticket=ticket)
            assert (reply.status, reply.json["why"]) == (401, "signature"), name


def test_an_agent_with_another_certificate_is_never_reached(stage: Stage) -> None:
    assert stage.ask(ticket=stage.ticket()).status == 200
    for name, port in {"another session's": stage.ports[B], "another authority's": stage.ports["rogue"], "dead": 1}.items():
        reply = stage.ask(ticket=stage.ticket(port=port))
        assert (reply.status, reply.json["error"], reply.header("retry-after")) == (503, "unreachable", "1"), name
        page = stage.ask("/x?q=1", ticket=stage.ticket(port=port), **PAGE)
        assert (page.status, page.header("location")) == (303, "/.armchair/waiting?next=%2Fx%3Fq%3D1"), name


def test_an_applications_own_503_stays(stage: Stage) -> None:
    reply = stage.ask("/503", ticket=stage.ticket(), **PAGE)
    assert (reply.status, reply.header("x-mine")) == (503, "1")


def test_an_address_outside_the_networks_is_refused_before_connecting(stage: Stage) -> None:
    reply = stage.ask(ticket=stage.ticket(address="10.9.9.9", port=22))
    assert (reply.status, reply.json["why"]) == (401, "upstream")


def test_hosts(stage: Stage) -> None:
    assert stage.ask("/hub", Host=f"{stage.names.portal_host}:{stage.port}").json["app"] == "web"
    assert stage.ask("/.armchair/enter?code=1").json["app"] == "web"
    for host in ("evil.test", f"x{stage.names.portal_host}", f"a.b.{stage.names.apps_domain}", stage.names.apps_domain):
        assert stage.ask(ticket=stage.ticket(), Host=host).status == 421, host
    typed = stage.ask("/", Host=f"localhost:{stage.port}")
    assert (typed.status, typed.header("location")) == (307, f"http://{stage.names.portal_host}:{stage.port}/")


@pytest.mark.parametrize(
    ("line", "hosts"),
    [
        ("GET /x HTTP/1.1", ["{a}", "{b}"]),
        ("GET http://{b}/x HTTP/1.1", ["{a}"]),
        ("GET http://{a}/x HTTP/1.1", ["{b}"]),
        ("GET /x HTTP/1.0", []),
        ("GET /x HTTP/1.1", ["{a}@{b}"]),
    ],
)
def test_a_request_that_names_two_hosts_or_none_reaches_no_other_session(stage: Stage, line: str, hosts: list[str]) -> None:
    values = {"a": stage.host(A), "b": stage.host(B)}
    lines = [
        line,
        *(f"Host: {host}" for host in hosts),
        f"Cookie: {stage.cookie(stage.ticket(A))}",
        "Connection: close",
        "",
        "",
    ]
    with socket.create_connection(("127.0.0.1", stage.port), timeout=5) as connection:
        connection.sendall("\r\n".join(lines).format(**values).encode())
        answer = b""
        while data := connection.recv(65536):
            answer += data
    assert b'"app": "B"' not in answer
    assert b'"app": "web"' not in answer
    assert answer.startswith(b"HTTP/1.1 4")


def test_an_application_plants_no_ticket_and_no_cookie_for_its_siblings(stage: Stage) -> None:
    reply = stage.ask("/setc", ticket=stage.ticket())
    cookies = [value for name, value in reply.headers if name.lower() == "set-cookie"]
    assert len(cookies) == 6
    assert "app=1" in cookies
    assert not [cookie for cookie in cookies if "evil" in cookie or "domain" in cookie.lower()]
    assert "tossed=1; Path=/" in cookies
    assert reply.header("clear-site-data") == ""
    assert reply.header("cross-origin-resource-policy") == "same-origin"
    assert "frame-ancestors 'self'" in reply.header("content-security-policy")


def test_websockets(stage: Stage) -> None:
    status, connection = stage.open_stream(stage.ticket())
    assert (status, stage.echoes(connection)) == (101, True)
    connection.close()
    expectations = [
        (stage.open_stream(None), 401),
        (stage.open_stream(stage.ticket(), origin=stage.origin(B)), 403),
        (stage.open_stream(stage.ticket(), origin=None), 403),
        (stage.open_stream(stage.ticket(), origin="null"), 403),
        (stage.open_stream(stage.ticket(A), sid=B), 401),
        (stage.open_stream(stage.ticket(expires_at=1)), 401),
        (stage.open_stream(None, origin=None, cookie=f"{stage.names.cli_cookie}={stage.ticket()}"), 101),
    ]
    for (status, connection), wanted in expectations:
        connection.close()
        assert status == wanted


def test_two_sessions_on_one_connection_do_not_mix(stage: Stage) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=8)
    tickets = {sid: stage.ticket(sid) for sid in (A, B)}
    for turn in range(200):
        sid = (A, B)[turn % 2]
        connection.request("GET", "/x", headers={"Host": stage.host(sid), "Cookie": stage.cookie(tickets[sid])})
        assert json.loads(connection.getresponse().read())["app"] == "AB"[turn % 2]
    connection.close()


def test_more_than_one_ticket_is_refused(stage: Stage) -> None:
    name, cli = stage.names.ticket_cookie, stage.names.cli_cookie
    good = stage.ticket()
    for cookie in (
        f"{name}={good}; {name}={good}",
        f"{name}={stage.ticket(B)}; a=1; {name}={good}; b=2",
        f"{name}={good}; {name}={good}; {name}={good}",
        f"{name}={good}; {cli}={good}",
        f"{cli}={good};{cli}={good}",
        f'q="; {name}={good}; {name}={good}"',
    ):
        reply = stage.ask(Cookie=cookie)
        assert (reply.status, reply.json["why"]) == (400, "several"), cookie


def test_a_tossed_program_cookie_neither_lets_a_browser_in_nor_locks_it_out(stage: Stage) -> None:
    name, cli, good = stage.names.ticket_cookie, stage.names.cli_cookie, stage.ticket()
    assert stage.ask(Cookie=f"{cli}={good}", Sec_Fetch_Site="same-origin").status == 401
    assert stage.ask(Cookie=f"{cli}={good}", Origin=stage.origin()).status == 401
    reply = stage.ask(Cookie=f'x="; {name}={good}; {cli}=tossed; {cli}=twice', Sec_Fetch_Site="same-origin")
    assert reply.status == 200
    assert "tossed" not in reply.body.decode()


def test_programs_with_the_plain_cookie(stage: Stage) -> None:
    cookie = f"{stage.names.cli_cookie}={stage.ticket()}"
    reply = stage.ask(Cookie=cookie, method="POST", body=b"1234")
    assert (reply.status, reply.json["body"]) == (200, 4)
    assert "cookie" not in dict(reply.json["headers"])
    assert stage.ask(ticket=stage.ticket(), method="POST", body=b"1").status == 403


def test_requests_of_other_sites(stage: Stage) -> None:
    ticket = stage.ticket()
    own = stage.origin()
    top = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    for site in ("same-site", "cross-site"):
        assert stage.ask(ticket=ticket, Sec_Fetch_Site=site, **top).status == 200
        assert stage.ask(ticket=ticket, Sec_Fetch_Site=site).status == 403
        assert stage.ask(ticket=ticket, Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="iframe").status == 403
        assert stage.ask(ticket=ticket, Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="document").status == 403
        assert stage.ask(ticket=ticket, Sec_Fetch_Site=site, Origin=own, method="POST", body=b"", **top).status == 403
        assert stage.ask("/.armchair/renew?next=/", Sec_Fetch_Site=site, Origin=own, method="POST", body=b"").status == 403
    assert stage.ask(ticket=ticket, method="POST", body=b"", Origin=stage.origin(B)).json["why"] == "origin"
    assert stage.ask(ticket=ticket, method="POST", body=b"", Origin="null").status == 403
    assert stage.ask(ticket=ticket, method="POST", body=b"", Origin=own).status == 200
    assert stage.ask(ticket=ticket, method="POST", body=b"", Origin="null", Sec_Fetch_Site="same-origin").status == 200
    assert stage.ask(ticket=ticket, method="TRACE").status == 405


@pytest.mark.parametrize("change", [{"expires_at": 1}, {"address": "", "port": 0}])
def test_a_stale_ticket_is_renewed_with_the_same_method(stage: Stage, change: dict[str, object]) -> None:
    old = stage.ticket(**change)
    for method in ("GET", "POST", "PUT"):
        reply = stage.ask(ticket=old, method=method, body=b"x" * 100_000, Origin=stage.origin())
        assert (reply.status, reply.header("location")) == (307, "/.armchair/renew?next=%2Fx%3Fq%3D1")
    assert stage.ask(sid=B, ticket=old).status == 401


def test_an_upstream_that_dies_halfway_is_seen_as_cut(stage: Stage) -> None:
    with pytest.raises(http.client.IncompleteRead):
        stage.ask("/die", ticket=stage.ticket())
    assert stage.ask(ticket=stage.ticket()).status == 200


def test_oversized_heads_are_refused(stage: Stage) -> None:
    assert stage.ask(ticket=stage.ticket(), X_Much="x" * 24_000).status == 200
    much = stage.ask(ticket=stage.ticket(), X_Much="x" * 29_000)
    assert (much.status, much.json) == (431, {"error": "too_large", "why": "headers"})
    assert stage.ask(Cookie="a=" + "x" * 100_000).status == 400
    assert stage.ask("/" + "x" * 100_000, ticket=stage.ticket()).status == 400
    assert stage.ask(ticket=stage.ticket()).status == 200


def test_agents_listener(stage: Stage) -> None:
    import ssl  # noqa: PLC0415 - only here

    context = ssl.create_default_context(cadata=stage.keys.agents_ca.pem)
    port = int(stage.gateway.agents_url.rpartition(":")[2])

    def ask(method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        found = (answer.status, answer.read())
        connection.close()
        return found

    status, text = ask("POST", "/agent/v1/report", b"{}", Authorization="Bearer x")
    assert (status, json.loads(text)["app"], dict(json.loads(text)["headers"])["authorization"]) == (200, "agents", "Bearer x")
    assert ask("GET", "/agent/v1/commands?after=1&wait=2")[0] == 200
    assert ask("GET", "/agent/v1/report")[0] == 405
    assert ask("POST", "/agent/v1/commands", b"")[0] == 405
    assert ask("GET", "/")[0] == 404
    assert ask("GET", "/agent/v1/../../login")[0] == 404
    assert ask("POST", "/agent/v1/report", **{"Content-Length": "2000000"})[0] == 413


def test_the_log_has_no_query_and_no_ticket(stage: Stage) -> None:
    ticket = stage.ticket()
    assert stage.ask("/planted-path?planted-query=1", ticket=ticket).status == 200
    stage.ask("/planted-path?planted-query=1", ticket="planted-ticket")
    text = (stage.runtime / "haproxy.log").read_text()
    assert "/planted-path" in text
    for secret in ("planted-query", "planted-ticket", ticket.rpartition(".")[2]):
        assert secret not in text
