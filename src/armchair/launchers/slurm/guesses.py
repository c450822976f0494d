"""What `sbatch --test-only` says: when a job of some shape would start, or why it never would. Pure and total."""

import re
from datetime import datetime, timedelta

from armchair.domain.cluster import Estimate, Starts
from armchair.launchers.command import Completed
from armchair.launchers.slurm.answers import Verdict, sentence, verdict
from armchair.launchers.slurm.parse import moment

SOON = timedelta(seconds=60)  # the controller begins jobs in rounds: what starts within one begins now, to a person
_START = re.compile(r"\bto start at (\S+)", re.ASCII)
_REFUSED = re.compile(r"^(?:sbatch: )?(?:error: )?allocation failure: ", re.ASCII)


def estimate(done: Completed, now: datetime) -> Estimate | None:
    """The estimate in this answer; None when the answer says nothing (silence, or words that are not known)."""
    found = _START.search(done.stderr) or _START.search(done.stdout)
    if found is not None and done.exit_code == 0:
        at = moment(found[1])
        if at is None:
            return None
        return Estimate(starts=Starts.NOW, as_of=now) if at - now <= SOON else Estimate(starts=Starts.LATER, at=at, as_of=now)
    if done.exit_code != 0 and verdict(done) is Verdict.REFUSED:
        return Estimate(starts=Starts.NEVER, reason=reason(done), as_of=now)
    return None


def reason(done: Completed) -> str:
    """The refusal in the scheduler's own words."""
    for line in reversed(done.stderr.split("\n")):
        if _REFUSED.match(line.strip()):
            return _REFUSED.sub("", line.strip())[:200]
    return sentence(done)[:200]
