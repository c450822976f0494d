"""The fixtures of the tests on the real cluster."""

from collections.abc import Iterator

import pytest

from cluster.program import Program
from cluster.rig import Cluster

from .slurm_portal import SlurmPortal, portal_of, shared_program  # noqa: TID252 - one folder's own


@pytest.fixture(scope="session")
def program(slurm: Cluster) -> Iterator[Program]:
    """Armchair as the cluster's people run it."""
    with shared_program(slurm) as made:
        yield made


@pytest.fixture
def portal(slurm: Cluster, program: Program) -> Iterator[SlurmPortal]:
    """A portal of Alice's on a login node, fresh for each test."""
    with portal_of(slurm, program) as made:
        yield made
