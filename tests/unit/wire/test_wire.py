"""Wire documents survive the way there and back, and what is not one of them is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.wire import config, runspec
from armchair.wire.config import AgentConfig
from armchair.wire.runspec import RunSpec, SpecFile

TEXT = st.text(max_size=40)
NAMES = st.text(min_size=1, max_size=20).filter(lambda name: "/" not in name and name not in (".", ".."))
PORTS = st.none() | st.tuples(st.integers(1, 65535), st.integers(1, 65535))
CONFIGS = st.builds(AgentConfig, portal=TEXT, portal_ca=TEXT, token=TEXT, listen=TEXT, ports=PORTS, give_up=st.floats(0, 1e6))
SPECS = st.builds(
    RunSpec,
    argv=st.lists(TEXT, min_size=1, max_size=3).map(tuple),
    environment=st.dictionaries(TEXT, TEXT, max_size=3),
    unset=st.lists(TEXT, max_size=3).map(tuple),
    directory=TEXT,
    files=st.lists(st.builds(SpecFile, name=NAMES, content=TEXT, mode=st.integers(0, 0o777)), max_size=3).map(tuple),
    transport=st.sampled_from(["unix", "tcp_isolated", "tcp_loopback"]),
    host=TEXT,
    ready_path=TEXT,
    ready_statuses=st.lists(st.tuples(st.integers(100, 599), st.integers(100, 599)), max_size=3).map(tuple),
    stop_signal=TEXT,
    stop_grace=st.floats(0, 1e4),
    log_directory=TEXT,
    memory=st.none() | st.integers(1, 2**50),
    warning_signal=st.sampled_from(["", "USR1"]),
    activity=st.lists(TEXT, max_size=2).map(tuple),
    version=st.just(runspec.VERSION),
)


@given(SPECS)
def test_a_runspec_comes_back_as_it_went(spec: RunSpec) -> None:
    assert runspec.load(runspec.dump(spec)) == spec


def test_an_older_agent_is_told_only_what_it_understands() -> None:
    spec = runspec.load(minimal())._replace(warning_signal="USR1", activity=("activity",))
    assert json.loads(runspec.dump(spec))["activity"] == ["activity"]
    old = json.loads(runspec.dump(runspec.for_agent(spec, 1)))
    assert sorted(old) == sorted(json.loads(minimal()))
    assert runspec.for_agent(spec, 2) == spec


@given(CONFIGS)
def test_a_configuration_is_one_line_and_comes_back(given_config: AgentConfig) -> None:
    line = config.dump(given_config)
    assert len(line.splitlines()) == 1
    assert config.load(line) == given_config


def minimal(**changes: object) -> str:
    fields = {
        "argv": ["a"], "environment": {}, "unset": [], "directory": "~", "files": [], "transport": "unix", "host": "h",
        "ready_path": "/", "ready_statuses": [[200, 399]], "stop_signal": "TERM", "stop_grace": 1.0, "log_directory": "~",
        "memory": None, "version": 1,
    }  # fmt: skip
    return json.dumps({**fields, **changes})


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_refused(version: object) -> None:
    assert runspec.load(minimal()).argv == ("a",)
    with pytest.raises(ValueError, match="version"):
        runspec.load(minimal(version=version))


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "/etc/passwd"])
def test_a_file_can_not_leave_the_private_directory(name: str) -> None:
    with pytest.raises(ValueError, match="slash"):
        runspec.load(minimal(files=[{"name": name, "content": "", "mode": 384}]))


def test_unknown_and_missing_keys_are_named() -> None:
    with pytest.raises(ValueError, match="surplus"):
        runspec.load(minimal(surplus=1))
    short = json.loads(minimal())
    del short["host"]
    with pytest.raises(ValueError, match="host"):
        runspec.load(json.dumps(short))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '"x"', '{"portal": "x"}'])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        runspec.load(text)
    with pytest.raises(ValueError, match=r".+"):
        config.load(text)
