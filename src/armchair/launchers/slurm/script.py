"""What stands before a job script: it makes a batch job's surroundings those of a login, and keeps what the script writes."""

PROLOGUE = """\
# Slurm starts this job in / with a fresh login's environment. Job steps are to see that environment too; what the portal
# said to sbatch is no business of theirs.
export SLURM_EXPORT_ENV=ALL
unset SLURM_TIME_FORMAT SLURM_JWT
cd "${HOME:-/}" 2>/dev/null || cd /tmp || cd /
armchair_output={directory}
if (umask 077; [ -d "$armchair_output" ] || mkdir -p "$armchair_output" && : >>"$armchair_output/{name}") 2>/dev/null; then
  exec >>"$armchair_output/{name}" 2>&1
  # each tenth job removes what is old: the others start sooner
  case $SLURM_JOB_ID in *0) find "$armchair_output" -name '*.out' -mtime +14 -type f -delete 2>/dev/null & ;; esac
fi
unset armchair_output
"""


def wrap(script: str, directory: str, cluster: str) -> str:
    """The script with the prologue after its first line, which names the shell.

    Its output goes to a file in `directory` (which may begin with `~/`), if that can be made on the node; a missing or full
    home directory then costs the output and not the job.
    """
    first, _, rest = script.partition("\n") if script.startswith("#!") else ("#!/bin/sh", "", script)
    place = f'"$HOME"/{directory.removeprefix("~/")}' if directory.startswith("~/") else directory
    prologue = PROLOGUE.replace("{directory}", place.replace("{user}", '"$(id -un)"'))
    return f"{first}\n{prologue.replace('{name}', output_name(cluster, '$SLURM_JOB_ID'))}{rest}"


def output_path(directory: str, user: str, cluster: str, job: str) -> str:
    """Where the portal finds a job's output."""
    return f"{directory.replace('{user}', user)}/{output_name(cluster, job)}"


def output_name(cluster: str, job: str) -> str:
    """The output file's name in its directory."""
    return f"{cluster}-{job}.out"
