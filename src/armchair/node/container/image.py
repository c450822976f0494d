"""Looks at a container image without a runtime: what kind it is, whether it is whole, and for which processor.

Used on the node before the start, and by the portal before a session is accepted, where it can read the image.
"""

import os
import stat
import struct
from typing import NamedTuple

from armchair.node.container import elf, oci, sif
from armchair.wire.trouble import Trouble

DIRECTORY, SQUASHFS, SIF = "directory", "squashfs", "sif"
OCI_DIRECTORY = "oci-directory"
SHELL = "/bin/sh"
_SUPERBLOCK, _USED_AT = 96, 40
_TAR_AT, _TAR = 257, b"ustar"
_HEAD = 512

MISSING, UNREADABLE, CORRUPT, ARCHITECTURE = "image_missing", "image_unreadable", "image_corrupt", "image_architecture"


class Image(NamedTuple):
    """An image that can be used. `machine` is "" where it can't be told; `offset`: where a SIF's squashfs begins (0: none)."""

    path: str
    kind: str
    machine: str = ""
    offset: int = 0


def inspect(path: str) -> Image:
    """The image at this absolute path. Raises Trouble: image_missing, image_unreadable or image_corrupt (the cause says why).

    It may take as long as the file system does.
    """
    try:
        return _directory(path) if stat.S_ISDIR(os.stat(path).st_mode) else _file(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Trouble(MISSING, "There is no image %s." % path)
    except PermissionError:
        raise Trouble(UNREADABLE, "The image %s may not be read." % path)
    except OSError as error:
        raise Trouble(UNREADABLE, "The image %s can't be read: %s." % (path, error.strerror))
    except ValueError as error:
        raise Trouble(CORRUPT, "The image %s can't be used. %s" % (path, error)) from error


def check_machine(image: Image, here: str) -> None:
    """Raises Trouble (image_architecture) when a machine of the kind `here` can't run what is in the image."""
    if not elf.runs_on(image.machine, here):
        raise Trouble(ARCHITECTURE, "The image %s is for %s, and this machine is %s." % (image.path, image.machine, here))


def shell_machine(root: str) -> str:
    """The machine of the shell in this root directory. Raises ValueError (a sentence) when there is none, and OSError."""
    shell = elf.inside(root, SHELL)
    if shell is None or not os.path.isfile(shell):
        raise ValueError("It has no %s." % SHELL)
    return elf.machine(shell)


def _directory(path: str) -> Image:
    os.listdir(path)
    if oci.is_layout(path):
        return Image(path, OCI_DIRECTORY, oci.machine_of_layout(path))
    return Image(path, DIRECTORY, shell_machine(path))


def _file(path: str) -> Image:
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("It is neither a file nor a directory.")
    with open(path, "rb") as file:
        head = file.read(_HEAD)
        if head[sif.MAGIC_AT :].startswith(sif.MAGIC):
            return _sif(path, sif.primary(file))
    if head.startswith(b"hsqs"):
        _whole(path, _squashfs_size(head))
        return Image(path, SQUASHFS)
    if head[_TAR_AT:].startswith(_TAR):
        found = oci.look_into_archive(path)
        return Image(path, found["kind"], found["machine"])
    raise ValueError("It is empty." if not head else "It is neither SIF nor squashfs nor an archive of a container image.")


def _sif(path: str, partition: sif.Partition) -> Image:
    _whole(path, partition.offset + partition.size)
    return Image(path, SIF, partition.machine, partition.offset if partition.squashfs else 0)


def _squashfs_size(head: bytes) -> int:
    if len(head) < _SUPERBLOCK:
        raise ValueError("It ends within its header.")
    return int(struct.unpack("<q", head[_USED_AT : _USED_AT + 8])[0])


def _whole(path: str, size: int) -> None:
    """A copy that was broken off begins as it should, and fails much later in ways that nobody understands."""
    here = os.stat(path).st_size
    if here < size:
        raise ValueError("It has %d of its %d bytes: the copy is not complete." % (here, size))
