"""What a command's failure means: a certain no, nothing at all, or a job that is not there."""

import re
from enum import StrEnum

from armchair.launchers.command import Completed

_NAMES = "sbatch|scancel|scontrol|squeue|sacct|sinfo|sacctmgr|slurm_\\w+"
_PREFIX = re.compile(rf"^(?:(?:{_NAMES}):?\s*)?(?:error|fatal):\s*", re.IGNORECASE)
_FAILED = "Batch job submission failed: "
_LIMIT = 500

# sentences after which certainly no job exists; of slurm_errno.c, the same since 20.11
_REFUSALS = (
    "invalid partition name",
    "invalid account",
    "invalid qos",
    "invalid feature",
    "invalid node name",
    "invalid generic resource",
    "invalid trackable resource",
    "invalid license",
    "invalid wckey",
    "invalid job array",
    "invalid dependency",
    "invalid time limit",
    "requested node configuration is not available",
    "requested node count",
    "requested partition configuration not available",
    "requested time limit is invalid",
    "required partition not available",
    "requested reservation is invalid",
    "access denied to requested reservation",
    "reservation",
    "memory required by task is not available",
    "memory specification can not be satisfied",
    "cpu count per node can not be satisfied",
    "cpu count specification invalid",
    "more processors requested than permitted",
    "node count specification invalid",
    "job violates accounting/qos policy",
    "job violates accounting policy",
    "user's group not permitted to use this partition",
    "account not permitted to use this partition",
    "qos not permitted to use this partition",
    "user not authorized",
    "invalid user id",
    "access/permission denied",
    "job script not specified",
    "pathname of a file, directory or other parameter too long",
    "batch job script too large",
    "job size specification needs to be provided",
)
# sentences after which nothing is known, whatever stands around them
_SILENCES = (
    "unable to contact slurm controller",
    "socket timed out",
    "zero bytes were transmitted",
    "connection refused",
    "connection reset",
    "connection timed out",
    "connection failure",
    "connect failure",
    "no route to host",
    "network is unreachable",
    "host is down",
    "unexpected message received",
    "standby mode",
    "temporarily unable to accept",
    "temporarily unavailable",
    "protocol authentication error",
    "authentication",
    "munge",
    "incompatible versions",
    "unable to establish",
    "could not establish a configuration source",
    "resource temporarily",
    "send failure",
    "receive failure",
    "shutdown failure",
    "transport endpoint",
    "interrupted system call",
    "slurmdbd",
    "can't be reached now",
)


class Verdict(StrEnum):
    """What a failed submission means. DOUBTFUL: the words are not known; look whether the job exists."""

    REFUSED = "refused"
    SILENT = "silent"
    DOUBTFUL = "doubtful"


def verdict(done: Completed) -> Verdict:
    """What it means that sbatch ended with an error."""
    failed = [line.partition(_FAILED)[2] for line in done.stderr.split("\n") if _FAILED in line]
    # what stands before that line may be a site's own words about anything
    text = (failed[-1] if failed else done.stderr).lower()
    if done.exit_code < 0 or any(sign in text for sign in _SILENCES):
        return Verdict.SILENT
    return Verdict.REFUSED if any(sign in text for sign in _REFUSALS) else Verdict.DOUBTFUL


def sentence(done: Completed) -> str:
    """The command's own words, without its name and the word "error" before each line; its exit code when it said nothing."""
    lines = []
    for raw in done.stderr.split("\n"):
        line = raw.strip()
        while (shorter := _PREFIX.sub("", line, count=1)) != line:
            line = shorter
        if (line := line.removeprefix(_FAILED)) and line not in lines:
            lines.append(line)
    return "; ".join(lines)[:_LIMIT] or f"{done.program} ended with exit code {done.exit_code}"


def is_unknown_job(done: Completed) -> bool:
    """Whether the controller answered, and said that there is no such job."""
    return "invalid job id" in done.stderr.lower()


def is_over(done: Completed) -> bool:
    """Whether the controller answered that the job has ended or is just ending."""
    return "already complet" in done.stderr.lower() or "already finished" in done.stderr.lower()


def is_unknown_field(done: Completed) -> bool:
    """Whether this release of squeue lacks one of the fields asked for. It prints the others all the same, with exit code 0."""
    return "invalid job format specification" in done.stderr.lower() or "invalid field" in done.stderr.lower()


def is_error(done: Completed) -> bool:
    """Whether an answer can't be used; some releases say "error" and end with exit code 0."""
    return done.exit_code != 0 or "error:" in done.stderr.lower()
