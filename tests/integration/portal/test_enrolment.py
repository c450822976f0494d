"""Strangers and liars at the agents' listener, over its real TLS: refused or bounded, and the real session goes on (I11)."""

import http.client
import json
import secrets
import ssl
from collections.abc import Mapping
from typing import Any

import pytest

from armchair.client.models import Session
from armchair.gateway.certificates import Authority
from armchair.wire.messages import MAX_ENROL, MAX_REPORT

from .portal_stage import Stage, eventually  # noqa: TID252 - one folder's own

REPORT: dict[str, Any] = {"seq": 1, "ready": True, "cpu": 0.5, "memory": 1 << 20, "log": None, "end": None, "version": 1}
END = {"exit_code": 7, "signal": None, "kind": "", "detail": "", "message": ""}


def enrolment(**changes: object) -> dict[str, object]:
    known = {"port": 12345, "python": "3.11", "node": "n", "nonce": secrets.token_hex(16), "version": 1}
    return {**known, **changes}


def tell(
    stage: Stage, path: str, bearer: str, body: object = None, *, method: str = "POST", headers: Mapping[str, str] | None = None
) -> int:
    """The status of a request to the agents' listener, whose certificate must be the one that agents pin."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    connection = listener(stage)
    try:
        connection.request(method, path, data, {"Authorization": f"Bearer {bearer}", **(headers or {})})
        return connection.getresponse().status
    except OSError:
        return 0  # cut off in the middle of the body
    finally:
        connection.close()


def listener(stage: Stage) -> http.client.HTTPSConnection:
    """A connection to the agents' listener."""
    authority = Authority(stage.keys, "apps.localhost")
    context = ssl.create_default_context(cadata=authority.agents_ca())
    port = int((stage.home / "gateway" / "agents-port").read_text())
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)


@pytest.fixture(scope="module")
def session(lasting: Stage) -> Session:
    """A session that is ready, and must be so after each of these."""
    return lasting.launch()


@pytest.fixture(autouse=True)
def _undisturbed(lasting: Stage, session: Session) -> Any:
    before = [one["code"] for one in lasting.client.timeline(session.id)]
    yield
    assert [one["code"] for one in lasting.client.timeline(session.id)] == before
    assert lasting.client.session(session.id).phase == "ready"
    assert lasting.get(session.id) == (200, "hello")


def test_an_enrolment_is_good_once(lasting: Stage, session: Session) -> None:
    token = lasting.derived.enrolment_token(session.id, 1).reveal()
    assert tell(lasting, "/agent/v1/enrol", token, enrolment()) == 401


def test_forged_tokens_and_those_for_another_run_are_refused(lasting: Stage, session: Session) -> None:
    derived = lasting.derived
    token = derived.enrolment_token(session.id, 1).reveal()
    head, _, mac = token.rpartition(".")
    forged = [
        "",
        "x",
        "A" * 600,
        f"{head}.{'A' * len(mac)}",
        f"{head}.{mac[:-1]}{'A' if mac[-1] != 'A' else 'B'}",
        token.replace(session.id, "a" * 26),
        token.replace("-1.0.e", "-2.0.e"),
        token.replace("-1.0.e", "-1.1.e"),
        token.replace(".e.", ".c."),
        # signed by us, but for what there is not
        derived.enrolment_token(session.id, 2).reveal(),
        derived.enrolment_token("a" * 26, 1).reveal(),
        derived.credential(session.id, 1, 0).reveal(),
    ]
    assert {bearer: tell(lasting, "/agent/v1/enrol", bearer, enrolment()) for bearer in forged} == dict.fromkeys(forged, 401)
    assert tell(lasting, "/agent/v1/report", token, REPORT) == 401
    assert tell(lasting, "/agent/v1/report", derived.credential(session.id, 2, 0).reveal(), REPORT) == 401


def test_a_session_s_agent_has_no_say_in_another(lasting: Stage, session: Session) -> None:
    other = lasting.launch()
    credential = lasting.derived.credential(other.id, 1, 0).reveal()
    # whatever it says is about its own run: there is no field to name another
    assert tell(lasting, "/agent/v1/report", credential, {**REPORT, "session": session.id, "end": END}) == 422
    assert tell(lasting, "/agent/v1/report", credential, {**REPORT, "seq": 9999, "end": END}) == 200
    lasting.client.stop(other.id)
    lasting.reach(other.id, "ended")
    for path, bearer, body in (
        ("/agent/v1/report", credential, REPORT),
        ("/agent/v1/enrol", lasting.derived.enrolment_token(other.id, 1).reveal(), enrolment()),
    ):
        eventually(lambda path=path, bearer=bearer, body=body: tell(lasting, path, bearer, body) == 410, "it is over")


def test_reports_out_of_order_take_nothing_back(lasting: Stage, session: Session) -> None:
    credential = lasting.derived.credential(session.id, 1, 0).reveal()
    assert tell(lasting, "/agent/v1/report", credential, {**REPORT, "seq": 0, "ready": False}) == 200
    assert lasting.client.session(session.id).phase == "ready"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"[" * 100_000,
        {},
        {**REPORT, "extra": 1},
        {**REPORT, "seq": -1},
        {**REPORT, "seq": "1"},
        {**REPORT, "cpu": "a lot"},
        {**REPORT, "memory": None},
        {**REPORT, "log": 5},
        {**REPORT, "end": {}},
        {**REPORT, "end": {**END, "exit_code": -1}},
        {**REPORT, "end": {**END, "detail": "x" * 1000}},
        {**REPORT, "end": "finished"},
    ],
    ids=lambda body: repr(body)[-40:],
)
def test_a_malformed_report_is_refused(lasting: Stage, session: Session, body: object) -> None:
    credential = lasting.derived.credential(session.id, 1, 0).reveal()
    assert tell(lasting, "/agent/v1/report", credential, body) == 422


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1e308", "1e999"])
def test_numbers_that_are_none_are_refused(lasting: Stage, session: Session, number: str) -> None:
    credential = lasting.derived.credential(session.id, 1, 0).reveal()
    body = json.dumps({**REPORT, "cpu": 0.125}).replace("0.125", number).encode()
    assert tell(lasting, "/agent/v1/report", credential, body) == 422


@pytest.mark.parametrize(
    "changes",
    [{"port": 0}, {"port": 65536}, {"port": "22"}, {"nonce": "x"}, {"nonce": "A" * 32}, {"node": "n" * 600}, {"host": "evil"}],
    ids=lambda changes: repr(changes)[:30],
)
def test_a_malformed_enrolment_is_refused(lasting: Stage, session: Session, changes: dict[str, object]) -> None:
    token = lasting.derived.enrolment_token(session.id, 1).reveal()
    assert tell(lasting, "/agent/v1/enrol", token, enrolment(**changes)) == 422


def test_what_is_too_large_is_refused_unread(lasting: Stage, session: Session) -> None:
    credential = lasting.derived.credential(session.id, 1, 0).reveal()
    token = lasting.derived.enrolment_token(session.id, 1).reveal()
    assert tell(lasting, "/agent/v1/report", credential, {**REPORT, "log": "x" * MAX_REPORT}) == 413
    assert tell(lasting, "/agent/v1/report", credential, b" " * (64 << 20)) in {0, 400, 413}
    assert tell(lasting, "/agent/v1/enrol", token, enrolment(node="n" * MAX_ENROL)) == 413
    assert tell(lasting, "/agent/v1/report", credential, {**REPORT, "log": "x" * 200_000}) == 422, "more than a tail"


def test_the_listener_leads_nowhere_else(lasting: Stage, session: Session) -> None:
    credential = lasting.derived.credential(session.id, 1, 0).reveal()
    for method, path in (("GET", "/"), ("GET", "/api/v1/sessions"), ("GET", "/agent/v1/report"), ("POST", "/agent/v1/other")):
        assert tell(lasting, path, credential, method=method) in {403, 404, 405}, path
    assert tell(lasting, "/agent/v1/commands?after=x", credential, method="GET") == 422


def test_an_agent_that_hangs_up_is_noticed_and_nothing_is_concluded(lasting: Stage, session: Session) -> None:
    credential = lasting.derived.credential(session.id, 1, 0).reveal()

    def noticed() -> int:
        return sum(path.read_text().count("agent.hung_up") for path in lasting.home.glob("portal.*"))

    def again() -> bool:
        connection = listener(lasting)
        connection.request("GET", "/agent/v1/commands?after=0&wait=25", headers={"Authorization": f"Bearer {credential}"})
        # it may be gone before the portal has heard what it asks: then once more
        connection.close()
        return noticed() > before

    before = noticed()
    eventually(again, "it is noticed", 15)
