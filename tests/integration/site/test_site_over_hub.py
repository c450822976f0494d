"""A site whose nodes take no connection from outside: people's sessions go over the hub, a service of the gateway's account."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from armchair.setup.hub import findings
from armchair.setup.site import Site
from armchair.testing.processes import eventually
from cluster.names import ALICE, BOB, NODES
from cluster.rig import Cluster
from integration.slurm.slurm_portal import shared_program

from .site_stage import CLOSED, SitePortal, site_of  # noqa: TID252 - one folder's own

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def site(slurm: Cluster) -> Iterator[SitePortal]:
    """One site with all four of its services."""
    with shared_program(slurm) as program, site_of(slurm, program, hub=True) as made:
        yield made


@pytest.fixture(autouse=True)
def closed_nodes(slurm: Cluster) -> None:
    for node in NODES:
        slurm.close_ports(node, *CLOSED)


def said(site: Site) -> str:
    """What `armchair setup --check` says of the hub."""
    return "\n".join(f"{one.what} {one.cure}" for one in asyncio.run(findings(site)))


def test_a_persons_session_runs_as_themselves_and_is_carried(site: SitePortal) -> None:
    client = site.client(ALICE)
    session = client.launch("hello").id
    site.reach(client, session, "ready")
    job = site.cluster.job(site.job(ALICE.name))
    assert job["UserId"].startswith(f"{ALICE.name}("), job
    listening = site.cluster.exec_on(job["NodeList"], ["ss", "-Hltn"], check=False).stdout
    assert "127.0.0.1" in listening or not listening, "nothing of the agent's is open to the node's network"
    eventually(lambda: site.visit(client, session) == 200, "the page comes over the hub", 15)
    entry, anybodys = client.entry(session), site.client(BOB).launch("hello").id
    host = site.names.session_host(anybodys)
    assert site.request("GET", "/", cookie=f"{entry.name}={entry.value}", host=host)[0] != 200, "only into their own"


def test_what_it_carries_goes_on_without_helper_and_web_process_and_comes_back_with_the_hub(site: SitePortal) -> None:
    client = site.client(BOB)
    session = client.launch("hello").id
    site.reach(client, session, "ready")
    eventually(lambda: site.visit(client, session) == 200, "the page comes over the hub", 15)
    entry = client.entry(session)
    cookie, host = f"{entry.name}={entry.value}", site.names.session_host(session)
    site.kill("helper")
    site.kill("web")
    assert site.request("GET", "/", cookie=cookie, host=host)[0] == 200
    site.start("helper")
    site.start("web")
    site.kill("hub")
    assert "The hub does not answer. systemctl enable --now armchair-hub" in said(site.site)
    site.start("hub")
    eventually(lambda: site.request("GET", "/", cookie=cookie, host=host)[0] == 200, "its agent is back", 15)
    assert client.session(session).phase == "ready"


def test_the_hub_is_the_gateways_account_without_privileges(site: SitePortal) -> None:
    seen = site.processes["hub"].pid
    status = site.cluster.run(["cat", f"/proc/{seen}/status"]).stdout.splitlines()
    fields = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    assert fields["Uid"].split()[0] == site.cluster.run(["id", "-u", site.gateway]).stdout.strip()
    assert int(fields["CapEff"], 16) == 0
    closed = (
        f"cat {site.site.helper.web_keys}/portal.key || cat {site.site.home}/*.db || cat {site.site.helper.state_directory}/*"
    )
    assert site.as_account(site.gateway, "sh", "-c", closed).returncode != 0


def test_the_check_tells_what_is_wrong_with_a_hub(site: SitePortal) -> None:
    assert said(site.site) == ""
    whole = site.site.portal_file.read_text()
    unit = replace(site.site, units=site.place)
    unit.hub_unit.touch()
    try:
        site.site.portal_file.write_text(whole.replace(f'listen = "{site.site.hub}"', 'listen = "0.0.0.0:7443"'))
        assert "The hub runs with earlier settings." in said(site.site)
        site.site.portal_file.write_text(whole.replace(f'listen = "{site.site.hub}"', ""))
        assert "Cluster hpc: its agents look for the hub, and there is none." in said(site.site)
        assert f"systemctl disable --now armchair-hub; rm {unit.hub_unit}" in said(unit)
    finally:
        site.site.portal_file.write_text(whole)
        unit.hub_unit.unlink()
