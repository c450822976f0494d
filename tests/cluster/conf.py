"""The configuration files of one cluster, as text."""

from collections.abc import Mapping
from pathlib import Path

from cluster.layout import Layout
from cluster.names import (
    ACCOUNTS,
    CPUS_PER_NODE,
    GPU_NODE,
    GPUS,
    MEMORY_PER_NODE,
    PARTITIONS,
    PEOPLE,
    SMALL_MAX_CPUS,
    SMALL_MAX_WALL,
    SMALL_QOS,
)


def settings(layout: Layout) -> dict[str, str]:
    """slurm.conf as key and value, nodes and partitions apart."""
    run = layout.run
    return {
        "ClusterName": layout.name,
        "SlurmctldHost": f"{layout.host_name}({layout.controller_address})",
        "SlurmctldPort": str(layout.port("slurmctld")),
        "SlurmdPort": str(layout.port("slurmd")),
        "SlurmUser": "slurm",
        "SlurmdUser": "root",
        "AuthType": "auth/munge",
        # a requeued job waits until its credential is stale: two minutes by default
        "AuthInfo": f"socket={layout.munge_socket},cred_expire=5",
        "AuthAltTypes": "auth/jwt",
        "AuthAltParameters": f"jwt_key={layout.jwt_key}",
        "CredType": "cred/munge",
        "StateSaveLocation": f"{run}/state",
        "SlurmdSpoolDir": f"{run}/spool/%n",
        "SlurmctldPidFile": str(layout.pid_file("slurmctld")),
        "SlurmdPidFile": str(layout.pid_file("slurmd.%n")),
        "SlurmctldLogFile": str(layout.log("slurmctld")),
        "SlurmdLogFile": str(layout.log("slurmd.%n")),
        "SlurmctldDebug": "verbose",
        "SlurmdDebug": "info",
        "MpiDefault": "none",
        "SwitchType": "switch/none",
        "MailProg": "/bin/true",
        "RebootProgram": "/bin/true",
        "ReturnToService": "2",
        "SlurmctldTimeout": "30",
        "SlurmdTimeout": "10",
        "BatchStartTimeout": "10",
        "MessageTimeout": "10",
        "InactiveLimit": "0",
        "KillWait": "5",
        "Waittime": "0",
        "MinJobAge": "120",
        "MaxJobCount": "20000",
        "MaxArraySize": "5001",
        "FirstJobId": str(layout.first_job),
        "MaxJobId": str(layout.first_job + 999_000),
        **_tracking(layout),
        "JobAcctGatherType": "jobacct_gather/linux",
        "JobAcctGatherFrequency": "task=2",
        "SchedulerType": "sched/backfill",
        "SchedulerParameters": "batch_sched_delay=0,sched_interval=1,bf_interval=1",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_CPU_Memory",
        "DefMemPerCPU": "500",
        "PriorityType": "priority/multifactor",
        "PriorityWeightPartition": "10000",
        "PriorityWeightAge": "1000",
        "PreemptType": "preempt/partition_prio",
        "PreemptMode": "REQUEUE",
        "AccountingStorageType": "accounting_storage/slurmdbd",
        "AccountingStorageHost": layout.controller_address,
        "AccountingStoragePort": str(layout.port("slurmdbd")),
        "AccountingStoragePass": str(layout.munge_socket),
        "AccountingStorageEnforce": "associations,limits,qos",
        "AccountingStorageTRES": "gres/gpu",
        "AccountingStoreFlags": "job_comment",
        # a node may claim more CPUs and memory than the machine has
        "SlurmdParameters": "config_overrides",
        "GresTypes": "gpu",
    }


def _tracking(layout: Layout) -> dict[str, str]:
    """Version 1 of control groups, for version 2 leaves no room for several slurmd.

    Where memory is not in version 1 (a machine with systemd), Slurm limits what a process may ask for instead: jobs that
    want too much then end FAILED and not OUT_OF_MEMORY, and tests of that end fail there.
    """
    limits = {"TaskPlugin": "task/cgroup"} if _has_memory(layout) else {"JobAcctGatherParams": "OverMemoryKill"}
    return {"ProctrackType": "proctrack/cgroup", **limits}


def _has_memory(layout: Layout) -> bool:
    return (layout.hierarchies / "memory" / "release_agent").exists()


def slurm_conf(layout: Layout, changes: Mapping[str, str | None]) -> str:
    """slurm.conf with `changes` on top; None takes a line out."""
    merged = {**settings(layout), **changes}
    lines = [f"{key}={value}" for key, value in merged.items() if value is not None]
    for name, address in layout.nodes.items():
        gres = f" Gres={_gres()}" if name == GPU_NODE else ""
        feature = "gpu" if name == GPU_NODE else "cpu"
        lines.append(
            f"NodeName={name} NodeHostname={name} NodeAddr={address} CPUs={CPUS_PER_NODE} "
            f"RealMemory={MEMORY_PER_NODE} Features={feature}{gres} State=UNKNOWN"
        )
    for name, words in PARTITIONS.items():
        preempt = "" if "PreemptMode" in words else " PreemptMode=OFF"
        lines.append(f"PartitionName={name} {words}{preempt} State=UP")
    return "\n".join(lines) + "\n"


def _gres() -> str:
    return ",".join(f"gpu:{kind}:{count}" for kind, count in GPUS.items())


def gpu_files(layout: Layout) -> list[Path]:
    return [layout.run / "dev" / f"gpu{number}" for number in range(sum(GPUS.values()))]


def gres_conf(layout: Layout) -> str:
    """GPUs that are only counted leave the node invalid, so each has a file of its own."""
    lines, files = [], iter(gpu_files(layout))
    for kind, count in GPUS.items():
        lines += [f"NodeName={GPU_NODE} AutoDetect=off Name=gpu Type={kind} File={next(files)}" for _ in range(count)]
    return "\n".join(lines) + "\n"


def cgroup_conf(layout: Layout) -> str:
    memory = "yes" if _has_memory(layout) else "no"
    return (
        f"CgroupPlugin=cgroup/v1\nCgroupMountpoint={layout.hierarchies}\nCgroupAutomount=no\n"
        f"ConstrainRAMSpace={memory}\nConstrainSwapSpace=no\nConstrainCores=no\nConstrainDevices=no\n"
    )


def slurmdbd_conf(layout: Layout) -> str:
    return f"""\
AuthType=auth/munge
AuthInfo=socket={layout.munge_socket}
DbdHost={layout.host_name}
DbdAddr={layout.controller_address}
DbdPort={layout.port("slurmdbd")}
SlurmUser=slurm
PidFile={layout.pid_file("slurmdbd")}
LogFile={layout.log("slurmdbd")}
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm
"""


def hosts(layout: Layout) -> str:
    """/etc/hosts as a node sees it. The machine's own file stays as it is."""
    names = {"127.0.0.1": "localhost", layout.controller_address: layout.host_name, layout.host_address: "portal"}
    lines = [f"{address} {name}" for address, name in names.items()]
    return "\n".join([*lines, *(f"{address} {name}" for name, address in layout.nodes.items())]) + "\n"


def accounting(layout: Layout) -> str:
    """What sacctmgr is told on its standard input."""
    lines = [f"add cluster {layout.name}", f"add qos {SMALL_QOS} MaxWall={SMALL_MAX_WALL} MaxTRESPerUser=cpu={SMALL_MAX_CPUS}"]
    lines += [f"add account {name} Description={name} Organization=armchair" for name in ACCOUNTS]
    for person in PEOPLE:
        if person.accounts:
            lines.append(
                f"add user {person.name} Account={','.join(person.accounts)} DefaultAccount={person.accounts[0]} "
                f"QOS=normal,{SMALL_QOS} DefaultQOS=normal"
            )
    return "\n".join([*lines, "quit"]) + "\n"
