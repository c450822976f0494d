"""What a session uses of what it asked for, from its last samples."""

from dataclasses import dataclass

from armchair.domain.run import Record

FEWEST = 4  # samples before anything is said: a start says nothing of the work


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Over the last samples: mean `cpu` in cores and `gpu` share of all GPUs (None: not known), most `memory` in bytes."""

    cpu: float
    memory: int
    gpu: float | None = None


def used(record: Record) -> Used | None:
    """What the present run uses; None while that can't be said."""
    samples = record.run.usage
    if len(samples) < FEWEST:
        return None
    gpus = [sample.gpu for sample in samples if sample.gpu is not None]
    return Used(
        cpu=sum(sample.cpu for sample in samples) / len(samples),
        memory=max(sample.memory for sample in samples),
        gpu=sum(gpus) / len(gpus) if gpus else None,
    )
