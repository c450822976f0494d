"""The argument lists of every Slurm command that the launcher uses. Pure; no secret is ever in one.

A site's helper lets exactly these through for a person: `submit`, `cancel` and `extend`, with options written as here.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from armchair.domain.session import Placement, Resources
from armchair.launchers.slurm.parse import ACCOUNTING_FIELDS, QUEUE_FIELDS

_MIB = 1024 * 1024
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_NAME_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What `submit` writes down. `name` and `token` are safe words already (`job_name`, marks.encode)."""

    name: str
    token: str
    resources: Resources
    placement: Placement
    warning: timedelta = timedelta(0)
    requeue: bool = False
    extra: Sequence[str] = ()


def submit(wanted: Submission, cluster: str = "") -> list[str]:
    """A job, its script on standard input; prints `JOBID` or `JOBID;CLUSTER`.

    The job starts in `/` and writes to /dev/null, because a working or output directory that the node lacks ends a job without
    a word: the script itself goes home and opens its output file (script.py).
    """
    return [
        "sbatch",
        "--parsable",
        "--export=NONE",
        "--chdir=/",
        "--output=/dev/null",
        f"--job-name={wanted.name}",
        f"--comment={wanted.token}",
        "--requeue" if wanted.requeue else "--no-requeue",
        *_on(cluster),
        *sizes(wanted.resources, wanted.placement),
        *([f"--signal=B:USR1@{math.ceil(wanted.warning.total_seconds())}"] if wanted.warning > timedelta(0) else []),
        *wanted.extra,
    ]


def sizes(resources: Resources, placement: Placement) -> list[str]:
    """The options of sbatch that say how much and where; an estimate is asked for with the same ones."""
    options = ["--nodes=1", "--ntasks=1", f"--cpus-per-task={resources.cores}"]
    if resources.memory is not None:
        options.append(f"--mem={math.ceil(resources.memory / _MIB)}M")
    if resources.walltime is not None:
        options.append(f"--time={minutes(resources.walltime)}")
    if resources.gpus:
        kind = f"{placement.gpu_type}:" if placement.gpu_type else ""
        options.append(f"--gres=gpu:{kind}{resources.gpus}")
    names = {
        "partition": placement.partition,
        "account": placement.account,
        "qos": placement.qos,
        "reservation": placement.reservation,
    }
    return [*options, *(f"--{option}={value}" for option, value in names.items() if value)]


def cancel(job: str, cluster: str = "") -> list[str]:
    """The job's end: SIGTERM for all that the job started, and SIGKILL after the cluster's KillWait."""
    return ["scancel", *_on(cluster), job]


def extend(job: str, walltime: timedelta, cluster: str = "") -> list[str]:
    """The job's time limit, counted from its start; only operators may make it longer."""
    return ["scontrol", *_on(cluster), "update", f"JobId={job}", f"TimeLimit={minutes(walltime)}"]


def queue(separator: str, jobs: Sequence[str] = (), *, user: str = "", basic: bool = False, cluster: str = "") -> list[str]:
    """The job list with each field ended by `separator`: of these jobs, of one user, or all; jobs that just ended included.

    Without `--all` the controller leaves out, of anybody's and one's own, the jobs in partitions that are hidden or that a
    group keeps the reader out of: it would look as if they were gone.
    """
    if basic:
        fields = ["-o", "".join(f"{letter}{separator}" for _, letter in QUEUE_FIELDS if letter)]
    else:
        fields = ["-O", ",".join(f"{name}:{separator}" for name, _ in QUEUE_FIELDS)]
    chosen = [f"--jobs={','.join(jobs)}"] if jobs else [f"--user={user}"] if user else []
    return ["squeue", "--noheader", "--all", "--states=all", *_on(cluster), *chosen, *fields]


def accounting(separator: str, *, jobs: Sequence[str] = (), user: str = "", since: datetime, cluster: str = "") -> list[str]:
    """What accounting has of these jobs, or of one user's, without their steps, with all the times a job was queued again."""
    chosen = [f"--jobs={','.join(jobs)}"] if jobs else [f"--user={user}"] if user else ["--allusers"]
    return [
        "sacct",
        "--noheader",
        "--allocations",
        "--duplicates",
        "--parsable",
        f"--delimiter={separator}",
        f"--starttime={since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
        *_on(cluster),
        *chosen,
        f"--format={','.join(ACCOUNTING_FIELDS)}",
    ]


def show_job(job: str, cluster: str = "") -> list[str]:
    """One job as the controller knows it, in one line."""
    return ["scontrol", *_on(cluster), "--oneliner", "show", "job", job]


def show_config(cluster: str = "") -> list[str]:
    """The cluster's configuration."""
    return ["scontrol", *_on(cluster), "show", "config"]


def admin_level(user: str) -> list[str]:
    """What an account may do in accounting."""
    return ["sacctmgr", "--noheader", "--parsable2", "show", "user", user, "format=adminlevel"]


def standing(user: str) -> list[str]:
    """What an account may do in accounting, and for which group accounts it is a coordinator."""
    return [*admin_level(user)[:-1], "withcoordinators", "format=adminlevel,coordinators"]


def node_addresses(separator: str, nodes: Sequence[str], cluster: str = "") -> list[str]:
    """Under which address the controller reaches these nodes; none given: all."""
    fields = f"NodeList:{separator},NodeAddr:{separator}"
    chosen = [f"--nodes={','.join(nodes)}"] if nodes else []
    return ["sinfo", "--noheader", "--all", "--Node", *_on(cluster), *chosen, "-O", fields]


def minutes(span: timedelta) -> int:
    """Whole minutes, rounded up: Slurm counts no shorter limits."""
    return max(1, math.ceil(span.total_seconds() / 60))


def job_name(name: str, token: str) -> str:
    """The job's name: what people read in squeue, a colon, and the mark once more, for where the comment is lost."""
    return f"{_UNSAFE.sub('-', name)[:_NAME_LIMIT].strip('-') or 'armchair'}:{token}"


def _on(cluster: str) -> list[str]:
    return [f"--clusters={cluster}"] if cluster else []
