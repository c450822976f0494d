"""The composition root of `armchair doctor`. With --cluster: a short job looks at a node, and at both ways between it and here.

It acts as the account that calls it, with the cluster's own commands; the portal may run or not.
"""

import asyncio
import contextlib
import ipaddress
import json
import os
import pwd
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from armchair.domain.errors import ArmchairError, BadSettings, JobRefused, NotFound, SchedulerSilent
from armchair.domain.run import JobRef, JobState
from armchair.domain.secret import Secret
from armchair.domain.session import Placement, Resources
from armchair.gateway.hub.address import NETWORK as HUB_NETWORK
from armchair.gateway.names import agents_address
from armchair.launchers import registry
from armchair.launchers.slurm.launcher import SlurmLauncher
from armchair.launchers.slurm.settings import Reach, SlurmSettings
from armchair.loginnode import fitted
from armchair.meetinghouse import networks
from armchair.node.survey import survey
from armchair.sessions.agentscript import AgentScripts
from armchair.sessions.launcherports import JobFact, JobRequest
from armchair.settings import Settings
from armchair.wire.config import examination_mark

STEP = 0.5
WALLTIME = timedelta(minutes=1)
OUTPUT_TIME = 50.0
CALL_TIME = 5.0
ENOUGH = 16 << 20
MEMORY = 256 << 20
REMOTE = frozenset({"nfs", "nfs4", "lustre", "gpfs", "beegfs", "cifs", "smb3", "ceph", "fuse.sshfs", "panfs", "afs", "9p"})
NO_PYTHON = 97
# what only some applications need: without it, sessions of others work
FOR_SOME = frozenset({"namespaces", "runtimes", "images", "sockets", "displays"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `grave`: sessions can't work, or some can't; otherwise a finding that is not `ok` is a
    warning. `code` and `params` become words elsewhere.
    """

    code: str
    ok: bool
    grave: bool = True
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Job:
    """The probe while it lives."""

    ref: JobRef
    token: str
    fact: JobFact | None = None
    seen: int = 0
    node: str = ""
    done: bool = False


class Doctor:
    """Looks at one cluster. `news` is told what is waited for, for whoever watches."""

    def __init__(self, settings: Settings, home: Path, cluster: str, placement: Placement, wait: float) -> None:
        """Raises NotFound("no_such_cluster", cluster=…)."""
        known = {name: found for name, found in settings.cluster_launchers().items() if found[0] == "slurm"}
        if cluster not in known:
            raise NotFound("no_such_cluster", cluster=cluster)
        self._settings, self._home, self._name = settings, home, cluster
        self._placement, self._wait = placement, wait
        self._cluster = SlurmSettings.model_validate(known[cluster][1])
        self._row = registry.load(home, "doctor", {cluster: known[cluster]})[0]
        self._reader = pwd.getpwuid(os.geteuid()).pw_name
        self.waits_for = ""

    async def examine(self) -> AsyncIterator[Finding]:
        """All findings, each as soon as it is known. `waits_for`: "controller", "output", or why the job does not start."""
        launcher = self._row.launcher
        if not isinstance(launcher, SlurmLauncher):
            yield Finding(code="launcher", ok=False, params={"problem": self._row.problem, "cluster": self._name})
            return
        async for one in self._here(launcher):
            yield one
            if not one.ok and one.code in {"controller", "keys", "address"}:
                return
        token = secrets.token_hex(16)
        try:
            job = Job(ref=await launcher.submit(self._request(token)), token=token)
        except (JobRefused, SchedulerSilent) as error:
            yield Finding(code="submit", ok=False, params={"problem": error.params.get("reason") or str(error)})
            return
        yield Finding(code="submit", ok=True, params={"job": job.ref.id})
        try:
            async for one in self._there(launcher, job):
                yield one
        finally:
            with contextlib.suppress(ArmchairError):
                await launcher.cancel(job.ref)

    # --- here ---------------------------------------------------------------------------------------------------------

    async def _here(self, launcher: SlurmLauncher) -> AsyncIterator[Finding]:
        self.waits_for = "controller"
        began = time.monotonic()
        try:
            await launcher.queries.config()
        except SchedulerSilent as silence:
            yield Finding(code="controller", ok=False, params={"problem": silence.params.get("reason", "")})
            return
        yield Finding(code="controller", ok=True, params={"seconds": round(time.monotonic() - began, 1)})
        rights = await launcher.rights()
        if rights is not None:
            params = {"reader": self._reader}
            yield Finding(code="jobs_seen", ok=rights.trusted, params=params)
            yield Finding(code="accounting", ok=rights.accounting, grave=False)
        try:
            self._authority()
        except OSError as error:
            yield Finding(code="keys", ok=False, params={"problem": error.strerror, "path": error.filename})
            return
        try:
            self._settings = await fitted(self._settings, self._home)
        except BadSettings as error:
            yield Finding(code="address", ok=False, params={"address": "?", "problem": error.params.get("problem")})
            return
        url = self._portal_url()
        address = urlsplit(url).netloc
        yield Finding(code="address", ok=not _is_loopback(urlsplit(url).hostname or ""), params={"address": address})
        problem = await self._listener(url)
        yield Finding(code="listener", ok=not problem, params={"address": address, "problem": problem})

    def _authority(self) -> str:
        """PEM of the agents' authority. Raises OSError."""
        settings = self._settings
        site = Path(settings.site.keys) if settings.site.helper else None
        return ((site or self._home / "keys") / "agents-ca.crt").read_text("ascii")

    def _portal_url(self) -> str:
        """Where agents are told to call."""
        if self._cluster.portal_address_from_nodes:
            return self._cluster.portal_address_from_nodes
        fixed = agents_address(self._settings.gateway)
        if fixed:
            return f"https://{fixed}"
        with contextlib.suppress(OSError):
            return f"https://127.0.0.1:{int((self._home / 'gateway' / 'agents-port').read_text('ascii'))}"
        return "https://127.0.0.1:443"

    async def _listener(self, url: str) -> str:
        """Why the agents listener does not answer to us; "" when it does."""
        parts = urlsplit(url)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self._authority())
        try:
            async with asyncio.timeout(CALL_TIME):
                _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
                writer.close()
        except TimeoutError:
            return "no answer"
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def _request(self, token: str) -> JobRequest:
        scripts = AgentScripts(agents_url=self._portal_url, agents_ca=self._authority(), networks=networks(self._settings))
        return JobRequest(
            mark=f"doctor-{secrets.token_hex(8)}",
            name="armchair-doctor",
            script=scripts.examination(Secret(token), self._name),
            run_as=self._reader,
            resources=Resources(cores=1, memory=MEMORY, walltime=WALLTIME),
            placement=self._placement,
        )

    # --- there --------------------------------------------------------------------------------------------------------

    async def _there(self, launcher: SlurmLauncher, job: Job) -> AsyncIterator[Finding]:
        if not await self._started(launcher, job):
            reason = job.fact.reason if job.fact else ""
            yield Finding(code="started", ok=False, params={"seconds": round(self._wait), "reason": reason or "?"})
            return
        job.node = (job.fact.node if job.fact else "") or "?"
        yield Finding(code="started", ok=True, params={"node": job.node})
        if self._cluster.reach is Reach.DIRECT:
            for one in self._address(job):
                yield one
        self.waits_for = "output"
        deadline = time.monotonic() + OUTPUT_TIME
        while not job.done and time.monotonic() < deadline:
            lines = await self._lines(launcher, job)
            for line in lines:
                async for one in self._said(job, line):
                    yield one
            if not lines and not job.done and await self._over(launcher, job):
                break
            await asyncio.sleep(STEP)
        if not job.done:
            yield await self._silent(launcher, job)

    async def _started(self, launcher: SlurmLauncher, job: Job) -> bool:
        deadline = time.monotonic() + self._wait
        while time.monotonic() < deadline:
            await self._look(launcher, job)
            if job.fact is not None and job.fact.state is not JobState.PENDING:
                return True
            self.waits_for = job.fact.reason if job.fact else ""
            await asyncio.sleep(STEP)
        return False

    async def _look(self, launcher: SlurmLauncher, job: Job) -> None:
        with contextlib.suppress(SchedulerSilent):
            listing = await launcher.look([job.ref])
            job.fact = next((fact for fact in listing.facts if fact.job == job.ref), job.fact)

    async def _over(self, launcher: SlurmLauncher, job: Job) -> bool:
        await self._look(launcher, job)
        return job.fact is not None and job.fact.state is JobState.ENDED

    def _address(self, job: Job) -> list[Finding]:
        host = job.fact.host if job.fact else None
        known = Finding(code="node_address", ok=host is not None, params={"node": job.node, "host": host})
        if host is None:
            return [known]
        allowed = self._settings.gateway.networks
        inside = any(ipaddress.ip_address(host) in ipaddress.ip_network(one) for one in (*allowed, str(HUB_NETWORK)))
        return [known, Finding(code="networks", ok=inside, params={"host": host, "networks": ", ".join(allowed)})]

    async def _lines(self, launcher: SlurmLauncher, job: Job) -> list[dict[str, object]]:
        """What the job has said since the last look."""
        with contextlib.suppress(ArmchairError):
            whole = _own(await launcher.output(job.ref, run_as=self._reader), job)
            fresh, job.seen = whole[job.seen :], len(whole)
            return fresh
        return []

    async def _said(self, job: Job, said: dict[str, object]) -> AsyncIterator[Finding]:
        """The findings in one line of the job's."""
        code, ok = str(said.pop("check", "")), said.pop("ok", False) is True
        if code == "node":
            yield Finding(code="output", ok=True)
            yield Finding(code="python", ok=True, params={"node": job.node, "python": said.get("python")})
        elif code == "listens":
            yield await self._call(job, said.get("port"))
        elif code == "temporary":
            for one in _temporary(ok, said):
                yield one
        elif code == "clock":
            yield Finding(code="clock", ok=ok, params={"skew": said.get("skew")})
        elif code == "done":
            job.done = True
        elif code in {"bind", "portal", "hub", "home"} | FOR_SOME:
            yield Finding(code=code, ok=ok, grave=code not in FOR_SOME, params={**said, "node": job.node})

    async def _call(self, job: Job, port: object) -> Finding:
        """Connect to the node as the gateway would."""
        host = job.fact.host if job.fact else None
        params: dict[str, object] = {"host": host or "?", "port": port, "problem": ""}
        if host is None or not isinstance(port, int):
            return Finding(code="called", ok=False, params=params)
        try:
            async with asyncio.timeout(CALL_TIME):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    writer.write(job.token.encode() + b"\n")
                    answer = await reader.readline()
                finally:
                    writer.close()
        except TimeoutError:
            params["problem"] = "no answer, as behind a firewall"
        except OSError as error:
            params["problem"] = error.strerror or str(error)
        else:
            if answer:
                return Finding(code="called", ok=True, params=params)
            params["problem"] = "somebody else answers there"
        return Finding(code="called", ok=False, params=params)

    async def _silent(self, launcher: SlurmLauncher, job: Job) -> Finding:
        """The job never came to its last word."""
        text = ""
        with contextlib.suppress(ArmchairError):
            text = await launcher.output(job.ref, run_as=self._reader)
        end = job.fact.end if job.fact else None
        if end is not None and end.exit_code == NO_PYTHON:
            return Finding(code="python", ok=False, params={"node": job.node})
        if not text or (not _own(text, job) and (end is None or end.exit_code == 0)):
            return Finding(code="output", ok=False, params={"reader": self._reader})
        what = "no last word" if end is None else f"exit code {end.exit_code}, signal {end.signal}"
        return Finding(code="exit", ok=False, params={"problem": what, "output": text[-300:]})


def this_machine() -> Iterator[Finding]:
    """What it has for sessions in containers and graphical ones, where it runs sessions itself."""
    node = os.uname().nodename
    for code, ok, facts in survey():
        yield Finding(code=code, ok=ok, grave=code not in FOR_SOME, params={**facts, "node": node})


def _temporary(ok: bool, said: dict[str, object]) -> list[Finding]:
    free = said.get("free")
    room = free if isinstance(free, int) else 0
    params = {**said, "free": f"{room / 2**30:.1f} GiB"}
    first = Finding(code="temporary", ok=ok, params=params)
    if not ok:
        return [first]
    found = [
        Finding(code="room", ok=room >= ENOUGH, params=params),
        Finding(code="local", ok=said.get("kind") not in REMOTE, grave=False, params=params),
        # /dev/shm only ever holds the key for a moment
        Finding(
            code="executes",
            ok=said.get("executes") is True or said.get("directory") != "/tmp",  # noqa: S108
            grave=False,
            params=params,
        ),
    ]
    return [first, *(replace(one, params=params) for one in found if not one.ok)]


def _own(text: str, job: Job) -> list[dict[str, object]]:
    """What the job has said in this output. Before it begins, the file may still be that of an elder job with its number."""
    said = [found for line in text.split("\n")[:-1] if (found := _object(line)) is not None]
    first = (number for number, one in enumerate(said) if one.get("mark") == examination_mark(job.token))
    return said[next(first, len(said)) :]


def _object(line: str) -> dict[str, object] | None:
    """What a line says; None for what is no word of the examination's."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("check"), str) else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
