"""`armchair attach --ssh`, and Xpra's own way by ssh, with a real sshd: an ordinary person's portal, session and client."""

import json
import os
import shlex
import shutil
import signal
import subprocess  # noqa: TID251 - commands are run from outside, as a person runs them
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cluster import users
from cluster.names import ALICE
from integration.portal.portal_stage import eventually, free_port

from .attach_stage import PATIENCE, SOURCE, Attached, Screen, as_account, typed  # noqa: TID252 - one folder's own

ACCOUNT = ALICE.name
SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey {place}/host
AuthorizedKeysFile {place}/authorized
PidFile {place}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""
CLIENT = """
Host *
  HostName 127.0.0.1
  Port {port}
  IdentityFile {place}/key
  IdentitiesOnly yes
  BatchMode yes
  UserKnownHostsFile {place}/known
  GlobalKnownHostsFile /dev/null
"""


class Node:
    """A machine that one reaches by ssh, this one, and a person who has a portal there. All is theirs but sshd."""

    def __init__(self, place: Path) -> None:
        self.place, self.port = place, free_port()
        (place / "bin").mkdir()
        (place / "home").mkdir(mode=0o700)
        self._make_keys()
        # what stands in a person's ~/.ssh/config
        (place / "config").write_text(CLIENT.format(port=self.port, place=place))
        (place / "bin" / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {place}/config "$@"\n')
        (place / "bin" / "ssh").chmod(0o755)
        for path in (place, *place.rglob("*")):
            if path.name != "host":
                shutil.chown(path, ACCOUNT, ACCOUNT)
        self._sshd = self._serve()
        self.environment = {
            "PATH": f"{place}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin",
            "HOME": str(place / "home"),
            "USER": ACCOUNT,
            "LOGNAME": ACCOUNT,
            "SHELL": "/bin/sh",
            "ARMCHAIR_HOME": str(place / "home"),
            "XDG_CONFIG_HOME": str(place / "home" / "config"),
            "ARMCHAIR__LAUNCHERS__LOCAL__ENVIRONMENT": json.dumps({"HOME": str(place / "home")}),
            "ARMCHAIR__GATEWAY__RUNTIME_DIRECTORY": str(place / "rt"),
            "PYTHONPATH": str(SOURCE),
        }
        self._portal: subprocess.Popen[bytes] | None = None

    def _make_keys(self) -> None:
        for name in ("host", "key"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.place / name))
        (self.place / "authorized").write_text((self.place / "key.pub").read_text())
        key = " ".join((self.place / "host.pub").read_text().split()[:2])
        (self.place / "known").write_text(f"[127.0.0.1]:{self.port} {key}\n")

    def _serve(self) -> "subprocess.Popen[bytes]":
        settings = self.place / "sshd"
        settings.write_text(SSHD.format(port=self.port, place=self.place))
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        sshd = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(settings)], stderr=subprocess.DEVNULL)
        eventually((self.place / "pid").exists, "sshd listens")
        return sshd

    def stop_sshd(self) -> None:
        """End it with all its connections: those are served by children."""
        for child in children(self._sshd.pid):
            os.kill(child, signal.SIGKILL)
        self._sshd.kill()
        self._sshd.wait()
        (self.place / "pid").unlink(missing_ok=True)

    def start_sshd(self) -> None:
        self._sshd = self._serve()

    def armchair(self, *arguments: str, **more: str) -> str:
        command = [*as_account(ACCOUNT), sys.executable, "-m", "armchair.cli.main", *arguments]
        return run(*command, environment={**self.environment, **more})

    def serve(self) -> None:
        printed = self.place / "printed"
        with printed.open("wb") as output:
            self._portal = subprocess.Popen(
                [
                    *as_account(ACCOUNT),
                    sys.executable,
                    "-m",
                    "armchair.cli.main",
                    "serve",
                    "--listen",
                    f"127.0.0.1:{free_port()}",
                ],
                env=self.environment,
                stdout=output,
                stderr=output,
                cwd="/",
            )
        eventually(lambda: "/login?code=" in printed.read_text(), f"the portal is up: {printed}", PATIENCE)

    def close(self) -> None:
        if self._portal is not None:
            self.armchair("down", "--yes")
            self._portal.wait(20)
        self.stop_sshd()


def children(parent: int) -> Sequence[int]:
    """All that descend from a process."""
    found = [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    return [*found, *(below for child in found for below in children(child))]


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False, cwd="/")
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    users.ensure()
    place = Path(tempfile.mkdtemp(prefix="as-", dir="/tmp"))
    place.chmod(0o755)
    made = Node(place)
    try:
        made.serve()
        yield made
    finally:
        made.close()
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def number(node: Node) -> Iterator[str]:
    """A session of hers."""
    made = str(json.loads(node.armchair("launch", "xterm", "--wait", "--timeout", "60s", "--json"))["number"])
    yield made
    node.armchair("stop", made, "--wait")


def attached(node: Node, screen: Screen, *arguments: str) -> Attached:
    environment = {**node.environment, "DISPLAY": screen.display}
    return Attached(node.place / "home", *arguments, environment=environment, account=ACCOUNT)


def test_windows_come_by_ssh_and_are_the_same_afterwards(node: Node, number: str, screen: Screen) -> None:
    running = attached(node, screen, number, "--ssh")
    try:
        screen.type("kept=alive; echo $kept > first")
        assert typed(node.place / "home", "first") == "alive"
        assert running.leave() == 0
        assert running.left_over() == []
    finally:
        running.close()
    again = attached(node, screen, number, "--ssh")
    try:
        screen.type("echo $kept again > second; exit")
        assert typed(node.place / "home", "second") == "alive again"
        assert again.ended() == 0
        assert "The program ended by itself" in again.output
    finally:
        again.close()


def test_an_ssh_that_breaks_is_made_again(node: Node, number: str, screen: Screen) -> None:
    running = attached(node, screen, number, "--ssh")
    try:
        screen.type("kept=alive; echo $kept > third")
        assert typed(node.place / "home", "third") == "alive"
        node.stop_sshd()
        eventually(lambda: not screen.windows(), "the windows have gone", PATIENCE)
        node.start_sshd()
        screen.type("echo $kept again > fourth")
        assert typed(node.place / "home", "fourth") == "alive again"
        assert running.leave() == 0
    finally:
        running.close()


def test_what_is_printed_works_as_it_stands(node: Node, number: str, screen: Screen) -> None:
    """Xpra's own way, with the command that we print."""
    own = {"XDG_RUNTIME_DIR": str(node.place / "home")}
    said = json.loads(node.armchair("attach", number, "--ssh", "--print", "--json", **own))
    assert said["node"].startswith(f"{ACCOUNT}@")
    assert said["ssh"][-1] == said["node"]
    lines = node.armchair("attach", number, "--ssh", "--print", **own).splitlines()
    assert [shlex.split(line) for line in lines] == [said["ssh"], said["client"], said["direct"]]
    environment = {**node.environment, "DISPLAY": screen.display}
    client = subprocess.Popen(
        [*as_account(ACCOUNT), *said["direct"]],
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        screen.type("echo direct > fifth")
        assert typed(node.place / "home", "fifth") == "direct"
    finally:
        os.killpg(client.pid, signal.SIGTERM)
        client.wait(20)
