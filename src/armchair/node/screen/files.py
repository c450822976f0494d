"""The exchange of files between the browser and one folder of the person, as the session's policy allows it.

Only plain files that lie in the folder itself: no directories, no links, no hidden names.
"""

import errno
import os
import stat
import time
import unicodedata
from typing import IO, Any, Callable, Dict, List, Optional, Tuple

POLICIES = ("both", "upload", "download", "none")
CHUNK = 1 << 20
LONGEST_NAME = 255  # bytes, on every file system that matters
MOST_LISTED = 1000
PART = ".armchair-upload-"
TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
STALE_SECONDS = 24 * 3600.0
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Refused(Exception):
    """What was asked for is not done. `status` is HTTP's, `code` is what the page has words for."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class Exchange:
    """One folder, made when it is first needed, and what may be done with it."""

    def __init__(self, folder: str, policy: str) -> None:
        # a policy that this version doesn't know is one that forbids
        self.policy = policy if policy in POLICIES else "none"
        # in bytes, as names of files are: a node whose language has English letters only (LC_ALL=C) knows no other text
        self._folder = os.path.expanduser(folder.encode("utf-8", "replace"))

    def _path(self, name: str) -> bytes:
        return os.path.join(self._folder, name.encode("utf-8"))

    def listing(self) -> List[Dict[str, Any]]:
        """The files, newest first (at most MOST_LISTED): name, size, time of the last change in seconds since 1970."""
        if self.policy == "none":
            raise Refused(403, "files_off")
        found: List[Dict[str, Any]] = []
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    status, name = _status(entry), _text(entry.name)
                    if status is not None and _usable(name):
                        found.append({"name": name, "size": status.st_size, "modified": status.st_mtime})
        except FileNotFoundError:
            return []
        except OSError:
            raise Refused(500, "folder_closed")
        found.sort(key=lambda file: file["modified"], reverse=True)
        return found[:MOST_LISTED]

    def open(self, name: str) -> Tuple[IO[bytes], int]:
        """The file, open for reading, and its size. Raises Refused."""
        if self.policy not in ("both", "download"):
            raise Refused(403, "files_off")
        if not _usable(name):
            raise Refused(400, "bad_name")
        try:
            # NONBLOCK, because opening a pipe would wait for a writer
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(self._path(name), flags)
        except PermissionError:
            raise Refused(403, "not_readable")
        except OSError:
            raise Refused(404, "no_file")
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise Refused(404, "no_file")
        return os.fdopen(descriptor, "rb"), status.st_size

    def receive(self, name: str, read: Callable[[int], bytes], size: Optional[int]) -> str:
        """Store what `read` gives as a new file; the name that it got.

        `read(n)` gives at most n bytes and b"" at the end, and raises when the upload breaks off, which passes through here.
        `size`: how much will come, where that is known. Raises Refused. Unless a name is returned, nothing is left behind.
        """
        if self.policy not in ("both", "upload"):
            raise Refused(403, "files_off")
        name = unicodedata.normalize("NFC", name)  # a Mac sends é in two pieces
        if not _usable(name):
            raise Refused(400, "bad_name")
        try:
            return self._store(name, read, size)
        except OSError as error:
            if error.errno in FULL:
                raise Refused(507, "disk_full")
            raise

    def _store(self, name: str, read: Callable[[int], bytes], size: Optional[int]) -> str:
        part = self._begin(size)
        path = self._path(part)
        try:
            with open(path, "xb", buffering=0) as file:
                while True:
                    data = read(CHUNK)
                    if not data:
                        break
                    _write(file, data)
                # a network file system says only now that a quota is used up
                os.fsync(file.fileno())
            return self._settle(path, name)
        finally:
            # after a rename there is no such file any more
            try:
                os.unlink(path)
            except OSError:
                pass

    def _begin(self, size: Optional[int]) -> str:
        """Make the folder and see whether there is room; the name of the part file."""
        try:
            os.makedirs(self._folder, exist_ok=True)
            room = os.statvfs(self._folder)
        except OSError as error:
            if error.errno in FULL:
                raise
            raise Refused(500, "folder_closed")
        # told at once, not after an hour; a file system that counts no blocks can't tell
        if size and room.f_blocks and size > room.f_bavail * room.f_frsize:
            raise Refused(507, "disk_full")
        self._sweep()
        return PART + os.urandom(8).hex()

    def _sweep(self) -> None:
        """Remove what uploads left whose node went down; one that goes on changes its file all the time."""
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name.startswith(PART.encode()) and time.time() - entry.stat().st_mtime > STALE_SECONDS:
                        os.unlink(entry.path)
        except OSError:
            pass

    def _settle(self, part: bytes, name: str) -> str:
        """Give the whole file its name, or the first free one like it."""
        number = 1
        while True:
            final = _numbered(name, number)
            path = self._path(final)
            try:
                os.link(part, path)
            except FileExistsError:
                number += 1
            except OSError:
                break  # a file system without hard links
            else:
                return final
        return self._settle_by_claim(part, name, number)

    def _settle_by_claim(self, part: bytes, name: str, number: int) -> str:
        """The same where a file can't have two names: an empty file claims the name, then the whole one takes its place."""
        while True:
            final = _numbered(name, number)
            path = self._path(final)
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            except FileExistsError:
                number += 1
                continue
            os.rename(part, path)
            return final


def _write(file: Any, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _status(entry: "os.DirEntry[bytes]") -> Optional[os.stat_result]:
    """Of a plain file; None of anything else, and of what has just gone."""
    try:
        return entry.stat(follow_symlinks=False) if entry.is_file(follow_symlinks=False) else None
    except OSError:
        return None


def _text(name: bytes) -> str:
    """The name as text; "", which names nothing, when it is none: no page could ask for it."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return ""


def _usable(name: str) -> bool:
    """Whether this names a file that is exchanged: in the folder itself, not hidden, without control characters, and without
    those that turn the direction of text, by which an .exe looks like a .pdf.
    """
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return False  # bytes that are no text: no page could ask for it
    plain = "/" not in name and all(unicodedata.category(one) != "Cc" and one not in TURNS for one in name)
    return 0 < size <= LONGEST_NAME and plain and not name.startswith(".")


def _numbered(name: str, number: int) -> str:
    """The name itself, then "name (2).ext"…, shortened in front of the number where it would be too long."""
    if number == 1:
        return name
    stem, extension = os.path.splitext(name)
    if len(extension.encode("utf-8")) > 32:
        stem, extension = name, ""
    tail = " (%d)%s" % (number, extension)
    room = LONGEST_NAME - len(tail.encode("utf-8"))
    return stem.encode("utf-8")[:room].decode("utf-8", "ignore") + tail
