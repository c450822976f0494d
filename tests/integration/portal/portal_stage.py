"""One portal with all its parts, on a home of its own: what the tests of faults start, kill and ask."""

import http.client
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from armchair.cli.ending import end_everything
from armchair.client import Client, read
from armchair.client.errors import ClientError
from armchair.client.models import Entry, Session
from armchair.gateway.keys import Keys
from armchair.launchers.shepherd import files
from armchair.sessions.tokens import Derived
from armchair.settings import ServeOptions, Settings
from armchair.testing.processes import Found, Nursery, PortalProcess, eventually, kill_all, processes_of

APPS = Path(__file__).parents[2] / "fixtures" / "apps"
LIVE = ("accepted", "queued", "starting", "ready", "ending")
SETTINGS = """
[gateway]
runtime_directory = "{home}/run"
haproxy = "/usr/sbin/haproxy"
[sessions]
tick_seconds = 0.2
[catalogue]
directories = ["{apps}"]
[launchers.local]
grace = "4s"
environment = {{ HOME = "{home}/user", ARMCHAIR_TEST_HOME = "{home}" }}
"""


def free_port() -> int:
    """A loopback port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Stage:
    """A home with the portal that runs on it now. `port` is the gateway's."""

    def __init__(self, nursery: Nursery, home: Path) -> None:
        self._nursery = nursery
        self.home = home
        self.port = free_port()
        self.portal: PortalProcess | None = None
        self._client: Client | None = None
        (home / "user").mkdir(mode=0o700)
        (home / "armchair.toml").write_text(SETTINGS.format(home=home, apps=APPS))

    # --- the portal ---

    @property
    def listen(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def settings(self) -> Settings:
        return ServeOptions(home=self.home, listen=self.listen).load({}).settings

    def begin(self) -> PortalProcess:
        """Start a portal, without waiting for it."""
        self.portal = self._nursery.start(self.home, self.listen)
        return self.portal

    def up(self) -> PortalProcess:
        """Start a portal and wait until it answers."""
        (self.home / "greeting").unlink(missing_ok=True)
        portal = self.begin()
        eventually(lambda: not portal.alive or (self.home / "greeting").exists(), "the portal starts", 60)
        assert portal.alive, self.said()
        eventually(self.client.healthy, "the portal answers")
        return portal

    def said(self) -> str:
        """The end of what the portal wrote."""
        return (self.home / "portal.out").read_text()[-3000:]

    @property
    def client(self) -> Client:
        if self._client is None:
            kept = read(self.home)
            assert kept is not None
            self._client = Client(kept)
        return self._client

    @property
    def keys(self) -> Keys:
        return Keys.load_or_create(self.home)

    @property
    def derived(self) -> Derived:
        return Derived(self.keys.portal_key, self.keys.instance)

    # --- sessions ---

    def launch(self, app: str = "hello", phase: str = "ready", **options: object) -> Session:
        """Start a session and wait for the phase."""
        return self.reach(self.client.launch(app, **options).id, phase)  # type: ignore[arg-type]  # options of Client.launch

    def reach(self, session: str, phase: str, seconds: float = 60.0) -> Session:
        """Wait until a session is in this phase; the portal may come back meanwhile. Fails when it has ended instead."""
        deadline = time.monotonic() + seconds
        while True:
            with suppress(ClientError):
                found = self.client.session(session)
                if found.phase == phase:
                    return found
                assert not found.ended, (found.data, self.client.log(session))
            assert time.monotonic() < deadline, (phase, found.data, self.client.timeline(session), self.said())
            time.sleep(0.02)

    def outcome(self, session: str, seconds: float = 60.0) -> tuple[str, Session]:
        """The kind of a session's outcome, when it has ended."""
        ended = self.reach(session, "ended", seconds)
        return ended.data["outcome"]["kind"], ended

    def live(self) -> list[Session]:
        return list(self.client.sessions(phase=LIVE, page_size=200).sessions)

    def jobs(self, session: str = "") -> list[dict[str, object]]:
        """What is on file of the jobs whose keeper lives: of this session, or of all."""
        mark = self.derived.mark(session, 1) if session else ""
        found = []
        for directory in (self.home / "local" / "jobs").glob("*"):
            job = files.read_json(str(directory / files.JOB))
            if job is not None and (not mark or job["mark"] == mark) and files.is_locked(str(directory / files.LOCK)):
                found.append({**job, "state": files.read_json(str(directory / files.STATE))})
        return found

    def agent(self, session: str) -> int:
        """The process id of a session's agent: the script's shell becomes it."""
        [job] = self.jobs(session)
        state = job["state"]
        assert isinstance(state, dict)
        return int(state["leader"][0])

    # --- the application ---

    def get(self, session: str, path: str = "/", entry: Entry | None = None) -> tuple[int, str]:
        """GET by way of the gateway, as a command-line client; status and body. Status 0: the connection broke."""
        entry = entry or self.client.entry(session)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            headers = {"Host": urlsplit(entry.url).netloc, "Cookie": f"{entry.name}={entry.value}"}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    @contextmanager
    def stream(self, session: str) -> Iterator[socket.socket]:
        """An upgraded connection to the application, which echoes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            self._upgrade(connection, session)
            yield connection

    def _upgrade(self, connection: socket.socket, session: str) -> None:
        entry = self.client.entry(session)
        lines = ["GET /ws HTTP/1.1", f"Host: {urlsplit(entry.url).netloc}", f"Cookie: {entry.name}={entry.value}"]
        lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
        connection.sendall("\r\n".join(lines).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            data = connection.recv(4096)
            assert data, head
            head += data
        assert head.split()[1] == b"101", head

    # --- the end ---

    def end(self) -> list[Found]:
        """End everything as `armchair down` does; what is left over after that is a fault."""
        if not (self.home / "keys").is_dir():
            return processes_of(self.home)
        ended = end_everything(self.settings, self.home, lambda _: True, keep_sessions=False)
        assert ended.left == []
        with suppress(AssertionError):
            eventually(lambda: not processes_of(self.home), "no process is left")
        return processes_of(self.home)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


def typed(connection: socket.socket, text: bytes) -> None:
    """Send bytes and have them back."""
    connection.sendall(text)
    back = b""
    while len(back) < len(text):
        data = connection.recv(65536)
        assert data, "the stream has ended"
        back += data
    assert back == text


@contextmanager
def stage_on(nursery: Nursery, home: Path) -> Iterator[Stage]:
    """A stage on this home; afterwards all is ended the official way, and processes that are left over are a failure."""
    made = Stage(nursery, home)
    try:
        yield made
        left = made.end()
        assert left == [], f"left over: {left}"
    finally:
        made.close()
        if made.portal is not None:
            made.portal.send(signal.SIGKILL)
        kill_all(home)


@contextmanager
def new_home() -> Iterator[Path]:
    """A home with a path that is short enough for sockets."""
    home = Path(tempfile.mkdtemp(prefix="af-", dir="/tmp"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


__all__ = ["PortalProcess", "Stage", "eventually", "free_port", "new_home", "processes_of", "stage_on", "typed"]
