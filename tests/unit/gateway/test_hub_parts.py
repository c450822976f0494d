"""The hub's pure parts: a run's address, the name in a first message, whom a certificate names."""

import functools
import ssl
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.domain.errors import BadSettings
from armchair.gateway.hub import clienthello
from armchair.gateway.hub.address import NETWORK, address
from armchair.gateway.hub.agents import who
from armchair.gateway.hub.places import Places, public
from armchair.gateway.hub.settings import HubSettings
from armchair.gateway.settings import GatewaySettings


@functools.cache
def hello(name: str) -> bytes:
    """The first message that OpenSSL sends to this host."""
    out = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # not the system's certificates: they take long to load
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


@given(st.text(max_size=60))
def test_a_run_has_one_address_of_the_network(run: str) -> None:
    found = IPv4Address(address(run))
    assert found in NETWORK
    assert found not in (NETWORK.network_address, NETWORK.broadcast_address)
    assert address(run) == str(found)


def test_runs_have_different_addresses() -> None:
    assert len({address(f"session-{number}") for number in range(1000)}) > 990


@pytest.mark.parametrize("name", ["a.apps.test", "x" * 63 + ".apps-abcdef.localhost"])
def test_the_name_is_read(name: str) -> None:
    message = hello(name)
    assert clienthello.server_name(message) == name
    assert clienthello.complete(message)
    assert not any(clienthello.complete(message[:size]) for size in range(len(message)))


@given(st.binary(max_size=300))
def test_nonsense_has_no_name(data: bytes) -> None:
    assert isinstance(clienthello.server_name(data), str)
    clienthello.complete(data)


@given(st.data())
def test_a_damaged_message_does_no_harm(data: st.DataObject) -> None:
    message = bytearray(hello("a.apps.test"))
    for _ in range(data.draw(st.integers(1, 8))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(clienthello.server_name(bytes(message[: data.draw(st.integers(0, len(message)))])), str)


def test_a_certificate_names_session_and_run() -> None:
    subject = ((("commonName", "abc-2"),),)
    assert who({"subject": subject, "subjectAltName": (("DNS", "ABC.apps.test"),)}) == ("abc.apps.test", "abc-2")
    assert who({"subject": subject, "subjectAltName": (("IP Address", "1.2.3.4"),)}) == ("", "")
    assert who({"subject": subject, "subjectAltName": (("DNS", "a.apps.test"), ("DNS", "b.apps.test"))}) == ("", "")
    assert who({}) == ("", "")


def test_where_agents_call() -> None:
    gateway = GatewaySettings(agents_names=("login1.example.org",))
    assert public(HubSettings(listen="10.0.0.1:7443"), gateway) == "10.0.0.1:7443"
    assert public(HubSettings(listen="0.0.0.0:7443"), gateway) == "login1.example.org:7443"
    assert public(HubSettings(listen="0.0.0.0:7443", address="hub:1"), gateway) == "hub:1"
    for settings in (HubSettings(), HubSettings(listen="unix:/x"), HubSettings(listen="[::]:1")):
        with pytest.raises(BadSettings):
            public(settings, GatewaySettings())


def test_a_hubs_places_travel_as_text() -> None:
    places = Places(host="::", outside=1, inside=2, keys="/k", runtime="/r")
    assert Places.load(places.dump()) == places
    other = Places(host="::", outside=1, inside=3, keys="/k", runtime="/r")
    assert places.fingerprint != other.fingerprint
