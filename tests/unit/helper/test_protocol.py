"""Messages between web process and helper: whatever comes in, it is a message of the protocol or Malformed."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armchair.helper import protocol
from armchair.helper.protocol import Malformed
from armchair.helper.signer import ticket_claims

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=10,
)
CLAIMS = {
    "session": "s", "run": "s-1", "subject": "alice", "role": "use", "address": "10.0.0.1", "port": 8000, "login": "l",
    "id": "i", "issued_at": 1, "expires_at": 2,
}  # fmt: skip


@given(line=st.binary(max_size=200))
def test_any_line_is_a_message_or_malformed(line: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(protocol.load(line), dict)


@settings(max_examples=40)
@given(value=JSON)
def test_values_are_checked(value: object) -> None:
    message = {"x": value}
    for read in (
        lambda: protocol.text(message, "x", 3),
        lambda: protocol.texts(message, "x", 2),
        lambda: protocol.number(message, "x", 0, 10),
    ):
        try:
            found = read()
        except Malformed:
            continue
        if isinstance(found, str):
            assert len(found) <= 3
            assert "\0" not in found
        elif isinstance(found, list):
            assert len(found) <= 2
        else:
            assert 0 <= found <= 10


@settings(max_examples=40)
@given(message=st.dictionaries(st.text(), JSON, max_size=3))
def test_a_message_is_one_line(message: dict[str, object]) -> None:
    line = protocol.dump(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1


def test_deep_nesting_is_malformed() -> None:
    with pytest.raises(Malformed):
        protocol.load(b"[" * 200_000)


def test_claims_of_a_ticket() -> None:
    assert ticket_claims(CLAIMS).subject == "alice"


@pytest.mark.parametrize(
    "change", [{"expires_at": float("nan")}, {"expires_at": True}, {"port": "1"}, {"more": 1}, {"role": 7}]
)
def test_other_claims_are_malformed(change: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        ticket_claims({**CLAIMS, **change})
    with pytest.raises(Malformed):
        ticket_claims(json.loads("[]"))
