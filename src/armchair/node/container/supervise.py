"""Stays beside a runtime that ends at the first signal, and waits for the program inside."""

import json
import os
import signal
from types import FrameType
from typing import Dict, Optional, Sequence

from armchair.node.container import kernel
from armchair.wire import runnable

LEFT_TO_THE_PROGRAM = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
INFO = "{info}"  # stands in the command for the number of the pipe on which the runtime names the program's process


def run(argv: Sequence[str], environment: Dict[str, str]) -> int:
    """Run the runtime to the end of the program inside; its exit code, or 128 + the number of the signal that ended it.

    Signals come to all of a process group, or to all below a process: the program gets them anyway, and is not to get them
    twice. The runtime may end by them before it; then the program becomes our child.
    """
    kernel.adopt_orphans()
    before = {number: signal.signal(number, _nothing) for number in LEFT_TO_THE_PROGRAM}
    heard, tell = os.pipe()
    os.set_inheritable(tell, True)
    runtime = os.fork()
    if runtime == 0:
        try:
            for number, handler in before.items():
                signal.signal(number, handler or signal.SIG_DFL)
            runnable.restore_signals()
            os.execve(argv[0], [one.replace(INFO, str(tell)) for one in argv], environment)
        finally:
            os._exit(127)
    os.close(tell)
    return _wait(runtime, _program(heard))


def _nothing(_number: int, _frame: Optional[FrameType]) -> None:
    """A handler and not SIG_IGN, which the program would inherit."""


def _wait(runtime: int, program: int) -> int:
    """The end of the program: of the process that the runtime named, or of the runtime when it has outlived that."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == program or (pid == runtime and not (program and _is_child(program))):
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def _is_child(pid: int) -> bool:
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _program(heard: int) -> int:
    """The process that the runtime says the program is; 0 when it says nothing."""
    with os.fdopen(heard, "rb") as pipe:
        text = pipe.read()
    try:
        return int(json.loads(text.decode())["child-pid"])
    except (ValueError, KeyError, TypeError):
        return 0
