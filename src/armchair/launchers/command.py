"""The one subprocess door (I7): argv lists, never a shell, with a time-out, a size cap and a fixed locale."""

import asyncio
import contextlib
import os
import signal
import subprocess  # noqa: TID251 - this module is the door that the ban points to; only DEVNULL and PIPE are used
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from armchair.domain.errors import ArmchairError
from armchair.domain.secret import Secret

LIMIT = 1024 * 1024
TIMEOUT = timedelta(seconds=30)
_BLOCK = 64 * 1024
_PASSING_ON = 2.0  # seconds
_LOGIN_UMASK = 0o022
_FIXED = {"LC_ALL": "C", "TZ": "UTC"}


class CommandError(ArmchairError):
    """A command gave no usable answer. `params` always has `program`."""


class CommandMissing(CommandError):
    """`command_missing`: there is no such program, or it may not be executed. Nothing ran."""


class CommandTimedOut(CommandError):
    """`command_timed_out`: it took longer than `seconds`; its process group was killed. What it did is not known."""


class CommandFailed(CommandError):
    """`command_failed` (`exit_code`, `stderr`) or `command_output_too_long` (`limit`, bytes; it was killed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a command ended. `exit_code` is -N for signal N; the texts are decoded with replacement."""

    program: str
    exit_code: int
    stdout: str
    stderr: str

    def check(self) -> "Completed":
        """The answer itself, when the exit code is 0. Raises CommandFailed otherwise."""
        if self.exit_code != 0:
            raise CommandFailed("command_failed", program=self.program, exit_code=self.exit_code, stderr=self.stderr[-2000:])
        return self


async def run(  # noqa: PLR0913 - one door with few, named ways to open it; a bundle of options would only rename them
    argv: Sequence[str],
    *,
    stdin: bytes | Secret | None = None,
    timeout: timedelta = TIMEOUT,  # noqa: ASYNC109 - the caller's cancel scope can't kill a process group; this does
    limit: int = LIMIT,
    env: Mapping[str, str] | None = None,
    clean: bool = False,
    cwd: str | Path | None = None,
    pass_fds: Sequence[int] = (),
    relayed: bool = False,
) -> Completed:
    """Run `argv` in a process group of its own and wait for its end.

    `env` is added to the portal's environment, or with `clean` is the whole environment as given. `limit` (bytes) bounds
    each of stdout and stderr: a longer output is an error and not cut, since half a listing reads like a whole one (I4).
    Raises CommandMissing, CommandTimedOut, CommandFailed; a non-zero exit code is no error here. When the caller is
    cancelled the process group is killed. `relayed`: the program, such as sudo, runs another one as somebody else, whom only it
    can end: it is asked to before it is killed. That one makes files as after a login, whatever our own are closed to: batch
    jobs inherit this.
    """
    program = Path(argv[0]).name
    environment = dict(env or {}) if clean else {**os.environ, **(env or {}), **_FIXED}
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *argv,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=cwd,
            pass_fds=pass_fds,
            start_new_session=True,
            umask=_LOGIN_UMASK if relayed else -1,
        )
    )
    try:
        process = await _started(starting)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise CommandMissing("command_missing", program=program) from error
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            return await _converse(process, program, stdin, limit)
    except TimeoutError as error:
        raise CommandTimedOut("command_timed_out", program=program, seconds=timeout.total_seconds()) from error
    finally:
        if relayed:
            await _ask_to_end(process)
        await _kill(process)


async def _started(starting: asyncio.Future[asyncio.subprocess.Process]) -> asyncio.subprocess.Process:
    """The process when it has started; when the caller is cancelled meanwhile, it is ended and nothing waits for it.

    Where all tasks are cancelled at once, as at the end of a program, asyncio would wait for ever for a process whose pipes it
    has not connected; a second cancellation ends that wait. The process itself was killed by the first.
    """
    try:
        await asyncio.wait({starting})
    except asyncio.CancelledError:
        for _ in range(2):
            starting.cancel()
            await asyncio.wait({starting}, timeout=1)
        if starting.done() and not starting.cancelled() and starting.exception() is None:
            await _kill(starting.result())
        raise
    return starting.result()


async def _converse(process: asyncio.subprocess.Process, program: str, stdin: bytes | Secret | None, limit: int) -> Completed:
    try:
        async with asyncio.TaskGroup() as tasks:
            stdout = tasks.create_task(_read(process.stdout, program, limit))
            stderr = tasks.create_task(_read(process.stderr, program, limit))
            tasks.create_task(_write(process.stdin, stdin))
    except ExceptionGroup as group:
        # not `except*`: what that raises is wrapped in a group again by some releases of Python 3.11, Debian 12's among them
        failed = group.subgroup(CommandFailed)
        if failed is None:
            raise
        raise failed.exceptions[0] from None
    exit_code = await process.wait()
    return Completed(program=program, exit_code=exit_code, stdout=stdout.result(), stderr=stderr.result())


async def _read(stream: asyncio.StreamReader | None, program: str, limit: int) -> str:
    data = bytearray()
    while stream is not None and (block := await stream.read(_BLOCK)):
        data += block
        if len(data) > limit:
            raise CommandFailed("command_output_too_long", program=program, limit=limit)
    return data.decode("utf-8", "replace")


async def _write(stream: asyncio.StreamWriter | None, data: bytes | Secret | None) -> None:
    if stream is None or data is None:
        return
    # a program may end without having read its input; its exit code says whether that was right
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(data.reveal().encode() if isinstance(data, Secret) else data)
        await stream.drain()
    stream.close()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        await stream.wait_closed()


async def _ask_to_end(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, and a moment to pass it on."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _PASSING_ON
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGTERM)
    while process.returncode is None and loop.time() < until:  # noqa: ASYNC110 - `wait` waits for the pipes too
        await asyncio.sleep(0.02)


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End what is left of a command. Its group is killed only while its leader is unreaped, so the number is still its own."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        except PermissionError:
            # it has become somebody else: nobody waits for what nobody here can end
            process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - as below
            return
    # before the wait: asyncio counts a program as ended only when its pipes are closed, and unread output, or a daemon
    # that kept a pipe, would hold that up for ever; there is no public way to close them
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001
    await process.wait()
