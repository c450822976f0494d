"""The doctor on a real cluster: what is well is said, and each fault is found and told with its cure."""

import json
import re
import shutil
import subprocess  # noqa: TID251 - the command as another account
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.names import NODES
from cluster.program import Program
from cluster.rig import Cluster

from .slurm_portal import SlurmPortal, portal_of  # noqa: TID252 - one folder's own

pytestmark = pytest.mark.timeout(300)
WELL = {
    "controller", "jobs_seen", "accounting", "address", "listener", "submit", "started", "node_address", "networks",
    "output", "python", "portal", "clock", "temporary", "home", "called", "runtimes", "images", "sockets", "displays",
}  # fmt: skip


def doctor(portal: SlurmPortal, *options: str) -> tuple[int, dict[str, dict[str, object]]]:
    """Exit code, and each check's finding; of those that come twice, the worse."""
    argv = portal.program.argv("doctor", "--home", str(portal.home), "--cluster", "hpc", "--json", *options)
    done = subprocess.run(
        argv, env=portal.program.environment, cwd="/", capture_output=True, text=True, timeout=240, check=False
    )
    assert done.stdout, done.stderr
    found: dict[str, dict[str, object]] = {}
    for one in json.loads(done.stdout)["findings"]:
        if one["check"] not in found or one["verdict"] != "ok":
            found[one["check"]] = one
    return done.returncode, found


def test_a_cluster_in_good_health(slurm: Cluster, portal: SlurmPortal) -> None:
    code, found = doctor(portal)
    bad = {name: one for name, one in found.items() if one["verdict"] == "bad"}
    assert not bad, [one["facts"] for one in bad.values()]
    assert found.keys() >= WELL
    assert code == 0
    assert re.search(
        r"node\d has container runtimes: .*charliecloud 0\.\d+.*, bubblewrap 0\.\d+", str(found["runtimes"]["finding"])
    )
    assert re.search(r"xpra 3\.\d.*, Xvnc 1\.\d", str(found["displays"]["finding"]))
    assert (
        not slurm.run(["squeue", "-h", "-u", portal.program.user]).stdout.strip()
        or slurm.run(["squeue", "-h", "-t", "PD,R", "-u", portal.program.user]).stdout.strip() == ""
    )


def block_portal(slurm: Cluster, _folder: Path) -> None:
    for node in NODES:
        slurm.block_host(node)


def close_ports(slurm: Cluster, _folder: Path) -> None:
    for node in NODES:
        slurm.close_ports(node, 20_000, 20_099)


def hide_python(slurm: Cluster, _folder: Path) -> None:
    for node in NODES:
        slurm.hide_program(node, "python3")


def hide_homes(slurm: Cluster, _folder: Path) -> None:
    for node in NODES:
        slurm.hide_homes(node)


def hide_jobs(slurm: Cluster, _folder: Path) -> None:
    slurm.stop_controller()


def set_clock(slurm: Cluster, folder: Path) -> None:
    fake = folder / "python3"
    # the program itself is what gets covered
    shutil.copy(Path("/usr/bin/python3").resolve(), folder / "real-python")
    # not the program `faketime`: its shared memory fails now and then
    preload = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    fake.write_text(f'#!/bin/sh\nFAKETIME=+7s LD_PRELOAD={preload} exec {folder}/real-python "$@"\n')
    fake.chmod(0o755)
    for node in NODES:
        slurm.replace_program(node, "python3", fake)


@pytest.mark.parametrize(
    ("fault", "check", "words"),
    [
        (block_portal, "portal", "Node → portal"),
        (close_ports, "called", "can't be reached from here"),
        (hide_python, "python", "has no Python 3.6"),
        (hide_homes, "output", "can't be read here"),
        (hide_jobs, "controller", "gives no answer"),
        (set_clock, "clock", "differs from the portal's by"),
    ],
)
def test_each_fault_is_found(
    slurm: Cluster, program: Program, fault: Callable[[Cluster, Path], None], check: str, words: str
) -> None:
    with portal_of(slurm, program, "agent_ports = [20000, 20099]") as portal:
        fault(slurm, program.place)
        code, found = doctor(portal)
        assert found.get(check, {}).get("verdict") == "bad", found
        assert words in str(found[check]["finding"])
        assert found[check]["cure"]
        assert code == 1


def test_a_node_without_what_graphical_programs_and_containers_need_is_warned_of(slurm: Cluster, portal: SlurmPortal) -> None:
    sockets = ["sh", "-c", "mkdir -p /tmp/.X11-unix && chown root /tmp/.X11-unix && chmod 0755 /tmp/.X11-unix"]
    for node in NODES:
        for program in ("podman", "ch-run", "bwrap", "Xvnc", "Xvfb"):
            slurm.hide_program(node, program)
        slurm.exec_on(node, sockets)
    try:
        code, found = doctor(portal)
    finally:
        for node in NODES:
            slurm.exec_on(node, ["rm", "-rf", "/tmp/.X11-unix"])
    told = {name: str(one["finding"]) for name, one in found.items() if one["verdict"] == "warning"}
    assert told.keys() == {"runtimes", "sockets", "displays"}
    assert "has no container runtime" in told["runtimes"]
    assert "/tmp/.X11-unix can't be used" in told["sockets"]
    assert "It is root's, with mode 0755" in told["sockets"]
    assert "neither Xpra nor Xvnc" in told["displays"]
    assert "needs Xvfb" in told["displays"]
    assert all(found[name]["cure"] for name in told)
    assert code == 0


def test_settings_that_nodes_can_do_nothing_with(slurm: Cluster, program: Program) -> None:
    assert slurm
    with portal_of(slurm, program, 'agent_interface = "ib7"') as portal:
        code, found = doctor(portal)
        assert found["bind"]["verdict"] == "bad"
        assert "ib7" in str(found["bind"]["finding"])
        assert code == 1


def test_for_people_it_is_read_line_by_line(slurm: Cluster, portal: SlurmPortal) -> None:
    assert slurm
    argv = portal.program.argv("doctor", "--home", str(portal.home), "--cluster", "hpc")
    done = subprocess.run(
        argv, env=portal.program.environment, cwd="/", capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " ✓ Node → portal: " in done.stdout
    assert " ✓ Portal → node: port " in done.stdout
