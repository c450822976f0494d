"""Whether a launcher's own account may raise limits, from what sacctmgr says of it; what is not known is tried."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from armchair.domain.errors import Unavailable
from armchair.launchers.command import Completed
from armchair.launchers.slurm.queries import Queries
from armchair.launchers.slurm.site import OwnRights


class Door:
    """Says `standing` of the account; None: nothing answers."""

    def __init__(self, standing: str | None, *, reader: str = "ada", for_many: bool = False) -> None:
        self.standing, self.reader, self.for_many = standing, reader, for_many
        self.asked: list[list[str]] = []

    async def read(self, argv: Sequence[str], *, timeout: timedelta = timedelta(), limit: int = 0) -> Completed:  # noqa: ASYNC109 - the door's
        self.asked.append(list(argv))
        if self.standing is None:
            raise Unavailable("command_timed_out", program=argv[0], seconds=30)
        text = "SlurmUser               = slurm(64030)\n" if argv[0] == "scontrol" else self.standing
        failed = text.startswith("sacctmgr: error")
        return Completed(program=argv[0], exit_code=int(failed), stdout="" if failed else text, stderr=text if failed else "")


async def found(door: Door) -> bool:
    queries = Queries(door, name="hpc", cluster="", timeout=timedelta(seconds=5))  # type: ignore[arg-type]  # reads only
    rights = OwnRights(queries, door, "hpc")  # type: ignore[arg-type]
    assert rights.gives_time(), "it is offered until it is known"
    for _ in range(20):
        await asyncio.sleep(0)
    try:
        return rights.gives_time()
    finally:
        await rights.close()


@pytest.mark.parametrize("standing", ["None|\n", "None\n", "", "None|\nNone|\n"])
async def test_an_ordinary_account_may_not(standing: str) -> None:
    assert not await found(Door(standing))


@pytest.mark.parametrize("standing", ["Operator|\n", "Administrator|\n", "None|genomics,physics\n", "Operator\n"])
async def test_operators_may_and_coordinators_are_left_to_try(standing: str) -> None:
    assert await found(Door(standing))


@pytest.mark.parametrize("standing", [None, "sacctmgr: error: You are not running a supported accounting_storage plugin"])
async def test_what_is_not_answered_is_not_known(standing: str | None) -> None:
    assert await found(Door(standing))


@pytest.mark.parametrize("reader", ["root", "slurm"])
async def test_the_clusters_own_accounts_may(reader: str) -> None:
    assert await found(Door("None|\n", reader=reader))


async def test_a_helpers_rights_are_not_asked_for() -> None:
    door = Door("None|\n", for_many=True)
    assert await found(door)
    assert door.asked == []


async def test_it_is_asked_once_for_many_looks() -> None:
    door = Door("None|\n")
    await found(door)
    assert [argv[0] for argv in door.asked] == ["scontrol", "sacctmgr"]
    assert door.asked[1][-2:] == ["withcoordinators", "format=adminlevel,coordinators"]
