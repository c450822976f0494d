"""An X server of the session's own: a number that nobody has, a cookie from its first moment on, and a certain end."""

import os
import random
import stat
import time
from typing import Dict, List, Optional, Sequence

from armchair.node.screen import processes, randr, xauth, xclient
from armchair.node.screen.displays.base import Surroundings
from armchair.wire import trouble as wire_trouble
from armchair.wire.trouble import Trouble

SOCKETS = "/tmp/.X11-unix"
UNMAPPED = 65534  # how root looks from a user namespace
ATTEMPTS = 20
SECONDS = 15.0
# without the abstract sockets and TCP, which other users of the node reach, only the cookie's owner gets in
CLOSED = ("-nolisten", "tcp", "-nolisten", "local")


class XServer:
    """Starts `program` with a display number before `arguments`. `prefix` stands before the whole command.

    It is started here and not by what shows it, so that it asks for a cookie from its first moment on and can be ended for
    certain.
    """

    def __init__(self, around: Surroundings, program: str, arguments: Sequence[str], prefix: Sequence[str] = ()) -> None:
        self._around = around
        self._program, self._arguments, self._prefix = program, list(arguments), list(prefix)
        self.authority = os.path.join(around.directory, "Xauthority")
        self._cookie = b""
        self._number: Optional[int] = None
        self.pid = 0

    @property
    def display(self) -> str:
        """The display's name, such as ":117"; "" before there is one."""
        return "" if self._number is None else ":%d" % self._number

    @property
    def socket(self) -> str:
        """The path of its socket; "" before there is one."""
        return "" if self._number is None else _socket(self._number)

    def environment(self) -> Dict[str, str]:
        """What clients need to find it."""
        return {"DISPLAY": self.display, "XAUTHORITY": self.authority}

    def start(self) -> None:
        """Start it; it has its number when this returns, and may take another moment to answer. Raises Trouble."""
        make_directory()
        self._cookie = xauth.write(self.authority)
        for _ in range(ATTEMPTS):
            number = 100 + random.SystemRandom().randrange(30000)
            if os.path.exists(_socket(number)) or os.path.exists(_lock(number)):
                continue
            if self._try(number):
                return
        raise Trouble("display_died", "The X server %s did not start." % self._program)

    def _try(self, number: int) -> bool:
        """A number is taken by making its lock file, which only one server can.

        (-displayfd would choose without a lock, and without the abstract sockets it takes a number that is in use and unlinks
        the other server's socket.)
        """
        argv = self._prefix + [self._program, ":%d" % number, "-auth", self.authority] + list(CLOSED) + self._arguments
        try:
            self.pid = processes.spawn(argv, dict(os.environ))
        except OSError as error:
            raise Trouble("display_died", "%s can't be started: %s." % (argv[0], error.strerror))
        self._around.janitor.kills(self.pid)
        deadline = time.monotonic() + SECONDS
        while processes.alive(self.pid):
            if self._owns(number):
                self._number = number
                for path in (_socket(number), _lock(number)):
                    self._around.janitor.removes(path)
                return True
            # a container may wait for its image, and nothing fails for being slow
            if time.monotonic() > deadline and not self._prefix:
                processes.end([self.pid], 1.0)
                raise Trouble("display_died", "The X server %s did not answer in %d s." % (self._program, SECONDS))
            time.sleep(processes.PAUSE)
        code, message = wire_trouble.read(self._around.directory) if self._prefix else ("", "")
        if code:
            # another number does not give the node a container runtime
            raise Trouble(code, message)
        return False

    def _owns(self, number: int) -> bool:
        if self._prefix:
            # in a container it may count its processes in its own way; only it knows our cookie
            return xclient.is_ours(_socket(number), self._cookie)
        return lock_owner(number) == self.pid

    def answers(self) -> bool:
        """Whether it takes clients."""
        return bool(self.socket) and xclient.is_ours(self.socket, self._cookie)

    def is_managed(self) -> bool:
        """Whether a window manager runs on it."""
        return bool(xclient.asked(self.socket, self._cookie, xclient.Client.is_managed))

    def windows(self) -> Optional[int]:
        """How many windows its window manager knows; None when that can't be told."""
        return xclient.asked(self.socket, self._cookie, xclient.Client.windows)

    def expect_size(self, width: int, height: int) -> None:
        """Know this size, so that the screen can take it at once. Where that can't be done, it takes its time."""
        xclient.asked(self.socket, self._cookie, lambda client: randr.add_size(client, width, height))

    def stop(self) -> None:
        """End it and what it leaves in /tmp when it is killed. For the main thread."""
        if self.pid:
            processes.end([self.pid], 2.0)
        if self._number is not None:
            for path in left_behind(self._number, () if self._prefix else (self.pid,)):
                try:
                    os.unlink(path)
                except OSError:
                    pass


def make_directory() -> None:
    """Where X servers put their sockets, as the system makes it at its start. Raises Trouble when it can't be used."""
    try:
        os.mkdir(SOCKETS, 0o1777)
        os.chmod(SOCKETS, 0o1777)  # noqa: S103 - as /tmp itself: each user's server puts its socket here
    except FileExistsError:
        pass
    except OSError as error:
        raise Trouble("x11_directory", "%s is missing on this node and can't be made: %s." % (SOCKETS, error.strerror))
    found = os.lstat(SOCKETS)
    if not is_usable(found):
        raise Trouble("x11_directory", "%s on this node is not a directory that its users can write to." % SOCKETS)
    if not os.access("/tmp", os.W_OK | os.X_OK):
        raise Trouble("x11_directory", "/tmp on this node can't be written to.")
    if found.st_uid not in (0, os.geteuid(), UNMAPPED):
        # whose it is can put another socket in the place of ours, and the session may be the only one to see it
        words = "%s on this node belongs to another user (%d), who could get at this screen. Tell the help desk.\n"
        os.write(2, (words % (SOCKETS, found.st_uid)).encode())


def is_usable(found: os.stat_result) -> bool:
    """Whether what was found at SOCKETS is a directory that we can write to and where what is ours stays ours."""
    # without the sticky bit everybody could put a socket of their own in the place of ours
    replaceable = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
    return stat.S_ISDIR(found.st_mode) and not replaceable and os.access(SOCKETS, os.W_OK | os.X_OK)


def lock_owner(number: int) -> int:
    """The process of ours that has this display; 0 when none has. What others put there is none, whatever it says."""
    try:
        # NONBLOCK, because opening a pipe would wait for a writer
        descriptor = os.open(_lock(number), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            text = file.read(32).strip() if stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid() else b""
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0


def left_behind(number: int, owners: Sequence[int]) -> List[str]:
    """The files of this display, if its lock is still that of one of `owners` (all, when there are none) or is gone."""
    owner = lock_owner(number)
    if owner and owners and owner not in owners:
        return []
    if not owner and owners:
        # it has tidied up itself; the number may be another's by now, whose lock is on its way
        return []
    return [_socket(number), _lock(number)]


def _socket(number: int) -> str:
    return "%s/X%d" % (SOCKETS, number)


def _lock(number: int) -> str:
    return "/tmp/.X%d-lock" % number
