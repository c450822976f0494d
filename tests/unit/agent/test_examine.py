"""What the doctor's job tries out on its node."""

import json
import os
import socket
from pathlib import Path

import pytest

from armchair.agent import examine


def test_a_link_that_somebody_has_laid_out_leads_the_doctor_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    kept.write_text("precious")
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(examine.random.SystemRandom, "getrandbits", lambda *_: 7)
    for name in (f"armchair-doctor-{os.getpid()}", "armchair-doctor-0000000000000007"):
        (place / name).symlink_to(kept)
    examine._temporary(str(place))
    assert kept.read_text() == "precious"
    assert json.loads(capsys.readouterr().out)["problem"] == "File exists"


def test_it_finds_that_programs_start_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    examine._temporary(str(tmp_path))
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["executes"], found["free"] > 0) == (True, True, True)
    assert list(tmp_path.iterdir()) == []


def test_of_a_names_addresses_one_that_answers_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [(socket.AF_INET6, 1, 6, "", ("2001:db8::1", 443, 0, 0)), (socket.AF_INET, 1, 6, "", ("192.0.2.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: addresses)
    tried: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda address, _: tried.append(address))
    assert examine._connect("portal", 443)[1] == {}
    assert tried == [("portal", 443)], "which tries them all"
