"""The argument lists of what is asked about a cluster as a whole, and about one shape of job. Pure, like commands.py.

`--all`: what only some groups may use is shown too, to a reader who is in none of them. Who may use it is found out here.
"""

from collections.abc import Sequence

from armchair.domain.session import Placement, Resources
from armchair.launchers.slurm.commands import sizes

BAR = "|"


def would_start(resources: Resources, placement: Placement, *, extra: Sequence[str] = (), cluster: str = "") -> list[str]:
    """When a job of this shape would start. Nothing is submitted, but a job id is used up."""
    fixed = ["sbatch", "--test-only", "--export=NONE", "--chdir=/", "--output=/dev/null"]
    return [*fixed, *_on(cluster), *sizes(resources, placement), *extra]


def configuration(cluster: str = "") -> list[str]:
    """The cluster's configuration."""
    return ["scontrol", *_on(cluster), "show", "config"]


def all_of(what: str, cluster: str = "") -> list[str]:
    """All of one kind ("partition", "reservation"), one in a line."""
    return ["scontrol", *_on(cluster), "--all", "--oneliner", "show", what]


def nodes(fields: Sequence[str], cluster: str = "") -> list[str]:
    """Each node in each of its partitions, one in a line."""
    return ["sinfo", "--noheader", "--all", "--Node", *_on(cluster), "-O", ",".join(f"{name}:{BAR}" for name in fields)]


def queue(fields: Sequence[str], separator: str, cluster: str = "") -> list[str]:
    """All jobs that wait or run, arrays in one row."""
    return ["squeue", "--noheader", "--all", *_on(cluster), "-O", ",".join(f"{name}:{separator}" for name in fields)]


def accounting(what: str, fields: Sequence[str], cluster: str = "") -> list[str]:
    """All of one kind in accounting ("qos", "user", "association"), fields separated by bars."""
    where = [f"cluster={cluster}"] if cluster else []
    return ["sacctmgr", "--noheader", "--parsable2", "--readonly", "show", what, *where, f"format={','.join(fields)}"]


def _on(cluster: str) -> list[str]:
    return [f"--clusters={cluster}"] if cluster else []
