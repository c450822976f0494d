"""A screen below a real agent: what it leaves when it is killed, and what the portal hears of a display that died."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from armchair.agent.usage import descendants
from armchair.catalogue.loader import DirectoryCatalogue
from armchair.catalogue.settings import CatalogueSettings
from armchair.domain.forms.plan import plan
from armchair.sessions.ports import SpecContext

from .agent_jobs import Start  # noqa: TID252 - one folder's own

LEFT = "/tmp/.X11-unix/X%s", "/tmp/.X%s-lock"


def xterm(tmp_path: Path) -> dict[str, Any]:
    """What the portal would tell the agent of the application xterm."""
    catalogue = DirectoryCatalogue(CatalogueSettings(), tmp_path)
    application = catalogue.get("xterm")
    context = SpecContext(session="a", number=1, attempt=1, user="u", url="http://x", state_directory=str(tmp_path))
    spec = catalogue.spec(application, plan(application, "", {}, ""), context)
    return {"argv": spec.argv, "files": spec.files, "ready_path": spec.ready_path, "environment": spec.environment}


def named(job: int, name: str) -> int:
    """The job's process of this name; the oldest, if there are several."""
    for pid in sorted(descendants(job)):
        if Path(f"/proc/{pid}/comm").read_text().strip() == name:
            return pid
    pytest.fail(f"no {name}")


def number_of(job: int) -> str:
    return Path(f"/proc/{named(job, 'Xvfb')}/cmdline").read_bytes().split(b"\0")[1].decode()[1:]


def test_a_killed_supervisor_leaves_nothing_although_the_agent_kills_all_at_once(start: Start, tmp_path: Path) -> None:
    portal, job = start("", **xterm(tmp_path))
    portal.wait_ready()
    number = number_of(job.pid)
    [supervisor] = [pid for pid in descendants(job.pid) if b"node.py\0screen" in Path(f"/proc/{pid}/cmdline").read_bytes()][:1]
    os.kill(supervisor, signal.SIGKILL)
    assert portal.end()["signal"] == signal.SIGKILL
    job.wait(20)
    assert not any(Path(path % number).exists() for path in LEFT)


@pytest.mark.parametrize("victim", ["Xvfb", "xpra"])
def test_a_display_that_died_is_told(start: Start, tmp_path: Path, victim: str) -> None:
    portal, job = start("", **xterm(tmp_path))
    portal.wait_ready()
    number = number_of(job.pid)
    os.kill(named(job.pid, victim), signal.SIGKILL)
    end = portal.end()
    assert (end["detail"], end["exit_code"]) == ("display_died", 1)
    assert "signal 9" in end["message"]
    job.wait(20)
    assert not any(Path(path % number).exists() for path in LEFT)
