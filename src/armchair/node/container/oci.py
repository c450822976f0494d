"""Looks into OCI images, as a directory or an archive, and into archives of `docker save`."""

import json
import os
import tarfile
from typing import Any, Callable, Dict

_LAYOUT, _INDEX, _DOCKER = "oci-layout", "index.json", "manifest.json"
_LARGEST = 4 << 20  # bytes of a document; layers are much larger and never read here
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}

Read = Callable[[str], Any]


def is_layout(directory: str) -> bool:
    """Whether this directory is an OCI image."""
    return os.path.isfile(os.path.join(directory, _LAYOUT)) and os.path.isfile(os.path.join(directory, _INDEX))


def machine_of_layout(directory: str) -> str:
    """The machine that the image in this directory is for, "" when several or unknown. Raises OSError and ValueError."""

    def read(name: str) -> Any:
        with open(os.path.join(directory, name), "rb") as file:
            return json.loads(file.read(_LARGEST).decode("utf-8"))

    return _machine(read)


def look_into_archive(path: str) -> Dict[str, str]:
    """{"kind", "machine"} of an archive: "oci-archive" or "docker-archive". Raises OSError and ValueError (a sentence)."""
    try:
        with tarfile.open(path, "r:") as archive:
            members = {member.name.lstrip("./"): member for member in archive}

            def read(name: str) -> Any:
                file = archive.extractfile(members[name])
                return json.loads((file.read(_LARGEST) if file else b"").decode("utf-8"))

            if _LAYOUT in members and _INDEX in members:
                return {"kind": "oci-archive", "machine": _machine(read)}
            if _DOCKER in members:
                config = read(read(_DOCKER)[0]["Config"])
                return {"kind": "docker-archive", "machine": _MACHINES.get(config.get("architecture", ""), "")}
    except (tarfile.TarError, KeyError, IndexError, TypeError, AttributeError):
        raise ValueError("The archive is damaged, or was not copied to its end.")
    raise ValueError("The archive is not one of a container image.")


def _machine(read: Read) -> str:
    try:
        manifests = read(_INDEX)["manifests"]
        if len(manifests) != 1:
            return ""
        manifest = read(_blob(manifests[0]["digest"]))
        # an index of several images, one for each machine, has no configuration of its own
        if "manifests" in manifest:
            return ""
        return _MACHINES.get(read(_blob(manifest["config"]["digest"])).get("architecture", ""), "")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ValueError("The image's index is damaged.")


def _blob(digest: str) -> str:
    kind, _, value = str(digest).partition(":")
    if not kind.isalnum() or not value.isalnum():
        raise ValueError("The image's index is damaged.")
    return "blobs/%s/%s" % (kind, value)
