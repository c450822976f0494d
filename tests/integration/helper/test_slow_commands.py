"""A command that takes too long as somebody else: the helper can't end it, but sudo can, and is asked to."""

import asyncio
import os
import pwd
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from armchair.domain.secret import Secret
from armchair.helper.acts import Acts
from armchair.helper.config import ClusterConfig, HelperConfig
from armchair.helper.files import sudoers
from armchair.launchers.command import CommandTimedOut

from .helper_stage import ANNA, FORK, HELPER, Site, sh  # noqa: TID252 - one folder's own

SLEEP = f"sleep 6{os.getpid()}"  # an argument of our own, to be found by
ARGV = ["sbatch", "--test-only", "--export=NONE", "--chdir=/"]


@pytest.fixture
def slow(site: Site) -> Iterator[HelperConfig]:
    """A site whose sbatch never ends."""
    place = Path(f"/opt/armchair-slow-{os.getpid()}")
    rule = Path("/etc/sudoers.d/armchair-test-slow")
    place.mkdir()
    try:
        for name in ("sbatch", "scancel"):
            (place / name).write_text(f"#!/bin/sh\nexec {SLEEP}\n")
            (place / name).chmod(0o755)
        config = site.config.model_copy(update={"clusters": {"slurm": ClusterConfig(bin_directory=place)}})
        rule.touch(mode=0o440)
        rule.write_text(sudoers(config))
        yield config
    finally:
        rule.unlink(missing_ok=True)
        shutil.rmtree(place)


def left() -> list[str]:
    """What still runs as her."""
    return sh("pgrep", "--full", "--uid", ANNA, f"^{SLEEP}", check=False).stdout.split()


def asked_as_helper(config: HelperConfig, told: str) -> None:
    entry = pwd.getpwnam(HELPER)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)

    async def main() -> None:
        asking = asyncio.create_task(
            Acts(config).would_start("slurm", ANNA, ARGV, Secret("#!/bin/sh\n"), timedelta(seconds=1 if told == "late" else 60))
        )
        if told == "cancelled":
            while not await asyncio.to_thread(left):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
            asking.cancel()
        await asking

    with pytest.raises(CommandTimedOut if told == "late" else asyncio.CancelledError):
        asyncio.run(main())


@pytest.mark.parametrize("told", ["late", "cancelled"])
def test_nothing_of_it_is_left(slow: HelperConfig, told: str) -> None:
    process = FORK.Process(target=asked_as_helper, args=(slow, told))
    process.start()
    process.join(30)
    try:
        assert process.exitcode == 0
        assert left() == []
    finally:
        for pid in left():
            os.kill(int(pid), 9)
        process.kill()
        process.join()
