"""The pytest fixture `slurm`: one real cluster for the whole test session, made by the first test that asks for it.

Which one: the first instance that nobody uses, taken down at the end, also after Ctrl-C. With ARMCHAIR_TEST_CLUSTER=N it
is instance N, and one that is up already (`make cluster`) is used as it is and stays up, which saves seven seconds each time.
"""

import os
from collections.abc import Iterator

import pytest

from cluster.claim import chosen, spare
from cluster.rig import Cluster
from cluster.shell import ClusterError


@pytest.fixture(scope="session")
def slurm() -> Iterator[Cluster]:
    """A real Slurm cluster, idle; after each test that uses it all jobs are ended and all faults mended."""
    if os.geteuid() != 0:
        raise ClusterError("the tests on a real Slurm cluster need root: they make network namespaces and start daemons")
    wanted = os.environ.get("ARMCHAIR_TEST_CLUSTER")
    with chosen(int(wanted)) if wanted else spare() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def clean_slurm(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set up before all else of a test, so it cleans after all else: no portal watches any more when jobs are ended."""
    if "slurm" not in request.fixturenames:
        yield
        return
    cluster: Cluster = request.getfixturevalue("slurm")
    yield
    cluster.clean()
