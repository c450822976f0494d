"""What the tests of the local launcher share: a launcher, requests, and a watch for processes left over."""

import getpass
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from armchair.domain.secret import Secret
from armchair.domain.session import Resources
from armchair.launchers.local import LocalLauncher
from armchair.launchers.local.settings import LocalSettings
from armchair.sessions.launcherports import JobRequest


def processes_with(text: str) -> list[int]:
    """Living processes (no zombies) that have this in their environment or arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            traces = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if state not in "ZX" and text.encode() in traces:
            found.append(int(entry.name))
    return found


def wait_until(condition, seconds=15.0, what="it"):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true"
        time.sleep(0.005)
    return value


class Room:
    """One jobs directory and what tests do with it."""

    processes_with = staticmethod(processes_with)
    wait_until = staticmethod(wait_until)

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.launcher = self.open()

    def open(self, **settings):
        settings = {"grace": timedelta(seconds=5), **settings}
        return LocalLauncher(self.directory, LocalSettings(**settings))

    def request(self, script, *, mark="mark", **resources):
        return JobRequest(
            mark=mark, name="n", script=Secret(script), run_as=getpass.getuser(), resources=Resources(**resources)
        )

    def assert_gone(self):
        """Nothing of any job in this directory lives: neither its processes nor its keepers."""
        wait_until(lambda: not processes_with(str(self.directory)), what=f"the end of the keepers in {self.directory}")
        for job in self.directory.iterdir():
            assert not processes_with(f"ARMCHAIR_JOB={job.name}")


@pytest.fixture
def room(tmp_path):
    room = Room(tmp_path / "jobs")
    yield room
    left = processes_with(str(room.directory))
    for pid in left:
        os.kill(pid, 9)
    assert not left, "a test left a job's keepers behind"
