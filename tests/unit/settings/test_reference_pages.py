"""The generated reference pages match the code."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["messages.md", "settings.md", "cli.md", "api.md"])
def test_the_page_matches_the_code(name: str) -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/reference/generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    written = (ROOT / "docs/reference" / name).read_text("utf-8")
    assert written == generate.PAGES[name]().rstrip() + "\n", "run `make docs`"
