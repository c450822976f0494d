"""The peer on Slurm: JupyterHub with batchspawner and configurable-http-proxy, as they come.

What is set beyond their defaults is what they need to work on this cluster at all: addresses and ports, an authenticator
without passwords, the nodes' addresses (their names mean nothing on this machine), SLURM_CONF, and full paths of commands,
because sudo has a PATH of its own. One account asks for all servers, by names.

    with hpc() as login, jupyterhub(login) as hub:
        seconds = hub.start("one")
        hub.stop("one")
"""

import contextlib
import http.client
import json
import os
import secrets
import shutil
import subprocess  # noqa: TID251 - the peer's own processes
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _hpc import SHARED, Login, answer, install_kits, versions_of
from _stage import PATIENCE, free_port

JUPYTERHUB, BATCHSPAWNER, PROXY = "6.1.1", "1.3.0", "5.3.0"
PLACE = SHARED / f"jupyterhub-{JUPYTERHUB}"
CHP = PLACE / "node_modules" / ".bin" / "configurable-http-proxy"
_STEP = 0.02
_CONFIG = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_ip = "{address}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.command = ["{chp}"]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.allow_named_servers = True
c.JupyterHub.services = [{{"name": "bench", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [{{
    "name": "bench",
    "scopes": ["admin:users", "admin:servers", "access:servers"],
    "services": ["bench"],
}}]
# a SlurmSpawner that translates nodes' names
c.JupyterHub.spawner_class = "batchspawner.MultiSlurmSpawner"
c.MultiSlurmSpawner.daemon_resolver = {nodes}
c.Spawner.environment = {{"SLURM_CONF": "{slurm_conf}"}}
c.Spawner.cmd = ["{place}/bin/jupyterhub-singleuser"]
c.BatchSpawnerBase.batchspawner_singleuser_cmd = "{place}/bin/batchspawner-singleuser"
"""


class NotStarted(Exception):
    """The hub gave a server up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A hub that answers. Servers are told apart by their names; all are one account's."""

    port: int
    token: str
    user: str
    pid: int
    log: Path

    def start(self, name: str, patience: float = 10 * PATIENCE) -> float:
        """Ask for a server and wait until JupyterLab in it answers through the proxy; seconds. Raises NotStarted.

        The answer to the request says that it is there, or after ten seconds that it takes longer; then its events do.
        """
        began = time.perf_counter()
        status, text = self._ask("POST", f"/hub/api/users/{self.user}/servers/{name}")
        if status == 202:
            self._follow(name)
        elif status != 201:
            raise NotStarted(f"{status} {text[:200]}")
        path = f"/user/{self.user}/{name}/api"
        while self.answer(path) != 200:
            if time.perf_counter() - began > patience:
                raise NotStarted(f"{path} does not answer")
            time.sleep(_STEP)
        return time.perf_counter() - began

    def answer(self, path: str) -> int:
        """The status of a GET through the proxy."""
        return answer(self.port, path, {"Authorization": f"token {self.token}"})

    def runs(self, name: str) -> bool:
        """Whether the hub takes this server for one that runs."""
        servers = json.loads(self._ask("GET", f"/hub/api/users/{self.user}")[1]).get("servers", {})
        return bool(servers.get(name, {}).get("ready"))

    def stop(self, name: str) -> None:
        """End a server and forget it."""
        deadline = time.monotonic() + PATIENCE
        body = json.dumps({"remove": True})
        while self._ask("DELETE", f"/hub/api/users/{self.user}/servers/{name}", body)[0] not in {204, 404}:
            if time.monotonic() > deadline:
                raise NotStarted(f"{name} does not end")
            time.sleep(0.2)

    def _follow(self, name: str) -> None:
        with self._request("GET", f"/hub/api/users/{self.user}/servers/{name}/progress", "") as events:
            for line in events:
                if line.startswith(b"data:"):
                    event: dict[str, Any] = json.loads(line[5:])
                    if event.get("failed"):
                        raise NotStarted(event.get("message", ""))
                    if event.get("ready"):
                        return
        raise NotStarted("the events ended")

    def _ask(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        with self._request(method, path, body) as got:
            return got.status, got.read().decode("utf-8", "replace")

    @contextlib.contextmanager
    def _request(self, method: str, path: str, body: str) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10 * PATIENCE)
        try:
            connection.request(method, path, body or None, {"Authorization": f"token {self.token}"})
            yield connection.getresponse()
        finally:
            connection.close()


def install() -> dict[str, str]:
    """Install the peer unless it is there; its versions. JupyterLab and what it needs are the kit's versions."""
    kit = install_kits()
    ready = PLACE / ".ready"
    if not ready.exists():
        shutil.rmtree(PLACE, ignore_errors=True)
        frozen = subprocess.run([kit / "bin" / "python", "-c", _FREEZE], stdout=subprocess.PIPE, text=True, check=True).stdout
        subprocess.run(["/usr/bin/python3", "-m", "venv", PLACE], stdout=sys.stderr, check=True)
        (PLACE / "constraints.txt").write_text(frozen)
        wanted = [f"jupyterhub=={JUPYTERHUB}", f"batchspawner=={BATCHSPAWNER}", "jupyterlab"]
        pip = [PLACE / "bin" / "python", "-m", "pip", "install", "--quiet", "--constraint", PLACE / "constraints.txt"]
        subprocess.run([*pip, *wanted], stdout=sys.stderr, check=True)
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", PLACE]
        subprocess.run([*npm, f"configurable-http-proxy@{PROXY}"], stdout=sys.stderr, check=True)
        ready.touch()
    packages = versions_of(PLACE / "bin" / "python", "jupyterhub", "batchspawner", "jupyterlab", "jupyter_server")
    return {**packages, "configurable-http-proxy": PROXY}


_FREEZE = """
import importlib.metadata as m
for one in m.distributions(): print(f"{one.metadata['Name']}=={one.version}")
"""


@contextlib.contextmanager
def jupyterhub(login: Login, *, counted: bool = False, more: str = "") -> Iterator[Hub]:
    """A hub with its proxy, ended afterwards with its jobs. `counted`: its Slurm commands count themselves.

    `more` are further lines of its configuration.
    """
    home = Path(tempfile.mkdtemp(prefix="armchair-bench-hub-", dir="/tmp"))
    token, port = secrets.token_hex(16), free_port()
    text = _CONFIG.format(
        port=port,
        address=login.cluster.host_address,
        hub_port=free_port(),
        api_port=free_port(),
        chp=CHP,
        token=token,
        nodes=login.cluster.nodes,
        slurm_conf=login.cluster.conf,
        place=PLACE,
    )
    if counted:
        # sudo's own PATH would leave the counting commands out
        path = login.environment(counted=True)["PATH"]
        text += f'c.BatchSpawnerBase.exec_prefix = "sudo -E -u {{username}} env PATH={path}"\n'
    (home / "config.py").write_text(text + more)
    environment = {
        **{name: value for name, value in os.environ.items() if name in {"HOME", "LANG", "USER", "LOGNAME"}},
        "PATH": f"{PLACE}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        **login.cluster.env,
    }
    log = home / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [PLACE / "bin" / "jupyterhub", "-f", home / "config.py"],
            env=environment,
            cwd=home,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            hub = Hub(port=port, token=token, user=login.user, pid=process.pid, log=log)
            _wait(process, hub)
            yield hub
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            process.kill()
            process.wait()
            login.cluster.cancel_all()
            for path in login.home.glob("jupyterhub_slurmspawner_*.log"):
                path.unlink(missing_ok=True)
            shutil.rmtree(home, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], hub: Hub) -> None:
    deadline = time.monotonic() + PATIENCE
    while hub.answer("/hub/api") != 200:
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("JupyterHub did not come up:\n" + hub.log.read_text()[-4000:])
        time.sleep(0.1)
    status, text = hub._ask("POST", f"/hub/api/users/{hub.user}")  # noqa: SLF001 - a part of its start
    if status != 201:
        raise SystemExit(f"JupyterHub does not take the user: {status} {text}")
