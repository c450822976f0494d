"""The fixtures of native clients."""

from collections.abc import Iterator

import pytest

from armchair.client.models import Session
from armchair.testing.processes import Nursery
from integration.portal.conftest import home_stage, lasting, nursery, stage  # noqa: F401 - fixtures
from integration.portal.portal_stage import Stage

from .attach_stage import Screen  # noqa: TID252 - one folder's own


@pytest.fixture
def screen() -> Iterator[Screen]:
    """Somebody's own screen."""
    made = Screen()
    yield made
    made.close()


@pytest.fixture
def xterm(lasting: Stage) -> Iterator[Session]:  # noqa: F811 - pytest's way
    """A session with an xterm, on the module's portal."""
    made = lasting.launch("xterm")
    yield made
    lasting.client.stop(made.id)
    lasting.reach(made.id, "ended")


__all__ = ["Nursery"]
