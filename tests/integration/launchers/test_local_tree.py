"""The local launcher ends whole trees, holds them to their limits and says what happened."""

import os
import sys
from datetime import timedelta
from pathlib import Path

from armchair.domain.run import JobState, OutcomeKind
from armchair.testing.contract_launcher import ended, fact_of, until


def daemons(count):
    """Python text that leaves `count` doubly forked daemons of sessions of their own, deaf to TERM, and ends."""
    text = (
        "import os,signal,time\n"
        f"for i in range({count}):\n"
        "  if os.fork()==0:\n"
        "    os.setsid()\n"
        "    if os.fork(): os._exit(0)\n"
        "    os.setsid(); signal.signal(15,signal.SIG_IGN); os.environ.clear()\n"
        "    os.closerange(0,9); time.sleep(600)\n"
    )
    return f"{sys.executable} -I -S -c '{text}' $ARMCHAIR_JOB\n"


async def test_what_a_finished_script_left_behind_is_killed(room):
    job = await room.launcher.submit(room.request(daemons(20) + "exit 3\n"))
    end = await ended(room.launcher, job)
    assert (end.kind, end.exit_code) == (None, 3)
    assert not room.processes_with(job.id)
    room.assert_gone()


async def test_cancel_ends_daemons_that_ignore_term(room):
    job = await room.launcher.submit(room.request(daemons(20) + "echo up\nexec sleep 600\n"))
    room.wait_until(lambda: len(room.processes_with(f"ARMCHAIR_JOB={job.id}")) >= 21)
    await room.launcher.cancel(job)
    end = await ended(room.launcher, job)
    assert (end.kind, end.signal) == (OutcomeKind.CANCELLED, 15)
    room.assert_gone()


async def test_a_script_that_ignores_term_is_killed_after_the_grace(room):
    launcher = room.open(grace=timedelta(seconds=1))
    job = await launcher.submit(room.request("trap '' TERM\necho up\nwhile :; do sleep 0.05; done\n"))
    while await launcher.output(job) != "up\n":
        pass
    await launcher.cancel(job)
    assert (await fact_of(launcher, job)).state is JobState.ENDING
    end = await ended(launcher, job)
    assert (end.kind, end.signal) == (OutcomeKind.CANCELLED, 9)
    room.assert_gone()


async def test_a_script_may_clean_up_within_the_grace(room):
    script = "trap 'echo bye; exit 5' TERM\necho up\nwhile :; do sleep 0.05; done\n"
    job = await room.launcher.submit(room.request(script))
    while await room.launcher.output(job) != "up\n":
        pass
    await room.launcher.cancel(job)
    end = await ended(room.launcher, job)
    assert (end.kind, end.exit_code) == (OutcomeKind.CANCELLED, 5)
    assert (await room.launcher.output(job)).endswith("bye\n")
    room.assert_gone()


def sharing(mebibytes, processes):
    """A script whose processes all share one block of memory: RSS counts it for each, PSS once."""
    return (
        f"import os,time,mmap\nm=mmap.mmap(-1,{mebibytes}<<20); m.write(bytes({mebibytes}<<20))\n"
        f"for i in range({processes - 1}):\n  if os.fork()==0: break\n"
        "for p in range(0,len(m),4096): m[p]\n"
        'print("touched",flush=True)\ntime.sleep({})\n'
    )


async def test_shared_memory_counts_once(room):
    script = f"{sys.executable} -I -S -c '{sharing(60, 3).format(2.5)}'\nexit 0\n"
    job = await room.launcher.submit(room.request(script, memory=130 << 20))
    end = await ended(room.launcher, job)
    assert (end.kind, end.exit_code) == (None, 0), "180 MiB of RSS, 60 MiB of PSS, 130 MiB allowed"
    assert (await room.launcher.output(job)).count("touched") == 3
    room.assert_gone()


async def test_a_tree_that_takes_too_much_memory_is_out_of_memory(room):
    text = 'import os,time\nos.fork();os.fork()\nx=bytearray(b"x")*(60<<20)\ntime.sleep(600)\n'
    script = f"{sys.executable} -I -S -c '{text}'\n"
    job = await room.launcher.submit(room.request(script, memory=130 << 20))
    end = await ended(room.launcher, job)
    assert end.kind is OutcomeKind.OUT_OF_MEMORY
    assert end.params["limit"] == 130 << 20
    assert end.params["used"] > 130 << 20
    room.assert_gone()


async def test_memory_is_not_enforced_when_this_is_switched_off(room):
    script = f"{sys.executable} -I -S -c 'import time; x=bytearray(b\"x\")*(60<<20); time.sleep(1.5)'\n"
    launcher = room.open(memory="off")
    job = await launcher.submit(room.request(script, memory=20 << 20))
    assert (await ended(launcher, job)).exit_code == 0
    room.assert_gone()


async def test_walltime_gives_the_grace(room):
    script = "trap 'echo bye; exit 0' TERM\nwhile :; do sleep 0.05; done\n"
    job = await room.launcher.submit(room.request(script, walltime=timedelta(seconds=0.5)))
    end = await ended(room.launcher, job)
    assert (end.kind, end.exit_code) == (OutcomeKind.TIMED_OUT, 0)
    assert (await room.launcher.output(job)).endswith("bye\n")
    room.assert_gone()


async def test_a_flood_is_bounded_and_its_end_kept(room):
    job = await room.launcher.submit(room.request("yes flood | head -c 120000000\necho the end\n"))
    path = room.directory / job.id / "output"
    largest = 0
    while (await fact_of(room.launcher, job)).state is not JobState.ENDED:
        largest = max(largest, path.stat().st_size if path.exists() else 0)
    assert (await room.launcher.output(job)).endswith("flood\nthe end\n")
    assert max(largest, path.stat().st_size) <= 5 * 64 * 1024
    room.assert_gone()


def links(pids):
    """What the descriptors of these processes point to."""
    return [str(entry.readlink()) for pid in pids for entry in Path(f"/proc/{pid}/fd").iterdir()]


async def test_the_secret_is_on_no_disk_and_in_no_arguments_or_environment(room):
    secret = "SECRET-7f3a9c"
    script = f"cat >/dev/null <<E\n{secret}\nE\necho up\nsleep 600 # {secret}\n"
    job = await room.launcher.submit(room.request(script))
    while await room.launcher.output(job) != "up\n":
        pass
    for path in (room.directory / job.id).iterdir():
        assert secret not in path.read_text(errors="replace"), path
    assert not room.processes_with(secret)
    # nobody but the shell that runs it holds the script, once it has opened it
    keepers = room.processes_with(str(room.directory))
    assert len(keepers) == 2
    room.wait_until(lambda: not any("memfd" in link for link in links(keepers)))
    await room.launcher.cancel(job)
    await ended(room.launcher, job)
    room.assert_gone()


async def test_the_job_sees_nothing_of_the_portals_environment(room, monkeypatch):
    monkeypatch.setenv("PORTAL_THING", "x")
    launcher = room.open(environment={"http_proxy": "http://proxy"})
    job = await launcher.submit(room.request("env\nls -l /proc/self/fd | wc -l\n"))
    await ended(launcher, job)
    names = {line.partition("=")[0] for line in (await launcher.output(job)).splitlines() if "=" in line}
    assert {"HOME", "USER", "PATH", "LANG", "SHELL", "TERM", "ARMCHAIR_JOB", "http_proxy"} <= names
    assert names <= {
        "HOME",
        "USER",
        "LOGNAME",
        "PATH",
        "LANG",
        "SHELL",
        "TERM",
        "ARMCHAIR_JOB",
        "http_proxy",
        "XDG_RUNTIME_DIR",
        "PWD",
    }
    assert (await launcher.output(job)).endswith("5\n"), "0, 1, 2 and the listing itself, after the line with the total"
    room.assert_gone()


async def test_a_group_that_can_not_be_made_is_done_without(room, tmp_path):
    launcher = room.open(cgroup=str(tmp_path / "no such group"))
    job = await launcher.submit(room.request("exit 4\n", memory=1 << 30))
    assert (await ended(launcher, job)).exit_code == 4
    room.assert_gone()


async def test_pending_then_running(room):
    job = await room.launcher.submit(room.request("sleep 600\n"))
    fact = await until(room.launcher, job, lambda fact: fact.state is JobState.RUNNING)
    assert (fact.host, fact.uid, fact.restarts) == ("127.0.0.1", os.getuid(), 0)
    await room.launcher.cancel(job, force=True)
    assert (await ended(room.launcher, job)).signal == 9
    room.assert_gone()
