"""Says whether a directory is on a network file system, where SQLite's shared memory and flock can't be relied on."""

import os
import re
from pathlib import Path

_NETWORK = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "lustre",
        "gpfs",
        "beegfs",
        "ceph",
        "afs",
        "9p",
        "orangefs",
        "pvfs2",
        "wekafs",
        "panfs",
        "glusterfs",
        "gfs",
        "gfs2",
        "ocfs2",
        "ncpfs",
        "coda",
        "acfs",
        "vxfs",
        "quobyte",
        "juicefs",
        "virtiofs",
    ]
)
# these FUSE file systems belong to one machine
_LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs", "fuse.overlayfs", "fuse.gocryptfs", "fuse.encfs", "fuse.bindfs"})
_OCTAL = re.compile(r"\\([0-7]{3})")


def on_network(directory: Path) -> bool:
    """Whether `directory` is on a network file system. An unknown FUSE file system counts as one; no answer does not."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    kind = kind_of(Path(os.path.realpath(directory)), mounts)
    return kind in _NETWORK or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE)


def kind_of(directory: Path, mountinfo: str) -> str:
    """The type of the file system that holds `directory` (absolute, real), by the text of /proc/self/mountinfo; "" if none.

    Total: lines it does not understand are passed over.
    """
    best, kind = -1, ""
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields, types = before.split(), after.split()
        if not separator or len(fields) < 5 or not types:
            continue
        point = Path(_OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4]))
        # of two mounts on one point the later hides the earlier
        if directory.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), types[0]
    return kind
