"""The launcher's contract as functions: each takes a LauncherUnderTest and fails by AssertionError.

A launcher passes when all functions in CONTRACT do. Scripts are plain POSIX sh; the fake acts them out by hand.
"""

# assertions are what a contract suite is made of
# ruff: noqa: S101

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from armchair.domain.run import JobRef, JobState, OutcomeKind, ProcessEnd
from armchair.domain.secret import Secret
from armchair.domain.session import Resources
from armchair.sessions.launcherports import JobFact, JobRequest, Launcher

HOSTILE = (
    "plain",
    "a'b\"c$(id)`id`;&|<>",
    "-rf --help",
    "über 日本 \U0001f600",
    "line\nbreak\ttab",
    "../../etc/passwd",
    "x" * 10_000,
)


class Act(Protocol):
    """Makes a launcher that runs nothing act as if the job's script had got somewhere; a real launcher does nothing."""

    def __call__(self, job: JobRef, happening: str) -> None:
        """`happening`: "start", "exit N", "signal N", "walltime", "write TEXT", "stop"."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LauncherUnderTest:
    """A launcher, the account it may run jobs as, and its stage directions.

    `salt` makes its marks differ from those of an earlier run, where jobs are remembered. `walltime` is the shortest that it
    counts. `patience` is how many seconds it may take to end a job that takes longer, and `kill_wait` how many it may take to
    kill one that will not listen.
    """

    launcher: Launcher
    user: str
    act: Act
    salt: str = ""
    walltime: timedelta = timedelta(seconds=1)
    patience: float = 20.0
    kill_wait: float = 5.0


def request(
    case: LauncherUnderTest, script: str, *, mark: str = "mark-1", name: str = "job", **resources: object
) -> JobRequest:
    """A request for this script."""
    wanted = Resources(**resources)  # type: ignore[arg-type]  # callers name fields of Resources
    return JobRequest(mark=mark, name=name, script=Secret(script), run_as=case.user, resources=wanted)


async def fact_of(launcher: Launcher, job: JobRef) -> JobFact:
    """What the launcher says of a job that it must know."""
    facts = (await launcher.look([job])).facts
    assert len(facts) == 1, f"{len(facts)} facts for one job"
    return facts[0]


async def until(launcher: Launcher, job: JobRef, condition: Callable[[JobFact], bool], seconds: float = 20.0) -> JobFact:
    """The first fact that meets the condition. AssertionError after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition(fact := await fact_of(launcher, job)):
        assert time.monotonic() < deadline, f"still {fact}"
        await asyncio.sleep(0.005)
    return fact


async def ended(launcher: Launcher, job: JobRef, seconds: float = 20.0) -> ProcessEnd:
    """How the job ended, once it has."""
    fact = await until(launcher, job, lambda fact: fact.state is JobState.ENDED and fact.end is not None, seconds)
    assert fact.end is not None
    return fact.end


async def keeps_the_mark_exactly(case: LauncherUnderTest) -> None:
    """A job is found by its whole mark, hostile names and all, and by nothing else."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    for name in HOSTILE:
        mark = name + case.salt
        job = await case.launcher.submit(request(case, "exit 0\n", mark=mark, name=name))
        listing = await case.launcher.find(mark)
        assert [(fact.job, fact.mark) for fact in listing.facts] == [(job, mark)]
        assert listing.complete
        assert before <= job.submitted_at <= datetime.now(UTC)
        assert job.cluster == case.launcher.name
    assert not (await case.launcher.find("plai")).facts
    assert not (await case.launcher.find("")).facts


async def leaves_out_what_it_does_not_know(case: LauncherUnderTest) -> None:
    """Unknown ids are absent, not errors; asking for their end, output or oblivion is none either."""
    for identity in ("987654321", "../..", "", "x\n"):
        job = JobRef(cluster=case.launcher.name, id=identity, submitted_at=datetime.now(UTC))
        listing = await case.launcher.look([job])
        assert (list(listing.facts), listing.complete) == ([], True)
        await case.launcher.cancel(job)
        await case.launcher.forget(job)
        assert await case.launcher.output(job) == ""


async def tells_exit_codes(case: LauncherUnderTest) -> None:
    """The script's exit code is told as it is, and the end stays the same however often one looks."""
    codes = (0, 1, 2, 97, 98, 99, 126, 127, 128, 137, 254, 255)
    jobs = [await case.launcher.submit(request(case, f"exit {code}\n")) for code in codes]
    for job, code in zip(jobs, codes, strict=True):
        case.act(job, f"exit {code}")
        end = await ended(case.launcher, job)
        assert (end.exit_code, end.signal, end.kind) == (code, None, None)
        assert [await ended(case.launcher, job) for _ in range(3)] == [end] * 3
    assert len((await case.launcher.look(jobs)).facts) == len(codes)


async def tells_signals(case: LauncherUnderTest) -> None:
    """A script that dies of a signal has no exit code."""
    for number in (1, 9, 11, 15):
        job = await case.launcher.submit(request(case, f"kill -{number} $$\n"))
        case.act(job, f"signal {number}")
        end = await ended(case.launcher, job)
        assert (end.exit_code, end.signal, end.kind) == (None, number, None)


async def enforces_walltime(case: LauncherUnderTest) -> None:
    """A job that takes longer than it asked for is ended, and this is told apart."""
    job = await case.launcher.submit(request(case, "sleep 600\n", walltime=case.walltime))
    case.act(job, "walltime")
    assert (await ended(case.launcher, job, case.patience)).kind is OutcomeKind.TIMED_OUT


async def cancels(case: LauncherUnderTest) -> None:
    """A running job is ended on request; asking twice, or after the end, is the same as once."""
    job = await case.launcher.submit(request(case, "sleep 600\n"))
    case.act(job, "start")
    fact = await until(case.launcher, job, lambda fact: fact.state is JobState.RUNNING)
    assert fact.host
    assert fact.started_at is not None
    await case.launcher.cancel(job)
    await case.launcher.cancel(job)
    case.act(job, "stop")
    end = await ended(case.launcher, job)
    assert end.kind is OutcomeKind.CANCELLED
    await case.launcher.cancel(job)
    await case.launcher.cancel(job, force=True)
    assert await ended(case.launcher, job) == end


async def cancels_before_the_start(case: LauncherUnderTest) -> None:
    """A request made as soon as the job exists is not lost."""
    job = await case.launcher.submit(request(case, "sleep 600\n"))
    await case.launcher.cancel(job)
    assert (await ended(case.launcher, job)).kind is OutcomeKind.CANCELLED


async def forces(case: LauncherUnderTest) -> None:
    """A job that will not listen is killed at once when asked so."""
    job = await case.launcher.submit(request(case, "trap '' TERM; while :; do sleep 1; done\n"))
    case.act(job, "start")
    await until(case.launcher, job, lambda fact: fact.state is JobState.RUNNING)
    await case.launcher.cancel(job)
    await case.launcher.cancel(job, force=True)
    assert (await ended(case.launcher, job, case.kill_wait)).kind is OutcomeKind.CANCELLED


async def keeps_the_output(case: LauncherUnderTest) -> None:
    """What the script writes is kept, at most the last 64 KiB, and a job without output has "" for it."""
    job = await case.launcher.submit(request(case, "echo 'grüße'; echo problem >&2\n"))
    case.act(job, "write grüße\nproblem\n")
    case.act(job, "exit 0")
    await ended(case.launcher, job)
    assert await case.launcher.output(job) == "grüße\nproblem\n"
    flood = await case.launcher.submit(request(case, "i=0; while [ $i -lt 30000 ]; do echo $i; i=$((i+1)); done\n"))
    case.act(flood, "write " + "".join(f"{number}\n" for number in range(30000)))
    case.act(flood, "exit 0")
    await ended(case.launcher, flood)
    text = await case.launcher.output(flood)
    assert text.endswith("\n29998\n29999\n")
    assert len(text.encode()) <= 64 * 1024


async def forgets_only_the_ended(case: LauncherUnderTest) -> None:
    """A living job is never forgotten; an ended one is then absent."""
    job = await case.launcher.submit(request(case, "sleep 600\n", mark=f"forget{case.salt}"))
    await case.launcher.forget(job)
    assert (await case.launcher.find(f"forget{case.salt}")).facts
    await case.launcher.cancel(job, force=True)
    await ended(case.launcher, job)
    await case.launcher.forget(job)
    await case.launcher.forget(job)
    assert not (await case.launcher.find(f"forget{case.salt}")).facts
    assert not (await case.launcher.look([job])).facts


async def takes_many_at_once(case: LauncherUnderTest) -> None:
    """Twenty jobs submitted together are twenty jobs, each with its own end."""
    jobs = await asyncio.gather(
        *(case.launcher.submit(request(case, f"exit {n}\n", mark=f"m{n}{case.salt}")) for n in range(20))
    )
    assert len({job.id for job in jobs}) == 20
    for number, job in enumerate(jobs):
        case.act(job, f"exit {number}")
        assert (await ended(case.launcher, job)).exit_code == number
        assert [fact.job for fact in (await case.launcher.find(f"m{number}{case.salt}")).facts] == [job]


async def takes_long_scripts(case: LauncherUnderTest) -> None:
    """A script of 1 MB runs to its last line."""
    job = await case.launcher.submit(request(case, ": " + "x" * 99 + "\n" + ("# " + "y" * 97 + "\n") * 10_000 + "exit 42\n"))
    case.act(job, "exit 42")
    assert (await ended(case.launcher, job)).exit_code == 42


CONTRACT: tuple[Callable[[LauncherUnderTest], Awaitable[None]], ...] = (
    keeps_the_mark_exactly,
    leaves_out_what_it_does_not_know,
    tells_exit_codes,
    tells_signals,
    enforces_walltime,
    cancels,
    cancels_before_the_start,
    forces,
    keeps_the_output,
    forgets_only_the_ended,
    takes_many_at_once,
    takes_long_scripts,
)
