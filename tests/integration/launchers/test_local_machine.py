"""What one's own machine has: told where sizes are chosen, as jobs start there whatever it has left."""

import os
from pathlib import Path

from armchair.sessions.launcherports import OneMachine


async def test_the_machine_is_told_as_the_kernel_has_it(room):
    assert isinstance(room.launcher, OneMachine)
    found = room.launcher.machine()
    assert found.cores == len(os.sched_getaffinity(0))
    kilobytes = int(Path("/proc/meminfo").read_text("ascii").split("MemTotal:")[1].split()[0])
    assert found.memory == kilobytes * 1024
