"""A portal of one person on a login node of the real cluster, with their own rights and no others."""

import http.client
import shutil
import subprocess  # noqa: TID251 - a portal of its own, run as another account
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from armchair.client import Client, read
from armchair.client.errors import ClientError
from armchair.client.models import Session
from armchair.gateway.keys import Keys
from armchair.sessions.tokens import Derived
from armchair.testing.processes import eventually
from cluster.names import ALICE
from cluster.program import Program, installed_for
from cluster.rig import Cluster
from integration.portal.portal_stage import free_port

APPS = Path(__file__).parents[2] / "fixtures" / "apps"
SETTINGS = """
[gateway]
runtime_directory = "{run}"
haproxy = "/usr/sbin/haproxy"
agents_listen = "{address}:{agents}"
networks = ["127.0.0.0/8", "{subnet}"]
[sessions]
tick_seconds = 0.3
[catalogue]
directories = ["{apps}"]
kits_directory = "{kits}"
[clusters.hpc]
launcher = "slurm"
slurm_conf = "{conf}"
quick_seconds = 0.3
queue_seconds = 0.5
queries_per_minute = 600
calm_seconds = 2
{more}
"""


@dataclass(slots=True, kw_only=True)
class SlurmPortal:
    """One home with the portal on it. `port` is where browsers connect."""

    cluster: Cluster
    program: Program
    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    clients: list[Client] = field(default_factory=list)

    # --- the portal ---

    def up(self) -> None:
        """Start the portal and wait until it answers."""
        assert self.process is None
        with (self.home / "portal.out").open("ab") as said:
            self.process = subprocess.Popen(
                self.program.argv("serve", "--home", str(self.home), "--listen", f"127.0.0.1:{self.port}"),
                env=self.program.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd="/",
                start_new_session=True,
            )
        eventually(self._answers, "the portal answers", 40)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        return read(self.home) is not None and self.client.healthy()

    def kill(self) -> None:
        """-9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def said(self) -> str:
        """The end of what the portal wrote, on its output and in its log."""
        texts = [path.read_text("utf-8", "replace")[-3000:] for path in (self.home / "portal.out", *self.home.glob("*.log"))]
        return "\n".join(texts)

    @property
    def client(self) -> Client:
        if not self.clients:
            kept = read(self.home)
            assert kept is not None
            self.clients.append(Client(kept))
        return self.clients[0]

    @property
    def derived(self) -> Derived:
        keys = Keys.load_or_create(self.home)
        return Derived(keys.portal_key, keys.instance)

    # --- sessions ---

    def launch(self, app: str = "hello", phase: str = "ready", seconds: float = 40, **options: object) -> Session:
        """Start a session and wait for the phase."""
        return self.reach(self.client.launch(app, **options).id, phase, seconds)  # type: ignore[arg-type]  # Client.launch's

    def reach(self, session: str, phase: str, seconds: float = 40) -> Session:
        """Wait until a session is in this phase. Fails when it has ended instead."""
        return self.see(session, lambda found: found.phase == phase, f"it is {phase}", seconds, ended=phase == "ended")

    def see(
        self, session: str, what: Callable[[Session], object], name: str, seconds: float = 40, *, ended: bool = False
    ) -> Session:
        """Wait until what the API says of the session is so. The portal may come back meanwhile."""
        deadline = time.monotonic() + seconds
        while True:
            found = None
            with suppress(ClientError):
                found = self.client.session(session)
                if what(found):
                    return found
                assert ended or not found.ended, (found.data, self.client.log(session), self.said())
            assert time.monotonic() < deadline, (name, found and found.data, self.client.timeline(session), self.said())
            time.sleep(0.05)

    def outcome(self, session: str, seconds: float = 60) -> tuple[str, Session]:
        """The kind of a session's outcome, when it has ended."""
        ended = self.reach(session, "ended", seconds)
        return ended.data["outcome"]["kind"], ended

    def job(self, session: str) -> str:
        """The number of the session's job in Slurm."""
        jobs = self.jobs(session)
        assert len(jobs) == 1, jobs
        return jobs[0]

    def jobs(self, session: str) -> list[str]:
        """All jobs in the queue that carry the session's mark."""
        digest = self.derived.mark(session, 1).rpartition("-")[2]
        lines = self.cluster.run(["squeue", "-h", "-a", "-o", "%A|%k|%j"]).stdout.splitlines()
        return [line.split("|")[0] for line in lines if digest in line]

    def get(self, session: str, path: str = "/") -> tuple[int, str]:
        """GET by way of the gateway; status 0: the connection broke."""
        entry = self.client.entry(session)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(
                "GET", path, headers={"Host": urlsplit(entry.url).netloc, "Cookie": f"{entry.name}={entry.value}"}
            )
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    # --- the end ---

    def end(self) -> None:
        """End portal and gateway; the cluster's own cleaning ends the jobs."""
        for client in self.clients:
            client.close()
        self.kill()
        argv = self.program.argv("down", "--home", str(self.home), "--keep-sessions", "--yes")
        subprocess.run(argv, env=self.program.environment, cwd="/", check=False, capture_output=True, timeout=60)


@contextmanager
def shared_program(cluster: Cluster) -> Iterator[Program]:
    """Armchair, readable by the cluster's people and nodes, for a whole module of tests."""
    assert cluster
    place = Path(tempfile.mkdtemp(prefix="armchair-", dir="/home"))
    place.chmod(0o755)
    try:
        shutil.copytree(APPS, place / "apps")
        program = installed_for(ALICE.name, place)
        (place / "kits").mkdir()
        shutil.chown(place / "kits", ALICE.name, ALICE.name)
        yield program
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def portal_of(cluster: Cluster, program: Program, more: str = "") -> Iterator[SlurmPortal]:
    """A portal that answers; `more` are further lines of its cluster's settings."""
    home = Path(tempfile.mkdtemp(prefix="as-", dir="/tmp"))
    text = SETTINGS.format(
        run=home / "run",
        address=cluster.host_address,
        agents=free_port(),
        subnet=cluster.layout.subnet,
        apps=program.place / "apps",
        kits=program.place / "kits",
        conf=cluster.conf,
        more=more,
    )
    (home / "armchair.toml").write_text(text)
    shutil.chown(home, program.user, program.user)
    home.chmod(0o700)
    portal = SlurmPortal(cluster=cluster, program=program, home=home, port=free_port())
    try:
        portal.up()
        yield portal
    finally:
        portal.end()
        shutil.rmtree(home, ignore_errors=True)
