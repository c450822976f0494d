"""How busy the cluster is and which jobs everybody has: two answers for all viewers."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from armchair.domain.cluster import ClusterJob, Overview, PartitionLoad, Usage
from armchair.launchers.slurm import states
from armchair.launchers.slurm.marks import mark_of
from armchair.launchers.slurm.offerparse import NodeFacts, PartitionFacts, tres
from armchair.launchers.slurm.parse import moment, number, records, text_of

JOB_FIELDS = (
    "JobArrayID",
    "UserName",
    "Account",
    "QOS",
    "State",
    "Reason",
    "Partition",
    "NumCPUs",
    "tres-alloc",
    "NodeList",
    "SubmitTime",
    "StartTime",
    "EndTime",
    "Comment",
    "Name",
)
_TEXT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedJob:
    """A job, whose it is, and what it is charged to."""

    user: str
    account: str
    qos: str
    job: ClusterJob

    @property
    def runs(self) -> bool:
        """Whether it uses something up."""
        return self.job.state != "PENDING"


def jobs(text: str, separator: str) -> list[QueuedJob]:
    """The rows of squeue with JOB_FIELDS, each field ended by `separator`. Total: what can't be read is left out."""
    found = []
    for record in records(text, separator, len(JOB_FIELDS)):
        field = dict(zip(JOB_FIELDS, (part.strip() for part in record), strict=True))
        if field["JobArrayID"][:1].isdigit() and field["UserName"]:
            job = QueuedJob(
                user=field["UserName"], account=text_of(field["Account"]), qos=text_of(field["QOS"]), job=_job(field)
            )
            found.append(job)
    return found


def _job(field: Mapping[str, str]) -> ClusterJob:
    size, waits = tres(field["tres-alloc"]), states.word(field["State"]) == "PENDING"
    return ClusterJob(
        id=field["JobArrayID"][:_TEXT],
        name=text_of(field["Name"]).rpartition(":armchair-")[0][:_TEXT] or text_of(field["Name"])[:_TEXT],
        state=states.word(field["State"]),
        reason=text_of(field["Reason"])[:_TEXT] if waits else "",
        partition=text_of(field["Partition"])[:_TEXT],
        node=text_of(field["NodeList"])[:_TEXT],
        cores=number(field["NumCPUs"]) or size.cores or 0,
        memory=size.memory or 0,
        gpus=size.gpus or 0,
        submitted_at=moment(field["SubmitTime"]),
        started_at=None if waits else moment(field["StartTime"]),
        ends_at=None if waits else moment(field["EndTime"]),
        mark=mark_of(field["Comment"], field["Name"]) if "armchair-" in field["Comment"] + field["Name"] else "",
    )


def overview(
    cluster: str,
    partitions: Sequence[PartitionFacts],
    nodes: Sequence[NodeFacts],
    queue: Iterable[QueuedJob],
    as_of: datetime,
) -> Overview:
    """How busy each partition is. Nodes in several partitions count in each; so do jobs that wait for several."""
    members: dict[str, list[NodeFacts]] = defaultdict(list)
    for node in nodes:
        members[node.partition].append(node)
    running: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    for one in queue:
        counter = running if one.runs else waiting
        counter.update(one.job.partition.split(","))
    return Overview(
        cluster=cluster,
        partitions=tuple(
            PartitionLoad(
                name=one.name,
                up=one.state == "UP",
                nodes=_nodes(members[one.name]),
                cores=_cores(members[one.name]),
                memory=_memory(members[one.name]),
                gpus=_gpus(members[one.name]),
                running=running[one.name],
                waiting=waiting[one.name],
            )
            for one in partitions
            if not one.closed
        ),
        as_of=as_of,
    )


def _nodes(nodes: Sequence[NodeFacts]) -> Usage:
    """A node is used as soon as a job has a part of it."""
    used = sum(node.cores_used > 0 for node in nodes)
    return Usage(total=len(nodes), used=used, down=sum(node.away and not node.cores_used for node in nodes))


def _cores(nodes: Sequence[NodeFacts]) -> Usage:
    down = sum(max(node.cores_down, node.cores - node.cores_used) if node.away else node.cores_down for node in nodes)
    return Usage(total=sum(node.cores for node in nodes), used=sum(node.cores_used for node in nodes), down=down)


def _memory(nodes: Sequence[NodeFacts]) -> Usage:
    used = sum(min(node.memory_used, node.memory) for node in nodes)
    down = sum(max(0, node.memory - node.memory_used) for node in nodes if node.away)
    return Usage(total=sum(node.memory for node in nodes), used=used, down=down)


def _gpus(nodes: Sequence[NodeFacts]) -> Usage:
    used = sum(node.gpus_used for node in nodes)
    down = sum(max(0, sum(node.gpus.values()) - node.gpus_used) for node in nodes if node.away)
    return Usage(total=sum(sum(node.gpus.values()) for node in nodes), used=used, down=down)
