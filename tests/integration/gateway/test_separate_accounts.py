"""A site's arrangement: web process and gateway are two Unix accounts with a common group, each with its own secrets."""

import asyncio
import multiprocessing
import os
import signal
import socket
import subprocess  # noqa: TID251 - the command itself is what is tested
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from gateway_stage import Reply, Stage, eventually, free_port, make_stage, serve

from armchair import bootstrap, gatehouse
from armchair.gateway import config, process
from armchair.gateway.attached import AttachedGateway
from armchair.gateway.keyfiles import Holder, lay_out
from armchair.gateway.keys import PublicKeys
from armchair.gateway.places import group_id
from armchair.gateway.runtime_directory import SHARED
from armchair.settings import load

WEB, GATEWAY, STRANGER = 60_001, 60_002, 60_003
GROUP = "daemon"
FORK = multiprocessing.get_context("fork")


def become(uid: int, groups: list[int]) -> None:
    os.setgroups(groups)
    os.setgid(uid)
    os.setuid(uid)


def as_account(uid: int, work: Callable[..., Any], *arguments: object, groups: list[int]) -> Any:
    """What `work` returns when another account does it; an OSError's class name when it may not."""
    ours, theirs = FORK.Pipe()

    def child() -> None:
        become(uid, groups)
        try:
            theirs.send(work(*arguments))
        except OSError as error:
            theirs.send(type(error).__name__)

    running = FORK.Process(target=child)
    running.start()
    try:
        assert ours.poll(20)
        return ours.recv()
    finally:
        running.join(5)


@dataclass
class Site:
    """Both processes, each as its own account, and a stage's view of them from outside."""

    root: Path
    stage: Stage
    orders: Connection
    gateway: Any
    children: list[Any] = field(default_factory=list)

    def order(self, *words: object) -> object:
        self.orders.send(words)
        assert self.orders.poll(10)
        return self.orders.recv()

    def portal(self) -> Reply:
        return self.stage.ask("/hub", Host=f"{self.stage.names.portal_host}:{self.stage.port}")


def web_process(home: Path, file: Path, pipe: Connection, group: int) -> None:
    """The web process as far as the gateway sees it."""
    become(WEB, [group])
    settings = load(home, file).settings
    keys = PublicKeys.load(home / "keys")

    async def main() -> None:
        gateway = gatehouse.make_gateway(settings, home, keys)
        assert isinstance(gateway, AttachedGateway)
        await gateway.start()
        handler = serve("web", gatehouse.Names.of(settings.gateway, keys.instance), [])
        for path in (gateway.web_socket, gateway.agents_socket):
            await asyncio.start_unix_server(handler, sock=bootstrap.bind(path, group))
        pipe.send("up")
        loop = asyncio.get_running_loop()
        while (words := await loop.run_in_executor(None, pipe.recv)) != ("end",):
            if words[0] == "revoke":
                await gateway.revoke(str(words[1]))
                pipe.send("done")
            else:
                pipe.send([one.code for one in await gateway.notices()])

    asyncio.run(main())


def gateway_process(home: Path, file: Path, group: int) -> None:
    become(GATEWAY, [group])
    asyncio.run(gatehouse.run(load(home, file).settings, home))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = Path(f"/tmp/gws-{os.getpid()}")
    group = group_id(GROUP, "")
    assert group is not None
    made, take_down = make_stage("/usr/sbin/haproxy", tls=True)
    home, own, keys = root / "home", root / "gateway", root / "keys"
    for path, uid, gid, mode in (
        (root, 0, 0, 0o755),
        (home, WEB, group, 0o710),
        (home / "keys", WEB, WEB, 0o700),
        (own, GATEWAY, GATEWAY, 0o700),
        (keys, GATEWAY, GATEWAY, 0o700),
        (root / "run", 0, group, SHARED),
    ):
        path.mkdir()
        os.chown(path, uid, gid)
        path.chmod(mode)
    lay_out(made.keys.directory, home / "keys", Holder.WEB)
    lay_out(made.keys.directory, keys, Holder.GATEWAY)
    for directory, uid in ((home / "keys", WEB), (keys, GATEWAY)):
        for path in directory.iterdir():
            os.chown(path, uid, uid)
    pem = own / "site.pem"
    pem.write_bytes((made.certificates / "site.pem").read_bytes())
    os.chown(pem, GATEWAY, GATEWAY)
    file = root / "armchair.toml"
    file.write_text(
        f"""
[gateway]
listen = "127.0.0.1:{made.port}"
agents_listen = "127.0.0.1:{free_port()}"
tls_certificate = ["{pem}"]
managed = false
group = "{GROUP}"
directory = "{own}"
keys_directory = "{keys}"
runtime_directory = "{root / "run"}"
haproxy = "/usr/sbin/haproxy"
maxconn = 500
"""
    )
    # read now: the accounts may not be able to read this checkout
    config.template(), config.away_page()
    ours, theirs = FORK.Pipe()
    web = FORK.Process(target=web_process, args=(home, file, theirs, group))
    gateway = FORK.Process(target=gateway_process, args=(home, file, group))
    try:
        web.start()
        assert ours.poll(20)
        assert ours.recv() == "up"
        gateway.start()
        found = Site(root, made, ours, gateway)
        eventually(lambda: reaches(found), 60)
        yield found
    finally:
        with suppress(OSError):
            ours.send(("end",))
        for child in (web, gateway):
            if child.is_alive():
                child.terminate()
            child.join(10)
        take_down()
        subprocess.run(["rm", "-rf", str(root)], check=True)


def reaches(site: Site) -> bool:
    try:
        return site.portal().status == 200
    except OSError:
        return False


def test_it_works_and_haproxy_is_the_gateways_account(site: Site) -> None:
    assert site.portal().json["app"] == "web"
    assert site.stage.ask(ticket=site.stage.ticket()).json["app"] == "A"
    pids = process.leftovers(site.root / "run")
    assert pids
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in pids} == {GATEWAY}


def test_the_web_process_can_refuse_and_is_heard_after_a_reload(site: Site) -> None:
    ticket = site.stage.ticket(id="refused")
    assert site.stage.ask(ticket=ticket).status == 200
    assert site.order("revoke", "refused") == "done"
    assert site.stage.ask(ticket=ticket).json["why"] == "revoked"
    os.kill(int((site.root / "run" / "haproxy.pid").read_text().split()[0]), signal.SIGUSR2)
    eventually(lambda: reaches(site))
    assert site.stage.ask(ticket=ticket).json["why"] == "revoked"


def test_each_account_has_only_its_own_secrets(site: Site) -> None:
    group = group_id(GROUP, "")
    assert group is not None

    def touch(path: Path) -> str:
        path.write_text("x")
        return "written"

    def knock(path: Path) -> str:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        return "open"

    run, home = site.root / "run", site.root / "home"
    for file in (site.root / "keys" / "gateway-client.pem", site.root / "gateway" / "tls" / "00.pem", run / "haproxy.log"):
        assert as_account(WEB, file.read_bytes, groups=[group]) == "PermissionError", file
    for file in (home / "keys" / "portal.key",):
        assert as_account(GATEWAY, file.read_bytes, groups=[group]) == "PermissionError", file
    assert as_account(GATEWAY, touch, home / "gateway" / "revoked.acl", groups=[group]) == "PermissionError"
    assert as_account(WEB, touch, site.root / "gateway" / "haproxy.cfg", groups=[group]) == "PermissionError"
    # neither takes the other's sockets away, to stand in their place
    assert as_account(WEB, os.unlink, run / "master.sock", groups=[group]) == "PermissionError"
    assert as_account(GATEWAY, os.unlink, run / "web.sock", groups=[group]) == "PermissionError"
    for name in ("master.sock", "web.sock", "agents.sock"):
        # a master that has just reloaded takes a moment to listen again
        eventually(lambda name=name: as_account(WEB, knock, run / name, groups=[group]) == "open")
        assert as_account(STRANGER, knock, run / name, groups=[]) == "PermissionError"


def test_a_certificate_problem_reaches_the_administrator(site: Site) -> None:
    pem = site.root / "gateway" / "site.pem"
    good = pem.read_bytes()
    assert site.order("notices") == []
    pem.write_bytes(b"rubbish")
    eventually(lambda: site.order("notices") == ["certificate_unreadable"], 10)
    pem.write_bytes(good)
    eventually(lambda: site.order("notices") == [], 10)


def test_a_new_ticket_key_is_taken_over_from_the_signer(site: Site) -> None:
    signer, old = site.stage.keys, site.stage.ticket()
    signer.tickets.prepare(datetime.now(UTC))
    lay_out(signer.directory, site.root / "keys", Holder.GATEWAY, group=GATEWAY)
    next_kid = signer.tickets.accepted()[1].kid
    eventually(lambda: next_kid in (site.root / "gateway" / "haproxy.cfg").read_text() and reaches(site), 10)
    signer.tickets.switch(datetime.now(UTC) + timedelta(days=7))
    eventually(lambda: site.stage.ask(ticket=site.stage.ticket()).status == 200, 10)
    assert site.stage.ask(ticket=old).status == 200


def test_its_end_ends_haproxy(site: Site) -> None:
    site.gateway.terminate()
    site.gateway.join(10)
    assert site.gateway.exitcode == 0
    assert process.leftovers(site.root / "run") == []
    assert site.order("notices") == ["gateway_silent"]


def test_a_hang_up_starts_the_service_anew_and_loses_nothing(tmp_path: Path) -> None:
    """Also how a new version is taken over: the program is replaced in place, HAProxy and its streams go on."""
    stage, take_down = make_stage("/usr/sbin/haproxy")
    file = stage.home / "armchair.toml"
    text = f"""
[gateway]
listen = "127.0.0.1:{stage.port}"
agents_listen = "127.0.0.1:{free_port()}"
managed = false
runtime_directory = "{stage.runtime}"
haproxy = "/usr/sbin/haproxy"
"""
    file.write_text(text + "maxconn = 400\n")
    command = [sys.executable, "-m", "armchair.cli.main", "gateway", "run", "--home", str(stage.home)]
    environment = {**os.environ, "PYTHONPATH": str(Path(gatehouse.__file__).parents[1])}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as service:
        try:
            eventually(lambda: answers(stage), 60)
            _, stream = stage.open_stream(stage.ticket())
            file.write_text(text + "maxconn = 300\n")
            service.send_signal(signal.SIGHUP)
            cfg = stage.home / "gateway" / "haproxy.cfg"
            eventually(lambda: "maxconn 300" in cfg.read_text(), 60)
            eventually(lambda: answers(stage), 60)
            assert service.poll() is None
            assert stage.echoes(stream)
            stream.close()
            service.send_signal(signal.SIGTERM)
            assert service.wait(60) == 0
            assert process.leftovers(stage.runtime) == []
        finally:
            service.kill()
            take_down()


def answers(stage: Stage) -> bool:
    try:
        return stage.ask(ticket=stage.ticket()).status == 200
    except OSError:
        return False
