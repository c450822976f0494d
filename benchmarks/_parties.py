"""Three ways to a web application on a node of a Slurm cluster: the portal, `sbatch` by hand, and JupyterHub.

Each party starts a server, waits until it answers through the party's own way, and ends it. All may do it in several
threads at once. Stock JupyterLab is asked for `/api`, which answers as soon as its server does, with and without a login.
"""

import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from _hpc import APPS, TRIVIAL, Login, Portal, answer, install_kits
from _jupyterhub import Hub
from armchair.client.models import Session

JUPYTERLAB = "jupyterlab"
READY_PATHS = {JUPYTERLAB: "/api", TRIVIAL: "/"}
STEP = 0.01
_FIRST_PORT = 21000
_SCRIPTS = {
    JUPYTERLAB: """#!/bin/sh
uname -n >"{told}.new" && mv "{told}.new" "{told}"
exec {kit}/bin/jupyter lab --no-browser --ip=0.0.0.0 --port={port} --ServerApp.port_retries=0
""",
    TRIVIAL: """#!/bin/sh
uname -n >"{told}.new" && mv "{told}.new" "{told}"
exec /usr/bin/python3 -I -S "{folder}/hello.py" {port}
""",
}


class GaveUp(Exception):
    """A server was not there in time, or ended before it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A server that answers. `seconds` from asking; `inside` of these since its job's script began, where that is known."""

    reference: str
    seconds: float
    inside: float | None = None


class Party(Protocol):
    """One way."""

    def start(self, app: str, patience: float = 120) -> Started:
        """Ask and wait. Raises GaveUp."""
        ...

    def end(self, started: Started) -> None:
        """End it; it may take a little longer to be gone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ByPortal:
    """POST, the session's events until it is ready, its entry, and a GET by way of the gateway."""

    login: Login
    portal: Portal

    def start(self, app: str, patience: float = 120) -> Started:
        began = time.perf_counter()
        session = self.portal.client.launch(app)
        self._follow(session.id, began + patience)
        entry = self.portal.client.entry(session.id)
        while self.portal.answer(entry, READY_PATHS[app]) != 200:
            _in_time(began + patience, session.id)
            time.sleep(STEP)
        seconds, now = time.perf_counter() - began, time.clock_gettime(time.CLOCK_BOOTTIME)
        job = self.portal.job(session.id)
        return Started(reference=session.id, seconds=seconds, inside=now - script_began(self.login, job))

    def _follow(self, session: str, until: float) -> None:
        for event in self.portal.client.follow(session):
            now = Session.of(event.data)
            if now.ready:
                return
            if now.ended:
                raise GaveUp(f"{now.state} {now.detail}\n{self.portal.client.log(session)}")
            _in_time(until, session)
        raise GaveUp("the event stream broke")

    def end(self, started: Started) -> None:
        self.portal.client.stop(started.reference)
        for event in self.portal.client.follow(started.reference):
            if Session.of(event.data).ended:
                break


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """`sbatch` of a script that says its node in a file and runs the server on a port; asked directly, without any proxy."""

    login: Login
    kit: Path
    folder: Path
    ports: Iterator[int]

    def start(self, app: str, patience: float = 120) -> Started:
        port = next(self.ports)
        told = self.folder / str(port)
        script = _SCRIPTS[app].format(told=told, kit=self.kit, folder=self.folder, port=port)
        began = time.perf_counter()
        job = self.login.sbatch(script)
        while not told.exists():
            _in_time(began + patience, job)
            time.sleep(STEP)
        address = self.login.cluster.nodes[told.read_text().strip()]
        while answer(port, READY_PATHS[app], host=address) != 200:
            _in_time(began + patience, job)
            time.sleep(STEP)
        seconds, now = time.perf_counter() - began, time.clock_gettime(time.CLOCK_BOOTTIME)
        return Started(reference=job, seconds=seconds, inside=now - script_began(self.login, job))

    def end(self, started: Started) -> None:
        self.login.command("scancel", started.reference)


@contextlib.contextmanager
def by_hand(login: Login) -> Iterator[ByHand]:
    """With a directory in the home of its user, removed afterwards."""
    folder = login.program.place / "by-hand"
    folder.mkdir()
    os.chown(folder, login.home.stat().st_uid, login.home.stat().st_gid)
    # the same program as the portal's, on a port instead of the socket that the agent gives
    text = (APPS / TRIVIAL / "hello.py").read_text()
    text = text.replace("socket.AF_UNIX", "socket.AF_INET").replace(
        'os.environ["ARMCHAIR_SOCKET"]', '("0.0.0.0", int(sys.argv[1]))'
    )
    (folder / "hello.py").write_text(text.replace("import os\n", "import os\nimport sys\n"))
    yield ByHand(login=login, kit=install_kits(), folder=folder, ports=itertools.count(_FIRST_PORT))


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHub:
    """JupyterHub: the request, its events, and a GET through its proxy."""

    hub: Hub
    names: Iterator[int]

    def start(self, app: str, patience: float = 600) -> Started:
        assert app == JUPYTERLAB
        name = f"s{next(self.names)}"
        return Started(reference=name, seconds=self.hub.start(name, patience))

    def end(self, started: Started) -> None:
        self.hub.stop(started.reference)


def by_hub(hub: Hub) -> ByHub:
    return ByHub(hub=hub, names=itertools.count(1))


def script_began(login: Login, job: str) -> float:
    """When the first process of a job began, on the clock CLOCK_BOOTTIME, to a hundredth of a second."""
    ticks = []
    for folder in (login.cluster.layout.hierarchies / "freezer").glob(f"slurm_*/uid_*/job_{job}"):
        for group, _, _ in os.walk(folder):
            with contextlib.suppress(OSError):
                for pid in Path(group, "cgroup.procs").read_text().split():
                    stat = Path(f"/proc/{pid}/stat").read_text()
                    if "(slurmstepd)" not in stat:
                        ticks.append(int(stat.rpartition(")")[2].split()[19]))
    if not ticks:
        raise GaveUp(f"job {job} has no process")
    return min(ticks) / os.sysconf("SC_CLK_TCK")


def all_gone(login: Login, patience: float = 120) -> None:
    """Wait until no job is left, so that the next measurement begins on an idle cluster."""
    deadline = time.perf_counter() + patience
    while login.command("squeue", "--noheader"):
        _in_time(deadline, "a job")
        time.sleep(0.1)


def _in_time(deadline: float, what: str) -> None:
    if time.perf_counter() > deadline:
        raise GaveUp(f"{what}: not in time")
