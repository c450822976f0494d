"""Slurm's words for states and ends as ours. A word that is not in a table is no fact (I4)."""

from collections.abc import Mapping

from armchair.domain.run import JobState, OutcomeKind

# squeue, sacct and scontrol write them out alike; sacct adds " by UID" to CANCELLED, and some releases a "+" where they cut
STATES: Mapping[str, JobState] = {
    "PENDING": JobState.PENDING,
    "REQUEUED": JobState.PENDING,
    "REQUEUE_FED": JobState.PENDING,
    "REQUEUE_HOLD": JobState.PENDING,
    "SPECIAL_EXIT": JobState.PENDING,
    "RESV_DEL_HOLD": JobState.PENDING,
    "CONFIGURING": JobState.PENDING,
    "POWER_UP_NODE": JobState.PENDING,
    "RUNNING": JobState.RUNNING,
    "RESIZING": JobState.RUNNING,
    "SIGNALING": JobState.RUNNING,
    "EXPEDITING": JobState.RUNNING,
    "SUSPENDED": JobState.SUSPENDED,
    "STOPPED": JobState.SUSPENDED,
    "COMPLETING": JobState.ENDING,
    "STAGE_OUT": JobState.ENDING,
    "COMPLETED": JobState.ENDED,
    "FAILED": JobState.ENDED,
    "CANCELLED": JobState.ENDED,
    "TIMEOUT": JobState.ENDED,
    "DEADLINE": JobState.ENDED,
    "OUT_OF_MEMORY": JobState.ENDED,
    "NODE_FAIL": JobState.ENDED,
    "BOOT_FAIL": JobState.ENDED,
    "LAUNCH_FAILED": JobState.ENDED,
    "PREEMPTED": JobState.ENDED,
}

# what is certain beyond the exit code; None: the exit code says it all
ENDS: Mapping[str, OutcomeKind | None] = {
    "COMPLETED": None,
    "FAILED": None,
    "CANCELLED": OutcomeKind.CANCELLED,
    "TIMEOUT": OutcomeKind.TIMED_OUT,
    "DEADLINE": OutcomeKind.TIMED_OUT,
    "OUT_OF_MEMORY": OutcomeKind.OUT_OF_MEMORY,
    "NODE_FAIL": OutcomeKind.NODE_FAILURE,
    "BOOT_FAIL": OutcomeKind.NODE_FAILURE,
    "LAUNCH_FAILED": OutcomeKind.NODE_FAILURE,
    "PREEMPTED": OutcomeKind.PREEMPTED,
}


def word(text: str) -> str:
    """The state's bare word: `CANCELLED by 1000` is CANCELLED."""
    return text.split(" ", 1)[0].rstrip("+*")


def canceller(text: str) -> int | None:
    """The uid in `CANCELLED by 1000`; None when the text names none."""
    _, by, uid = text.partition(" by ")
    return int(uid) if by and uid.isascii() and uid.isdigit() and len(uid) <= 10 else None


def state_of(text: str, *, has_nodes: bool) -> JobState:
    """The state behind the text. An unknown word of a job that is listed says only that it is there: it runs when it has
    nodes and waits when it has none.
    """
    return STATES.get(word(text), JobState.RUNNING if has_nodes else JobState.PENDING)
