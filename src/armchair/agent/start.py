"""Starts what the RunSpec says: private directory, files, environment, network and process."""

import errno
import os
import random
import signal
import socket
import stat
import sys
from typing import Dict, List, NamedTuple, Optional, Sequence

from armchair.agent import forward, kernel, leftovers
from armchair.wire import runnable, umask
from armchair.wire.runspec import RunSpec

SOCKET = "app.sock"
LONGEST_SOCKET = 107  # sun_path without its final zero, see unix(7)
ISOLATED_PORT = 8888
NOT_STARTED = 126
ROOM = 1 << 20


class CannotStart(Exception):
    """The application can't be started. `detail` is a code that the portal has words for."""

    def __init__(self, detail: str, message: str) -> None:
        super().__init__(message)
        self.detail = detail


class Application(NamedTuple):
    """A started application: its process, where it listens and the pipe with its output."""

    pid: int
    socket: str
    port: Optional[int]
    output: int


class Place(NamedTuple):
    """The run's directories on this node. `private` is 0700 and short enough for sockets."""

    private: str
    logs: str
    work: str


class Begun(NamedTuple):
    """What came of a start: its place and the application, as far as they could be made, and why there is no more."""

    place: Optional[Place]
    application: Optional[Application]
    trouble: Optional[CannotStart]


def begin(spec: RunSpec, mask: Sequence[int]) -> Begun:
    """`prepare` and `start`."""
    place = None
    try:
        place = prepare(spec)
        return Begun(place, start(spec, place, mask), None)
    except CannotStart as trouble:
        return Begun(place, None, trouble)


def prepare(spec: RunSpec) -> Place:
    """Make the directories and write the RunSpec's files. Raises CannotStart."""
    try:
        private = _private_directory(_short_base())
    except OSError as error:
        raise _trouble(error, "make a directory for the session")
    try:
        leftovers.hold(private)
        for file in spec.files:
            _write(os.path.join(private, file.name), file.content, file.mode)
    except OSError as error:
        _remove(private)
        raise _trouble(error, "write the session's files")
    work = os.path.expanduser(spec.directory)
    if not os.path.isdir(work):
        _remove(private)
        raise CannotStart("home_missing", "The directory %s does not exist on this node." % work)
    return Place(private, _log_directory(spec), work)


def _private_directory(base: str) -> str:
    """A new directory that nobody else may enter. Raises OSError."""
    while True:
        path = os.path.join(base, "armchair-%08x" % random.SystemRandom().getrandbits(32))
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            continue
        return path


def _remove(directory: str) -> None:
    import shutil  # noqa: PLC0415 - brings the compressors with it, and a start that succeeds does not need it

    shutil.rmtree(directory, ignore_errors=True)


def _log_directory(spec: RunSpec) -> str:
    """Where the log goes; "" when it can't be made: an application that runs without a log is better than none."""
    path = os.path.expanduser(spec.log_directory)
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except OSError:
        return ""
    return path


def _short_base() -> str:
    """The first directory of this node that takes files and leaves room for a socket's path; memory when no disk does.

    A login's own directory in memory comes last: it goes with the person's last login to this node, and a job is none.
    """
    for base in (os.environ.get("TMPDIR", ""), "/tmp", "/dev/shm", os.environ.get("XDG_RUNTIME_DIR", "")):
        long = len(os.fsencode(os.path.join(base, "armchair-12345678", SOCKET))) > LONGEST_SOCKET
        if base.startswith("/") and not long and os.access(base, os.W_OK) and _keeps(base) and _has_room(base):
            return base
    return "/tmp"


def _keeps(directory: str) -> bool:
    """Whether nobody else can put something in the place of what is ours there."""
    try:
        found = os.stat(directory)
    except OSError:
        return False
    shared = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return found.st_uid in (0, os.geteuid()) and (not shared or bool(found.st_mode & stat.S_ISVTX))


def _has_room(directory: str) -> bool:
    try:
        found = os.statvfs(directory)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize >= ROOM


def _write(path: str, content: str, mode: int) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode & 0o700)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)


def _trouble(error: OSError, doing: str) -> CannotStart:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CannotStart("disk_full", "There is no space left to %s." % doing)
    return CannotStart("not_executable", "This node could not %s: %s." % (doing, error.strerror))


def start(spec: RunSpec, place: Place, mask: Sequence[int]) -> Application:
    """Start the application in a session (setsid) of its own. `mask`: signals that are blocked here but not there.

    Call it before any thread exists: it forks. Raises CannotStart.
    """
    path = os.path.join(place.private, SOCKET)
    port = _port(spec)
    listener = _listener(path) if spec.transport == "tcp_isolated" else None
    output, sink = os.pipe2(os.O_CLOEXEC)
    heard, tell = os.pipe2(os.O_CLOEXEC)
    argv, environment = argv_of(spec.argv, spec, place), environment_of(spec, place, path, port)
    pid = os.fork()
    if pid == 0:
        try:
            _surround(sink, place.work, mask)
            _become(argv, environment, tell, listener, port)
        except OSError as error:
            os.write(tell, ("not_executable %s: %s" % (place.work, error.strerror)).encode())
        finally:
            os._exit(NOT_STARTED)
    os.close(sink)
    os.close(tell)
    if listener is not None:
        listener.close()
    with os.fdopen(heard, "rb") as pipe:
        trouble = pipe.read().decode("utf-8", "replace")
    if trouble:
        os.waitpid(pid, 0)
        os.close(output)
        detail, _, message = trouble.partition(" ")
        raise CannotStart(detail, message)
    return Application(pid, path, port if spec.transport == "tcp_loopback" else None, output)


def _surround(sink: int, work: str, mask: Sequence[int]) -> None:
    """In the child: a session of its own, no input, output to the pipe, no blocked signals, as files are made, and where."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, mask)
    os.umask(umask.of(os.environ))
    os.chdir(work)


def _become(
    argv: List[str], environment: Dict[str, str], tell: int, listener: Optional[socket.socket], port: Optional[int]
) -> None:
    """In the child: move into a network of its own if `listener` is given, then become the application. Never returns."""
    doing = "not_executable"
    try:
        if listener is not None:
            doing = "no_isolation"
            kernel.show_memory()
            kernel.isolate_network()
            # the forwarder must not hold the pipe that tells of the start
            forwarder = os.fork()
            if forwarder == 0:
                os.close(tell)
                # it never becomes another program: what it remembers is the agent's
                kernel.hide_memory()
                forward.serve(listener, port or ISOLATED_PORT)
            doing = "not_executable"
        # not before: the forwarder's connections break as any others do
        runnable.restore_signals()
        os.execvpe(argv[0], argv, environment)
    except (OSError, ValueError) as error:
        os.write(tell, ("%s %s: %s" % (doing, argv[0], getattr(error, "strerror", error))).encode("utf-8", "replace"))
    finally:
        os._exit(NOT_STARTED)


def _listener(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(256)
    return listener


def _port(spec: RunSpec) -> Optional[int]:
    if spec.transport == "tcp_isolated":
        return ISOLATED_PORT
    if spec.transport != "tcp_loopback":
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        for _ in range(20):
            port = random.SystemRandom().randrange(20000, 60000)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise CannotStart("not_executable", "This node has no free port.")


def argv_of(argv: Sequence[str], spec: RunSpec, place: Place) -> List[str]:
    """What to run: a first word that names one of the RunSpec's files is that file."""
    names = {file.name for file in spec.files}
    first = runnable.words(os.path.join(place.private, argv[0])) if argv[0] in names else [argv[0]]
    return first + list(argv[1:])


def environment_of(spec: RunSpec, place: Place, path: str, port: Optional[int]) -> Dict[str, str]:
    """The job's environment as the RunSpec changes it."""
    environment = {name: text for name, text in os.environ.items() if name not in spec.unset}
    # UTF-8, also where the node's language has no such letters (Python 3.6 without LANG has none but English ones)
    environment.update({name: os.fsdecode(text.encode("utf-8", "replace")) for name, text in spec.environment.items()})
    environment.update(
        {"ARMCHAIR_DIR": place.private, "ARMCHAIR_SOCKET": path, "ARMCHAIR_AGENT_PYTHON": sys.executable or "python3"}
    )
    if port is not None:
        environment["ARMCHAIR_PORT"] = str(port)
    return environment
