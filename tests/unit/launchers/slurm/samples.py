"""Lines as Slurm 22.05 prints them."""

from datetime import UTC, datetime

from armchair.domain.run import JobRef
from armchair.launchers.command import Completed
from armchair.launchers.slurm.parse import ACCOUNTING_FIELDS, QUEUE_FIELDS

SEPARATOR = "\x1f1a2b3c4d\x1f"
NOW = datetime(2026, 11, 25, 19, 9, 9, tzinfo=UTC)
REF = JobRef(cluster="hpc", id="100", submitted_at=NOW)
_STAMP = "1795633749"
_QUEUE = {
    "JobID": "100",
    "State": "RUNNING",
    "Reason": "None",
    "RestartCnt": "0",
    "SubmitTime": _STAMP,
    "StartTime": _STAMP,
    "EndTime": str(int(_STAMP) + 3600),
    "TimeLimit": "1:00:00",
    "UserID": "1001",
    "NodeList": "node1",
    "BatchHost": "node1",
    "Partition": "short",
    "PriorityLong": "100",
    "exit_code": "0",
    "Comment": "mark-1",
    "Name": "armchair-1-lab:mark-1",
}
_SACCT = {
    "JobIDRaw": "100",
    "State": "COMPLETED",
    "ExitCode": "0:0",
    "Submit": _STAMP,
    "Start": _STAMP,
    "End": str(int(_STAMP) + 60),
    "Timelimit": "01:00:00",
    "UID": "1001",
    "NodeList": "node1",
    "Comment": "mark-1",
    "JobName": "armchair-1-lab:mark-1",
}


def queue_line(**fields: str) -> str:
    """One job of a squeue answer, without its line end."""
    values = {**_QUEUE, **fields}
    return "".join(values[name] + SEPARATOR for name, _ in QUEUE_FIELDS)


def queue_answer(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def sacct_line(**fields: str) -> str:
    """One job of a sacct answer."""
    values = {**_SACCT, **fields}
    return "".join(values[name] + SEPARATOR for name in ACCOUNTING_FIELDS) + "\n"


def done(exit_code: int, stdout: str = "", stderr: str = "") -> Completed:
    return Completed(program="sbatch", exit_code=exit_code, stdout=stdout, stderr=stderr)
