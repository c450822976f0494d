"""A person's jobs on a cluster, in words: the scheduler's states reduced to what people call them."""

from armchair.domain.cluster import ClusterJob, Usage
from armchair.domain.session import Placement, Resources
from armchair.words.language import gettext, mark, ngettext
from armchair.words.quantities import cores, gpus, memory
from armchair.words.reasons import Waiting, why

_STATES = {
    "PENDING": mark("waiting"),
    "RUNNING": mark("running"),
    "SUSPENDED": mark("paused"),
    "COMPLETING": mark("ending"),
    "ENDING": mark("ending"),
    "CONFIGURING": mark("starting"),
    "REQUEUED": mark("queued again"),
    "REQUEUE_HOLD": mark("on hold"),
    "RESV_DEL_HOLD": mark("on hold"),
    "SPECIAL_EXIT": mark("on hold"),
    "STOPPED": mark("paused"),
}


def job_state(job: ClusterJob) -> str:
    """What the job does; a state that is not known here is shown as the scheduler wrote it."""
    known = _STATES.get(job.state.split()[0].upper() if job.state else "")
    return gettext(known) if known else job.state


def job_why(job: ClusterJob) -> str:
    """Why a job waits; "" when it does not, or nobody says."""
    if not job.reason or job.started_at is not None:
        return ""
    resources = Resources(cores=job.cores, gpus=job.gpus)
    return why(job.reason, Waiting(placement=Placement(partition=job.partition), resources=resources, job=job.id)).title


def job_size(job: ClusterJob) -> str:
    """What the job has or asks for, as far as it is known: "16 cores · 64 GB"."""
    parts = [
        cores(job.cores) if job.cores else "",
        memory(job.memory) if job.memory else "",
        gpus(job.gpus) if job.gpus else "",
    ]
    return " · ".join(part for part in parts if part)


def free(usage: Usage) -> str:
    """How much there is for a job now: "160 of 384 free"."""
    return gettext("%(free)s of %(total)s free") % {"free": usage.free, "total": usage.total}


def free_memory(usage: Usage) -> str:
    """The same for memory."""
    left = memory(usage.free) if usage.free else "0"
    return gettext("%(free)s of %(total)s free") % {"free": left, "total": memory(usage.total)}


def waiting(number: int) -> str:
    """How many jobs wait, like `4 jobs wait`."""
    if number == 0:
        return gettext("none waits")
    return ngettext("%(number)d job waits", "%(number)d jobs wait", number) % {"number": number}
