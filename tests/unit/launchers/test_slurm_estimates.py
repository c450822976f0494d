"""Estimates: read from what sbatch says, few in a minute, shared, and never waited for."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.domain.cluster import Estimate, Starts
from armchair.domain.session import Placement, Resources
from armchair.launchers.slurm.estimate import Budget, Estimates
from armchair.launchers.slurm.guesses import estimate
from unit.launchers.slurm_door import Hands, RecordedDoor, done

NOW = datetime.fromtimestamp(1795634800, UTC)
HOUR = timedelta(hours=1)


def said(stderr: str, exit_code: int = 0) -> Estimate | None:
    return estimate(done(stderr=stderr, exit_code=exit_code), NOW)


def starts(at: str) -> str:
    return f"sbatch: Job 6000001 to start at {at} using 2 processors on nodes node1 in partition short\n"


def test_a_start_within_a_minute_is_now() -> None:
    for at in ("1795634779", "1795634800", "1795634860", "2026-11-25T19:26:40"):
        assert said(starts(at)) == Estimate(starts=Starts.NOW, as_of=NOW)


def test_a_later_start_has_its_time_whatever_the_format() -> None:
    later = Estimate(starts=Starts.LATER, at=NOW + timedelta(seconds=61), as_of=NOW)
    assert said(starts("1795634861")) == later
    assert said(starts("2026-11-25T19:27:41")) == later


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        (
            "allocation failure: Requested node configuration is not available\n",
            "Requested node configuration is not available",
        ),
        (
            "sbatch: error: invalid partition specified: nope\nallocation failure: Invalid partition name specified\n",
            "Invalid partition name specified",
        ),
        (
            "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified\n",
            "Invalid account or account/partition combination specified",
        ),
        ("allocation failure: Access denied to requested reservation\n", "Access denied to requested reservation"),
        (
            "allocation failure: Required partition not available (inactive or drain)\n",
            "Required partition not available (inactive or drain)",
        ),
    ],
)
def test_refusals_are_never_in_the_schedulers_words(stderr: str, reason: str) -> None:
    assert said(stderr, 1) == Estimate(starts=Starts.NEVER, reason=reason, as_of=NOW)


@pytest.mark.parametrize(
    ("stderr", "code"),
    [
        ("allocation failure: Unable to contact slurm controller (connect failure)\n", 1),
        ("sbatch: error: Socket timed out on send/recv operation\n", 1),
        ("something nobody has seen before\n", 1),
        ("", 0),
        ("", -9),
        (starts("Unknown"), 0),
        (starts("N/A"), 0),
    ],
)
def test_silence_and_strange_words_are_no_estimate(stderr: str, code: int) -> None:
    assert said(stderr, code) is None


@given(st.text(max_size=200), st.integers(-15, 255))
def test_any_answer_is_read_without_an_error(stderr: str, code: int) -> None:
    said(stderr, code)
    said(f"to start at {stderr}", code)


# --- asking ----------------------------------------------------------------------------------------------------------


class Stage:
    def __init__(self, per_minute: int = 6) -> None:
        self.door, self.clock, self.told = RecordedDoor(), Hands(), asyncio.Event()
        self.estimates = Estimates(self.door, per_minute=per_minute, news=self.told.set, clock=self.clock, now=lambda: NOW)

    def get(self, cores: int = 1, login: str = "ada", walltime: timedelta | None = HOUR) -> Estimate:
        return self.estimates.get(login, Resources(cores=cores, walltime=walltime), Placement(partition="short"))

    async def answered(self, count: int) -> None:
        """Until so many questions were answered."""
        async with asyncio.timeout(5):
            while self.door.calls["test_only"] < count or self.door.under_way:
                self.told.clear()
                await self.told.wait()


async def test_the_first_to_ask_does_not_wait_and_is_told() -> None:
    stage = Stage()
    assert stage.get() == Estimate(starts=Starts.UNKNOWN, asking=True)
    await stage.answered(1)
    assert stage.get().starts is Starts.NOW
    login, argv = stage.door.acted[0]
    assert login == "ada"
    assert argv[:2] == ["sbatch", "--test-only"]
    assert {"--cpus-per-task=1", "--time=60", "--partition=short"} <= set(argv)


async def test_all_who_ask_for_a_shape_share_one_question() -> None:
    stage = Stage()
    for number in range(100):
        stage.get(login=f"person{number}")
    await stage.answered(1)
    for number in range(100):
        assert stage.get(login=f"person{number}").starts is Starts.NOW
    assert stage.door.calls["test_only"] == 1


async def test_never_more_than_the_budget_in_any_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, times = Stage(per_minute=6), []
    slept = asyncio.sleep

    async def sleep(seconds: float) -> None:
        stage.clock.time += seconds
        await slept(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    plain = stage.door.act

    async def act(*arguments: object, **rest: object) -> object:
        times.append(stage.clock.time)
        return await plain(*arguments, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.door, "act", act)
    for cores in range(1, 31):
        stage.get(cores)
    await stage.answered(30)
    assert len(times) == 30
    for first, seventh in zip(times, times[6:], strict=False):
        assert seventh - first >= 60


async def test_a_crowd_of_shapes_is_cut_and_the_newest_are_asked() -> None:
    stage = Stage(per_minute=1000)
    for cores in range(1, 101):
        stage.get(cores)
    await stage.answered(40)
    assert stage.door.calls["test_only"] == 40
    assert stage.get(100).starts is Starts.NOW


async def test_an_old_guess_is_shown_while_a_new_one_is_asked_for_and_an_ancient_one_is_none() -> None:
    stage = Stage()
    stage.get()
    await stage.answered(1)
    stage.clock.time += 61
    assert (stage.get().starts, stage.get().asking) == (Starts.NOW, True)
    await stage.answered(2)
    assert stage.get() == Estimate(starts=Starts.NOW, as_of=NOW)
    stage.clock.time += 1801
    assert stage.get() == Estimate(starts=Starts.UNKNOWN, asking=True)
    await stage.answered(3)


async def test_a_page_that_stays_open_is_told_when_its_guess_is_old_and_then_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage, loop = Stage(), asyncio.get_running_loop()
    reminders: list[float] = []
    plain = loop.call_later

    def call_later(delay: float, callback: Callable[..., object], *arguments: object, **rest: object) -> object:
        if callback == stage.told.set:
            reminders.append(delay)
            return None
        return plain(delay, callback, *arguments, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "call_later", call_later)
    for count in range(1, 6):
        stage.get()
        await stage.answered(count)
        stage.clock.time += reminders[-1]
    assert reminders == [61, 121, 241, 301, 301]
    stage.door.test_only = [
        done(stderr="sbatch: Job 1 to start at 1795635000 using 2 processors on nodes n1 in partition short")
    ]
    stage.get()
    await stage.answered(6)
    assert reminders[-1] == 61


async def test_silence_gives_no_estimate_and_is_not_pressed() -> None:
    stage = Stage()
    stage.door.silent = True
    stage.get()
    await stage.answered(1)
    for _ in range(50):
        stage.clock.time += 1
        assert stage.get() == Estimate(starts=Starts.UNKNOWN)
    assert stage.door.calls["test_only"] == 1


async def test_without_a_budget_nothing_is_asked() -> None:
    stage = Stage(per_minute=0)
    assert stage.get() == Estimate(starts=Starts.UNKNOWN)
    assert stage.door.calls["test_only"] == 0


@given(st.integers(1, 10), st.lists(st.floats(0, 40), min_size=1, max_size=60))
def test_the_budget_holds_for_any_pauses(per_minute: int, pauses: list[float]) -> None:
    clock, spent = Hands(), []
    budget = Budget(per_minute, clock)
    for pause in pauses:
        clock.time += pause
        if budget.wait() == 0:
            budget.spend()
            spent.append(clock.time)
    assert all(later - first >= 59.999 for first, later in zip(spent, spent[per_minute:], strict=False))
