"""Ways in which a job on the cluster ends that nobody in the portal asked for, and how long until that is told."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from _hpc import TRIVIAL, Login, Portal
from _jupyterhub import Hub
from _stage import PATIENCE
from armchair.client.models import Session

NODES = ("node1", "node2", "node3")
SETTLE = 12.0
LONG = 10 * PATIENCE


@contextlib.contextmanager
def full(login: Login, *, really: bool = True) -> Iterator[None]:
    """A cluster on which nothing new starts."""
    if really:
        login.cluster.drain(*NODES)
    try:
        yield
    finally:
        if really:
            login.cluster.resume(*NODES)


def until(true: Callable[[], object], what: str, seconds: float = LONG) -> None:
    """Wait. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not yet: {what}")
        time.sleep(0.1)


def jobs(login: Login) -> list[str]:
    """The numbers of the jobs that wait or run."""
    return login.cluster.run(["squeue", "-h", "-o", "%A"]).stdout.split()


def cancel(login: Login, job: str) -> None:
    """As root does it on another terminal."""
    login.cluster.run(["scancel", job])


def kill(job: str, *, only: str = "") -> None:
    """SIGKILL for all processes of the job, agent included, or for those whose command line has this word."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                variables = (entry / "environ").read_bytes().split(b"\0")
                if f"SLURM_JOB_ID={job}".encode() in variables and only.encode() in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)


def told(portal: Portal, session: Session, end: Callable[[], object]) -> tuple[float, Session]:
    """Seconds from what `end` does until the session's event stream says how it ended, and what it says."""
    heard: list[tuple[float, Session]] = []

    def listen() -> None:
        for event in portal.client.follow(session.id):
            if event.name == "session" and Session.of(event.data).ended:
                heard.append((time.monotonic(), Session.of(event.data)))
                return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    time.sleep(1.0)
    began = time.monotonic()
    end()
    thread.join(LONG)
    if not heard:
        raise TimeoutError(f"the end of {session.id} is not told")
    at, ended = heard[0]
    return at - began, ended


def ends(login: Login, trials: int) -> dict[str, list[float]]:
    """Seconds from each kind of end until it is told, and rightly."""
    found: dict[str, list[float]] = {}

    def note(name: str, kind: str, session: Session, end: Callable[[str], object]) -> None:
        job = portal.job(session.id)
        took, ended = told(portal, session, lambda: end(job))
        print(f"{took:.2f} {name}: {ended.data['outcome']['kind']}", file=sys.stderr)
        said = ended.data["outcome"]["kind"]
        found.setdefault(name if said == kind else f"{name}, told as {said}", []).append(took)

    with login.portal() as portal:
        for _ in range(trials):
            one = _ready(portal)
            note("the application is killed with -9", "failed", one, lambda job: kill(job, only="hello.py"))
            one = _ready(portal)
            note("the whole job is killed with -9", "failed", one, kill)
            one = _ready(portal)
            note("scancel while it runs", "cancelled", one, lambda job: cancel(login, job))
            one = _ready(portal, size="narrow")
            note("too much memory", "out_of_memory", one, lambda _job, s=one: _grow(portal, s))
            with full(login):
                one = portal.client.launch(TRIVIAL)
                until(lambda s=one: portal.client.session(s.id).phase == "queued", "it waits")
                time.sleep(SETTLE)
                note("scancel while it waits", "cancelled", one, lambda job: cancel(login, job))
    return found


def _ready(portal: Portal, size: str = "") -> Session:
    ready = portal.until_ready(portal.client.launch(TRIVIAL, size=size))
    time.sleep(SETTLE)  # quick looks after the news of its start would help
    return ready


def _grow(portal: Portal, session: Session) -> None:
    entry = portal.client.entry(session.id)
    threading.Thread(target=portal.answer, args=(entry, "/grow"), daemon=True).start()


def ends_of_peer(login: Login, hub: Hub, trials: int) -> dict[str, list[float]]:
    """The same of the peer: until its API no longer shows the server."""
    ways = {
        "the whole job is killed with -9": kill,
        "scancel while it runs": lambda job: cancel(login, job),
    }
    found: dict[str, list[float]] = {}
    for trial in range(trials):
        for number, (name, end) in enumerate(ways.items()):
            server = f"e{trial}-{number}"
            hub.start(server)
            [job] = jobs(login)
            began = time.monotonic()
            end(job)
            until(lambda server=server: not hub.runs(server), f"the peer says that {server} has ended")
            found.setdefault(name, []).append(time.monotonic() - began)
            with contextlib.suppress(Exception):
                hub.stop(server)
            login.cluster.cancel_all()
    return found
