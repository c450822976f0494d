"""FakeSlurm: a directory with fakes of Slurm's commands and the JSON file that they share; tests drive its jobs and its faults.

Oddities that a real cluster shows once a year are made here at will. What a real one does every day is tested on a real one.
"""

import fcntl
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from armchair.testing import slurm_commands
from armchair.testing.slurm_commands import CALLS, COMMANDS, STATE

DOWN = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n"
_WRAPPER = '#!/bin/sh\nexec "{python}" -I -S "{program}" {name} "{directory}" "$@"\n'


class FakeSlurm:
    """A scheduler in a file, a fake. `bin` is what the launcher's `bin_directory` is set to."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.bin = directory / "bin"
        self.bin.mkdir(parents=True)
        start = {
            "next": 100,
            "jobs": {},
            "faults": [],
            "keeps_comment": True,
            "keeps_name": True,
            "accounting": True,
            "private": "none",
            "operator": False,
            "stubborn": False,
            "old": False,
        }
        (directory / STATE).write_text(json.dumps(start))
        (directory / CALLS).touch()
        for name in COMMANDS:
            wrapper = self.bin / name
            program = slurm_commands.__file__
            wrapper.write_text(_WRAPPER.format(python=sys.executable, program=program, name=name, directory=directory))
            wrapper.chmod(0o755)

    # --- the state ---

    @contextmanager
    def state(self) -> Iterator[dict[str, Any]]:
        """The shared state, to read and to change. `calls` are all commands that were called, with their arguments."""
        with (self._directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            path, calls = self._directory / STATE, self._directory / CALLS
            state: dict[str, Any] = json.loads(path.read_text())
            state["calls"] = [json.loads(line) for line in calls.read_text().splitlines()]
            yield state
            calls.write_text("".join(json.dumps(call) + "\n" for call in state.pop("calls")))
            path.write_text(json.dumps(state))

    def set(self, **switches: object) -> None:
        """Set switches of the state: keeps_comment, keeps_name, accounting, private, operator, stubborn, old."""
        with self.state() as state:
            state.update(switches)

    def job(self, job: str) -> dict[str, Any]:
        """One job as the state has it."""
        with self.state() as state:
            found: dict[str, Any] = state["jobs"][job]
            return found

    @property
    def calls(self) -> Counter[str]:
        """How often each command was called."""
        with self.state() as state:
            return Counter(call[0] for call in state["calls"])

    def change(self, job: str, **fields: str | bool) -> None:
        """Set fields of a job, by squeue's names for them; also `forgotten` (by the controller), `unaccounted`, and `hidden`:
        in a partition that is shown to those alone who ask for all, or for this job.
        """
        with self.state() as state:
            state["jobs"][job].update(fields)

    # --- driving jobs ---

    def start(self, job: str, node: str = "node1") -> None:
        """The job runs."""
        now = int(time.time())
        self.change(
            job, State="RUNNING", Reason="None", StartTime=str(now), EndTime=str(now + 3600), NodeList=node, BatchHost=node
        )

    def end(self, job: str, state: str, status: int = 0, **fields: str | bool) -> None:
        """The job ends in this state, with this raw wait status."""
        self.change(job, State=state, Reason="None", exit_code=str(status), EndTime=str(int(time.time())), **fields)

    def add(self, **fields: str) -> str:
        """A job that nobody here submitted; its id."""
        with self.state() as state:
            number = str(state["next"])
            state["next"] += 1
            plain = dict.fromkeys(("Reason", "NodeList", "Comment", "Name"), "") | {"RestartCnt": "0", "exit_code": "0"}
            plain |= {"StartTime": "N/A", "EndTime": "N/A", "TimeLimit": "60:00", "UserID": "4242", "BatchHost": "n/a"}
            plain |= {"State": "PENDING", "SubmitTime": str(int(time.time())), "Partition": "main", "PriorityLong": "100"}
            state["jobs"][number] = plain | {"JobID": number} | fields
        return number

    # --- faults ---

    def fault(self, command: str, *, times: int = 0, **how: object) -> None:
        """From now on (or `times` times) this command ("*": each) fails: `stdout`, `stderr`, `exit_code`, `seconds` to wait
        first; with `act` it does its work all the same.
        """
        with self.state() as state:
            state["faults"].append({"command": command, "times": times, **how})

    def down(self) -> None:
        """No controller answers."""
        self.fault("*", stderr=DOWN)

    def mend(self) -> None:
        """All faults are over."""
        self.set(faults=[])
