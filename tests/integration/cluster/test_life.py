"""A cluster comes from nothing and leaves nothing behind, however its test session ended."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.claim import spare
from cluster.layout import Layout
from cluster.names import ALICE
from cluster.rig import Cluster
from cluster.shell import ClusterError, run, start, wait_until

pytestmark = pytest.mark.timeout(240)
TESTS = Path(__file__).parents[2]


def traces(layout: Layout) -> Iterator[str]:
    """Whatever of a cluster is to be found on this machine."""
    if layout.run.exists():
        yield str(layout.run)
    marks = (f"{layout.run}/".encode(), f"SLURM_CLUSTER_NAME={layout.name}".encode())
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if any(mark in words for mark in marks) and int(process.name) != os.getpid():
                yield words.replace(b"\0", b" ").decode(errors="replace")[:200]
    yield from (line for line in Path("/proc/mounts").read_text().splitlines() if str(layout.run) in line)
    yield from (
        str(path) for path in Path("/sys/class/net").iterdir() if path.name.startswith((layout.bridge, layout.link("")))
    )
    cgroups = layout.hierarchies
    yield from (str(path) for path in cgroups.glob(f"*/slurm_*/uid_*/{layout.name}"))
    yield from (
        str(path)
        for path in cgroups.glob("*/slurm_*/uid_*/job_*")
        if layout.first_job <= int(path.name.removeprefix("job_")) < layout.first_job + 1_000_000
    )
    with contextlib.suppress(FileNotFoundError):
        yield from (line for line in Path("/etc/hosts").read_text().splitlines() if layout.nodes["node1"] in line)


def check_gone(layout: Layout) -> None:
    """Nothing of it is left, once the kernel has buried its dead: a killed process can still be seen for a moment."""
    with contextlib.suppress(ClusterError):
        wait_until(lambda: next(traces(layout), None) is None, "nothing is left")
    assert sorted(traces(layout)) == []


def test_from_nothing_to_the_first_job_and_back_to_nothing() -> None:
    with spare() as cluster:
        job = cluster.submit(
            # what is hard to find again: another session, other namespaces
            script="setsid --fork sleep 600; unshare --user --map-root-user --net --mount sleep 600 & wait",
            user=ALICE.name,
        )
        cluster.wait_job(job, "RUNNING")
        node = cluster.job(job)["BatchHost"]
        wait_until(lambda: len(cluster.exec_on(node, ["pgrep", "-x", "sleep"]).stdout.split()) >= 2, "both children run")
        cluster.run(["scontrol", "suspend", job])
        cluster.wait_job(job, "SUSPENDED")
        assert set(traces(cluster.layout))
    check_gone(cluster.layout)


SESSION = """
import os, signal, sys
from pathlib import Path

# whoever runs tests in the background of a shell hands down that it is ignored
signal.signal(signal.SIGINT, signal.default_int_handler)

def test_waits_for_ever(slurm):
    Path(os.environ["SAYS"]).write_text(str(slurm.layout.instance))
    sys.stdin.read()
    import time
    time.sleep(600)
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[tuple[int, Cluster]]:
    """A test session in another process that has a cluster, and that cluster."""
    (tmp_path / "conftest.py").write_text("from cluster.fixtures import clean_slurm, slurm\n")
    (tmp_path / "test_it.py").write_text(SESSION)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {TESTS}\n")
    says = tmp_path / "instance"
    argv = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", tmp_path]
    pid = start(argv, env={"SAYS": str(says)}, log=tmp_path / "log")
    try:
        wait_until(lambda: says.exists() and says.read_text() != "", "the session has its cluster", 60)
        yield pid, Cluster(int(says.read_text()))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def ended(pid: int) -> bool:
    return os.waitpid(pid, os.WNOHANG)[0] == pid


def test_an_interrupted_session_takes_its_cluster_down(session: tuple[int, Cluster]) -> None:
    pid, cluster = session
    assert cluster.is_up()
    os.kill(pid, signal.SIGINT)
    wait_until(lambda: ended(pid), "the session ends", 60)
    check_gone(cluster.layout)


def test_what_a_killed_session_left_is_taken_over_by_the_next(session: tuple[int, Cluster]) -> None:
    pid, cluster = session
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: ended(pid), "the session ends")
    assert cluster.is_up()

    with spare() as mine:
        assert mine.layout.instance == cluster.layout.instance
    check_gone(cluster.layout)


def test_a_cluster_in_use_is_not_taken_down_by_a_command(slurm: Cluster) -> None:
    command = [sys.executable, TESTS / "cluster" / "cluster.py", "down", "--instance", str(slurm.layout.instance)]
    refused = run(command, check=False)

    assert refused.returncode == 1
    assert "a test session uses cluster" in refused.stderr
    assert slurm.is_up()
