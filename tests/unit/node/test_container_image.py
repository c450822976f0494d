"""Images are looked at without a runtime: kind, wholeness, processor."""

import io
import json
import os
import struct
import tarfile
from pathlib import Path

import pytest

from armchair.node.container import elf, image, oci
from armchair.node.container.image import Image
from armchair.wire.trouble import Trouble
from images.build import write_sif

ELF = {"x86_64": (1, 62), "aarch64": (1, 183), "ppc64le": (1, 21), "ppc64": (2, 21), "s390x": (2, 22)}


def program(path: Path, machine: str = "x86_64") -> None:
    order, number = ELF[machine]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x7fELF\x02" + bytes([order]) + b"\1" * 12 + struct.pack("<H" if order == 1 else ">H", number) + b"\0" * 99
    )


def squashfs(path: Path, size: int = 4096, claimed: int = 4096) -> Path:
    path.write_bytes((b"hsqs" + b"\0" * 36 + struct.pack("<q", claimed)).ljust(size, b"\0"))
    return path


def code_of(path: Path) -> str:
    with pytest.raises(Trouble) as caught:
        image.inspect(str(path))
    assert str(path) in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("machine", ELF)
def test_a_directory_is_for_the_machine_of_its_shell(tmp_path: Path, machine: str) -> None:
    program(tmp_path / "usr/bin/dash", machine)
    (tmp_path / "bin").symlink_to("/usr/bin")
    (tmp_path / "usr/bin/sh").symlink_to("dash")
    assert image.inspect(str(tmp_path)) == Image(str(tmp_path), "directory", machine)


def test_links_do_not_lead_out_of_an_image(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/up").symlink_to("../../../../etc/passwd")
    (tmp_path / "etc/round").symlink_to("round")
    (tmp_path / "etc/root").symlink_to("/")
    root = str(tmp_path)
    assert elf.inside(root, "/etc/up") is None
    assert elf.inside(root, "/etc/round") is None
    assert elf.inside(root, "/etc/root/etc/../etc") == f"{root}/etc"
    assert elf.inside(root, "/../..") == root


def test_a_directory_without_a_shell_is_no_image(tmp_path: Path) -> None:
    assert code_of(tmp_path) == "image_corrupt"


def test_what_is_not_there_or_may_not_be_read_is_told_apart(tmp_path: Path) -> None:
    assert code_of(tmp_path / "none.sif") == "image_missing"
    assert code_of(squashfs(tmp_path / "file.sqfs") / "below") == "image_missing"
    os.mkfifo(tmp_path / "fifo")
    assert code_of(tmp_path / "fifo") == "image_corrupt"


@pytest.mark.parametrize(
    "content", [b"", b"#!/bin/sh\n", b"\x7fELF" + b"\0" * 999, b"hsqs"], ids=["empty", "script", "elf", "short"]
)
def test_what_is_no_image_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.sif"
    path.write_bytes(content)
    assert code_of(path) == "image_corrupt"


def test_a_squashfs_is_whole_or_refused(tmp_path: Path) -> None:
    assert image.inspect(str(squashfs(tmp_path / "good"))) == Image(str(tmp_path / "good"), "squashfs")
    assert code_of(squashfs(tmp_path / "cut", size=4095)) == "image_corrupt"


@pytest.mark.parametrize(("code", "machine"), [(b"02", "x86_64"), (b"04", "aarch64"), (b"06", "ppc64le"), (b"00", "")])
def test_a_sif_tells_its_machine_and_where_its_system_lies(tmp_path: Path, code: bytes, machine: str) -> None:
    write_sif(squashfs(tmp_path / "s"), tmp_path / "i.sif", architecture=code)
    assert image.inspect(str(tmp_path / "i.sif")) == Image(str(tmp_path / "i.sif"), "sif", machine, 65536)


def test_a_sif_is_whole_or_refused(tmp_path: Path) -> None:
    source = squashfs(tmp_path / "s")
    for number, change in enumerate([{"cut": 1}, {"used": False}, {"cut": 65536 + 4096 - 4200}, {"cut": 65536 + 4096 - 100}]):
        path = tmp_path / f"{number}.sif"
        write_sif(source, path, **change)
        assert code_of(path) == "image_corrupt"


def oci_files(architecture: str = "arm64") -> dict[str, bytes]:
    config = json.dumps({"architecture": architecture, "os": "linux"}).encode()
    manifest = json.dumps({"config": {"digest": "sha256:aa"}, "layers": []}).encode()
    index = json.dumps({"manifests": [{"digest": "sha256:bb"}]}).encode()
    return {"blobs/sha256/aa": config, "blobs/sha256/bb": manifest, "index.json": index, "oci-layout": b"{}"}


def lay_out(directory: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_an_oci_image_as_directory_and_as_archive(tmp_path: Path) -> None:
    lay_out(tmp_path / "d", oci_files())
    assert image.inspect(str(tmp_path / "d")) == Image(str(tmp_path / "d"), "oci-directory", "aarch64")
    path = archive(tmp_path / "i.tar", oci_files())
    assert image.inspect(str(path)) == Image(str(path), "oci-archive", "aarch64")


def test_an_archive_of_docker_save(tmp_path: Path) -> None:
    files = {"c.json": b'{"architecture": "amd64"}', "manifest.json": b'[{"Config": "c.json"}]'}
    assert image.inspect(str(archive(tmp_path / "i.tar", files))).machine == "x86_64"


@pytest.mark.parametrize("broken", [{"index.json": b"{"}, {"index.json": b'{"manifests": 7}'}, {"blobs/sha256/bb": b"[]"}])
def test_a_damaged_image_is_said_to_be_so(tmp_path: Path, broken: dict[str, bytes]) -> None:
    lay_out(tmp_path / "d", {**oci_files(), **broken})
    assert code_of(tmp_path / "d") == "image_corrupt"
    assert code_of(archive(tmp_path / "i.tar", {**oci_files(), **broken})) == "image_corrupt"
    assert code_of(archive(tmp_path / "j.tar", {"hello": b"x"})) == "image_corrupt"


def test_an_index_names_only_what_lies_in_the_image(tmp_path: Path) -> None:
    files = {**oci_files(), "index.json": b'{"manifests": [{"digest": "../../etc:passwd"}]}'}
    lay_out(tmp_path, files)
    with pytest.raises(ValueError, match="damaged"):
        oci.machine_of_layout(str(tmp_path))


@pytest.mark.parametrize(
    ("theirs", "here", "runs"),
    [
        ("x86_64", "x86_64", True),
        ("i686", "x86_64", True),
        ("aarch64", "x86_64", False),
        ("x86_64", "aarch64", False),
        ("", "x", True),
    ],
)
def test_which_machine_runs_what(theirs: str, here: str, runs: bool) -> None:
    there = Image("/i", "sif", theirs)
    if runs:
        image.check_machine(there, here)
        return
    with pytest.raises(Trouble) as caught:
        image.check_machine(there, here)
    assert caught.value.code == "image_architecture"
