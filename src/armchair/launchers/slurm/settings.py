"""What can be set for a Slurm cluster."""

from datetime import timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Accounting(StrEnum):
    """Whether there is accounting (slurmdbd) to ask about jobs that the controller has forgotten."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Reach(StrEnum):
    """How the gateway comes to a session on a node."""

    DIRECT = "direct"
    HUB = "hub"


class SlurmSettings(BaseModel):
    """Settings of one cluster whose launcher is `slurm`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quick_seconds: float = Field(
        default=1.0, ge=0.2, le=60, description="Seconds between two queries while a session is about to begin or end."
    )
    queue_seconds: float = Field(
        default=1.2,
        ge=0.5,
        le=300,
        description="Seconds between two queries while a session is queued or starts, for all sessions together; "
        "no less than 5 when nothing has happened for about two minutes.",
    )
    calm_seconds: float = Field(
        default=30.0,
        ge=1,
        le=600,
        description="Seconds between two queries while all sessions are ready. Agents tell what happens in between.",
    )
    queries_per_minute: int = Field(
        default=60,
        ge=30,
        le=600,
        description="The most looks at the queue in any minute, whatever happens. Those that somebody waits for go first.",
    )
    estimates_per_minute: int = Field(
        default=6,
        ge=0,
        le=120,
        description="How often in a minute, at most, the scheduler is asked when something would start "
        "(`sbatch --test-only`), whatever the number of people who look. Each time uses up a job id. 0: never.",
    )
    agent_interface: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_.:/-]*$",
        description="The network interface of a node that agents listen on, by name (`ib0`) or by its network "
        "(`10.1.0.0/16`); `node_address` must lead there. Empty: all of them; nobody but the gateway's certificate is let in.",
    )
    agent_ports: tuple[int, int] | None = Field(
        default=None,
        description="First and last port of the range that agents listen on, as the nodes' firewall lets in. Empty: any port.",
    )
    portal_address_from_nodes: str = Field(
        default="",
        description="Where nodes reach the portal's agents listener, as https://ADDRESS:PORT. "
        "Empty: at `gateway.agents_listen`.",
    )
    reach: Reach = Field(
        default=Reach.DIRECT,
        description="How sessions are reached. 'direct': the gateway connects to the node. 'hub': the agent connects out to "
        "`hub.listen`, for nodes that the gateway can't reach.",
    )
    portal_wait: timedelta = Field(
        default=timedelta(minutes=10),
        ge=timedelta(seconds=1),
        description="How long a job that has started tries to reach the portal before it ends: longer than a restart of the "
        "portal takes, and not so long that a node without a way to it wastes much.",
    )
    slurm_conf: str = Field(
        default="",
        description="The configuration file of a cluster that this machine does not belong to by default. "
        "Empty: what SLURM_CONF says, else where Slurm looks by itself.",
    )
    bin_directory: str = Field(
        default="", description="Where sbatch, squeue and the others are, if they are not on the PATH of the portal."
    )
    cluster: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_.-]*$",
        description="The cluster's name in Slurm (option -M), for one of several that share their accounting. "
        "Empty: the one that this machine belongs to.",
    )
    extra_args: tuple[str, ...] = Field(
        default=(),
        description="More options for sbatch, for all jobs, such as `--constraint=login` or `--wckey=web`. "
        "They come last and so win over the portal's own.",
    )
    requeue: bool = Field(
        default=False,
        description="Whether Slurm may start a session's job anew by itself, after a node failure or preemption. "
        "Off, because a session that begins again while its owner is away uses their allocation for nothing.",
    )
    default_memory_mib: int = Field(
        default=0,
        ge=0,
        description="The memory of jobs whose size says none, in MiB, where the cluster's own default is too small. "
        "0: the cluster's.",
    )
    default_walltime: timedelta = Field(
        default=timedelta(0),
        ge=timedelta(0),
        description="The time limit of jobs whose size says none, where the partition's own default does not fit sessions. "
        "0s: the partition's.",
    )
    enforces_memory: bool = Field(
        default=True,
        description="Whether the cluster ends a job that takes more memory than it asked for, as with ConstrainRAMSpace or "
        "OverMemoryKill. If not, the agent does.",
    )
    node_address: str = Field(
        default="{address}",
        pattern=r"^[A-Za-z0-9{}._:-]+$",
        description="The name or address at which the gateway reaches a node, made from `{node}`, its name, and `{address}`, "
        "the address that Slurm itself uses. `{node}.ib.example.org` for a network of its own.",
    )
    output_directory: str = Field(
        default="~/.local/state/armchair/jobs",
        pattern=r"^(~|/)[A-Za-z0-9._/-]*(\{user\})?[A-Za-z0-9._/-]*$",
        description="Where a job keeps what its script says, which matters when the agent could not report: a directory that "
        "node and portal share. `/scratch/{user}/armchair` where nodes do not see the home directories.",
    )
    accounting: Accounting = Field(
        default=Accounting.AUTO,
        description="Whether sacct may be asked about jobs that the controller has forgotten. 'auto': if the cluster's "
        "configuration says that there is accounting; 'on': always; 'off' where it is too slow to be asked.",
    )
    query_timeout: timedelta = Field(
        default=timedelta(seconds=30),
        gt=timedelta(0),
        description="How long one answer of squeue, sacct or scontrol may take. Busy controllers need 20 seconds now and then.",
    )
    submit_timeout: timedelta = Field(
        default=timedelta(seconds=60),
        gt=timedelta(0),
        description="How long sbatch may take. Afterwards it is looked whether it made a job all the same.",
    )
