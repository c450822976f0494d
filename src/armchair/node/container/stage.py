"""An image as a directory, in mounts that only this process and its children see and that end with them.

For runtimes that take a directory: squashfs is mounted by squashfuse, and directories and files that the image lacks and on
which something is to be seen are added, without a change to the image.
"""

import os
import shutil
import signal
import stat
from typing import Dict, Iterable, List, Sequence, Tuple

from armchair.node.container import elf, kernel
from armchair.node.container.box import Bind
from armchair.node.container.image import Image
from armchair.wire.trouble import Trouble

_MOUNTED, _ROOT = "image", "root"
_PROGRAMS = ("squashfuse_ll", "squashfuse")
_DIRECTORY = 0o40000
_DEVICE = "/dev/fuse"


def squashfuse() -> str:
    """The program that mounts squashfs for an ordinary account; "" when this node has none."""
    return next((path for path in map(shutil.which, _PROGRAMS) if path), "")


def cannot_mount() -> str:
    """Why this node can't show a squashfs image as a directory; "" when it can."""
    if not squashfuse():
        return "needs squashfuse for such images"
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return "needs %s for such images, which this node does not have or not give" % _DEVICE
    return ""


class Stage:
    """Mounts of our own below the run's private directory."""

    def __init__(self, private: str) -> None:
        self._private = private
        self._entered = False

    def show(self, image: Image) -> str:
        """The image as a directory. Raises Trouble."""
        if image.kind == "directory":
            return image.path
        self._enter()
        target = self._directory(_MOUNTED)
        try:
            _serve(image, target)
        except OSError as error:
            # it has not been looked at yet: kernels before 4.18 let nobody but root mount such file systems
            raise Trouble("no_namespaces", "This node does not let containers mount images (%s)." % error)
        try:
            os.listdir(target)
        except OSError as error:
            raise Trouble("image_corrupt", "The image %s can't be mounted: %s." % (image.path, error.strerror))
        return target

    def complete(self, root: str, binds: Iterable[Bind]) -> str:
        """`root`, with an empty directory or file at each bind's target that it lacks. Raises Trouble."""
        missing = {one.target: os.path.isdir(one.source) for one in binds if _lacks(root, one)}
        if not missing:
            return root
        self._enter()
        target = self._directory(_ROOT)
        try:
            kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")
            _add(root, target, missing)
        except OSError as error:
            raise Trouble("no_namespaces", "This node does not let containers mount (%s)." % error)
        return target

    def protect(self, binds: Sequence[Bind]) -> Tuple[Bind, ...]:
        """The binds, with those that are not writable from a place where nobody can write. Raises Trouble."""
        return tuple(one if one.writable else self._read_only(number, one) for number, one in enumerate(binds))

    def _read_only(self, number: int, bind: Bind) -> Bind:
        self._enter()
        try:
            if os.path.isdir(bind.source):
                place = self._directory("read-only-%d" % number)
            else:
                place = os.path.join(self._private, "read-only-%d" % number)
                _touch(place)
            kernel.bind_read_only(bind.source, place)
        except OSError as error:
            raise Trouble("no_namespaces", "This node does not let containers mount (%s)." % error)
        return bind._replace(source=place)

    def _enter(self) -> None:
        if self._entered:
            return
        try:
            kernel.own_mounts()
        except OSError as error:
            raise Trouble("no_namespaces", "This node gives this account no namespaces for containers: %s." % error.strerror)
        self._entered = True

    def _directory(self, name: str) -> str:
        path = os.path.join(self._private, name)
        os.makedirs(path, mode=0o700, exist_ok=True)
        return path


def _serve(image: Image, target: str) -> None:
    """Mount the image by a squashfuse that ends with this process. Raises OSError."""
    program, uid, gid = squashfuse(), os.geteuid(), os.getegid()
    options = ["-o", "offset=%d" % image.offset] if image.offset else []
    device = os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC)
    try:
        # mounted here and not by squashfuse, which would ask fusermount; that needs root's rights
        settings = "fd=%d,rootmode=%o,user_id=%d,group_id=%d" % (device, _DIRECTORY, uid, gid)
        kernel.mount("squashfuse", target, "fuse.squashfuse", kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV, settings)
        if os.fork() == 0:
            try:
                # a stop signal for the program, its process group or all processes must not take away the program's files
                os.setsid()
                for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    signal.signal(one, signal.SIG_IGN)
                kernel.end_with_parent(signal.SIGKILL)
                os.set_inheritable(device, True)
                os.execv(program, [program, "-f", *options, image.path, "/dev/fd/%d" % device])
            finally:
                os._exit(127)
    finally:
        os.close(device)


def _lacks(root: str, bind: Bind) -> bool:
    """Whether nothing of the right kind is at the target.

    A link on the way there counts as nothing: runtimes do not agree about whether it leads to the image or to the node.
    """
    there = root
    for part in bind.target.strip("/").split("/"):
        there = os.path.join(there, part)
        if os.path.islink(there) or not os.path.exists(there):
            return True
    return os.path.isdir(there) != os.path.isdir(bind.source)


def _add(root: str, target: str, missing: Dict[str, bool]) -> None:
    """Make `target` show what is in `root`, and the missing directories (True) and files (False) besides."""
    opened = {parent: False for path in missing for parent in _parents(path)}
    opened.update({path: True for path in missing if path not in opened})
    _fill(root, root, target, "/", opened)
    for path in sorted(missing):
        there = os.path.join(target, path.lstrip("/"))
        os.makedirs(there if missing[path] else os.path.dirname(there), mode=0o755, exist_ok=True)
        if not missing[path]:
            _touch(there)


def _parents(path: str) -> List[str]:
    found = []
    while path != "/":
        path = os.path.dirname(path)
        found.append(path)
    return found


def _fill(root: str, source: str, place: str, path: str, opened: Dict[str, bool]) -> None:
    """Show each entry of the directory `source`, which is `path` inside, at `place`.

    Links stay links, a directory that gets an addition is gone through entry by entry, the rest is bound.
    """
    for name in _names(source):
        here, there, below = os.path.join(path, name), os.path.join(source, name), os.path.join(place, name)
        mode = os.lstat(there).st_mode
        if here in opened:
            if opened[here]:
                continue  # it is what is missing
            # a link on the way would lead the additions astray: it becomes the directory that it means
            real = elf.inside(root, here)
            os.mkdir(below)
            if real is not None and os.path.isdir(real):
                _fill(root, real, below, here, opened)
        elif stat.S_ISLNK(mode):
            os.symlink(os.readlink(there), below)
        elif stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            os.mkdir(below) if stat.S_ISDIR(mode) else _touch(below)
            kernel.bind(there, below)


def _touch(path: str) -> None:
    with open(path, "w"):
        pass


def _names(directory: str) -> List[str]:
    try:
        return sorted(os.listdir(directory))
    except PermissionError:
        return []
