"""The five-minute way: `armchair serve --launcher slurm` on a login node, without a configuration, without root."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from cluster.program import Program
from cluster.rig import Cluster
from integration.portal.portal_stage import free_port

from .slurm_portal import SlurmPortal  # noqa: TID252 - one folder's own

pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCluster(Program):
    """The program as somebody runs it who only names the launcher; Slurm is the login node's own."""

    slurm_conf: str
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        plain = Program(user=self.user, place=self.place).environment
        return {**plain, "SLURM_CONF": self.slurm_conf, **self.more}

    def argv(self, *arguments: str) -> list[str]:
        verb, *rest = arguments
        chosen = ["--launcher", "slurm"] if verb == "serve" else []
        return Program(user=self.user, place=self.place).argv(verb, *chosen, *rest)


@pytest.fixture
def portal(slurm: Cluster, program: Program) -> Iterator[SlurmPortal]:
    home = Path(tempfile.mkdtemp(prefix="as-", dir="/tmp"))
    apps = program.place / "apps"
    shutil.chown(home, program.user, program.user)
    home.chmod(0o700)
    on = OnCluster(
        user=program.user,
        place=program.place,
        slurm_conf=str(slurm.conf),
        more={"ARMCHAIR__CATALOGUE__DIRECTORIES": str(apps), "ARMCHAIR__GATEWAY__RUNTIME_DIRECTORY": str(home / "run")},
    )
    made = SlurmPortal(cluster=slurm, program=on, home=home, port=free_port())
    yield made
    made.end()
    shutil.rmtree(home, ignore_errors=True)


def test_a_session_on_a_node_without_any_setting(slurm: Cluster, portal: SlurmPortal) -> None:
    portal.up()
    session = portal.launch()
    assert portal.get(session.id) == (200, "hello")
    assert slurm.job(portal.job(session.id))["UserId"].startswith("armalice")
    found = json.loads((portal.home / "login-node.json").read_text())
    assert found["networks"] == [slurm.layout.subnet]
    portal.kill()
    portal.up()
    assert portal.get(session.id) == (200, "hello")
    assert json.loads((portal.home / "login-node.json").read_text()) == found, "running jobs call this address"


def test_it_starts_while_the_controller_is_away_once_it_knows_the_nodes(slurm: Cluster, portal: SlurmPortal) -> None:
    portal.up()
    session = portal.launch()
    portal.kill()
    slurm.stop_controller()
    portal.up()
    assert portal.get(session.id) == (200, "hello")


def test_without_slurm_it_says_what_to_do(portal: SlurmPortal) -> None:
    portal.program = replace(portal.program, slurm_conf="/nowhere/slurm.conf")
    with pytest.raises(AssertionError) as failed:
        portal.up()
    assert "Try `sinfo` with SLURM_CONF" in str(failed.value) or "Try `sinfo`" in str(failed.value)
