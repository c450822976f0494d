"""Whether anybody uses the session: input from the browser, load, and the application's own word, looked at once a minute."""

import os
import re
import shutil
import signal
import subprocess  # noqa: TID251 - the agent has no other door: it is carried alone
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Sequence

from armchair.agent import usage
from armchair.wire.messages import Activity

WINDOW = 60.0
PATIENCE = 10.0
MOST_OUTPUT = 4096
# what waits for jobs that this session started elsewhere
LAUNCHERS = frozenset({"srun", "salloc", "sbatch", "mpirun", "mpiexec"})


class Watch:
    """Tells `tell` of each window. `asks`: argv of the application's own script, () when it has none.

    That script prints `busy` or `idle`; anything else, an error or no answer in time means that it can't be told.
    """

    def __init__(
        self,
        count_input: Callable[[], int],
        asks: Sequence[str],
        environment: Dict[str, str],
        tell: Callable[[Activity], None],
        window: float = WINDOW,
    ) -> None:
        self._count_input, self._asks, self._environment, self._tell = count_input, list(asks), environment, tell
        self._meter = usage.Meter(os.getpid())
        self._window = window

    def run(self, over: threading.Event) -> None:
        """Until `over`. For a thread of its own."""
        before = self._count_input()
        self._meter.read(time.monotonic())
        while not over.wait(self._window):
            busy = self._busy()
            gpu = gpu_share(os.environ)
            cpu, _memory = self._meter.read(time.monotonic())
            now = self._count_input()
            self._tell(Activity(now - before, round(cpu, 3), gpu, busy))
            before = now

    def _busy(self) -> Optional[bool]:
        if has_launchers(usage.descendants(os.getpid())):
            return True
        if not self._asks:
            return False
        words = (answer(self._asks, self._environment) or "").split()
        return {"busy": True, "idle": False}.get(words[0] if words else "")


def has_launchers(pids: List[int]) -> bool:
    """Whether one of these processes waits for a job of its own."""
    for pid in pids:
        try:
            with open("/proc/%d/comm" % pid, "rb") as file:
                name = file.read().strip().decode("utf-8", "replace")
        except OSError:
            continue
        if name in LAUNCHERS:
            return True
    return False


def gpu_share(environment: Any) -> Optional[float]:
    """The share of its GPUs that is in use, from 0 to 1; None where that can't be known."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    chosen = environment.get("CUDA_VISIBLE_DEVICES", "")
    ids = ["--id=" + chosen] if re.match(r"^[A-Za-z0-9,-]+$", chosen) else []
    text = answer([tool, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"] + ids, dict(environment))
    shares = [int(line) for line in (text or "").split() if line.isdigit()]
    return min(1.0, sum(shares) / len(shares) / 100.0) if shares else None


def answer(argv: List[str], environment: Dict[str, str]) -> Optional[str]:
    """What a program prints, at most MOST_OUTPUT bytes; None when it can't be run or is late. Kills what it started."""
    # the program inherits what this thread holds back, and a shell that hears of no child's end waits for ever
    held = signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    try:
        process = subprocess.Popen(  # noqa: S603 - argv of the RunSpec
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    late = threading.Timer(PATIENCE, _kill, [process.pid])
    late.start()
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        data = process.stdout.read(MOST_OUTPUT)
    finally:
        stopped = not late.is_alive()
        late.cancel()
        _kill(process.pid)
        process.stdout.close()  # type: ignore[union-attr]  # it is a pipe
        process.wait()
    return None if stopped else data.decode("utf-8", "replace")


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass
