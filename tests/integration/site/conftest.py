"""The fixtures of the tests of a whole site."""

from collections.abc import Iterator

import pytest

from cluster.rig import Cluster
from integration.slurm.slurm_portal import shared_program

from .site_stage import SitePortal, site_of  # noqa: TID252 - one folder's own


@pytest.fixture(scope="module")
def site(slurm: Cluster) -> Iterator[SitePortal]:
    """One site for a module of tests, with all three of its services."""
    with shared_program(slurm) as program, site_of(slurm, program) as made:
        yield made


@pytest.fixture(autouse=True)
def closed_clients(site: SitePortal) -> Iterator[None]:
    """No connection of a test outlives it."""
    yield
    while site.clients:
        site.clients.pop().close()
