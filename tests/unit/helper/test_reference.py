"""The reference of helper.toml names every key with its default, and every kind of line of the record."""

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from armchair import helper
from armchair.helper.config import ClusterConfig, HelperConfig

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "helper.md").read_text("utf-8")


def shown(value: object) -> str:
    """As it stands in TOML, without quotes where there is something to read."""
    if isinstance(value, tuple):
        return json.dumps(list(value))
    if isinstance(value, dict):
        return '{"slurm": {}}'
    return str(value) or '""'


@pytest.mark.parametrize("kind", [HelperConfig, ClusterConfig])
def test_every_key_is_there_with_its_default(kind: type[BaseModel]) -> None:
    for name in kind.model_fields:
        assert f"| `{name}` | `{shown(getattr(kind(), name))}` |" in PAGE, name


def test_no_key_is_there_that_does_not_exist() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \| `[^|]+` \| [^|]+ \|$", PAGE.partition("## The record")[0], re.MULTILINE))
    assert listed == {*HelperConfig.model_fields, *ClusterConfig.model_fields}


def test_every_kind_of_line_is_there() -> None:
    source = "".join(path.read_text("utf-8") for path in Path(helper.__file__).parent.glob("*.py"))
    kinds = re.findall(r'_?audit\.not(?:e|ing)\(\s*"(\w+)"', source)
    assert kinds
    for kind in kinds:
        assert f"| `{kind}` | " in PAGE.partition("## The record")[2], kind
