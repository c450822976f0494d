"""The file that says why a program could not be started."""

import os
from pathlib import Path

import pytest

from armchair.wire.trouble import FILE, LONGEST, Trouble, leave, read


def test_it_is_read_as_it_was_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(str(tmp_path), Trouble("image_missing", "There is no /apps/fiji.sif.\nNobody knows why."))
    assert read(str(tmp_path)) == ("image_missing", "There is no /apps/fiji.sif.\nNobody knows why.")
    assert "There is no /apps/fiji.sif." in capsys.readouterr().err
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_the_first_one_stands(tmp_path: Path) -> None:
    leave(str(tmp_path), Trouble("first", "one"))
    leave(str(tmp_path), Trouble("second", "two"))
    assert read(str(tmp_path)) == ("first", "one")


def test_where_nothing_can_be_written_it_is_still_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(str(tmp_path / "nowhere"), Trouble("code", "the message"))
    assert "the message" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "Not a code\nx", "UPPER\nx", "a" * 41, "%s\n", "\n\nx", "ü\n", "\x00\xff"])
def test_what_is_no_code_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert read(str(tmp_path)) == ("", "")


def test_it_is_bounded(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"code\n" + b"\xff" * 100_000)
    code, message = read(str(tmp_path))
    assert code == "code"
    assert len(message) <= LONGEST


@pytest.mark.parametrize("kind", ["pipe", "open pipe", "endless", "directory", "link"])
def test_what_is_no_file_says_nothing_and_holds_nobody_up(tmp_path: Path, kind: str) -> None:
    place = tmp_path / FILE
    writer = -1
    if kind.endswith("pipe"):
        os.mkfifo(place)
        if kind == "open pipe":
            writer = os.open(place, os.O_RDWR)
    elif kind == "endless":
        place.symlink_to("/dev/zero")
    elif kind == "directory":
        place.mkdir()
    else:
        (tmp_path / "other").write_text("code\nwords\n")
        place.symlink_to(tmp_path / "other")
    try:
        assert read(str(tmp_path)) == ("", "")
    finally:
        if writer >= 0:
            os.close(writer)
