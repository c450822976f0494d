"""The reference pages match the code: the generated ones by the letter, the others in what they name."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from armchair.catalogue import schema

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference"


@pytest.mark.parametrize("name", ["messages.md", "settings.md", "cli.md", "api.md"])
def test_the_page_matches_the_code(name: str) -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/reference/generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    written = (ROOT / "docs/reference" / name).read_text("utf-8")
    assert written == generate.PAGES[name]().rstrip() + "\n", "run `make docs`"


def test_every_line_of_a_session_s_state_is_explained() -> None:
    page = (REFERENCE / "messages.md").read_text("utf-8")
    tree = ast.parse((ROOT / "src/armchair/words/states.py").read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "gettext"]
    said = [first.value for node in calls if isinstance(first := node.args[0], ast.Constant)]
    lines = [re.sub(r"%\(\w+\)s", "…", str(text)).replace("……", "…").rstrip(".") for text in said]
    assert len(lines) > 20
    # what is only put together from other lines, and what is a second sentence that asks for nothing
    plain = {"… since …", "Your request is kept", "… usually takes …", "It has ended"}
    plain |= {
        "Its last lines are in the log. Nothing ends only for being slow",
        "Your session may still be running; we keep looking",
    }
    assert [line for line in lines if line not in plain and line not in page] == []


def test_every_key_of_app_toml_is_explained() -> None:
    page = (REFERENCE / "app-toml.md").read_text("utf-8")
    missing = []
    for table, model in schema.TABLES.items():
        for key, field in model.model_fields.items():
            if len(table) > 1 or (key,) in schema.TABLES or (*table, key) in schema.TABLES or key == "environment":
                continue
            path = f"`[{table[0]}] {key}`" if table and table[0] not in {"sizes", "fields"} else f"`{key}`"
            if path not in page:
                missing.append((*table, key))
            words_of_it = re.findall(r"'(\w+)'", str(field.annotation)) if "Literal" in str(field.annotation) else []
            missing += [(*table, key, word) for word in words_of_it if f"`{word}`" not in page]
    assert missing == []
