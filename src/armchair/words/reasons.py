"""Why a job waits: the scheduler's codes in plain words, with what to do. The tables are also the source of the reference page.

Slurm has about 220 codes. Those that stand alone are in PLAIN; the others are made of parts (whose limit, of what, for whom),
and so are their words.
"""

import re
from dataclasses import dataclass

from armchair.domain.session import Placement, Resources
from armchair.words.language import gettext, mark, ngettext


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a job waits. `never`: it can't start as it was asked for. `held`: until somebody lets it go. `turn`: it will have its
    turn by itself, so an expected start is worth telling.
    """

    title: str
    detail: str = ""
    never: bool = False
    held: bool = False
    turn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What the words may name of a waiting job. "" and None: not known."""

    placement: Placement
    resources: Resources
    position: int | None = None
    job: str = ""


_CHANGE = mark("Change the size.")
_PLACE = mark("Change where it runs.")
_AGAIN = mark("End it and start it again.")
_DESK = mark("Ask the help desk and quote job %(job)s.")
_BY_ITSELF = mark("It goes on by itself.")
_WAITS = mark("It starts when one of those jobs ends.")

# code: (what, what to do, one letter: t its turn will come, n never, h held, - else)
PLAIN: dict[str, tuple[str, str, str]] = {
    "None": (mark("Waiting for its turn."), "", "t"),
    "Resources": (mark("Waiting for free %(what)s."), "", "t"),
    "Priority": (mark("Other jobs are ahead of yours."), "", "t"),
    "SchedDefer": (mark("Waiting: the scheduler is busy and looks at it soon."), "", "t"),
    "Prolog": (mark("Its node is getting ready."), "", "t"),
    "Configuring": (mark("Its node is getting ready."), "", "t"),
    "PowerUpNode": (mark("Its node is being switched on."), mark("This takes some minutes."), "t"),
    "Cleaning": (mark("An earlier attempt is still being cleaned up."), _BY_ITSELF, "t"),
    "Requeued": (mark("It has been queued again."), _BY_ITSELF, "t"),
    "RequeueFed": (mark("It has been queued again."), _BY_ITSELF, "t"),
    "BeginTime": (mark("It may not start yet: it has been queued again, or is set to begin later."), _BY_ITSELF, "t"),
    "Licenses": (mark("Waiting for a free software licence."), "", "t"),
    "Reservation": (mark("Waiting for its reservation, or for free nodes in it."), "", "t"),
    "Dependency": (mark("Waiting for another job to end first."), "", "-"),
    "JobArrayTaskLimit": (mark("As many jobs of its array run as may run at once."), _WAITS, "t"),
    "FedJobLock": (mark("Waiting for the other clusters of the federation."), _BY_ITSELF, "t"),
    "MpiPortsBusy": (mark("Waiting for free network ports."), _BY_ITSELF, "t"),
    "MaxPoweredUpNodes": (mark("As many nodes are switched on as may be at once."), mark("It starts when some are free."), "t"),
    "PowerNotAvail": (mark("Waiting for electric power that the cluster may use."), "", "t"),
    "PowerReserved": (mark("Waiting for electric power, which is reserved for other jobs."), "", "t"),
    "BurstBufferResources": (mark("Waiting for space in the fast storage that it asked for."), "", "t"),
    "BurstBufferStageIn": (mark("Its files are being copied to fast storage."), _BY_ITSELF, "t"),
    "BurstBufferOperation": (mark("Its files could not be copied to fast storage."), _DESK, "h"),
    "ReqNodeNotAvail": (
        mark("The nodes that fit are not available now: switched off, reserved, or kept free for maintenance."),
        mark("A shorter time, or another partition, may start sooner."),
        "t",
    ),
    "NodeDown": (mark("A node that it needs is down."), mark("It starts when the node is back."), "t"),
    "FrontEndDown": (mark("The cluster's front end is down."), mark("It starts when that is back."), "t"),
    "PartitionDown": (mark("%(partition)s is closed at present."), mark("It starts when the operators open it again."), "-"),
    "PartitionInactive": (mark("%(partition)s takes no jobs at present."), _PLACE, "-"),
    "QOSUsageThreshold": (
        mark("%(group)s has used less or more of the cluster than its QOS demands."),
        mark("Choose another QOS, or wait."),
        "-",
    ),
    "PartitionTimeLimit": (mark("This can't start: its time is longer than %(partition)s allows."), _CHANGE, "n"),
    "PartitionNodeLimit": (
        mark("This can't start: %(partition)s gives no job as many nodes, or its nodes are down."),
        _CHANGE,
        "n",
    ),
    "PartitionConfig": (mark("This can't start: %(partition)s is not made for jobs of this size."), _CHANGE, "n"),
    "BadConstraints": (mark("This can't start: no node has all that it asks for."), _CHANGE, "n"),
    "Constraints": (mark("This can't start: no node has all that it asks for."), _CHANGE, "n"),
    "MaxMemPerLimit": (mark("This can't start: it asks for more memory than one job may have there."), _CHANGE, "n"),
    "InvalidAccount": (mark("This can't start: %(group)s is not known to the cluster, or not for you."), _PLACE, "n"),
    "AccountNotAllowed": (mark("This can't start: %(group)s may not use %(partition)s."), _PLACE, "n"),
    "InvalidQOS": (mark("This can't start: its QOS is not known to the cluster, or not for you."), _PLACE, "n"),
    "QOSNotAllowed": (mark("This can't start: %(partition)s does not take %(qos)s."), _PLACE, "n"),
    "ReservationDeleted": (mark("This can't start: its reservation is gone."), _PLACE, "n"),
    "ResvDelHold": (mark("This can't start: its reservation is gone."), _PLACE, "n"),
    "ReservationInvalid": (mark("This can't start: its reservation can't be used."), _PLACE, "n"),
    "DependencyNeverSatisfied": (mark("This can't start: the job that it waits for did not end as it should."), _AGAIN, "n"),
    "DeadLine": (mark("This can't start: it could not end before its deadline."), _AGAIN, "n"),
    "AssociationResourceLimit": (mark("%(group)s has reached a limit."), mark("It starts when that is no longer so."), "t"),
    "AssociationTimeLimit": (mark("%(group)s has used up its time."), mark("Ask whoever manages the group's budget."), "-"),
    "AssociationJobLimit": (mark("%(group)s has as many jobs as it may have."), _WAITS, "t"),
    "QOSResourceLimit": (mark("A limit of %(qos)s is reached."), mark("It starts when that is no longer so."), "t"),
    "QOSTimeLimit": (mark("The time that %(qos)s allows is used up."), mark("Choose another QOS, or wait."), "-"),
    "QOSJobLimit": (mark("There are as many jobs as %(qos)s allows."), _WAITS, "t"),
    "AccountingPolicy": (mark("A rule of the cluster keeps it from starting now."), _DESK, "-"),
    "JobHeldAdmin": (mark("An operator has put this on hold."), _DESK, "h"),
    "JobHeldUser": (
        mark("This was put on hold with your login."),
        mark("`scontrol release %(job)s` on the cluster lets it go on; or End it."),
        "h",
    ),
    "JobHoldMaxRequeue": (mark("It failed to start too often, so the cluster holds it."), _DESK, "h"),
    "RequeueHold": (mark("It has been queued again, and the cluster holds it."), _DESK, "h"),
    "SpecialExit": (mark("It has been queued again, and the cluster holds it."), _DESK, "h"),
    "JobLaunchFailure": (mark("Its node could not start it, so the cluster holds it."), _DESK, "h"),
    "launch failed requeued held": (mark("Its node could not start it, so the cluster holds it."), _DESK, "h"),
    "SystemFailure": (mark("The cluster failed when it was to start."), _DESK, "h"),
    "BlockMaxError": (mark("Its nodes had too many errors."), _DESK, "-"),
    "BlockFreeAction": (mark("Its nodes are being freed."), _BY_ITSELF, "t"),
    "NonZeroExitCode": (mark("An earlier attempt ended with an error."), "", "-"),
    "RaisedSignal": (mark("An earlier attempt was ended by a signal."), "", "-"),
    "TimeLimit": (mark("An earlier attempt used up its time."), "", "-"),
    "InactiveLimit": (mark("An earlier attempt was inactive for too long."), "", "-"),
    "OutOfMemory": (mark("An earlier attempt needed more memory than it had."), _CHANGE, "-"),
}

_FAMILY = re.compile(
    r"(?P<whose>Assoc|QOS|)(?P<kind>Grp|Max|Min)"
    r"(?P<what>CPU|Cpu|Memory|Mem|Node|GRES|License|BB|Energy|Billing|Unknown|SubmitJobs|SubmitJob|Jobs|WallDuration|Wall)"
    r"(?:NotSatisfied)?(?P<time>Run)?(?P<minutes>Minutes|Mins)?(?:Per(?P<each>Job|Node|User|Account))?(?:Limit)?",
    re.ASCII,
)
_WHAT = {
    "CPU": mark("cores"),
    "Memory": mark("memory"),
    "Mem": mark("memory"),
    "Node": mark("nodes"),
    "GRES": mark("GPUs"),
    "License": mark("software licences"),
    "BB": mark("fast storage"),
    "Energy": mark("energy"),
    "Billing": mark("billing units"),
    "Unknown": mark("of something"),
}

# what a family says: (what, what to do, letter as above)
FAMILIES: dict[str, tuple[str, str, str]] = {
    "group": (
        mark("%(group)s is using all the %(what)s that it may use at once."),
        mark("It starts when one of your group's jobs ends."),
        "t",
    ),
    "group jobs": (
        mark("%(group)s has as many jobs as it may have at once."),
        mark("It starts when one of your group's jobs ends."),
        "t",
    ),
    "person jobs": (
        mark("You have as many jobs in this group account as you may have at once."),
        mark("It starts when one of your jobs ends."),
        "t",
    ),
    "group budget": (
        mark("%(group)s has used up its budget (%(what)s times hours)."),
        mark("Ask whoever manages the group's budget, or choose another group account."),
        "-",
    ),
    "group running": (
        mark("The running jobs of your group have taken all that it may have under way (%(what)s times hours)."),
        mark("It starts when some of them end. A shorter time may start sooner."),
        "t",
    ),
    "qos": (
        mark("All the %(what)s that %(qos)s gives to everybody together are in use."),
        mark("It starts when a job with this QOS ends."),
        "t",
    ),
    "qos jobs": (
        mark("There are as many jobs with %(qos)s as there may be at once."),
        mark("It starts when a job with this QOS ends."),
        "t",
    ),
    "qos budget": (mark("The budget of %(qos)s is used up (%(what)s times hours)."), mark("Choose another QOS, or wait."), "-"),
    "qos running": (
        mark("The running jobs with %(qos)s have taken all that there may be under way (%(what)s times hours)."),
        mark("It starts when some of them end. A shorter time may start sooner."),
        "t",
    ),
    "person": (
        mark("You are using all the %(what)s that %(qos)s gives to one person at once."),
        mark("It starts when one of your jobs ends."),
        "t",
    ),
    "person qos jobs": (
        mark("You have as many jobs with %(qos)s as one person may have at once."),
        mark("It starts when one of your jobs ends."),
        "t",
    ),
    "person running": (
        mark("Your running jobs have taken all that %(qos)s lets one person have under way (%(what)s times hours)."),
        mark("It starts when some of them end. A shorter time may start sooner."),
        "t",
    ),
    "account": (
        mark("%(group)s is using all the %(what)s that %(qos)s gives to one group at once."),
        mark("It starts when one of your group's jobs ends."),
        "t",
    ),
    "account jobs": (
        mark("%(group)s has as many jobs with %(qos)s as one group may have at once."),
        mark("It starts when one of your group's jobs ends."),
        "t",
    ),
    "account running": (
        mark("Your group's running jobs have taken all that %(qos)s lets one group have under way (%(what)s times hours)."),
        mark("It starts when some of them end. A shorter time may start sooner."),
        "t",
    ),
    "group job": (mark("This can't start: it asks for more %(what)s than %(group)s may use for one job."), _CHANGE, "n"),
    "qos job": (mark("This can't start: it asks for more %(what)s than %(qos)s allows for one job."), _CHANGE, "n"),
    "group wall": (mark("This can't start: its time is longer than %(group)s may use for one job."), _CHANGE, "n"),
    "qos wall": (mark("This can't start: its time is longer than %(qos)s allows."), _CHANGE, "n"),
    "job budget": (
        mark("This can't start: it asks for too many %(what)s for too long a time."),
        mark("Change the size: less of them, or less time."),
        "n",
    ),
    "least": (mark("This can't start: it asks for fewer %(what)s than %(qos)s demands."), _CHANGE, "n"),
}


def why(code: str, waiting: Waiting) -> Why:
    """Why a job waits, in words. A code that nobody here knows shows itself: it is still what the help desk asks for."""
    bare = normal(code)
    words = PLAIN.get(bare) or FAMILIES.get(family(bare))
    if words is None:
        title = gettext("Waiting. The cluster says: %(reason)s.") % {"reason": " ".join(code.split())[:120]}
        return Why(title=title, detail=gettext("If it stays, ask the help desk and quote this."))
    title, detail, letter = words
    if bare == "Priority" and waiting.position:
        title = ngettext("%(number)d job is ahead of yours.", "%(number)d jobs are ahead of yours.", waiting.position)
        return Why(title=title % {"number": waiting.position}, turn=True)
    values = _values(bare, waiting)
    return Why(
        title=_begun(gettext(title) % values, waiting.placement.partition),
        detail=gettext(detail) % values if detail else "",
        never=letter == "n",
        held=letter == "h",
        turn=letter == "t",
    )


def is_known(code: str) -> bool:
    """Whether there are words for this code."""
    bare = normal(code)
    return bare in PLAIN or family(bare) in FAMILIES


def normal(code: str) -> str:
    """The code without what some releases write behind it: `ReqNodeNotAvail, UnavailableNodes:c[1-3]` → `ReqNodeNotAvail`."""
    text = code.strip().strip("()").strip()
    spaced = text.replace("_", " ").lower()
    if "requeued held" in spaced or "requeued in held state" in spaced:
        return "launch failed requeued held"
    # some releases write out what the code stands for
    if spaced.startswith(("reserved for maintenance", "nodes required for job are down")):
        return "ReqNodeNotAvail"
    return re.split(r"[\s,(:]", text, maxsplit=1)[0] or "None"


def family(code: str) -> str:
    """The key in FAMILIES of a code that is made of parts; "" when it is not."""
    found = _FAMILY.fullmatch(code)
    if found is None:
        return ""
    whose, each, what = found["whose"], found["each"] or "", found["what"]
    side = "group" if whose == "Assoc" else "qos"
    if found["kind"] == "Min":
        return "least"
    if what in {"Jobs", "SubmitJobs", "SubmitJob"}:
        return _jobs(whose + found["kind"], each)
    if what == "WallDuration":
        return f"{side} wall"
    if found["minutes"] or what == "Wall":
        return _budget(side, each, running=found["time"] is not None)
    return {"User": "person", "Account": "account", "": side}.get(each, f"{side} job")


def _jobs(limit: str, each: str) -> str:
    if each:
        return "person qos jobs" if each == "User" else "account jobs"
    return {"AssocGrp": "group jobs", "AssocMax": "person jobs"}.get(limit, "qos jobs")


def _budget(side: str, each: str, *, running: bool) -> str:
    if each == "Job":
        return "job budget"
    if each:
        return "person running" if each == "User" else "account running"
    return f"{side} {'running' if running else 'budget'}"


def _begun(sentence: str, partition: str) -> str:
    """The sentence with a capital at its start, unless it begins with a name that has none."""
    return sentence if partition and sentence.startswith(partition) else sentence[:1].upper() + sentence[1:]


def _values(code: str, waiting: Waiting) -> dict[str, str]:
    placement = waiting.placement
    found = _FAMILY.fullmatch(code)
    resource = found["what"] if found else ""
    wanted = mark("GPUs") if waiting.resources.gpus else mark("cores")
    account, qos, partition = placement.account, placement.qos, placement.partition
    return {
        "what": gettext(_WHAT.get(resource.replace("Cpu", "CPU"), wanted)),
        "group": gettext("your group %(account)s") % {"account": account} if account else gettext("your group"),
        "qos": gettext("the QOS %(qos)s") % {"qos": qos} if qos else gettext("its QOS"),
        "partition": partition or gettext("the partition"),
        "job": waiting.job or "?",
    }
