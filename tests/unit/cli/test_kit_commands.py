"""What the applications page says to type for a kit does what it says."""

import json
import sys
from pathlib import Path

import pytest

from armchair.catalogue.kits import READY, Kits
from armchair.cli import main


def test_a_kit_goes_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = Path(Kits(tmp_path / "kits").status("jupyter").directory)
    there.mkdir(parents=True)
    (there / READY).write_text("")  # so that nothing is downloaded
    words = ["kit", "install", "jupyter", "--home", str(tmp_path / "home"), "--directory", str(tmp_path / "kits"), "--json"]
    monkeypatch.setattr(sys, "argv", ["armchair", *words])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert not ended.value.code
    told = json.loads(capsys.readouterr().out)
    assert (told["ready"], told["directory"]) == (True, str(there))
