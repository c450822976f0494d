"""What the doctor's job tries out on its node."""

import json
import os
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
