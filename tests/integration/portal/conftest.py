"""The fixtures of the portal's tests."""

import os
import tempfile
from collections.abc import Iterator

import pytest

from armchair.testing.processes import Nursery

from .portal_stage import Stage, new_home, stage_on  # noqa: TID252 - one folder's own


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where portals come from. Their settings are the test's alone, and no pointer to them is left in this account."""
    with tempfile.TemporaryDirectory(prefix="af-config-") as config:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("ARMCHAIR")}
        with Nursery({**kept, "XDG_CONFIG_HOME": config, "XDG_RUNTIME_DIR": ""}) as made:
            yield made


@pytest.fixture
def home_stage(nursery: Nursery) -> Iterator[Stage]:
    """A home on which nothing has been started."""
    with new_home() as home, stage_on(nursery, home) as stage:
        yield stage


@pytest.fixture
def stage(home_stage: Stage) -> Stage:
    """A portal that answers."""
    home_stage.up()
    return home_stage


@pytest.fixture(scope="module")
def lasting(nursery: Nursery) -> Iterator[Stage]:
    """A portal for all tests of a module."""
    with new_home() as home, stage_on(nursery, home) as stage:
        stage.up()
        yield stage
