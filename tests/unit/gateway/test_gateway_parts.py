"""Lists of ids, HAProxy's answers, the configuration's text and the runtime directory."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from armchair.domain.errors import BadSettings, Conflict, Unavailable
from armchair.gateway import config, master
from armchair.gateway.lists import IdList
from armchair.gateway.names import Address, Names
from armchair.gateway.runtime_directory import prepare
from armchair.gateway.settings import GatewaySettings

NOW = datetime(2026, 11, 1, tzinfo=UTC)
KEEP = timedelta(days=9)
PROCESSES = """#<PID>          <type>          <reloads>       <uptime>        <version>
12321           master          1 [failed: 0]   0d00h10m42s     2.6.12-1+deb12u4
# workers
14736           worker          0               0d00h00m01s     2.6.12-1+deb12u4
# old workers
14001           worker          1               0d00h09m01s     2.6.12-1+deb12u4
# programs

"""
STREAMS = """0x55d0: [23/Nov/2026:20:03:09.095416] id=0 proto=tcpv4 source=127.0.0.1:1
  server=agent (id=1) addr=127.0.0.2:70010 source=127.0.0.1:2
0x55d1: [23/Nov/2026:20:03:09.095416] id=1 proto=tcpv4 source=127.0.0.2:7001
  server=agent (id=1) addr=127.0.0.2:7001 source=127.0.0.1:2
0x55d2: [23/Nov/2026:20:03:09.095416] id=2 proto=tcpv4 source=127.0.0.2:7001
  server=<NONE> (id=-1)
"""


def facts(**other: object) -> config.Facts:
    settings = GatewaySettings()
    given: dict[str, object] = {
        "names": Names.of(settings, "abc123"),
        "front": config.Front(listen=Address(host="127.0.0.1", port=8000)),
        "agents": Address(host="127.0.0.1", port=8001),
        "runtime": Path("/run/x"),
        "keys": "../keys",
        "ticket_keys": (),
        "lists": "",
        "group": "",
        "networks": ("127.0.0.0/8",),
        "maxconn": 100,
    }
    return config.Facts(**{**given, **other})  # type: ignore[arg-type] # built by name


def test_a_list_keeps_ids_until_no_ticket_can_carry_them(tmp_path: Path) -> None:
    ids = IdList(tmp_path / "x.acl", KEEP)
    ids.prepare(NOW)
    assert ids.path.read_bytes() == b""
    ids.add("one", NOW)
    ids.add("one", NOW)
    ids.add("two", NOW + timedelta(days=9))
    assert [line for line in ids.path.read_text().splitlines() if not line.startswith("#")] == ["one", "two"]
    ids.prepare(NOW + KEEP + timedelta(days=1))
    assert list(ids.entries()) == ["two"]


@pytest.mark.parametrize("entry", ["", "a b", "a;b", "a\nb", "#a", "x" * 129, "ä"])
def test_only_ids_go_into_a_list(tmp_path: Path, entry: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        IdList(tmp_path / "x.acl", KEEP).add(entry, NOW)


def test_what_haproxy_says_of_its_processes() -> None:
    found = master.parse_processes(PROCESSES)
    assert (found.master, found.current, found.old) == (12321, 14736, (14001,))
    with pytest.raises(Unavailable):
        master.parse_processes("")


def test_only_streams_to_exactly_that_address_are_found() -> None:
    assert master.parse_streams(STREAMS, [("127.0.0.2", 7001)]) == ["0x55d1"]
    assert master.parse_streams("", [("127.0.0.2", 7001)]) == []


def test_table_rows() -> None:
    text = "# table: st_sess\n0x1: key=abc use=0 exp=86399000 shard=0 conn_cur=2 bytes_in_cnt=10\n"
    assert master.parse_table(text)["abc"]["conn_cur"] == 2
    assert master.parse_table("rubbish") == {}


def test_the_fingerprint_changes_with_text_and_files() -> None:
    text, first = config.render(facts(), {"x": b"1"})
    assert first in text
    assert config.render(facts(), {"x": b"1"}) == (text, first)
    others = [config.render(facts(), {"x": b"2"}), config.render(facts(maxconn=99), {"x": b"1"})]
    assert len({first, *(fingerprint for _, fingerprint in others)}) == 3


def test_connections_fit_the_limit_of_open_files() -> None:
    assert config.connections(0, 20_000) == 9_900
    assert config.connections(0, 10**6) == config.MOST_CONNECTIONS
    with pytest.raises(BadSettings):
        config.connections(5_000, 1_024)
    with pytest.raises(BadSettings):
        config.checked_networks(["10.0.0.1/8"])


def test_the_runtime_directory_is_ours_and_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = prepare(GatewaySettings(runtime_directory="/tmp/armchair-test-rt"), "abc123")
    made.rmdir()
    target = tmp_path / "target"
    target.mkdir()
    made.symlink_to(target)
    with pytest.raises(Conflict) as caught:
        prepare(GatewaySettings(runtime_directory=str(made)), "abc123")
    made.unlink()
    assert caught.value.code == "runtime_directory_unsafe"
    with pytest.raises(BadSettings):
        prepare(GatewaySettings(runtime_directory="/tmp/" + "x" * 60), "abc123")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 60)))
    fallback = prepare(GatewaySettings(), "zzzzz9")
    fallback.rmdir()
    assert str(fallback).startswith("/tmp/armchair-")
