"""Start-up of a job's keepers: starter (ends at once) → guard → shepherd → the job's leader, `/bin/sh` on the script.

The guard does nothing but outlive the shepherd: if that is killed, the job's processes become the guard's children, and it
ends them and says so. All three hold the job's lock, so "locked" means "somebody still keeps this job".
The script comes as an anonymous memory file: its text, which holds a secret, is never on a disk.
"""

# pathlib takes longer to import than the rest of the keeper to start; exec without a shell in between is meant
# ruff: noqa: PTH110, PTH115, PTH118, PTH208, S606

import ctypes
import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Callable

from armchair.launchers.shepherd import files, tree
from armchair.launchers.shepherd.group import Group, own
from armchair.launchers.shepherd.keeper import CANCELLED, Keeper, Limits
from armchair.launchers.shepherd.output import Output

EXIT_DISK_FULL = 75
_PDEATHSIG, _SUBREAPER = 1, 36
_RESERVED = 2048
_OPEN_WITHIN = 5.0

Checkpoint = Callable[[str], None]


def main() -> None:
    """`-c` entry: argv is the job's directory, the lock's and the script's descriptor."""
    start(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), lambda _point: None)


def start(directory: str, lock: int, script: int, checkpoint: Checkpoint) -> None:
    """Put the keepers in place, then end this process: 0 when they have taken hold, else a sentence on standard error.

    `checkpoint` is called with a name before each step that leaves a trace.
    """
    heard, tell = os.pipe2(os.O_CLOEXEC)
    for descriptor in (lock, script):
        os.set_inheritable(descriptor, False)
    checkpoint("guard")
    if os.fork():
        os.close(tell)
        os._exit(_answer(os.read(heard, 4096)))
    os.close(heard)
    os.setsid()
    _leave_terminal()
    _guard(directory, script, tell, checkpoint)
    os._exit(0)


def _answer(message: bytes) -> int:
    if message == b"+":
        return 0
    code, _, text = message.decode("utf-8", "replace").partition(" ")
    os.write(2, (text or "the keeper of the job ended before it took hold").encode())
    return EXIT_DISK_FULL if code in {str(errno.ENOSPC), str(errno.EDQUOT)} else 1


def _leave_terminal() -> None:
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor, inheritable=True)


def _guard(directory: str, script: int, tell: int, checkpoint: Checkpoint) -> None:
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    _prctl(_SUBREAPER, 1)
    guard = os.getpid()
    checkpoint("shepherd")
    shepherd = os.fork()
    if shepherd == 0:
        _shepherd(directory, script, tell, guard, checkpoint)
        os._exit(0)
    os.close(script)
    os.close(tell)
    while os.waitpid(-1, 0)[0] != shepherd:
        continue
    if files.read_json(os.path.join(directory, files.END)) is None and _held(directory):
        _kill_all()
        _write_end(directory, {"at": time.time(), "kind": "", "detail": "shepherd_killed"})


def _held(directory: str) -> bool:
    """Whether the job was ever started; a job that failed to start is the submitter's to tell of."""
    return os.path.exists(os.path.join(directory, files.STATE))


def _kill_all() -> None:
    while True:
        for pid in tree.descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        time.sleep(0.005)


def _shepherd(directory: str, script: int, tell: int, guard: int, checkpoint: Checkpoint) -> None:
    try:
        job = files.read_json(os.path.join(directory, files.JOB)) or {}
        _prctl(_SUBREAPER, 1)
        checkpoint("reserve")
        files.reserve(os.path.join(directory, files.END), _RESERVED)
        group = _group(job)
        source, sink = os.pipe2(os.O_CLOEXEC)
        checkpoint("leader")
        leader, gate = _fork_leader(job, script, sink, group)
        os.close(sink)
        keeper = Keeper(directory, Limits(job), leader, Output(source, os.path.join(directory, files.OUTPUT)), group)
        checkpoint("state")
        files.write_json(os.path.join(directory, files.STATE), _state(guard, leader))
    except OSError as error:
        os.write(tell, f"{error.errno} {error}".encode())
        os._exit(1)  # the gate closes: the leader ends without having run anything
    checkpoint("told")
    os.write(tell, b"+")
    os.close(tell)
    # written after state.json and read here: whoever cancels sees the state and signals, or is seen here
    cancelled = files.read_text(os.path.join(directory, files.CANCEL)) is not None
    if not cancelled:
        checkpoint("gate")
        _open_gate(gate, leader, script)
    gate.close()
    end = keeper.run()
    if cancelled:
        end.update(kind=CANCELLED, exit_code=None, signal=None)  # the script never ran
    if group is not None:
        group.remove()
    checkpoint("end")
    _write_end(directory, end)
    checkpoint("ended")


def _write_end(directory: str, end: dict[str, object]) -> None:
    try:
        files.fill(os.path.join(directory, files.END), end)
    except OSError:
        return  # the directory has gone or is read-only; whoever looks finds the lock free and draws the conclusion


def _group(job: dict[str, object]) -> Group | None:
    wish, memory = job.get("cgroup"), job.get("memory")
    parent = str(wish) if wish else own()
    return Group.make(parent, str(job.get("id")), memory if isinstance(memory, int) else None) if parent else None


def _state(guard: int, leader: int) -> dict[str, object]:
    keepers = {"guard": guard, "shepherd": os.getpid(), "leader": leader}
    known = {name: [pid, found[3]] for name, pid in keepers.items() if (found := tree.stat(pid))}
    return {**known, "boot_id": tree.boot_id(), "started_at": time.time(), "extends": True}


def _fork_leader(job: dict[str, object], script: int, sink: int, group: Group | None) -> tuple[int, socket.socket]:
    """Fork the process that becomes the script; it waits at a gate, and ends if the shepherd does before opening it."""
    gate, inside = socket.socketpair()
    shepherd = os.getpid()
    leader = os.fork()
    if leader:
        inside.close()
        return leader, gate
    try:
        gate.close()
        os.setsid()
        _prctl(_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != shepherd or inside.recv(1) != b"+":
            os._exit(1)
        if group is not None:
            group.join()
        for number in range(1, signal.NSIG):
            if number not in {signal.SIGKILL, signal.SIGSTOP, 32, 33}:
                signal.signal(number, signal.SIG_DFL)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        environment = {**os.environ, "ARMCHAIR_JOB": str(job.get("id"))}
        os.execve("/bin/sh", ["sh", f"/proc/{shepherd}/fd/{script}"], environment)
    except OSError as error:
        os.write(2, f"The job's script can't be started: {error}\n".encode())
    finally:
        os._exit(126)


def _open_gate(gate: socket.socket, leader: int, script: int) -> None:
    """Let the leader run, and close our descriptor of the script as soon as the shell has opened its own.

    The leader's end of the gate closes when it becomes the shell; only then do its descriptors tell.
    """
    mine = os.readlink(f"/proc/self/fd/{script}")
    try:
        gate.send(b"+")
        gate.recv(1)
    except OSError:
        return
    deadline = time.monotonic() + _OPEN_WITHIN
    while time.monotonic() < deadline and (found := tree.stat(leader)) and found[2] not in "ZX":
        if mine in _links(leader):
            break
        time.sleep(0.0005)
    os.close(script)


def _links(pid: int) -> list[str]:
    try:
        return [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return []  # it has ended, or a descriptor was closed while we read: asked again


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")
