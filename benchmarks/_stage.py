"""What the benchmarks of the whole portal share: a real `armchair serve` in a home of its own, the machine in words."""

import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess  # noqa: TID251 - a benchmark runs the portal as a person does, by its command
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from armchair.client import Client, read
from armchair.client.api import LocalTransport
from armchair.client.models import Session

ARMCHAIR = (sys.executable, "-m", "armchair.cli.main")
PATIENCE = 60.0
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "armchair-bench"
KITS_VARIABLE = "ARMCHAIR__CATALOGUE__KITS_DIRECTORY"
SOURCE = Path(__file__).resolve().parent.parent / "src"
# where a session's own log goes, below the person's home (the launcher's idea of it, not $HOME)
STATE = Path("~/.local/state/armchair/sessions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A portal that runs for this benchmark alone: its process, its home and a client of its API."""

    pid: int
    home: Path
    client: Client
    environment: dict[str, str]

    def start(self, app: str, **answers: str) -> Session:
        """A session of this application, ready. Its time is not measured here."""
        return self.until_ready(self.client.launch(app, answers=answers))

    def until_ready(self, session: Session) -> Session:
        """Follow the session's events until it is ready. AssertionError when it ends before."""
        with _patience(f"session {session.id} is not ready"):
            for event in self.client.follow(session.id):
                now = Session.of(event.data)
                if now.ready:
                    return now
                assert not now.ended, f"{now.state} {now.detail}\n{self.client.log(session.id)}"
        raise AssertionError("the event stream broke")

    def end(self, session: Session) -> None:
        """Stop the session, wait for its end and remove what it left in the person's state directory."""
        self.client.stop(session.id)
        with _patience(f"session {session.id} has not ended"):
            for event in self.client.follow(session.id):
                if Session.of(event.data).ended:
                    break
        remove_state(session.id)


@contextlib.contextmanager
def _patience(what: str) -> Iterator[None]:
    """Raises TimeoutError when what happens inside takes more than a minute: streams themselves wait for ever."""

    def over(*_: object) -> None:
        raise TimeoutError(f"after {PATIENCE:.0f} s {what}")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def remove_state(session: str) -> None:
    """Remove a session's directory from the person's state directory: benchmarks leave nothing there."""
    shutil.rmtree(STATE.expanduser() / session, ignore_errors=True)


@contextlib.contextmanager
def stage(prepare: Callable[[Path], None] | None = None, settings: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """A portal in a temporary home, which `prepare` may fill before it starts. `settings` are variables of its environment.

    Its sessions (unless they were made up by `prepare`), its gateway and itself are ended afterwards, and the home is removed.
    """
    # ended from outside, everything is still taken down
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    home = Path(tempfile.mkdtemp(prefix="armchair-bench-", dir="/tmp"))
    environment = {**portal_environment(home), **(settings or {})}
    if prepare is not None:
        prepare(home)
    with (home / "serve.out").open("w") as output:
        process = subprocess.Popen(
            [*ARMCHAIR, "serve", "--home", str(home), "--listen", f"127.0.0.1:{free_port()}"],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            with wait_for_client(process, home) as client:
                yield Stage(pid=process.pid, home=home, client=client, environment=environment)
        finally:
            subprocess.run(
                [*ARMCHAIR, "down", "--yes", *(["--keep-sessions"] if prepare else []), "--home", str(home)],
                env=environment,
                stdout=output,
                stderr=output,
                check=False,
            )
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            process.kill()
            process.wait()
            shutil.rmtree(home, ignore_errors=True)


def portal_environment(home: Path) -> dict[str, str]:
    """The portal's environment: this checkout, the benchmarks' kits, and nothing written to the person's settings."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ARMCHAIR")}
    path = os.pathsep.join(filter(None, [str(SOURCE), kept.get("PYTHONPATH", "")]))
    return {**kept, "PYTHONPATH": path, "XDG_CONFIG_HOME": str(home / "config"), KITS_VARIABLE: str(kits_directory())}


def kits_directory() -> Path:
    """Where the benchmarks' kits are: installed once, kept for the next time."""
    return Path(os.environ.get(KITS_VARIABLE) or CACHE / "kits")


def install_kit(name: str) -> None:
    """Install the kit unless it is there."""
    with tempfile.TemporaryDirectory(prefix="armchair-bench-") as home:
        environment = portal_environment(Path(home))
        subprocess.run([*ARMCHAIR, "kit", "install", name, "--home", home], env=environment, stdout=sys.stderr, check=True)


def wait_for_client(process: subprocess.Popen[bytes], home: Path) -> Client:
    """A client of the portal on this home, when it answers. SystemExit with what it wrote when it does not."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        settings = read(home)
        if settings is not None:
            client = Client(settings)
            if client.healthy():
                return client
            client.close()
        time.sleep(0.05)
    raise SystemExit("The portal did not come up:\n" + (home / "serve.out").read_text())


def log_in(portal: Stage) -> httpx.Client:
    """A client with the login cookie of the portal's owner."""
    link = portal.client.login_link()
    client = httpx.Client(transport=LocalTransport(), base_url=portal.client.settings.url, timeout=30)
    origin = {"Origin": portal.client.settings.url.rstrip("/")}
    answer = client.post("/login", data={"code": parse_qs(urlsplit(link).query)["code"][0]}, headers=origin)
    assert answer.status_code == 303, answer.text
    # Secure cookies on plain http: browsers keep them for localhost, this client does not
    cookies = [one.split(";")[0] for one in answer.headers.get_list("set-cookie") if "-login=" in one]
    client.headers["Cookie"] = cookies[0]
    return client


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def machine() -> str:
    """The machine in one line, with its load just now: a number that was measured in a crowd should say so."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), "")
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({model or platform.machine()}), Linux {platform.release()}, load {load:.2f} at the start"


def versions(**more: str) -> dict[str, str]:
    """Versions of what is measured."""
    names = ("armchair", "fastapi", "uvicorn", "sqlalchemy", "pydantic")
    return {"python": platform.python_version(), **{name: _version(name) for name in names}, **more}


def _version(name: str) -> str:
    if name == "armchair":
        from armchair import __version__  # noqa: PLC0415 - also right in a checkout that is not installed

        return __version__
    return metadata.version(name)


def first_line(*command: str) -> str:
    """The first line that a command prints, such as its version."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def p95(values: Sequence[float]) -> float:
    """The 95th percentile: with 30 values the second greatest."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def header(machine_line: str, used: dict[str, str], what: str) -> list[str]:
    """The lines above a table."""
    return [f"Machine: {machine_line}.", "Versions: " + ", ".join(f"{k} {v}" for k, v in used.items()) + ".", what, ""]


def keep(result: dict[str, Any], file: Path | None) -> None:
    """Print the numbers behind a table on one line, and put them into the file, if there is one."""
    print(json.dumps(result))
    if file:
        file.write_text(json.dumps(result, indent=2) + "\n")
