"""Where the parts of cluster number N are: paths, addresses and ports, so that ten clusters can live on one machine."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from cluster.names import NODES

INSTANCES = range(10)
BASE = Path(os.environ.get("ARMCHAIR_CLUSTER_BASE", "/tmp"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Everything that follows from the instance number alone. Nothing here touches the machine."""

    instance: int

    def __post_init__(self) -> None:
        if self.instance not in INSTANCES:
            raise ValueError(f"cluster instances are 0 to {INSTANCES[-1]}, not {self.instance}")

    @property
    def run(self) -> Path:
        """The run directory; all parents must be open (o+x) to the users slurm and munge."""
        return BASE / f"armchair-cluster-{self.instance}"

    @property
    def lock(self) -> Path:
        return BASE / f".armchair-cluster-{self.instance}.lock"

    @property
    def conf(self) -> Path:
        return self.run / "slurm.conf"

    @property
    def hierarchies(self) -> Path:
        """Where control groups of version 1 are: the machine's own, or where it has none, a mount in the run directory."""
        machines = Path("/sys/fs/cgroup")
        return machines if (machines / "freezer" / "release_agent").exists() else self.run / "cgroup"

    @property
    def munge_socket(self) -> Path:
        return self.run / "munge" / "socket"

    @property
    def database_socket(self) -> Path:
        return self.run / "db" / "socket"

    @property
    def jwt_key(self) -> Path:
        return self.run / "jwt_hs256.key"

    def log(self, daemon: str) -> Path:
        return self.run / "log" / f"{daemon}.log"

    def pid_file(self, daemon: str) -> Path:
        return self.run / "pid" / daemon

    @property
    def own_pace(self) -> Path:
        """The mark of a cluster whose controller keeps Slurm's own pace."""
        return self.run / "own-pace"

    @property
    def name(self) -> str:
        """The cluster's name in Slurm."""
        return f"armchair{self.instance}"

    @property
    def bridge(self) -> str:
        return f"armchair{self.instance}"

    def link(self, node: str) -> str:
        """The host's end of the cable to a node."""
        return f"arm{self.instance}{node}"

    @property
    def subnet(self) -> str:
        return f"10.77.{self.instance}.0/24"

    @property
    def controller_address(self) -> str:
        """The host as slurmctld and slurmdbd see it."""
        return f"10.77.{self.instance}.1"

    @property
    def host_address(self) -> str:
        """The host as the portal uses it: another address, so that it can be cut off without cutting Slurm."""
        return f"10.77.{self.instance}.2"

    @property
    def nodes(self) -> dict[str, str]:
        """Node name to address."""
        return {name: f"10.77.{self.instance}.{11 + place}" for place, name in enumerate(NODES)}

    @property
    def host_name(self) -> str:
        return socket.gethostname().split(".")[0]

    def port(self, daemon: str) -> int:
        return 16810 + 10 * self.instance + ("slurmctld", "slurmd", "slurmdbd", "slurmrestd").index(daemon)

    @property
    def first_job(self) -> int:
        """Job numbers differ between clusters: their slurmd share one machine's control groups, whose names hold them."""
        return 1 + 1_000_000 * self.instance
