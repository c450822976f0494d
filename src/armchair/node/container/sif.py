"""Reads the header of a SIF image: where its file system lies and for which processor it is.

The format is that of https://github.com/apptainer/sif (version 01): a header, then descriptors of a fixed length, one for each
piece of data. All numbers are little-endian and packed.
"""

import struct
from typing import BinaryIO, NamedTuple

MAGIC_AT, MAGIC = 32, b"SIF_MAGIC\0"
_HEADER = struct.Struct("<32s10s3s3s16sqqqqqqqq")
_DESCRIPTOR = struct.Struct("<i?IIIqqqqqqq128s384s")
_PARTITION = struct.Struct("<ii3s")
_IS_PARTITION, _PRIMARY = 0x4004, 2
_SQUASHFS = 1
_MOST = 1024
# the architecture's code → the kernel's name of such a machine
MACHINES = {
    b"01": "i686",
    b"02": "x86_64",
    b"03": "arm",
    b"04": "aarch64",
    b"05": "ppc64",
    b"06": "ppc64le",
    b"11": "s390x",
}


class Partition(NamedTuple):
    """The file system with the programs. `squashfs`: whether it is one, and not encrypted; `machine` "" when unknown."""

    offset: int
    size: int
    squashfs: bool
    machine: str


def primary(file: BinaryIO) -> Partition:
    """The partition that holds the system. Raises ValueError with a sentence when the image is damaged."""
    file.seek(0)
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise ValueError("The image ends within its header.")
    fields = _HEADER.unpack(head)
    total, begin = fields[8], fields[9]
    if not 0 < total <= _MOST or begin < 0:
        raise ValueError("The image's header is damaged.")
    file.seek(begin)
    for _ in range(total):
        data = file.read(_DESCRIPTOR.size)
        if len(data) < _DESCRIPTOR.size:
            raise ValueError("The image ends within its table of contents.")
        found = _DESCRIPTOR.unpack(data)
        kind, parttype, code = _PARTITION.unpack(found[13][: _PARTITION.size])
        if found[1] and found[0] == _IS_PARTITION and parttype == _PRIMARY:
            machine = MACHINES.get(code.rstrip(b"\0"), "")
            return Partition(found[5], found[6], kind == _SQUASHFS, machine)
    raise ValueError("The image holds no system.")
