"""Runs the run scripts of the shipped applications as the agent would, without an agent."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess  # noqa: TID251  the harness starts whole process groups and must be able to end them
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import pytest

from armchair.catalogue.loader import DirectoryCatalogue
from armchair.catalogue.settings import CatalogueSettings
from armchair.domain.forms.plan import plan
from armchair.launchers import command
from armchair.sessions.ports import SpecContext
from armchair.testing.viewers.rfb import Rfb
from armchair.testing.viewers.stream import through_front
from armchair.wire.runspec import RunSpec

from .screens import graphical  # noqa: F401, TID252 - one folder's own

KITS = Path(os.environ.get("ARMCHAIR_TEST_KITS", "/tmp/armchair-test-kits"))
HOST = "abc.apps.localhost:8000"
Start = Callable[..., "AppRun"]


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30.0, what: str = "it") -> None:
    """Wait for a condition, at most so long."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds} s")
        await asyncio.sleep(0.02)


class AppRun:
    """One started application: its private directory, process and socket."""

    def __init__(
        self, spec: RunSpec, directory: Path, home: Path, extra: Mapping[str, str], before: Sequence[str] = ()
    ) -> None:
        self.spec, self.directory = spec, directory
        self.socket = directory / "s"
        with socket.socket() as chosen:
            chosen.bind(("127.0.0.1", 0))
            self.port = chosen.getsockname()[1]
        for file in spec.files:
            path = directory / file.name
            path.write_text(file.content)
            path.chmod(file.mode)
        user = pwd.getpwuid(os.getuid()).pw_name
        environment = {
            "HOME": str(home), "USER": user, "LOGNAME": user, "SHELL": "/bin/bash", "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            **spec.environment,
            "ARMCHAIR_DIR": str(directory), "ARMCHAIR_SOCKET": str(self.socket), "ARMCHAIR_AGENT_PYTHON": sys.executable,
            **extra,
        }  # fmt: skip
        if spec.transport != "unix":
            environment["ARMCHAIR_PORT"] = str(self.port)
        self.log = directory.parent / f"{directory.name}.log"
        self.started = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*before, str(directory / spec.argv[0]), *spec.argv[1:]],
                env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def client(self) -> httpx.AsyncClient:
        """A browser behind the gateway."""
        if self.spec.transport == "unix":
            transport = httpx.AsyncHTTPTransport(uds=str(self.socket))
            return httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}", headers={"X-Armchair-User": "alice"})
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers={"Host": HOST})

    @contextlib.asynccontextmanager
    async def vnc_client(self) -> AsyncIterator[Rfb]:
        """A VNC client as a browser's. What makes it wait for the server runs in a thread, so that the tests' loop goes on."""
        client = await asyncio.to_thread(lambda: Rfb(through_front(str(self.socket), "/-/display")))
        try:
            yield client
        finally:
            client.close()

    async def ready(self, seconds: float = 60.0) -> float:
        """Wait until it is ready; how long that took since the start."""

        async def answered() -> bool:
            if self.process.poll() is not None:
                pytest.fail(f"ended with {self.process.returncode}: {self.log.read_text()[-3000:]}")
            try:
                async with self.client() as client:
                    status = (await client.get(self.spec.ready_path)).status_code
            except httpx.HTTPError:
                return False
            return any(low <= status <= high for low, high in self.spec.ready_statuses)

        await until(answered, seconds, f"readiness ({self.log.read_text()[-2000:]})")
        return time.monotonic() - self.started

    async def ended(self, seconds: float = 20.0) -> int:
        """Wait for its end; the exit code."""

        async def over() -> bool:
            return self.process.poll() is not None

        await until(over, seconds, "the end")
        return int(self.process.returncode)

    async def stop(self) -> int:
        """Ask for the end as the agent does."""
        os.killpg(self.process.pid, getattr(signal, f"SIG{self.spec.stop_signal}"))
        return await self.ended(self.spec.stop_grace + 5)

    def clear(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pid in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def listening(self) -> list[str]:
        """TCP sockets in state LISTEN that the run's processes hold."""
        held = set()
        for pid in self.left():
            with contextlib.suppress(OSError):
                held.update(str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir())
        lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
        return [columns[1] for columns in lines if columns[3] == "0A" and f"socket:[{columns[9]}]" in held]

    def left(self) -> list[int]:
        """Processes that belong to this run: they have its directory in their environment."""
        needle = f"ARMCHAIR_DIR={self.directory}\0".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if needle in (path / "environ").read_bytes():
                    found.append(int(path.name))
        return found


@pytest.fixture
def catalogue(tmp_path: Path) -> DirectoryCatalogue:
    (tmp_path / "apps").mkdir()
    return DirectoryCatalogue(CatalogueSettings(kits_directory=KITS, directories=(tmp_path / "apps",)), tmp_path)


@pytest.fixture
def start(catalogue: DirectoryCatalogue, tmp_path: Path) -> Iterator[Start]:
    """start(app, answers, before=…, base=…, **environment) → AppRun, cleared away at the end.

    `before` stands before its command; its private directory is made in `base`.
    """
    runs: list[AppRun] = []
    home = tmp_path / "home"
    home.mkdir()

    def begin(
        app: str,
        answers: Mapping[str, object] | None = None,
        before: Sequence[str] = (),
        base: str = "/tmp",
        **extra: str,
    ) -> AppRun:
        application = catalogue.get(app)
        assert application.missing == (), application.missing
        context = SpecContext(
            session="abc", number=7, attempt=1, user="alice", url=f"http://{HOST}", state_directory=str(tmp_path / "state")
        )
        spec = catalogue.spec(application, plan(application, "", answers or {}, ""), context)
        # short, because a socket's path has at most 107 bytes
        directory = Path(tempfile.mkdtemp(prefix="armchair-app-", dir=base))
        runs.append(AppRun(spec, directory, home, extra, before))
        return runs[-1]

    yield begin
    for run in runs:
        run.clear()
        shutil.rmtree(run.directory, ignore_errors=True)
        run.log.unlink(missing_ok=True)


@pytest.fixture
async def jupyter_kit(catalogue: DirectoryCatalogue) -> None:
    """The jupyter kit, installed once into a cache that stays."""
    if not catalogue.kits.status("jupyter").ready:
        await catalogue.kits.install("jupyter", command.run, lambda _: None)
