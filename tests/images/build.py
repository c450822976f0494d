"""Images for tests of containers, built by debootstrap and kept in /tmp: a directory, the same as squashfs and as SIF.

They are Debian's own packages, and nothing of them is kept in this repository. Building needs root and takes about a minute.
"""

import fcntl
import hashlib
import json
import os
import shutil
import struct
import subprocess  # noqa: TID251 - the tests' own tools
from pathlib import Path

KEPT = Path(os.environ.get("ARMCHAIR_TEST_IMAGES", "/tmp/armchair-test-images"))
SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
# what the image "displays" holds besides that of "xterm", and what of both nobody reads in a test
DISPLAYS = (
    *("xpra", "xvfb", "xauth", "python3-lz4", "python3-numpy", "python3-pil", "libjs-jquery"),
    *("tigervnc-standalone-server", "openbox"),
)
USELESS = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")
CHROOT = ("-i", "DEBIAN_FRONTEND=noninteractive", "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
VERSION = 1  # another number, and they are built anew
PARTITION, PRIMARY, SQUASHFS, DATA_AT = 0x4004, 2, 1, 65536


def directory(name: str = "xterm") -> Path:
    """The image of this name as a directory: "xterm", or "displays" with display servers of both kinds too."""
    if name == "displays":
        base = directory()
        return _once(f"{name}.{VERSION}", lambda target: _add(base, target, DISPLAYS))
    return _once(f"{name}.{VERSION}", _debootstrap)


def squashfs(name: str = "xterm") -> Path:
    """The same as a squashfs file."""
    source = directory(name)
    return _once(f"{name}.{VERSION}.sqfs", lambda target: _squash(source, target))


def sif(name: str = "xterm") -> Path:
    """The same as a SIF file."""
    source = squashfs(name)
    return _once(f"{name}.{VERSION}.sif", lambda target: write_sif(source, target))


def oci_archive(name: str = "xterm") -> Path:
    """The same as an OCI image in an archive."""
    source = directory(name)
    return _once(f"{name}.{VERSION}.oci.tar", lambda target: _write_oci(source, target))


def _once(name: str, make):
    """The path of this name, made by the first who wants it; a broken-off attempt leaves nothing that counts."""
    KEPT.mkdir(mode=0o755, parents=True, exist_ok=True)
    final = KEPT / name
    with (KEPT / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.exists():
            half = KEPT / f".{name}.half"
            shutil.rmtree(half, ignore_errors=True)
            half.unlink(missing_ok=True)
            make(half)
            half.rename(final)
    return final


def _debootstrap(target: Path) -> None:
    assert os.getuid() == 0, "building an image needs root"
    _run("debootstrap", "--variant=minbase", "--exclude=e2fsprogs,tzdata", "--include=xterm", SUITE, str(target), _mirror())
    _tidy(target)


def _add(base: Path, target: Path, packages: tuple[str, ...]) -> None:
    """An image with more in it; debootstrap alone does not get the order of so many packages right."""
    _run("cp", "-a", str(base), str(target))
    for path in ("/etc/resolv.conf", "/etc/hosts"):
        shutil.copyfile(path, f"{target}{path}")
    shutil.copytree("/etc/apt/apt.conf.d", target / "etc/apt/apt.conf.d", dirs_exist_ok=True)
    (target / "var/cache/apt/archives/partial").mkdir(parents=True)
    (target / "var/lib/apt/lists/partial").mkdir(parents=True)
    for words in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        _run("unshare", "--mount", "chroot", str(target), "/usr/bin/env", *CHROOT, "apt-get", "-q", *words)
    _tidy(target)


def _tidy(target: Path) -> None:
    for useless in USELESS:
        shutil.rmtree(target / useless, ignore_errors=True)
    target.chmod(0o755)


def _mirror() -> str:
    """Where this machine gets its packages from, so that the image comes from there too."""
    question = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {SUITE}"]
    found = subprocess.run(question, capture_output=True, text=True, timeout=60, check=False).stdout.split()
    return next((uri for uri in found if uri.startswith("http")), MIRROR)


def _squash(source: Path, target: Path) -> None:
    _run(
        "mksquashfs",
        str(source),
        str(target),
        "-noappend",
        "-comp",
        "zstd",
        "-Xcompression-level",
        "3",
        "-quiet",
        "-no-progress",
    )
    target.chmod(0o644)


def write_sif(source: Path, target: Path, *, architecture: bytes = b"02", used: bool = True, cut: int = 0) -> None:
    """A SIF file with one partition, as github.com/apptainer/sif describes it; `cut`: bytes that are missing at its end."""
    size = source.stat().st_size
    header = struct.pack(
        "<32s10s3s3s16sqqqqqqqq",
        b"#!/usr/bin/env run-singularity\n", b"SIF_MAGIC\0", b"01\0", architecture + b"\0", b"\1" * 16,
        0, 0, 47, 48, 4096, 48 * 585, DATA_AT, size,
    )  # fmt: skip
    extra = struct.pack("<ii3s", SQUASHFS, PRIMARY, architecture + b"\0")
    row = struct.pack(
        "<i?IIIqqqqqqq128s384s", PARTITION, used, 1, 0xF0000001, 0, DATA_AT, size, size, 0, 0, 0, 0, b"root", extra
    )
    with target.open("wb") as file, source.open("rb") as content:
        file.write(header)
        file.seek(4096)
        file.write(row.ljust(48 * len(row), b"\0"))
        file.seek(DATA_AT)
        shutil.copyfileobj(content, file, 1 << 20)
        file.truncate(DATA_AT + size - cut)
    target.chmod(0o644)


def _write_oci(source: Path, target: Path) -> None:
    """One layer, its configuration, a manifest and an index, as github.com/opencontainers/image-spec has them."""
    parts = target.with_name(f"{target.name}.parts")
    shutil.rmtree(parts, ignore_errors=True)
    (parts / "blobs/sha256").mkdir(parents=True)
    _run("tar", "-C", str(source), "--exclude=./dev/*", "-cf", str(parts / "layer"), ".")
    with (parts / "layer").open("rb") as layer:
        digest = hashlib.file_digest(layer, "sha256").hexdigest()
    size = (parts / "layer").stat().st_size
    (parts / "layer").rename(parts / "blobs/sha256" / digest)
    kind = "application/vnd.oci.image"
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}
    layers = [{"mediaType": f"{kind}.layer.v1.tar", "digest": f"sha256:{digest}", "size": size}]
    manifest = {"schemaVersion": 2, "config": _blob(parts, f"{kind}.config.v1+json", config), "layers": layers}
    index = {"schemaVersion": 2, "manifests": [_blob(parts, f"{kind}.manifest.v1+json", manifest)]}
    (parts / "index.json").write_text(json.dumps(index))
    (parts / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    _run("tar", "-C", str(parts), "-cf", str(target), "blobs", "index.json", "oci-layout")
    shutil.rmtree(parts)
    target.chmod(0o644)


def _blob(parts: Path, kind: str, document: object) -> dict[str, object]:
    data = json.dumps(document).encode()
    digest = hashlib.sha256(data).hexdigest()
    (parts / "blobs/sha256" / digest).write_bytes(data)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}


def _run(*argv: str) -> None:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{argv[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
