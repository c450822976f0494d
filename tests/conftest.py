"""What holds for all tests: unit tests reach no network, and no test sees the portal of whoever runs it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

from cluster.fixtures import clean_slurm, slurm

__all__ = ["clean_slurm", "slurm"]

# whoever runs the tests in the background of a shell hands down that Ctrl-C is ignored, to all that they start too
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

UNIT = Path(__file__).parent / "unit"


@pytest.fixture(autouse=True)
def no_network_in_unit_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Unit tests are pure: opening a TCP or UDP socket fails. Unix sockets stay, for event loops need a pair."""
    if not request.path.is_relative_to(UNIT):
        yield
        return
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(autouse=True, scope="session")
def no_settings_of_the_person() -> None:
    """Variables of a portal that runs here must not reach the tests."""
    for name in [
        name for name in os.environ if name in {"ARMCHAIR_URL", "ARMCHAIR_TOKEN", "ARMCHAIR_HOME"} or "ARMCHAIR__" in name
    ]:
        del os.environ[name]
