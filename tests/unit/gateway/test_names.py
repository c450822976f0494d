"""Names, origins and URLs of a portal."""

import pytest

from armchair.domain.errors import BadSettings
from armchair.gateway.names import Names, agents_address, agents_names, is_instance, new_instance, parse_address
from armchair.gateway.settings import GatewaySettings

SID = "a" * 26


def names(**settings: str) -> Names:
    return Names.of(GatewaySettings.model_validate(settings), "abc123")


def test_names_of_a_portal_on_this_machine() -> None:
    found = names()
    assert found.portal_url("/x") == "http://armchair-abc123.localhost:8000/x"
    assert found.session_url(SID) == f"http://{SID}.apps-abc123.localhost:8000/"
    assert (found.ticket_cookie, found.cli_cookie) == ("__Host-armchair-abc123", "armchair-abc123-cli")
    assert names(listen="127.0.0.1:9000").port == 9000
    assert names(listen="unix:/tmp/x").port == 8000


def test_names_of_a_site() -> None:
    found = names(public_origin="https://armchair.example.org", apps_domain="apps.example.net")
    assert found.portal_origin == "https://armchair.example.org"
    assert found.session_origin(SID) == f"https://{SID}.apps.example.net"


def test_a_host_header_names_the_portal_or_one_session() -> None:
    found = names()
    assert found.is_portal("ARMCHAIR-abc123.localhost:9999")
    assert not found.is_portal("armchair-abc123.localhost.evil.test")
    assert found.session_of(f"{SID}.apps-abc123.localhost:8000") == SID
    for host in (
        "",
        "apps-abc123.localhost",
        ".apps-abc123.localhost",
        f"x.{SID}.apps-abc123.localhost",
        "x.apps-abc123.localhost:8x",
    ):
        assert found.session_of(host) is None, host


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("gateway.public_origin", {"public_origin": "armchair.example.org"}),
        ("gateway.public_origin", {"public_origin": "https://armchair.example.org/path"}),
        ("gateway.public_origin", {"public_origin": "https://a.test:99999"}),
        ("gateway.apps_domain", {"public_origin": "https://armchair.example.org"}),
        ("gateway.apps_domain", {"public_origin": "https://a.example.org", "apps_domain": "example.org"}),
        ("gateway.apps_domain", {"apps_domain": "a b\nuse_backend x"}),
        ("gateway.listen", {"listen": "8000"}),
        ("gateway.listen", {"listen": "127.0.0.1:0"}),
        ("gateway.listen", {"listen": "127.0.0.1:70000"}),
        ("gateway.listen", {"listen": "unix:relative"}),
        ("gateway.listen", {"listen": "unix:/tmp/a mode 666"}),
    ],
)
def test_wrong_settings_name_their_key(key: str, settings: dict[str, str]) -> None:
    with pytest.raises(BadSettings) as caught:
        names(**settings)
    assert caught.value.params["key"] == key


def test_addresses() -> None:
    assert str(parse_address("[::1]:80", "x")) == "[::1]:80"
    assert parse_address("[::1]:80", "x").local
    assert parse_address("unix:/run/x", "x").local
    assert not parse_address("0.0.0.0:80", "x").local


def test_instances_differ() -> None:
    made = {new_instance() for _ in range(50)}
    assert len(made) == 50
    assert all(map(is_instance, made))


def test_what_agents_call() -> None:
    def address(**settings: object) -> str | None:
        return agents_address(GatewaySettings.model_validate(settings))

    assert address() is None
    assert address(agents_listen="10.1.0.5:8443") == "10.1.0.5:8443"
    assert address(agents_listen="0.0.0.0:8443", agents_names=["a.test", "10.1.0.5"]) == "a.test:8443"
    assert address(agents_listen="[::]:8443", agents_names=["fd00::1"]) == "[fd00::1]:8443"
    for wrong in ({"agents_listen": "0.0.0.0:8443"}, {"agents_listen": "unix:/x"}):
        with pytest.raises(BadSettings):
            address(**wrong)
    with pytest.raises(BadSettings):
        address(agents_listen="0.0.0.0:8443", agents_names=["a b"])
    settings = GatewaySettings(agents_listen="0.0.0.0:8443", agents_names=("a.test", "10.1.0.5"))
    assert agents_names(settings, ["https://b.test:8443", ""]) == ("a.test", "b.test", "10.1.0.5")


def test_the_scheme_follows_the_certificate() -> None:
    assert Names.of(GatewaySettings(tls_certificate=("x.pem",)), "abc123").portal_origin.startswith("https://armchair-abc123.")
    with pytest.raises(BadSettings):
        Names.of(GatewaySettings(tls_certificate=("x.pem",), public_origin="http://a.test", apps_domain="b.test"), "abc123")
