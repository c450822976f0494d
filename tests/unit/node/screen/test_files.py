"""The exchange of files: what is let in and out, under which names, and what is left when something goes wrong."""

import errno
import io
import json
import os
import subprocess  # noqa: TID251 - a Python of another language
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.node.screen import files
from armchair.node.screen.files import Exchange, Refused


def reader(content: bytes) -> Callable[[int], bytes]:
    return io.BytesIO(content).read


def put(exchange: Exchange, name: str, content: bytes = b"x") -> str:
    return exchange.receive(name, reader(content), len(content))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "Downloads"


@pytest.fixture
def exchange(folder: Path) -> Exchange:
    return Exchange(str(folder), "both")


def refusal(do: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refused) as told:
        do()
    return told.value.status, told.value.code


def test_a_file_comes_in_is_listed_and_goes_out(exchange: Exchange, folder: Path) -> None:
    assert exchange.listing() == []
    assert put(exchange, "Messung 1 (µm).csv", b"1;2") == "Messung 1 (µm).csv"
    (listed,) = exchange.listing()
    assert (listed["name"], listed["size"]) == ("Messung 1 (µm).csv", 3)
    assert abs(listed["modified"] - time.time()) < 60
    file, size = exchange.open("Messung 1 (µm).csv")
    with file:
        assert (file.read(), size) == (b"1;2", 3)
    assert [path.name for path in folder.iterdir()] == ["Messung 1 (µm).csv"]


def test_the_newest_is_listed_first(exchange: Exchange, folder: Path) -> None:
    for age, name in enumerate(["c", "a", "b"]):
        put(exchange, name)
        os.utime(folder / name, (1000 - age, 1000 - age))
    assert [file["name"] for file in exchange.listing()] == ["c", "a", "b"]


def test_a_name_that_is_taken_gets_a_number(exchange: Exchange, folder: Path) -> None:
    names = [put(exchange, "data.tar.gz", bytes([n])) for n in range(3)]
    assert names == ["data.tar.gz", "data.tar (2).gz", "data.tar (3).gz"]
    assert [(folder / name).read_bytes() for name in names] == [b"\0", b"\1", b"\2"]
    # a link's name is taken too, wherever it leads: nothing is written through it
    (folder / "link").symlink_to(folder / "nowhere")
    assert put(exchange, "link") == "link (2)"


def test_without_hard_links_it_works_as_well(exchange: Exchange, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    assert [put(exchange, "a.txt", b"1"), put(exchange, "a.txt", b"2")] == ["a.txt", "a (2).txt"]
    assert sorted(path.read_bytes() for path in folder.iterdir()) == [b"1", b"2"]


@pytest.mark.parametrize("name", ["a" * 255, "é" * 127 + "x", "a" * 250 + ".fits", "x." + "e" * 253])
def test_a_number_fits_into_the_longest_name(exchange: Exchange, name: str) -> None:
    assert put(exchange, name) == name
    second = put(exchange, name)
    assert "(2)" in second
    assert len(second.encode()) <= 255


BAD = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "/etc/passwd",
    "a\0b",
    "a\nb",
    ".bashrc",
    ".armchair-upload-1",
    "a" * 256,
    "é" * 128,
    "\udcff",
    "invoice\u202efdp.exe",
]


@pytest.mark.parametrize("name", BAD)
def test_names_that_are_none_are_refused_both_ways(exchange: Exchange, folder: Path, name: str) -> None:
    assert refusal(lambda: put(exchange, name)) == (400, "bad_name")
    assert refusal(lambda: exchange.open(name)) == (400, "bad_name")
    assert not folder.exists() or list(folder.iterdir()) == []


@given(st.text())
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    if files._usable(name):
        assert Path(os.path.normpath(f"/folder/{name}")).parent == Path("/folder")
        assert Path(os.path.normpath(f"/folder/{name}")).name == name
        assert len(files._numbered(name, 99).encode()) <= 255


def test_a_macs_name_is_one_with_everybody_elses(exchange: Exchange) -> None:
    assert put(exchange, unicodedata.normalize("NFD", "é.txt")) == "é.txt"
    assert put(exchange, "é.txt") == "é (2).txt"


@pytest.mark.parametrize(
    ("policy", "lists", "uploads", "downloads"),
    [
        ("both", True, True, True),
        ("upload", True, True, False),
        ("download", True, False, True),
        ("none", False, False, False),
        ("misspelt", False, False, False),
    ],
)
def test_the_policy_decides(folder: Path, policy: str, lists: bool, uploads: bool, downloads: bool) -> None:
    put(Exchange(str(folder), "both"), "here")
    exchange = Exchange(str(folder), policy)
    for allowed, do in (
        (lists, exchange.listing),
        (uploads, lambda: put(exchange, "new")),
        (downloads, lambda: exchange.open("here")),
    ):
        if not allowed:
            assert refusal(do) == (403, "files_off")
            continue
        result = do()
        if isinstance(result, tuple):
            result[0].close()
    assert (folder / "new").exists() == uploads


def test_only_plain_files_of_the_folder_itself_are_exchanged(exchange: Exchange, folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (tmp_path / "secret").write_text("s")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "directory").mkdir()
    (folder / ".hidden").write_text("h")
    os.mkfifo(folder / "pipe")
    (folder / "closed").write_text("c")
    assert [file["name"] for file in exchange.listing()] == ["closed"]
    for name in ("link", "directory", "pipe", "missing"):
        assert refusal(lambda name=name: exchange.open(name)) == (404, "no_file")  # type: ignore[misc]


def test_an_upload_that_breaks_off_leaves_nothing(exchange: Exchange, folder: Path) -> None:
    pieces = iter([b"first", b"second"])

    def read(_size: int) -> bytes:
        try:
            return next(pieces)
        except StopIteration:
            assert len(list(folder.iterdir())) == 1  # hidden, and there
            assert exchange.listing() == []
            raise ConnectionResetError from None

    with pytest.raises(ConnectionResetError):
        exchange.receive("big", read, None)
    assert list(folder.iterdir()) == []


def test_more_than_there_is_room_for_is_refused_before_it_is_sent(exchange: Exchange, folder: Path) -> None:
    def read(_size: int) -> bytes:
        raise AssertionError("nothing should be read")

    assert refusal(lambda: exchange.receive("big", read, 1 << 60)) == (507, "disk_full")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("full", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_is_full_only_at_the_end_leaves_nothing(
    exchange: Exchange, folder: Path, full: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_descriptor: int) -> None:
        raise OSError(full, "full")

    monkeypatch.setattr(os, "fsync", fsync)
    assert refusal(lambda: put(exchange, "a")) == (507, "disk_full")
    assert list(folder.iterdir()) == []


def test_a_folder_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refusal(lambda: put(Exchange(str(tmp_path / "file" / "Downloads"), "both"), "a")) == (500, "folder_closed")


def test_what_a_dead_node_left_is_swept_away_and_what_still_comes_is_not(exchange: Exchange, folder: Path) -> None:
    folder.mkdir()
    old, new = folder / f"{files.PART}old", folder / f"{files.PART}new"
    for path in (old, new):
        path.write_text("part")
    os.utime(old, (time.time() - 2 * files.STALE_SECONDS,) * 2)
    put(exchange, "a")
    assert not old.exists()
    assert new.exists()


def test_names_are_the_same_whatever_the_nodes_language(folder: Path) -> None:
    program = """
import json, sys
from armchair.node.screen.files import Exchange
assert sys.getfilesystemencoding() == "ascii"
asked = json.loads(sys.stdin.read())
exchange = Exchange(asked["folder"], "both")
stored = exchange.receive(asked["name"], lambda _, parts=[b"", b"1;2"]: parts.pop(), 3)
with exchange.open(stored)[0] as file:
    print(json.dumps([stored, file.read().decode(), [one["name"] for one in exchange.listing()]]))
"""
    english = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    there = folder / "Übertragung"
    asked = json.dumps({"folder": str(there), "name": "Größe.csv"})
    done = subprocess.run(
        [sys.executable, "-c", program], env=english, input=asked, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["Größe.csv", "1;2", ["Größe.csv"]]
    assert [path.name for path in there.iterdir()] == ["Größe.csv"]
