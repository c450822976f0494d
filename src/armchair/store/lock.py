"""One portal per home: a file lock, or on shared file systems a lease that is renewed while the portal lives."""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

import structlog

from armchair.domain.errors import Conflict, StorageFull, Unavailable
from armchair.sessions.ports import Clock
from armchair.store.filesystem import on_network

log = structlog.get_logger()
NAME = "lock"
LEASE_SECONDS = 120.0  # longer than NFS caches a file's times
BEAT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The portal that has a home. `since`: when it took it (ISO 8601)."""

    pid: int
    host: str
    since: str
    boot: str = ""
    token: str = ""


class _Hold(Protocol):
    """A home that is ours until `release`."""

    def release(self) -> None:
        """Give the home free. May be called twice."""
        ...


class HomeLock:
    """Keeps a home for one portal while the context lasts: by `flock`, on a network file system by a lease."""

    def __init__(self, home: Path, clock: Clock) -> None:
        self._home = home
        self._clock = clock
        self._hold: _Hold | None = None

    def __enter__(self) -> Self:
        """Take the home, and make its directory (0700) when there is none.

        Raises Conflict("home_in_use", pid=…, host=…, since=…), StorageFull("storage_full", path=…),
        Unavailable("home_unusable", path=…, reason=…).
        """
        now = self._clock.now()
        try:
            self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._hold = Lease(self._home, now) if on_network(self._home) else FileLock(self._home, now)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StorageFull("storage_full", path=str(self._home)) from error
            reason = error.strerror or str(error)
            raise Unavailable("home_unusable", path=str(self._home), reason=reason) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._hold is not None:
            self._hold.release()


def holder(home: Path) -> Holder | None:
    """Who has this home now; None when nobody has, as far as can be seen from this machine."""
    path = home / NAME
    found = _read(path)
    if found is None:
        return None
    if found.token:
        return None if _is_over(path, found) else found
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return found
    finally:
        os.close(fd)
    return None


class FileLock:
    """`flock` on `<home>/lock`: the kernel gives it free when the process ends, however it ends."""

    def __init__(self, home: Path, now: datetime) -> None:
        """Take the home. Raises Conflict("home_in_use", pid=…, host=…, since=…)."""
        path = home / NAME
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # always one block, written over in place: an old home can be locked on a full disk
            os.pwrite(self._fd, _text(_me(now)).encode().ljust(512), 0)
        except BlockingIOError:
            self.release()
            raise _in_use(_read(path)) from None
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Give the home free."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Lease:
    """`<home>/lock` names us and is renewed every 20 s; when it is 120 s old by the file server's clock, others may take it.

    Ages are compared on the file server alone, so that the clocks of the machines do not matter. When another portal has
    taken the home (this machine slept, or lost the server for long), `on_lost` is called once: we must write no more.
    """

    def __init__(self, home: Path, now: datetime, *, beat: bool = True, on_lost: Callable[[], None] | None = None) -> None:
        """Take the home. Raises Conflict("home_in_use", …), OSError. `beat` False: the caller renews."""
        self._path = home / NAME
        self._me = _me(now, token=secrets.token_hex(16))
        self._on_lost = on_lost or _end_this_process
        self._stop = threading.Event()
        self._take()
        self._thread = threading.Thread(target=self._beat, name="home-lease", daemon=True) if beat else None
        if self._thread:
            self._thread.start()

    def renew(self) -> bool:
        """Say that we live. False when somebody else has the home now; their file is left alone."""
        found = _read(self._path)
        if found is None or found.token == self._me.token:
            _replace(self._path, self._me)
            return True
        log.error("home.lost", host=found.host, pid=found.pid)
        self._stop.set()
        self._on_lost()
        return False

    def release(self) -> None:
        """Give the home free, if it is still ours."""
        self._stop.set()
        if self._thread:
            self._thread.join()
        found = _read(self._path)
        if found is not None and found.token == self._me.token:
            self._path.unlink(missing_ok=True)

    def _take(self) -> None:
        for _ in range(3):
            if _link(self._path, self._me):
                return
            found = _read(self._path)
            if found is not None and not _is_over(self._path, found):
                raise _in_use(found)
            if self._take_over():
                return
        raise _in_use(_read(self._path))

    def _take_over(self) -> bool:
        """Put our lease in the place of one that is over. False when another is at it, or has done it."""
        gate = self._path.with_name(f"{NAME}.taking")
        if not _link(gate, self._me):
            # who came first is done in a moment, or died at it: then the next who asks finds the gate open
            if (left := _read(gate)) and _is_over(gate, left):
                gate.unlink(missing_ok=True)
            return False
        try:
            # only now is it certain that nobody else puts theirs here
            found = _read(self._path)
            if not self._path.exists() or (found is not None and not _is_over(self._path, found)):
                return False
            _replace(self._path, self._me)
            return True
        finally:
            gate.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            try:
                self.renew()
            except OSError as error:
                log.warning("home.lease_not_renewed", error=str(error))


def _end_this_process() -> None:
    # the portal then ends in order, as it does when it is told to; two portals on one home would be worse
    os.kill(os.getpid(), signal.SIGTERM)


def _me(now: datetime, token: str = "") -> Holder:
    return Holder(pid=os.getpid(), host=socket.gethostname(), since=now.isoformat(), boot=_boot(), token=token)


def _boot() -> str:
    """Where a process number means something: this start of this machine, and this container of it."""
    try:
        start = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{start} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _text(who: Holder) -> str:
    return json.dumps({"pid": who.pid, "host": who.host, "since": who.since, "boot": who.boot, "token": who.token})


def _read(path: Path) -> Holder | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Holder(
            pid=int(data["pid"]), host=str(data["host"]), since=str(data["since"]), boot=data["boot"], token=data["token"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _in_use(who: Holder | None) -> Conflict:
    if who is None:  # between its open and its first write
        return Conflict("home_in_use", pid=0, host="", since="")
    return Conflict("home_in_use", pid=who.pid, host=who.host, since=who.since)


def _is_over(path: Path, who: Holder) -> bool:
    if who.host == socket.gethostname() and who.boot and who.boot == _boot() and not Path(f"/proc/{who.pid}").exists():
        return True
    try:
        with _beside(path, "") as probe:
            return probe.stat().st_mtime - path.stat().st_mtime > LEASE_SECONDS
    except FileNotFoundError:
        return True


@contextlib.contextmanager
def _beside(path: Path, text: str) -> Iterator[Path]:
    fd, name = tempfile.mkstemp(prefix=f"{NAME}.", dir=path.parent)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _link(path: Path, who: Holder) -> bool:
    """Create the file with all its text at once, or not at all: link(2) is atomic on NFS too."""
    with _beside(path, _text(who)) as fresh:
        try:
            os.link(fresh, path)
        except FileExistsError:
            return False
    return True


def _replace(path: Path, who: Holder) -> None:
    with _beside(path, _text(who)) as fresh:
        fresh.replace(path)
