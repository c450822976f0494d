"""A whole site on this machine: helper, web process and gateway, each as its own Unix account, over a real Slurm cluster.

Where nodes take no connections, also the hub, as the unit says that set-up writes.
"""

import asyncio
import http.client
import json
import re
import shutil
import signal
import subprocess  # noqa: TID251 - three services of three accounts, as a service manager would start them
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from armchair.accounts.actor import PortalRole, scopes_for
from armchair.client import Client, ClientSettings
from armchair.client.errors import ClientError
from armchair.client.models import Session
from armchair.gateway.names import Names
from armchair.helper.config import ClusterConfig, HelperConfig
from armchair.helper.files import pam_service, sudoers
from armchair.settings import load
from armchair.setup.hub import findings
from armchair.setup.plan import things
from armchair.setup.site import Site
from armchair.setup.texts import hub_unit
from armchair.setup.things import File, Ground
from armchair.testing.processes import eventually
from cluster.names import GROUP, Person
from cluster.program import PYTHON, Program
from cluster.rig import Cluster
from cluster.shell import Done, run
from integration.portal.portal_stage import free_port

MOST_HOURS = 3
SETTINGS = """
[site]
ask_again = "1s"
helper = "{socket}"
keys = "{web_keys}"
[gateway]
listen = "127.0.0.1:{port}"
public_origin = "http://armsite.localhost:{port}"
apps_domain = "apps-armsite.localhost"
agents_listen = "{address}:{agents}"
networks = ["{subnet}"]
managed = false
group = "{group}"
directory = "{gateway}"
keys_directory = "{gateway_keys}"
runtime_directory = "{run}"
haproxy = "/usr/sbin/haproxy"
maxconn = 500
[sessions]
tick_seconds = 0.3
[sessions.extend]
step = "10h"
[catalogue]
directories = ["{apps}"]
[clusters.hpc]
launcher = "slurm"
slurm_conf = "{conf}"
quick_seconds = 0.3
queue_seconds = 0.5
queries_per_minute = 600
calm_seconds = 2
"""
CLOSED = (20_000, 20_099)  # the ports of agents, where a test closes them to the network
HUB_SETTINGS = """reach = "hub"
agent_ports = {ports}
[hub]
listen = "{listen}"
port = {inside}
"""
Form = Mapping[str, str] | Sequence[tuple[str, str]]
_ASK = """
import json, socket, sys
door = socket.socket(socket.AF_UNIX)
door.settimeout(60)
try:
    door.connect(sys.argv[1])
    door.sendall(sys.stdin.buffer.read())
    print(door.makefile().readline())
except OSError as error:
    print(json.dumps({"closed": type(error).__name__}))
"""


@dataclass(slots=True, kw_only=True)
class SitePortal:
    """The site while it runs. `processes` are its three services by name."""

    cluster: Cluster
    program: Program
    place: Path
    site: Site
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    clients: list[Client] = field(default_factory=list)

    # --- the services ---

    def start(self, name: str) -> None:
        """Start `helper`, `gateway`, `web`, or the `hub` of a site that has one, as its account."""
        home, file = str(self.site.home), str(self.site.portal_file)
        commands = {
            "helper": (
                self.helper,
                ["shadow", self.web, self.gateway],
                ["helper", "run", "--config", str(self.site.helper_file)],
            ),
            "gateway": (self.gateway, [self.site.group], ["gateway", "run", "--home", home, "--config", file]),
            "web": (self.web, [self.site.group], ["serve", "--home", home, "--config", file]),
        }
        account, groups, arguments = commands[name] if name in commands else self._as_in_unit(hub_unit(self.site))
        argv = [*become(account, groups), self.program.python, "-m", "armchair.cli.main", *arguments]
        with (self.place / f"{name}.out").open("ab") as said:
            self.processes[name] = subprocess.Popen(
                argv, env=self._environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", start_new_session=True
            )
        up = {"helper": self._helper_is_up, "gateway": self._gateway_is_up, "web": self._web_is_up, "hub": self._hub_is_up}
        eventually(up[name], f"{name} is up", 40)

    def _as_in_unit(self, text: str) -> tuple[str, list[str], list[str]]:
        """Account, further groups and arguments of a service, as set-up wrote them into its unit."""
        said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
        program, *arguments = said["ExecStart"].split()
        assert (program, said["Group"]) == (str(self.site.program), said["User"]), said
        return said["User"], said["SupplementaryGroups"].split(), arguments

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End one of them, -9 by default."""
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait(30)

    @property
    def _environment(self) -> Mapping[str, str]:
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {"PATH": path, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}

    def _helper_is_up(self) -> bool:
        self._alive("helper")
        return "ok" in self.ask("ping")

    def _gateway_is_up(self) -> bool:
        self._alive("gateway")
        return self.healthy()

    def _web_is_up(self) -> bool:
        self._alive("web")
        return self.healthy() if "gateway" in self.processes else (self.site.runtime_directory / "web.sock").exists()

    def _hub_is_up(self) -> bool:
        self._alive("hub")
        return not asyncio.run(findings(self.site))

    def healthy(self) -> bool:
        """Whether the portal answers by way of the gateway."""
        return self.request("GET", "/api/v1/health")[0] == 200

    def _alive(self, name: str) -> None:
        assert self.processes[name].poll() is None, self.said()

    def said(self) -> str:
        """The end of what they wrote."""
        return "\n".join(f"--- {path.name}\n{path.read_text('utf-8', 'replace')[-2500:]}" for path in self.place.glob("*.out"))

    # --- browsers ---

    @property
    def helper(self) -> str:
        """The helper's account."""
        return self.site.helper.account

    @property
    def web(self) -> str:
        """The web process's account."""
        return self.site.helper.web_account

    @property
    def gateway(self) -> str:
        """The gateway's account."""
        return self.site.helper.gateway_account

    @property
    def operators(self) -> str:
        """The group of the site's operators."""
        return self.site.helper.operators[0].removeprefix("@")

    @property
    def sudoers(self) -> Path:
        return Path("/etc/sudoers.d", self.site.helper.pam_service)

    @property
    def names(self) -> Names:
        keys = self.site.helper.web_keys
        return Names.of(load(self.site.home, self.site.portal_file).settings.gateway, (keys / "instance").read_text().strip())

    def request(
        self, method: str, path: str, form: Form | None = None, cookie: str = "", host: str = ""
    ) -> tuple[int, str, str]:
        """Status, the cookies that were set, and body; status 0: the connection broke."""
        names = self.names
        headers = {"Host": host or f"{names.portal_host}:{self.port}", "Cookie": cookie}
        if form is not None:
            headers |= {"Origin": names.portal_origin, "Content-Type": "application/x-www-form-urlencoded"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)
        try:
            connection.request(method, path, urlencode(form) if form is not None else None, headers)
            answer = connection.getresponse()
            cookies = "\n".join(answer.headers.get_all("Set-Cookie", []))
            return answer.status, cookies, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, "", ""
        finally:
            connection.close()

    def log_in(self, login: str, password: str) -> tuple[int, str]:
        """The login form: its status, and the cookie it set ("" for none)."""
        status, cookies, _ = self.request("POST", "/login", {"login": login, "password": password})
        found = re.search(rf"{re.escape(self.names.login_cookie)}=[^;]+", cookies)
        return status, found[0] if found else ""

    def client(self, person: Person) -> Client:
        """The API, with a token that the person makes on their own page."""
        status, cookie = self.log_in(person.name, person.password)
        assert (status, bool(cookie)) == (303, True), (status, self.said())
        page = self.request("GET", "/account", cookie=cookie)
        csrf = re.search(r'name="csrf" value="([^"]+)"', page[2])
        assert csrf, page
        scopes = [("scope", scope.value) for scope in scopes_for(frozenset({PortalRole.USER}))]
        form = [("csrf", csrf[1]), ("name", f"test {cookie[-8:]}"), ("life", "30"), *scopes]
        answer = self.request("POST", "/account/tokens", form, cookie)
        secret = re.search(r'id="new-token">([^<]+)<', answer[2])
        assert secret, answer
        made = Client(ClientSettings(url=self.names.portal_origin, token=secret[1], socket="", home="", pid=0))
        self.clients.append(made)
        return made

    def visit(self, client: Client, session: str) -> int:
        """GET / of a session by way of the gateway, with a ticket of this person's."""
        entry = client.entry(session)
        return self.request("GET", "/", cookie=f"{entry.name}={entry.value}", host=urlsplit(entry.url).netloc)[0]

    def reach(self, client: Client, session: str, phase: str, seconds: float = 60) -> Session:
        """Wait until a session is in this phase."""
        seen: list[Session] = []

        def there() -> bool:
            with suppress(ClientError):
                seen.append(client.session(session))
                assert seen[-1].phase == phase or not seen[-1].ended, (seen[-1].data, self.said())
            return bool(seen) and seen[-1].phase == phase

        eventually(there, f"session is {phase}", seconds)
        return seen[-1]

    def job(self, login: str) -> str:
        """The number of this person's only job."""
        jobs = self.cluster.run(["squeue", "-h", "-t", "PD,R", "-u", login, "-o", "%A"]).stdout.split()
        assert len(jobs) == 1, jobs
        return jobs[0]

    def as_account(self, account: str, *argv: str) -> Done:
        """What a process of this account gets to do."""
        return run([*become(account, [self.site.group]), *argv], check=False)

    # --- the helper's socket ---

    def ask(self, do: str, *, account: str = "", groups: Sequence[str] = (), **question: object) -> dict[str, Any]:
        """The helper's whole answer to a raw question of a process of this account; "": the web process's."""
        line = json.dumps({"do": do, **question}) + "\n"
        argv = [*become(account or self.web, groups), PYTHON, "-c", _ASK, str(self.site.helper.socket)]
        said = run(argv, stdin=line, timeout=90).stdout.strip()
        found: dict[str, Any] = json.loads(said or '{"closed": "no answer"}')
        return found

    def assertion(self, person: Person) -> str:
        """The helper's word for this person, as a web process that was taken over would hold it."""
        turn = self.ask("login.begin", login=person.name, address="10.9.9.9")["ok"]
        done = self.ask("login.answer", conversation=turn["conversation"], answers=[person.password])
        return str(done["ok"]["admitted"]["assertion"])

    def audit(self) -> list[dict[str, Any]]:
        """The helper's own record."""
        return [json.loads(line) for line in self.site.helper.audit_log.read_text().splitlines()]


def become(account: str, groups: Sequence[str] = ()) -> list[str]:
    """What stands before a command line so that it runs as the account, with these further groups and no others."""
    more = ["--groups", ",".join(groups)] if groups else ["--clear-groups"]
    return ["setpriv", "--reuid", account, "--regid", account, *more, "--"]


@contextmanager
def site_of(cluster: Cluster, program: Program, *, hub: bool = False) -> Iterator[SitePortal]:
    """Set up as `armchair setup` does, with names and places of the tests' own; all of it is gone afterwards.

    `hub`: its nodes are reached by way of a hub.
    """
    place = Path(tempfile.mkdtemp(prefix="ast-", dir="/tmp"))
    place.chmod(0o755)
    name = f"arms{cluster.layout.instance}"  # as many sites as clusters may be on this machine
    helper = HelperConfig(
        account=f"{name}helper",
        web_account=f"{name}web",
        gateway_account=f"{name}gateway",
        group=GROUP,
        operators=(f"@{name}ops",),
        pam_service=f"armchair-test-{name}",
        socket=place / "sock" / "h.sock",
        state_directory=place / "helper",
        web_keys=place / "keys" / "web",
        gateway_keys=place / "keys" / "gateway",
        audit_log=place / "log" / "helper.jsonl",
        apps_domain="apps-armsite.localhost",
        agents_names=(cluster.host_address,),
        most_hours=MOST_HOURS,
        clusters={"hpc": ClusterConfig(slurm_conf=str(cluster.conf))},
    )
    site = Site(
        program=Path("/bin/true"),
        helper=helper,
        group=f"{name}site",
        settings_directory=place / "etc",
        home=place / "home",
        gateway_directory=place / "gateway",
        runtime_directory=place / "run",
        units=place / "units",
        hub=f"{cluster.host_address}:{free_port()}" if hub else "",
    )
    port = free_port()
    made = SitePortal(cluster=cluster, program=program, place=place, site=site, port=port)
    try:
        asyncio.run(_set_up(made))
        words = ["user", helper.account, "account=root", "adminlevel=Operator"]
        cluster.run(["sacctmgr", "-i", "add", *words], check=False)  # it says no when it is there already
        assert "Operator" in cluster.run(["sacctmgr", "-n", "-P", "show", "user", helper.account, "format=adminlevel"]).stdout
        for service in ("helper", "web", "gateway", "hub"):  # the gateway reads lists that the web process makes
            if service != "hub" or hub:
                made.start(service)
        yield made
    finally:
        _take_down(made)


async def _set_up(made: SitePortal) -> None:
    site, config = made.site, made.site.helper
    run(["groupadd", "--force", made.operators])
    for thing in things(site):
        if not isinstance(thing, File) and thing.wrong(Ground()):
            await thing.mend(Ground())
    config.socket.parent.mkdir()
    shutil.chown(config.socket.parent, made.helper, made.helper)
    for thing in things(site):
        if isinstance(thing, File) and thing.path == site.helper_file:
            await thing.mend(Ground())
    await File(path=site.portal_file, group=site.group, mode=0o640, text=_settings(made)).mend(Ground())
    await File(path=made.sudoers, text=sudoers(config), mode=0o440, check=("visudo", "-c", "-q", "-f")).mend(Ground())
    await File(path=Path("/etc/pam.d", config.pam_service), text=pam_service(debian=True)).mend(Ground())


def _settings(made: SitePortal) -> str:
    config = made.site.helper
    return SETTINGS.format(
        socket=config.socket,
        web_keys=config.web_keys,
        port=made.port,
        address=made.cluster.host_address,
        agents=free_port(),
        subnet=made.cluster.layout.subnet,
        group=made.site.group,
        gateway=made.site.gateway_directory,
        gateway_keys=config.gateway_keys,
        run=made.site.runtime_directory,
        apps=made.program.place / "apps",
        conf=made.cluster.conf,
    ) + (HUB_SETTINGS.format(ports=[*CLOSED], listen=made.site.hub, inside=free_port()) if made.site.hub else "")


def _take_down(made: SitePortal) -> None:
    """In the other order, gently, so that HAProxy's processes go too; then everything that was set up."""
    for name in ("web", "gateway", "hub", "helper"):
        if name in made.processes:
            try:
                made.kill(name, signal.SIGTERM)
            except subprocess.TimeoutExpired:
                made.processes[name].kill()
    made.cluster.run(["sacctmgr", "-i", "delete", "user", made.helper], check=False)
    for path in (made.sudoers, Path("/etc/pam.d", made.site.helper.pam_service)):
        path.unlink(missing_ok=True)
    for account in (made.web, made.gateway, made.helper):
        run(["userdel", account], check=False)
    for group in (made.site.group, made.operators):
        run(["groupdel", group], check=False)
    shutil.rmtree(made.place, ignore_errors=True)
