"""What the benchmarks on Slurm share: a real cluster of their own, a portal on its login side, and a count of Slurm's commands.

The cluster is the tests' (tests/cluster): a controller, accounting, and four nodes that are network namespaces of this
machine. It needs root; all that is measured runs as one ordinary user of the cluster.

    with hpc() as login, login.portal() as portal:
        session = portal.start("hello")
        with login.counting() as calls:
            time.sleep(60)
        print(calls.names["squeue"], "times squeue in", calls.seconds, "s")
"""

import contextlib
import http.client
import os
import pwd
import shutil
import signal
import subprocess  # noqa: TID251 - a benchmark runs the portal as a person does, by its command
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from _stage import KITS_VARIABLE, PATIENCE, Stage, first_line, free_port, wait_for_client  # noqa: E402 - after the path
from armchair.client.models import Entry  # noqa: E402 - as above
from cluster.claim import spare  # noqa: E402 - as above
from cluster.names import ALICE  # noqa: E402 - as above
from cluster.program import Program, installed_for  # noqa: E402 - as above
from cluster.rig import Cluster  # noqa: E402 - as above

# what the cluster's people must be able to read: a home directory's cache is closed to them
SHARED = Path("/var/tmp/armchair-bench")
APPS = ROOT / "tests" / "fixtures" / "apps"
TRIVIAL = "hello"
COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "sacct", "sacctmgr", "sinfo", "sshare", "sprio", "srun")
# the weight of a session of processes, as a nice value
_AHEAD = "-15"
# bash, because its clock costs no further process; it adds 3 ms to each command, so times are taken without it
_COUNTED = """#!/bin/bash
printf '%s {name}\\n' "$EPOCHREALTIME" >>{record}
exec {program} "$@"
"""


@dataclass(slots=True)
class Calls:
    """Slurm's commands that were run while something was looked at."""

    seconds: float = 0.0
    names: Counter[str] = field(default_factory=Counter)

    def per_minute(self, name: str = "squeue") -> float:
        """How many of this command there were in a minute, on the average."""
        return 60 * self.names[name] / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal(Stage):
    """A portal of the ordinary user; `port` is where browsers connect."""

    port: int
    process: subprocess.Popen[bytes]

    def go_ahead(self) -> None:
        """Give portal and gateway their time before all else, as on a machine of their own: here the nodes share it.

        Linux divides time among sessions of processes (autogroup), of which each job is one; nice values count inside them.
        """
        master = int((self.home / "run" / "haproxy.pid").read_text().split()[0])
        workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        for pid in (self.pid, master, *map(int, workers)):
            Path(f"/proc/{pid}/autogroup").write_text(_AHEAD)

    def job(self, session: str) -> str:
        """The number of the session's first job."""
        [number] = (event["params"]["job"] for event in self.client.timeline(session) if event["code"] == "job.submitted")
        return str(number)

    def answer(self, entry: Entry, path: str) -> int:
        """Status of a GET by way of the gateway, as a browser asks; 0: the connection broke."""
        return answer(self.port, path, {"Host": urlsplit(entry.url).netloc, "Cookie": f"{entry.name}={entry.value}"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The login side of the cluster: who is there, and what they have."""

    cluster: Cluster
    program: Program
    counters: Path

    @property
    def user(self) -> str:
        """Who everything runs as."""
        return self.program.user

    @property
    def home(self) -> Path:
        """Their home directory, which the nodes have too."""
        return Path(pwd.getpwnam(self.user).pw_dir)

    @property
    def record(self) -> Path:
        """Where each counted command writes a line: the time, its name."""
        return self.counters / "record"

    def environment(self, *, counted: bool = False) -> dict[str, str]:
        """The user's environment on this cluster; `counted`: with the commands that count themselves first on PATH."""
        plain = self.program.environment
        path = f"{self.counters}:{plain['PATH']}" if counted else plain["PATH"]
        return {**plain, **self.cluster.env, "PATH": path}

    @contextlib.contextmanager
    def portal(self, settings: Mapping[str, str] | None = None, *, counted: bool = False) -> Iterator[Portal]:
        """`armchair serve --launcher slurm` with no other settings than paths, and `settings` (variables).

        Its sessions are ended with it.
        """
        home = Path(tempfile.mkdtemp(prefix="armchair-bench-", dir="/tmp"))
        shutil.chown(home, self.user, self.user)
        environment = {
            **self.environment(counted=counted),
            KITS_VARIABLE: str(SHARED / "kits"),
            "ARMCHAIR__CATALOGUE__DIRECTORIES": str(self.program.place / "apps"),
            "ARMCHAIR__GATEWAY__RUNTIME_DIRECTORY": str(home / "run"),
            **(settings or {}),
        }
        port = free_port()
        with (home / "serve.out").open("w") as output:

            def armchair(*arguments: str) -> subprocess.Popen[bytes]:
                argv = self.program.argv(*arguments, "--home", str(home))
                return subprocess.Popen(argv, env=environment, stdout=output, stderr=output, cwd="/", start_new_session=True)

            process = armchair("serve", "--launcher", "slurm", "--listen", f"127.0.0.1:{port}")
            try:
                with wait_for_client(process, home) as client:
                    yield Portal(pid=process.pid, home=home, client=client, environment=environment, port=port, process=process)
            finally:
                process.kill()
                process.wait()
                armchair("down", "--yes", "--keep-sessions").wait(PATIENCE)
                self.cluster.cancel_all()
                shutil.rmtree(self.home / ".local/state/armchair", ignore_errors=True)
                shutil.rmtree(home, ignore_errors=True)

    def sbatch(self, script: str, *options: str) -> str:
        """Submit as the user, in an environment of their own as from a fresh login; the job's number."""
        argv = [*self.program.become(), "sbatch", "--parsable", "--output=/dev/null", *options]
        done = subprocess.run(
            argv, input=script, env=self.environment(), cwd=self.home, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def command(self, *argv: str) -> str:
        """What one of Slurm's commands says to the user."""
        whole = [*self.program.become(), *argv]
        done = subprocess.run(whole, env=self.environment(), cwd="/", capture_output=True, text=True, check=True)
        return done.stdout

    @contextlib.contextmanager
    def counting(self) -> Iterator[Calls]:
        """Count the commands that run meanwhile, by all that got the environment `counted`."""
        calls = Calls()
        before, began = self.record.stat().st_size, time.monotonic()
        yield calls
        calls.seconds = time.monotonic() - began
        with self.record.open() as lines:
            lines.seek(before)
            calls.names.update(line.split()[1] for line in lines)


@contextlib.contextmanager
def hpc() -> Iterator[Login]:
    """A cluster on a spare instance, with Armchair installed for one of its people. All is taken down afterwards.

    Its controller is Slurm's own, which looks for batch jobs once a second; the tests' looks more often.
    """
    if os.geteuid() != 0:
        raise SystemExit("This makes a cluster of network namespaces: run it as root.")
    # ended from outside, everything is still taken down
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    place = Path(tempfile.mkdtemp(prefix="armchair-bench-", dir="/home"))
    place.chmod(0o755)
    try:
        with spare(own_pace=True) as cluster:
            shutil.copytree(APPS, place / "apps")
            program = installed_for(ALICE.name, place)
            _counters(place / "counters")
            yield Login(cluster=cluster, program=program, counters=place / "counters")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _counters(place: Path) -> None:
    """Commands that count themselves."""
    place.mkdir()
    record = place / "record"
    record.touch()
    record.chmod(0o666)
    for name in COMMANDS:
        program = shutil.which(name)
        if program is not None:
            (place / name).write_text(_COUNTED.format(name=name, record=record, program=program))
            (place / name).chmod(0o755)


def install_kits() -> Path:
    """JupyterLab's kit where the cluster's people can read it, installed once; its directory."""
    kits = SHARED / "kits"
    kits.mkdir(parents=True, exist_ok=True)
    if SHARED.stat().st_uid != os.geteuid():
        raise SystemExit(f"{SHARED} is somebody else's.")
    with tempfile.TemporaryDirectory(prefix="armchair-bench-") as home:
        environment = {**os.environ, KITS_VARIABLE: str(kits), "PYTHONPATH": str(ROOT / "src")}
        argv = [sys.executable, "-m", "armchair.cli.main", "kit", "install", "jupyter", "--home", home]
        subprocess.run(argv, env=environment, stdout=sys.stderr, check=True)
    [ready] = (path.parent for path in kits.glob("jupyter-*/.ready"))
    return ready


def answer(port: int, path: str, headers: Mapping[str, str] | None = None, host: str = "127.0.0.1") -> int:
    """The status of one GET; 0: nobody is there, or the connection broke."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def slurm_version() -> str:
    """As its controller says it."""
    return first_line("slurmctld", "-V").removeprefix("slurm-wlm ")


def versions_of(python: Path, *packages: str) -> dict[str, str]:
    """The versions of packages in another environment."""
    code = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    return dict(zip(packages, first_line(str(python), "-c", code, *packages).split(), strict=True))


def in_turn(parties: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """(round, party): each round another party begins; round 0 warms the caches and should not be counted."""
    for turn in range(rounds + 1):
        place = turn % len(parties)
        for party in (*parties[place:], *parties[:place]):
            yield turn, party
