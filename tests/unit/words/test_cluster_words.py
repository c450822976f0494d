"""Words of clusters and of use: short, with units, and nothing said that is not worth saying."""

from dataclasses import replace
from datetime import timedelta

import pytest

from armchair import words
from armchair.domain.cluster import ClusterJob, Usage
from armchair.domain.run import UsageSample
from armchair.domain.session import Resources
from armchair.testing.clock import START
from armchair.testing.scheduler import GB, some_foreign_job


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("PENDING", "waiting"),
        ("RUNNING", "running"),
        ("running", "running"),
        ("CANCELLED by 1000", "CANCELLED by 1000"),
        ("SPECIAL_EXIT", "on hold"),
        ("", ""),
        ("A_WORD_OF_TOMORROW", "A_WORD_OF_TOMORROW"),
    ],
)
def test_a_state_is_said_plainly_or_as_it_came(state: str, said: str) -> None:
    assert words.job_state(some_foreign_job(START, state=state)) == said


def test_a_waiting_job_says_why_and_a_running_one_does_not() -> None:
    job = some_foreign_job(START)
    assert words.job_why(job) == "Waiting for free cores."
    assert words.job_why(replace(job, started_at=START)) == ""
    assert words.job_why(replace(job, reason="")) == ""


def test_sizes_and_what_is_free() -> None:
    assert words.job_size(some_foreign_job(START, gpus=1)) == "16 cores · 64 GB · 1 GPU"
    assert words.job_size(ClusterJob(id="1", name="", state="")) == ""
    assert words.free(Usage(total=384, used=192, down=32)) == "160 of 384 free"
    assert words.free(Usage(total=4, used=4, down=4)) == "0 of 4 free"
    assert words.free_memory(Usage(total=64 * GB, used=16 * GB)) == "48 GB of 64 GB free"
    assert words.free_memory(Usage(total=64 * GB, used=64 * GB)) == "0 of 64 GB free"
    assert [words.waiting(number) for number in (0, 1, 2)] == ["none waits", "1 job waits", "2 jobs wait"]


def samples(cpu: float, memory: int, minutes: int = 10) -> list[UsageSample]:
    return [UsageSample(at=START + timedelta(minutes=n), cpu=cpu, memory=memory) for n in range(minutes + 1)]


@pytest.mark.parametrize(
    ("used", "asked", "said"),
    [
        (samples(0.4, 40 * GB), Resources(cores=16, memory=64 * GB), "You asked for 16 cores and use 0.4."),
        (samples(12, 2 * GB), Resources(cores=16, memory=64 * GB), "You asked for 64 GB of memory and use 2 GB."),
        (samples(12, 40 * GB), Resources(cores=16, memory=64 * GB), ""),
        (samples(0.1, GB), Resources(cores=1, memory=4 * GB), ""),
        (samples(0.1, GB, minutes=3), Resources(cores=16), ""),
        ([], Resources(cores=16), ""),
    ],
)
def test_only_clear_waste_over_minutes_is_said(used: list[UsageSample], asked: Resources, said: str) -> None:
    hint = words.spared(used, asked)
    assert hint == (f"{said} A smaller size starts sooner and leaves room for others." if said else "")


def test_one_busy_minute_is_no_waste() -> None:
    used = samples(0.4, GB)
    assert words.spared([*used[:-1], replace(used[-1], cpu=9.0)], Resources(cores=16)) == ""


def test_the_last_sample_in_short() -> None:
    (one,) = samples(0.44, 3 * GB, minutes=0)
    assert words.usage(one, Resources(cores=16, memory=64 * GB)) == ("0.4 of 16 cores", "3 GB of 64 GB")
    assert words.usage(one, Resources(cores=1)) == ("0.4 of 1 core", "3 GB")


def test_a_reason_that_is_written_out_has_words_too() -> None:
    # squeue's %r as Slurm 22.05 prints it while all nodes of a partition are drained
    reason = "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions"
    for text in (reason, f"({reason})", reason.replace(" ", "_")):
        said = words.job_why(some_foreign_job(START, reason=text))
        assert said.startswith("The nodes that fit are not available now"), text
