"""The one subprocess door: its bounds hold, and what it starts does not outlive them."""

import asyncio
import gc
import os
import sys
import time
from datetime import timedelta

import pytest

from armchair.domain.secret import Secret
from armchair.launchers.command import CommandFailed, CommandMissing, CommandTimedOut, run
from armchair.launchers.shepherd import tree


async def test_texts_and_exit_code():
    completed = await run(["sh", "-c", "cat; printf '\\377' >&2; exit 3"], stdin="grüße".encode())
    assert (completed.exit_code, completed.stdout, completed.stderr) == (3, "grüße", "\ufffd")
    with pytest.raises(CommandFailed) as caught:
        completed.check()
    assert caught.value.params == {"program": "sh", "exit_code": 3, "stderr": "\ufffd"}


@pytest.mark.parametrize(("relayed", "mask"), [(False, "0077"), (True, "0022")])
async def test_what_runs_as_somebody_else_makes_files_as_after_a_login(relayed, mask):
    before = os.umask(0o077)
    try:
        completed = await run(["sh", "-c", "umask"], relayed=relayed)
    finally:
        os.umask(before)
    assert completed.stdout.strip() == mask


async def test_a_secret_goes_to_standard_input():
    assert (await run(["cat"], stdin=Secret("hush"))).check().stdout == "hush"


async def test_locale_and_time_zone_are_fixed_and_the_environment_is_added(monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    text = (await run(["env"], env={"ADDED": "1", "TZ": "Asia/Tokyo"})).stdout.splitlines()
    assert {"LC_ALL=C", "TZ=UTC", "ADDED=1"} <= set(text)
    assert (await run(["/usr/bin/env"], env={"ONLY": "1"}, clean=True)).stdout == "ONLY=1\n"


async def test_no_shell_reads_the_arguments():
    assert (await run(["printf", "%s", "$(id); `id` > x"])).stdout == "$(id); `id` > x"


@pytest.mark.parametrize("program", ["/no/such/program", "no-such-program", "/etc/passwd", "/etc/passwd/x"])
async def test_missing(program):
    with pytest.raises(CommandMissing) as caught:
        await run([program])
    assert caught.value.code == "command_missing"


async def test_a_time_out_kills_the_whole_group(tmp_path):
    script = f"sleep 600 & echo $! > {tmp_path}/pid; wait"
    with pytest.raises(CommandTimedOut) as caught:
        await run(["sh", "-c", script], timeout=timedelta(seconds=0.5))
    assert caught.value.params == {"program": "sh", "seconds": 0.5}
    await _gone(int((tmp_path / "pid").read_text()))


async def test_too_much_output_is_an_error_and_ends_the_program():
    with pytest.raises(CommandFailed) as caught:
        await asyncio.wait_for(run(["yes"], limit=1000), 10)
    assert caught.value.code == "command_output_too_long"


async def test_input_that_nobody_reads():
    assert (await run(["true"], stdin=b"x" * 10_000_000)).exit_code == 0


async def test_a_signal_is_a_negative_exit_code():
    assert (await run(["sh", "-c", "kill -9 $$"])).exit_code == -9


async def test_cancelling_the_caller_ends_the_program(tmp_path):
    task = asyncio.create_task(
        run([sys.executable, "-c", f"import os,time;open('{tmp_path}/pid','w').write(str(os.getpid()));time.sleep(600)"])
    )
    path = tmp_path / "pid"
    await _until(lambda: path.exists() and path.read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _gone(int(path.read_text()))


async def _gone(pid: int) -> None:
    """A killed process that nobody has reaped yet is gone, too."""
    await _until(lambda: (found := tree.stat(pid)) is None or found[2] == "Z")


async def _until(condition) -> None:
    deadline = time.monotonic() + 10
    while True:
        if condition():
            return
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO")  # pipes that asyncio had not connected yet
@pytest.mark.parametrize("steps", range(12))
async def test_a_command_that_is_just_starting_ends_when_all_is_cancelled_at_once(steps: int) -> None:
    """As at the end of the portal: asyncio alone would wait for ever for a process whose pipes it has not connected."""
    before = asyncio.all_tasks()
    task = asyncio.create_task(run(["sleep", "600"]))
    for _ in range(steps):
        await asyncio.sleep(0)
    rest = asyncio.all_tasks() - before
    for one in rest:
        one.cancel()
    async with asyncio.timeout(10):
        await asyncio.wait(rest)
    assert task.cancelled()
    gc.collect()
