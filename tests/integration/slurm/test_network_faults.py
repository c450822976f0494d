"""Nodes with which something is wrong: the job ends, or goes on, and the page says why."""

import shutil
from pathlib import Path

import pytest

from armchair.client.models import Session
from cluster.names import NODES
from cluster.program import Program
from cluster.rig import Cluster

from .slurm_portal import SlurmPortal, portal_of  # noqa: TID252 - one folder's own

pytestmark = pytest.mark.timeout(180)


def words(ended: Session) -> str:
    return str(ended.data["outcome"]["text"])


def test_a_node_without_a_way_to_the_portal(slurm: Cluster, program: Program) -> None:
    for node in NODES:
        slurm.block_host(node)
    with portal_of(slurm, program, 'portal_wait = "3s"') as portal:
        session = portal.client.launch("hello")
        kind, ended = portal.outcome(session.id)
        assert kind == "failed"
        assert any(f"Node {node} can't reach the portal" in words(ended) for node in NODES), words(ended)
        assert f"quote #{ended.number}" in words(ended)


def test_a_node_without_python(slurm: Cluster, portal: SlurmPortal) -> None:
    for node in NODES:
        slurm.hide_program(node, "python3")
        slurm.hide_program(node, "python3.11")
    session = portal.client.launch("hello")
    kind, ended = portal.outcome(session.id)
    assert kind == "failed"
    assert "has no Python 3.6 or newer" in words(ended)


def test_a_node_without_that_interface(slurm: Cluster, program: Program) -> None:
    with portal_of(slurm, program, 'agent_interface = "ib7"') as portal:
        session = portal.client.launch("hello")
        kind, ended = portal.outcome(session.id)
        assert kind == "failed"
        assert "network interface" in words(ended)
        assert "eth0 10.77." in portal.client.log(session.id) or "eth0 10.77." in words(ended)


@pytest.mark.parametrize("by", ["eth0", "network"])
def test_agents_listen_on_the_interface_that_is_set(slurm: Cluster, program: Program, by: str) -> None:
    wanted = slurm.layout.subnet if by == "network" else by
    with portal_of(slurm, program, f'agent_interface = "{wanted}"\nagent_ports = [41000, 41009]') as portal:
        session = portal.launch()
        assert portal.get(session.id) == (200, "hello")
        node = slurm.job(portal.job(session.id))["NodeList"]
        listening = [line.split()[3] for line in slurm.exec_on(node, ["ss", "-Hltn"]).stdout.splitlines()]
        ours = [one for one in listening if 41000 <= int(one.rpartition(":")[2]) <= 41009]
        assert [one.rpartition(":")[0] for one in ours] == [slurm.nodes[node]]


def test_no_port_is_left(slurm: Cluster, program: Program) -> None:
    with portal_of(slurm, program, 'agent_ports = [41100, 41100]\nextra_args = ["--nodelist=node1"]') as portal:
        portal.launch()
        second = portal.client.launch("hello")
        kind, ended = portal.outcome(second.id)
        assert kind == "failed"
        assert "no free port" in words(ended)


def test_a_full_temporary_directory(slurm: Cluster, portal: SlurmPortal) -> None:
    for node in NODES:
        slurm.fill_temporary(node)
    session = portal.client.launch("hello")
    kind, ended = portal.outcome(session.id)
    assert kind == "failed"
    assert "/dev/shm and /tmp are full" in words(ended)
    assert f"#{ended.number}" in words(ended)


@pytest.mark.parametrize("fault", ["hide_homes", "fill_home"])
def test_a_home_directory_that_is_not_there_or_full(slurm: Cluster, portal: SlurmPortal, fault: str) -> None:
    for node in NODES:
        slurm.hide_homes(node) if fault == "hide_homes" else slurm.fill_home(node, portal.program.user)
    session = portal.client.launch("hello")
    found = portal.see(session.id, lambda one: one.phase in {"ready", "ended"}, "it is ready or has ended", 60, ended=True)
    if found.phase == "ended":
        assert "home directory" in words(found) or "disk is full" in words(found) or "directory" in words(found)
    else:
        assert portal.get(session.id)[0] == 200


@pytest.mark.parametrize("offset", ["+30m", "-30m"])
def test_a_node_whose_clock_is_half_an_hour_off(slurm: Cluster, portal: SlurmPortal, offset: str) -> None:
    """Certificates begin an hour early, and nothing else goes by the node's clock."""
    fake = portal.program.place / f"python{offset}"
    shutil.copy(Path("/usr/bin/python3").resolve(), portal.program.place / "real-python")
    preload = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    # only the clock of the day: time spans go by another one, which nobody sets
    changed = f"FAKETIME={offset} FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 LD_PRELOAD={preload}"
    fake.write_text(f'#!/bin/sh\n{changed} exec {portal.program.place}/real-python "$@"\n')
    fake.chmod(0o755)
    for node in NODES:
        slurm.replace_program(node, "python3", fake)
    session = portal.launch()
    assert portal.get(session.id) == (200, "hello")
    node = slurm.job(portal.job(session.id))["NodeList"]
    maps = slurm.exec_on(node, ["sh", "-c", "grep -l libfaketime /proc/[0-9]*/maps"], check=False).stdout
    assert maps.strip(), "the agent's clock was not changed at all"
    portal.client.stop(session.id)
    assert portal.outcome(session.id)[0] == "cancelled"
