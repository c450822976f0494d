"""What is called how in every test cluster: people, accounts, nodes, partitions, QOS."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An ordinary Unix user of this machine. `accounts` are those in Slurm, the first is the default; none = unknown there."""

    name: str
    password: str
    accounts: tuple[str, ...]


ALICE = Person(name="armalice", password="armchair-alice", accounts=("genomics", "physics"))
BOB = Person(name="armbob", password="armchair-bob", accounts=("physics",))
CAROL = Person(name="armcarol", password="armchair-carol", accounts=())
PEOPLE = (ALICE, BOB, CAROL)
GROUP = "armchair-users"

ACCOUNTS = ("genomics", "physics")
SMALL_QOS = "small"
SMALL_MAX_WALL = "01:00:00"
SMALL_MAX_CPUS = 4

CPU_NODES = ("node1", "node2", "node3")
GPU_NODE = "gpu1"
NODES = (*CPU_NODES, GPU_NODE)
CPUS_PER_NODE = 64
MEMORY_PER_NODE = 64000  # MiB
GPUS = {"a100": 2, "t4": 2}

PARTITIONS = {
    "short": "Nodes=node[1-3] Default=YES MaxTime=04:00:00 DefaultTime=00:30:00 PriorityTier=10 PriorityJobFactor=100",
    "long": "Nodes=node[1-3] MaxTime=2-00:00:00 DefaultTime=08:00:00 PriorityTier=5 PriorityJobFactor=10",
    "gpu": "Nodes=gpu1 MaxTime=1-00:00:00 DefaultTime=00:30:00 PriorityTier=10",
    "scavenge": "Nodes=node[1-3] MaxTime=7-00:00:00 DefaultTime=00:30:00 PriorityTier=1 PreemptMode=REQUEUE",
}
