"""Launchers are found by entry point; a broken one is a row, never an error."""

from importlib import metadata

import pytest

from armchair.launchers import registry
from armchair.launchers.local import LocalLauncher

HERE = {"local": ("local", {})}


@pytest.fixture
def points(monkeypatch):
    found = []
    monkeypatch.setattr(registry.metadata, "entry_points", lambda group: list(found) if group == registry.GROUP else [])
    return lambda name, value: found.append(metadata.EntryPoint(name=name, value=value, group=registry.GROUP))


def test_built_in_without_metadata(points, tmp_path):
    (row,) = registry.load(tmp_path, "i", HERE)
    assert (row.name, row.problem) == ("local", "")
    assert isinstance(row.launcher, LocalLauncher)
    assert row.launcher.name == "local"


def test_a_cluster_has_its_own_name_and_order(points, tmp_path):
    rows = registry.load(tmp_path, "i", {"zoo": ("local", {}), "attic": ("local", {})})
    assert [(row.name, row.launcher.name) for row in rows] == [("zoo", "zoo"), ("attic", "attic")]


@pytest.mark.parametrize(
    "value", ["no_such_module:create", "armchair.launchers.local:no_such", "armchair.launchers.registry:_broken"]
)
def test_a_broken_launcher_is_a_row(points, tmp_path, value):
    points("bad", value)
    bad, local = registry.load(tmp_path, "i", {"bad": ("bad", {}), **HERE})
    assert (bad.name, bad.launcher) == ("bad", None)
    assert bad.problem.startswith(value)
    assert local.launcher is not None


def test_wrong_settings_are_a_row(points, tmp_path):
    (row,) = registry.load(tmp_path, "i", {"local": ("local", {"graze": 1})})
    assert row.launcher is None
    assert "launchers.local.graze" in row.problem


def test_settings_reach_the_launcher_and_launchers_that_are_not_there_are_told(points, tmp_path):
    local, other = registry.load(tmp_path, "i", {"local": ("local", {"grace": 3, "memory": "off"}), "other": ("slurp", {})})
    assert local.launcher._settings.grace.total_seconds() == 3
    assert other.launcher is None
    assert "slurp" in other.problem
