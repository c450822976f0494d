"""The control groups of one cluster's jobs. All slurmd of the machine share its hierarchies.

slurmd names a group `slurm_<node>/uid_<uid>/job_<number>`. Two clusters have the same node names and users, but never
the same job numbers. A group of ours in each user's group keeps one cluster from removing it under the other.
"""

import contextlib
import os
import pwd
import signal
from collections.abc import Iterator
from pathlib import Path

from cluster.layout import Layout
from cluster.names import NODES, PEOPLE
from cluster.processes import send
from cluster.shell import run, wait_until


def prepare(layout: Layout) -> None:
    """Mount the freezer where the machine itself does not, and make the groups that keep others."""
    freezer = layout.hierarchies / "freezer"
    if not freezer.exists():
        freezer.mkdir(parents=True)
        run(["mount", "-t", "cgroup", "-o", "freezer", "armchair", freezer])
    for kind in _kinds(layout):
        for node in NODES:
            for person in PEOPLE:
                keep = layout.hierarchies / kind / f"slurm_{node}" / f"uid_{pwd.getpwnam(person.name).pw_uid}" / layout.name
                keep.mkdir(parents=True, exist_ok=True)


def kill_jobs(layout: Layout) -> None:
    """Kill all processes of this cluster's jobs, also those that moved to namespaces of their own. Not slurmstepd."""
    for pid in set(_processes(layout)):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() != "slurmstepd":
                send(pid, signal.SIGKILL)


def thaw(layout: Layout) -> None:
    """Suspended jobs are frozen, and what is frozen does not even die."""
    for job in _jobs(layout):
        for state in _files(job, "freezer.state"):
            with contextlib.suppress(OSError):
                state.write_text("THAWED")


def _processes(layout: Layout) -> Iterator[int]:
    for job in _jobs(layout):
        for procs in _files(job, "cgroup.procs"):
            with contextlib.suppress(OSError):
                yield from (int(line) for line in procs.read_text().split())


def _files(group: Path, name: str) -> Iterator[Path]:
    for folder, _, _ in os.walk(group):  # unlike rglob it does not mind that groups vanish meanwhile
        yield Path(folder, name)


def remove(layout: Layout) -> None:
    """Remove its groups, and the shared ones above them when nobody else is in them."""
    for job in _jobs(layout):
        for group in sorted((Path(folder) for folder, _, _ in os.walk(job)), reverse=True):
            wait_until(lambda group=group: _removed(group), f"{group} is empty", 10)
    for kind in _kinds(layout):
        for node in NODES:
            top = layout.hierarchies / kind / f"slurm_{node}"
            for user in top.glob("uid_*"):
                _removed(user / layout.name)
                _removed(user)
            _removed(top / "system")
            _removed(top)
    if layout.hierarchies.is_relative_to(layout.run) and (layout.hierarchies / "freezer").is_mount():
        run(["umount", layout.hierarchies / "freezer"])


def _jobs(layout: Layout) -> list[Path]:
    found = [job for kind in _kinds(layout) for job in (layout.hierarchies / kind).glob("slurm_*/uid_*/job_*")]
    first = layout.first_job
    return [job for job in found if first <= int(job.name.removeprefix("job_")) < first + 1_000_000]


def _kinds(layout: Layout) -> list[str]:
    return [kind for kind in ("freezer", "memory") if (layout.hierarchies / kind).is_dir()]


def _removed(group: Path) -> bool:
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()
